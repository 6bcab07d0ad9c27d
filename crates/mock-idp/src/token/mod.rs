//! The token endpoint (RFC 6749 sections 4.1.3 and 6, OpenID Connect Core sections 3.1.3 and 12).

mod client_authentication;
mod refusal;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::protocol::{PkceVerifier, Scopes};
use serde_json::{Map, Value, json};

use self::client_authentication::authenticate;
pub(crate) use self::refusal::TokenRefusal;
use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::id_token::{self, IdTokenFor};
use crate::issuer::IssuerCore;
use crate::ledger::{Grant, GrantId, Redemption};
use crate::parameters::Parameters;
use crate::persona::Rotation;
use crate::reply::{self, Keep, Response};

/// Where a token request goes that follows a redirect which nobody should follow: there is nothing there, but it is seen
/// among the requests.
const ELSEWHERE_PATH: &str = "/elsewhere";

/// Answers a token request.
pub(crate) fn answer(issuer: &IssuerCore, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = Parameters::parse(body);
    let faults = faults_of(issuer, &form);
    for fault in &faults {
        match fault {
            Fault::HtmlTokenError => return html_error(),
            Fault::RedirectToken => {
                return reply::redirect(StatusCode::TEMPORARY_REDIRECT, ELSEWHERE_PATH);
            }
            Fault::Error200 => {
                let error = json!({
                    "error": "bad_verification_code",
                    "error_description": "The code passed is incorrect or expired.",
                });
                return reply::json(StatusCode::OK, &error, Keep::Not);
            }
            _ => {}
        }
    }
    match tokens(issuer, headers, &form, &faults) {
        Ok(tokens) => success(issuer, tokens, &faults, headers),
        Err(refusal) => refused(issuer, &refusal, headers),
    }
}

fn refused(issuer: &IssuerCore, refusal: &TokenRefusal, headers: &HeaderMap) -> Response {
    let answer = issuer.habits.token_error(issuer, refusal);
    let mut response = issuer.habits.write_token_answer(answer.status, &answer.body, headers);
    if answer.challenges {
        reply::set(&mut response, WWW_AUTHENTICATE, "Basic realm=\"mock\", charset=\"UTF-8\"");
    }
    response
}

/// The faults of this request: those that are armed, and those chosen for the sign-in that it belongs to.
fn faults_of(issuer: &IssuerCore, form: &Parameters) -> Vec<Fault> {
    let mut faults = issuer.take_faults(Stage::Token);
    let handed_in = form.first("code").or_else(|| form.first("refresh_token")).unwrap_or_default();
    if let Some(grant) = issuer.ledger().peek(handed_in) {
        faults.extend(grant.chosen.iter().filter(|fault| fault.stage() == Stage::Token).cloned());
    }
    faults
}

fn tokens(
    issuer: &IssuerCore,
    headers: &HeaderMap,
    form: &Parameters,
    faults: &[Fault],
) -> Result<Value, TokenRefusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenRefusal::Invalid("the request is not application/x-www-form-urlencoded"));
    }
    let client = authenticate(issuer, headers, form)?;
    // Without OpenID Connect there is one grant type, and the redirect URI need not be repeated.
    let usual = (!issuer.habits.speaks_openid()).then_some("authorization_code");
    match form.one("grant_type")?.or(usual) {
        Some("authorization_code") => by_code(issuer, client, form, faults),
        Some("refresh_token") => by_refresh_token(issuer, client, form),
        Some(other) => Err(TokenRefusal::UnsupportedGrantType(ForeignText::new(other))),
        None => Err(TokenRefusal::Missing("grant_type")),
    }
}

fn by_code(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    form: &Parameters,
    faults: &[Fault],
) -> Result<Value, TokenRefusal> {
    let code = form.one("code")?.ok_or(TokenRefusal::Missing("code"))?;
    let redirect_uri = form.one("redirect_uri")?;
    if redirect_uri.is_none() && issuer.habits.speaks_openid() {
        return Err(TokenRefusal::Missing("redirect_uri"));
    }
    let verifier = if faults.contains(&Fault::PkceNotChecked) {
        None
    } else {
        let verifier = form.one("code_verifier")?.ok_or(TokenRefusal::Missing("code_verifier"))?;
        Some(PkceVerifier::parse(verifier).map_err(|_| TokenRefusal::MALFORMED_VERIFIER)?)
    };
    let redemption = Redemption { code, client: &client.id, redirect_uri, verifier: verifier.as_ref() };
    let (id, grant) = issuer.ledger().redeem(&redemption, issuer.now())?;
    let scopes = grant.scopes.clone();
    hand_out(issuer, client, id, &grant, &scopes, IdTokenFor::Code(code))
}

