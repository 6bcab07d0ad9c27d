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
use crate::id_token;
use crate::issuer::IssuerCore;
use crate::ledger::{GrantId, Kind, Redemption};
use crate::persona::Rotation;
use crate::protocol::{Claims, Grant, Parameters, TokenRefusal, set, unset};
use crate::reply::{self, Response};

/// The target of a forbidden redirect: there is nothing there, but it is seen among the requests.
const ELSEWHERE_PATH: &str = "/elsewhere";

/// A token request, and the faults that its answer shows: those that are armed, and those chosen for the
/// sign-in that it belongs to.
struct TokenRequest<'a> {
    issuer: &'a IssuerCore,
    headers: &'a HeaderMap,
    form: Parameters,
    faults: Vec<Fault>,
}

/// Answers a token request.
pub(crate) fn answer(issuer: &IssuerCore, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = Parameters::parse(body);
    let handed_in = form.first("code").or_else(|| form.first("refresh_token")).unwrap_or_default();
    let chosen = issuer.ledger().peek(handed_in).map(|grant| grant.chosen.clone());
    let faults = issuer.faults(Stage::Token, &chosen.unwrap_or_default());
    for fault in &faults {
        match fault {
            Fault::HtmlTokenError => return html_error(),
            Fault::RedirectToken => {
                return reply::redirect(StatusCode::TEMPORARY_REDIRECT, ELSEWHERE_PATH);
            }
            Fault::TokenError500 => {
                let error = json!({ "error": "invalid_request" });
                return reply::json(StatusCode::INTERNAL_SERVER_ERROR, &error);
            }
            Fault::Error200 => {
                let error = json!({
                    "error": "bad_verification_code",
                    "error_description": "The code passed is incorrect or expired.",
                });
                return reply::json(StatusCode::OK, &error);
            }
            _ => {}
        }
    }
    let request = TokenRequest { issuer, headers, form, faults };
    match request.tokens() {
        Ok(tokens) => request.success(tokens),
        Err(refusal) => request.refused(&refusal),
    }
}

