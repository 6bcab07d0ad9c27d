//! The token endpoint (RFC 6749 sections 4.1.3 and 6, OpenID Connect Core sections 3.1.3 and 12).

mod client_authentication;

use std::time::Duration;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::protocol::{PkceVerifier, Scopes, TokenErrorCode};
use serde_json::{Value, json};

use self::client_authentication::authenticate;
use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::id_token::{self, IdTokenFor};
use crate::issuer::IssuerCore;
use crate::ledger::{GrantId, Redemption};
use crate::persona::Rotation;
use crate::protocol::{Claims, Grant, Parameters, TokenRefusal, set, unset};
use crate::reply::{self, Keep, Response};

/// The target of a forbidden redirect: there is nothing there, but it is seen among the requests.
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

/// Answers with an error in the provider's own words, where its table has some.
fn refused(issuer: &IssuerCore, refusal: &TokenRefusal, headers: &HeaderMap) -> Response {
    let table = issuer.profile.errors;
    let is_of_client = refusal.code() == TokenErrorCode::InvalidClient;
    let usual = if is_of_client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let (status, error, description) = match table.find("token", &refusal.names()) {
        Some(row) => (row.status, row.error.to_owned(), row.description.to_owned()),
        None => (usual, refusal.code().as_str().to_owned(), refusal.to_string()),
    };
    let mut body = Claims::new();
    set(&mut body, "error", error);
    if !description.is_empty() {
        set(&mut body, "error_description", description);
    }
    issuer.behaviour.finish_token_error(issuer, &mut body);
    let mut response = issuer.behaviour.write_token_answer(status, &Value::Object(body), headers);
    if is_of_client && table.is_empty() {
        reply::set(&mut response, WWW_AUTHENTICATE, "Basic realm=\"mock\", charset=\"UTF-8\"");
    }
    response
}

/// The faults of this request: those that are armed, and those chosen for the sign-in that it belongs to.
fn faults_of(issuer: &IssuerCore, form: &Parameters) -> Vec<Fault> {
    let handed_in = form.first("code").or_else(|| form.first("refresh_token")).unwrap_or_default();
    let ledger = issuer.ledger();
    let chosen = ledger.peek(handed_in).map(|grant| grant.chosen.as_slice());
    issuer.faults(Stage::Token, chosen.unwrap_or_default())
}

fn tokens(
    issuer: &IssuerCore,
    headers: &HeaderMap,
    form: &Parameters,
    faults: &[Fault],
) -> Result<Claims, TokenRefusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenRefusal::Invalid("the request is not application/x-www-form-urlencoded"));
    }
    let client = authenticate(issuer, headers, form)?;
    // Without OpenID Connect there is one grant type, and the redirect URI need not be repeated.
    let usual = (!issuer.profile.openid).then_some("authorization_code");
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
) -> Result<Claims, TokenRefusal> {
    let code = form.one("code")?.ok_or(TokenRefusal::Missing("code"))?;
    let redirect_uri = form.one("redirect_uri")?;
    if redirect_uri.is_none() && issuer.profile.openid {
        return Err(TokenRefusal::Missing("redirect_uri"));
    }
    let verifier = if faults.contains(&Fault::PkceNotChecked) {
        None
    } else {
        let verifier = form.one("code_verifier")?.ok_or(TokenRefusal::Missing("code_verifier"))?;
        Some(PkceVerifier::parse(verifier).map_err(|_| TokenRefusal::MalformedVerifier)?)
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
) -> Result<Claims, TokenRefusal> {
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
    let once = issuer.profile.tokens.rotation == Rotation::Once;
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
    purpose: IdTokenFor<'_>,
) -> Result<Claims, TokenRefusal> {
    let shown = issuer.faults(Stage::Identity, &grant.chosen);

    let rules = &issuer.profile.tokens;
    let access_token = issuer.behaviour.access_token(issuer.random_text());
    let mut tokens = Claims::new();
    let mut state = |name: &str, value: Value| tokens.insert(name.to_owned(), value);
    state("access_token", access_token.as_str().into());
    state("token_type", "Bearer".into());
    state("scope", scopes.to_parameter().into());
    if let Some(lifetime) = rules.access_token {
        state("expires_in", lifetime.into());
    }
    if issuer.profile.openid {
        let id_token = id_token::write(issuer, client, grant, scopes, &access_token, purpose, &shown);
        state("id_token", id_token.map_err(|error| TokenRefusal::Server(error.to_string()))?.into());
    }
    let stays = purpose == IdTokenFor::Refresh && rules.rotation == Rotation::Kept;
    let refresh_token = (grant.refreshable && !stays).then(|| issuer.random_text());
    if let Some(token) = &refresh_token {
        state("refresh_token", token.as_str().into());
    }
    issuer.behaviour.finish_tokens(issuer, grant, &mut tokens);

    let now = issuer.now();
    let mut ledger = issuer.ledger();
    ledger.note_shown(id, shown);
    let expires_at = rules.access_token.map(|lifetime| now.plus(Duration::from_secs(lifetime)));
    ledger.add_access_token(access_token, id, scopes.clone(), expires_at);
    if let Some(token) = refresh_token {
        ledger.add_refresh_token(token, id, now.plus(Duration::from_secs(rules.refresh_token)));
    }
    Ok(tokens)
}

fn success(issuer: &IssuerCore, mut tokens: Claims, faults: &[Fault], headers: &HeaderMap) -> Response {
    for fault in faults {
        match fault {
            Fault::NoIdToken => unset(&mut tokens, "id_token"),
            Fault::OddTokenType(kind) => set(&mut tokens, "token_type", kind.as_ref()),
            _ => {}
        }
    }
    let tokens = Value::Object(tokens);
    if faults.contains(&Fault::TruncatedJson) {
        let text = tokens.to_string();
        let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
        return reply::with_body(StatusCode::OK, "application/json", half, Keep::Not);
    }
    issuer.behaviour.write_token_answer(StatusCode::OK, &tokens, headers)
}

fn html_error() -> Response {
    let page = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
    reply::with_body(StatusCode::BAD_GATEWAY, "text/html; charset=utf-8", page, Keep::Not)
}
