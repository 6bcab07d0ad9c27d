//! The token endpoint (RFC 6749 sections 4.1.3 and 6, OpenID Connect Core sections 3.1.3 and 12).

mod client_authentication;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::{PkceVerifier, Scopes, TokenErrorCode};
use serde_json::{Value, json};

use self::client_authentication::authenticate;
use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::id_token::{self, IdTokenFor};
use crate::issuer::IssuerCore;
use crate::ledger::{Grant, GrantId, Redemption, TOKEN_LIFETIME, Worthless};
use crate::parameters::{Duplicate, Parameters};
use crate::reply::{self, Keep, Response};

/// Where a token request goes that follows a redirect which nobody should follow: there is nothing there, but it is seen
/// among the requests.
const ELSEWHERE_PATH: &str = "/elsewhere";

/// Why a token request is refused (RFC 6749 section 5.2).
#[derive(Debug)]
pub(crate) struct TokenRefusal {
    code: TokenErrorCode,
    description: String,
}

impl TokenRefusal {
    fn new(code: TokenErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    fn invalid(description: impl Into<String>) -> Self {
        Self::new(TokenErrorCode::InvalidRequest, description)
    }

    fn into_response(self) -> Response {
        let unauthenticated = self.code == TokenErrorCode::InvalidClient;
        let status = if unauthenticated { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let body = json!({ "error": self.code.as_str(), "error_description": self.description });
        let mut response = reply::json(status, &body, Keep::Not);
        if unauthenticated {
            reply::set(&mut response, WWW_AUTHENTICATE, "Basic realm=\"mock\", charset=\"UTF-8\"");
        }
        response
    }
}

impl From<Duplicate> for TokenRefusal {
    fn from(duplicate: Duplicate) -> Self {
        Self::invalid(duplicate.to_string())
    }
}

impl From<Worthless> for TokenRefusal {
    fn from(reason: Worthless) -> Self {
        Self::new(TokenErrorCode::InvalidGrant, reason)
    }
}

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
        Ok(tokens) => success(tokens, &faults),
        Err(refusal) => refusal.into_response(),
    }
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
        return Err(TokenRefusal::invalid("the request is not application/x-www-form-urlencoded"));
    }
    let client = authenticate(issuer, headers, form)?;
    match form.one("grant_type")? {
        Some("authorization_code") => by_code(issuer, client, form, faults),
        Some("refresh_token") => by_refresh_token(issuer, client, form),
        Some(_) => Err(TokenRefusal::new(
            TokenErrorCode::UnsupportedGrantType,
            "the grant types are authorization_code and refresh_token",
        )),
        None => Err(TokenRefusal::invalid("the parameter grant_type is missing")),
    }
}

fn by_code(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    form: &Parameters,
    faults: &[Fault],
) -> Result<Value, TokenRefusal> {
    let missing = |name| TokenRefusal::invalid(format!("the parameter {name} is missing"));
    let code = form.one("code")?.ok_or_else(|| missing("code"))?;
    let redirect_uri = form.one("redirect_uri")?.ok_or_else(|| missing("redirect_uri"))?;
    let verifier = if faults.contains(&Fault::PkceNotChecked) {
        None
    } else {
        let verifier = form.one("code_verifier")?.ok_or_else(|| missing("code_verifier"))?;
        let malformed = "the code_verifier is not 43 to 128 unreserved characters";
        Some(PkceVerifier::parse(verifier).map_err(|_| TokenRefusal::invalid(malformed))?)
    };
    let redemption = Redemption { code, client: &client.id, redirect_uri, verifier: verifier.as_ref() };
    let (id, grant) = issuer.ledger().redeem(&redemption, issuer.now())?;
    let scopes = grant.scopes.clone();
    hand_out(issuer, client, id, &grant, &scopes, IdTokenFor::Code)
}

fn by_refresh_token(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    form: &Parameters,
) -> Result<Value, TokenRefusal> {
    let token = form.one("refresh_token")?;
    let token = token.ok_or_else(|| TokenRefusal::invalid("the parameter refresh_token is missing"))?;
    let narrower = match form.one("scope")? {
        None => None,
        Some(asked) => {
            let granted = |scope| issuer.ledger().peek(token).is_some_and(|it| it.scopes.contains(scope));
            let exceeds = TokenRefusal::new(TokenErrorCode::InvalidScope, "the scope exceeds the grant");
            match Scopes::with_openid(asked.split(' ')) {
                Ok(scopes) if asked.split(' ').all(granted) => Some(scopes),
                _ => return Err(exceeds),
            }
        }
    };
    let (id, grant) = issuer.ledger().refresh(token, &client.id, issuer.now())?;
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
    occasion: IdTokenFor,
) -> Result<Value, TokenRefusal> {
    let mut shown = issuer.take_faults(Stage::Identity);
    shown.extend(grant.chosen.iter().filter(|fault| fault.stage() == Stage::Identity).cloned());

    let access_token = issuer.random_text();
    let id_token = id_token::write(issuer, client, grant, scopes, &access_token, occasion, &shown)
        .map_err(|error| TokenRefusal::new(TokenErrorCode::ServerError, error.to_string()))?;
    let mut tokens = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "scope": scopes.to_parameter(),
        "id_token": id_token,
    });

    let now = issuer.now();
    let mut ledger = issuer.ledger();
    ledger.note_shown(id, shown);
    ledger.add_access_token(access_token, id, scopes.clone(), now);
    if grant.scopes.contains("offline_access") {
        let refresh_token = issuer.random_text();
        ledger.add_refresh_token(refresh_token.clone(), id, now);
        set(&mut tokens, "refresh_token", refresh_token);
    }
    Ok(tokens)
}

fn success(mut tokens: Value, faults: &[Fault]) -> Response {
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
    reply::json(StatusCode::OK, &tokens, Keep::Not)
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
