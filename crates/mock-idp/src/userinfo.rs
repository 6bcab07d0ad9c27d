//! The userinfo endpoint (OpenID Connect Core section 5.3), with a bearer token in the header (RFC 6750
//! section 2.1).

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::faults::{Fault, Stage};
use crate::id_token::{claims_of_the_person, occasion};
use crate::issuer::IssuerCore;
use crate::persona::Document;
use crate::protocol::{bearer, set};
use crate::reply::{self, Response};

pub(crate) fn answer(issuer: &IssuerCore, headers: &HeaderMap) -> Response {
    let Some(token) = bearer(headers) else {
        return unauthorized("invalid_request", "Bearer realm=\"mock\"");
    };
    let ledger = issuer.ledger();
    let Some((grant, scopes)) = ledger.bearer(token, issuer.now()) else {
        return unauthorized("invalid_token", "Bearer realm=\"mock\", error=\"invalid_token\"");
    };

    let mut faults = issuer.take_faults(Stage::UserInfo);
    faults.extend(grant.chosen.iter().chain(&grant.shown).cloned());
    let occasion = occasion(issuer, grant, scopes, Document::UserInfo);
    let mut claims = claims_of_the_person(issuer, &occasion, &faults);
    if faults.contains(&Fault::UserinfoSubMismatch) {
        set(&mut claims, "sub", "another-person");
    }
    reply::json(StatusCode::OK, &Value::Object(claims))
}

fn unauthorized(error: &str, challenge: &'static str) -> Response {
    let mut response = reply::json(StatusCode::UNAUTHORIZED, &json!({ "error": error }));
    reply::set(&mut response, WWW_AUTHENTICATE, challenge);
    response
}
