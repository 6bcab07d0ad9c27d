//! One authorization code flow against a mock in this process:
//! `cargo run -p labgate-mock-idp --example code_flow`

use std::error::Error;

use labgate_domain::protocol::PkceVerifier;
use labgate_mock_idp::{Client, MockIdp};
use serde_json::Value;
use url::{Url, form_urlencoded};

const CALLBACK: &str = "http://127.0.0.1:8091/callback";

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what happens")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A free port on 127.0.0.1, and the people that every mock has: ada, bob and noone.
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    let idp = MockIdp::builder().client(client).start().await?;
    println!("discovery URL: {}", idp.discovery_url());

    let http = reqwest::Client::builder().no_proxy().build()?;
    let metadata = json(http.get(idp.discovery_url())).await?;
    let verifier = PkceVerifier::parse(&"v".repeat(43))?;
    let mut request = Url::parse(text(&metadata, "authorization_endpoint")?)?;
    request.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", "lab"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email"),
        ("state", "a-fresh-state"),
        ("nonce", "a-fresh-nonce"),
        ("code_challenge", verifier.challenge().as_str()),
        ("code_challenge_method", "S256"),
    ]);

    // Ada clicks on her name; the mock sends her browser back with a code.
    let callback = Url::parse(&idp.sign_in(&request, "ada")?)?;
    println!("callback: {callback}");
    let code = callback.query_pairs().find(|(name, _)| name == "code").ok_or("no code")?.1;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &code)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code_verifier", verifier.as_str())
        .finish();
    let tokens = http
        .post(text(&metadata, "token_endpoint")?)
        .basic_auth("lab", Some("lab-secret"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let tokens = json(tokens).await?;
    println!("ID token: {}", text(&tokens, "id_token")?);

    let userinfo = http.get(text(&metadata, "userinfo_endpoint")?);
    let userinfo = json(userinfo.bearer_auth(text(&tokens, "access_token")?)).await?;
    println!("signed in: {}", text(&userinfo, "email")?);
    Ok(())
}

async fn json(request: reqwest::RequestBuilder) -> Result<Value, Box<dyn Error>> {
    let answer = request.send().await?.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&answer)?)
}

fn text<'a>(document: &'a Value, member: &str) -> Result<&'a str, String> {
    document.get(member).and_then(Value::as_str).ok_or_else(|| format!("no {member}"))
}