impl TokenRequest<'_> {
    fn tokens(&self) -> Result<Claims, TokenRefusal> {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(TokenRefusal::Invalid("the request is not application/x-www-form-urlencoded"));
        }
        let client = authenticate(self.issuer, self.headers, &self.form)?;
        // Without OpenID Connect there is one grant type, and the redirect URI need not be repeated.
        let usual = (!self.issuer.profile.openid).then_some("authorization_code");
        match self.form.one("grant_type")?.or(usual) {
            Some("authorization_code") => self.by_code(client),
            Some("refresh_token") => self.by_refresh_token(client),
            Some(other) => Err(TokenRefusal::UnsupportedGrantType(ForeignText::new(other))),
            None => Err(TokenRefusal::Missing("grant_type")),
        }
    }

    fn by_code(&self, client: &RegisteredClient) -> Result<Claims, TokenRefusal> {
        let code = self.required("code")?;
        let redirect_uri = self.form.one("redirect_uri")?;
        if redirect_uri.is_none() && self.issuer.profile.openid {
            return Err(TokenRefusal::Missing("redirect_uri"));
        }
        let verifier = if self.faults.contains(&Fault::PkceNotChecked) {
            None
        } else {
            let verifier = PkceVerifier::parse(self.required("code_verifier")?);
            Some(verifier.map_err(|_| TokenRefusal::MalformedVerifier)?)
        };
        let redemption = Redemption { code, client: &client.id, redirect_uri, verifier: verifier.as_ref() };
        let (id, grant) = self.issuer.ledger().redeem(&redemption, self.issuer.now())?;
        self.hand_out(client, id, &grant, &grant.scopes, Some(code))
    }

    fn by_refresh_token(&self, client: &RegisteredClient) -> Result<Claims, TokenRefusal> {
        let token = self.required("refresh_token")?;
        let narrower = match self.form.one("scope")? {
            None => None,
            Some(asked) => {
                let granted =
                    |scope| self.issuer.ledger().peek(token).is_some_and(|it| it.scopes.contains(scope));
                match Scopes::with_openid(asked.split(' ')) {
                    Ok(scopes) if asked.split(' ').all(granted) => Some(scopes),
                    _ => return Err(TokenRefusal::Scope),
                }
            }
        };
        let once = self.issuer.profile.tokens.rotation == Rotation::Once;
        let (id, grant) = self.issuer.ledger().refresh(token, &client.id, self.issuer.now(), once)?;
        self.hand_out(client, id, &grant, narrower.as_ref().unwrap_or(&grant.scopes), None)
    }

    fn required(&self, name: &'static str) -> Result<&str, TokenRefusal> {
        self.form.one(name)?.ok_or(TokenRefusal::Missing(name))
    }

    /// Makes the tokens of a grant, for a code or else a refresh token, and remembers them.
    fn hand_out(
        &self,
        client: &RegisteredClient,
        id: GrantId,
        grant: &Grant,
        scopes: &Scopes,
        code: Option<&str>,
    ) -> Result<Claims, TokenRefusal> {
        let issuer = self.issuer;
        let shown = issuer.faults(Stage::Identity, &grant.chosen);

        let rules = &issuer.profile.tokens;
        let access_token = issuer.behaviour.access_token(issuer.random_text());
        let mut tokens = Claims::new();
        set(&mut tokens, "access_token", access_token.as_str());
        set(&mut tokens, "token_type", "Bearer");
        set(&mut tokens, "scope", scopes.to_parameter());
        if let Some(lifetime) = rules.access_token {
            set(&mut tokens, "expires_in", lifetime);
        }
        if issuer.profile.openid {
            let id_token = id_token::write(issuer, client, grant, scopes, &access_token, code, &shown);
            set(&mut tokens, "id_token", id_token.map_err(|error| TokenRefusal::Server(error.to_string()))?);
        }
        let stays = code.is_none() && rules.rotation == Rotation::Kept;
        let refresh_token = (grant.refreshable && !stays).then(|| issuer.random_text());
        if let Some(token) = &refresh_token {
            set(&mut tokens, "refresh_token", token.as_str());
        }
        issuer.behaviour.finish_tokens(issuer, grant, &mut tokens);

        let after = |seconds| issuer.now().plus(Duration::from_secs(seconds));
        let mut ledger = issuer.ledger();
        ledger.note_shown(id, shown);
        let kind = Kind::AccessToken(scopes.clone());
        ledger.issue(access_token, id, kind, rules.access_token.map(after));
        if let Some(token) = refresh_token {
            if rules.one_for_each_person {
                ledger.take_back_refresh_tokens(id, grant);
            }
            ledger.issue(token, id, Kind::RefreshToken, Some(after(rules.refresh_token)));
        }
        Ok(tokens)
    }

    fn success(&self, mut tokens: Claims) -> Response {
        for fault in &self.faults {
            match fault {
                Fault::NoIdToken => unset(&mut tokens, "id_token"),
                Fault::OddTokenType(kind) => set(&mut tokens, "token_type", kind.as_ref()),
                _ => {}
            }
        }
        let tokens = Value::Object(tokens);
        if self.faults.contains(&Fault::TruncatedJson) {
            let text = tokens.to_string();
            let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
            return reply::with_body(StatusCode::OK, "application/json", half);
        }
        self.issuer.behaviour.write_token_answer(StatusCode::OK, &tokens, self.headers)
    }

    /// Answers with an error in the provider's own words, where its table has some.
    fn refused(&self, refusal: &TokenRefusal) -> Response {
        let table = self.issuer.profile.errors;
        let (code, names) = refusal.code_and_names();
        let is_of_client = code == TokenErrorCode::InvalidClient;
        let usual = if is_of_client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let (status, error, description) = match table.find("token", &names) {
            Some(row) => (row.status, row.error, row.description.to_owned()),
            None => (usual, code.as_str(), refusal.to_string()),
        };
        if error.is_empty() {
            return reply::text(status, "");
        }
        let mut body = Claims::new();
        set(&mut body, "error", error);
        if !description.is_empty() {
            set(&mut body, "error_description", description);
        }
        let behaviour = &self.issuer.behaviour;
        behaviour.finish_token_error(self.issuer, &mut body);
        let mut response = behaviour.write_token_answer(status, &Value::Object(body), self.headers);
        if is_of_client && table.is_empty() {
            reply::set(&mut response, WWW_AUTHENTICATE, "Basic realm=\"mock\", charset=\"UTF-8\"");
        }
        response
    }
}

fn html_error() -> Response {
    let page = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
    reply::with_body(StatusCode::BAD_GATEWAY, "text/html; charset=utf-8", page)
}