fn by_refresh_token(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    form: &Parameters,
) -> Result<Value, TokenRefusal> {
    let token = form.one("refresh_token")?.ok_or(TokenRefusal::Missing("refresh_token"))?;
    let narrower = match form.one("scope")? {
        None => None,
        Some(asked) => {
            let granted = |scope| issuer.ledger().peek(token).is_some_and(|it| it.scopes.contains(scope));
            match Scopes::with_openid(asked.split(' ')) {
                Ok(scopes) if asked.split(' ').all(granted) => Some(scopes),
                _ => return Err(TokenRefusal::Scope),
            }
        }
    };
    let once = issuer.habits.tokens().rotation == Rotation::Once;
    let (id, grant) = issuer.ledger().refresh(token, &client.id, issuer.now(), once)?;
    let scopes = narrower.unwrap_or_else(|| grant.scopes.clone());
    hand_out(issuer, client, id, &grant, &scopes, IdTokenFor::Refresh)
}

/// Makes the tokens of a grant, and remembers them.
fn hand_out(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    id: GrantId,
    grant: &Grant,
    scopes: &Scopes,
    occasion: IdTokenFor<'_>,
) -> Result<Value, TokenRefusal> {
    let mut shown = issuer.take_faults(Stage::Identity);
    shown.extend(grant.chosen.iter().filter(|fault| fault.stage() == Stage::Identity).cloned());

    let habits = issuer.habits.tokens();
    let access_token = issuer.habits.access_token(issuer.random_text());
    let mut tokens = Map::new();
    let mut state = |name: &str, value: Value| tokens.insert(name.to_owned(), value);
    state("access_token", access_token.as_str().into());
    state("token_type", "Bearer".into());
    state("scope", scopes.to_parameter().into());
    if let Some(lifetime) = habits.access_token {
        state("expires_in", lifetime.as_secs().into());
    }
    if issuer.habits.speaks_openid() {
        let id_token = id_token::write(issuer, client, grant, scopes, &access_token, occasion, &shown);
        state("id_token", id_token.map_err(|error| TokenRefusal::Server(error.to_string()))?.into());
    }
    let stays = occasion == IdTokenFor::Refresh && habits.rotation == Rotation::Kept;
    let refresh_token = (grant.refreshable && !stays).then(|| issuer.random_text());
    if let Some(token) = &refresh_token {
        state("refresh_token", token.as_str().into());
    }
    issuer.habits.finish_tokens(issuer, grant, &mut tokens);

    let now = issuer.now();
    let mut ledger = issuer.ledger();
    ledger.note_shown(id, shown);
    let expires_at = habits.access_token.map(|lifetime| now.plus(lifetime));
    ledger.add_access_token(access_token, id, scopes.clone(), expires_at);
    if let Some(token) = refresh_token {
        ledger.add_refresh_token(token, id, now.plus(habits.refresh_token));
    }
    Ok(Value::Object(tokens))
}

fn success(issuer: &IssuerCore, mut tokens: Value, faults: &[Fault], headers: &HeaderMap) -> Response {
    for fault in faults {
        match fault {
            Fault::NoIdToken => {
                tokens.as_object_mut().and_then(|tokens| tokens.remove("id_token"));
            }
            Fault::OddTokenType(kind) => set(&mut tokens, "token_type", kind.as_ref()),
            _ => {}
        }
    }
    if faults.contains(&Fault::TruncatedJson) {
        let text = tokens.to_string();
        let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
        return reply::with_body(StatusCode::OK, "application/json", half, Keep::Not);
    }
    issuer.habits.write_token_answer(StatusCode::OK, &tokens, headers)
}

fn set(tokens: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(tokens) = tokens.as_object_mut() {
        tokens.insert(name.to_owned(), value.into());
    }
}

fn html_error() -> Response {
    let page = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
    reply::with_body(StatusCode::BAD_GATEWAY, "text/html; charset=utf-8", page, Keep::Not)
}
