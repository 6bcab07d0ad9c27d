//! The userinfo endpoint (OpenID Connect Core section 5.3), with a bearer token in the header (RFC 6750 section 2.1).

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::faults::{Fault, Stage};
use crate::id_token::claims_of_the_person;
use crate::issuer::IssuerCore;
use crate::reply::{self, Keep, Response};

pub(crate) fn answer(issuer: &IssuerCore, headers: &HeaderMap) -> Response {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let bearer = header.and_then(|header| header.split_once(' '));
    let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")) else {
        return unauthorized("invalid_request", "Bearer realm=\"mock\"");
    };
    let ledger = issuer.ledger();
    let Some((grant, scopes)) = ledger.bearer(token.trim(), issuer.now()) else {
        return unauthorized("invalid_token", "Bearer realm=\"mock\", error=\"invalid_token\"");
    };

    let mut faults = issuer.take_faults(Stage::UserInfo);
    faults.extend(grant.chosen.iter().chain(&grant.shown).cloned());
    let mut claims = claims_of_the_person(grant, scopes, &faults);
    if faults.contains(&Fault::UserinfoSubMismatch) {
        claims.insert("sub".to_owned(), "somebody-else".into());
    }
    reply::json(StatusCode::OK, &Value::Object(claims), Keep::Not)
}

fn unauthorized(error: &str, challenge: &'static str) -> Response {
    let mut response = reply::json(StatusCode::UNAUTHORIZED, &json!({ "error": error }), Keep::Not);
    reply::set(&mut response, WWW_AUTHENTICATE, challenge);
    response
}
