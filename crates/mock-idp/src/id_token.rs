//! The identity token (OpenID Connect Core section 2), and how it can go wrong.

use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::protocol::{Scopes, Subject};
use labgate_token::{Algorithm, KeyError};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::callback::ANOTHER_ISSUER;
use crate::client::RegisteredClient;
use crate::faults::Fault;
use crate::issuer::{IssuerCore, locked};
use crate::keys::Signature;
use crate::ledger::{Grant, TOKEN_LIFETIME};

/// What an identity token is for. After a refresh it has no `nonce` (OpenID Connect Core section 12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdTokenFor {
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
}

/// A client that nobody registered.
pub(crate) const ANOTHER_CLIENT: &str = "another-client";
const HOUR: Duration = Duration::from_hours(1);
const HUGE: usize = 64 * 1024;

/// Writes a grant's identity token, showing these faults.
pub(crate) fn write(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    grant: &Grant,
    scopes: &Scopes,
    access_token: &str,
    occasion: IdTokenFor,
    faults: &[Fault],
) -> Result<String, KeyError> {
    let now = issuer.now();
    let mut keys = locked(&issuer.keys);
    let mut claims = claims_of_the_person(grant, scopes, faults);
    let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    state("iss", issuer.issuer.as_str().into());
    state("aud", client.id.as_str().into());
    state("exp", now.plus(TOKEN_LIFETIME).as_unix_seconds().into());
    state("iat", now.as_unix_seconds().into());
    state("auth_time", grant.session.auth_time.as_unix_seconds().into());
    state("sid", grant.session.sid.as_str().into());
    state("at_hash", access_token_hash(access_token, keys.algorithm()).into());
    if occasion == IdTokenFor::Code {
        state("nonce", grant.nonce.as_str().into());
    }

    let mut signature = Signature::Proper;
    for fault in faults {
        spoil(&mut claims, fault, issuer, client);
        signature = other_signature(fault, client).unwrap_or(signature);
    }
    keys.sign(&claims, &signature, Some("JWT"))
}

/// What is said of the person, in the identity token and at userinfo alike.
pub(crate) fn claims_of_the_person(grant: &Grant, scopes: &Scopes, faults: &[Fault]) -> Map<String, Value> {
    let mut claims = grant.session.user.claims_for(|scope| scopes.contains(scope));
    for fault in faults {
        match fault {
            Fault::LongSub => set(&mut claims, "sub", "x".repeat(Subject::MAX_LEN + 1)),
            Fault::MissingEmail => {
                claims.remove("email");
                claims.remove("email_verified");
            }
            Fault::UnverifiedEmail => set(&mut claims, "email_verified", false),
            Fault::EmailVerifiedString => set(&mut claims, "email_verified", "true"),
            Fault::EmailVerifiedAbsent => {
                claims.remove("email_verified");
            }
            _ => {}
        }
    }
    claims
}

/// The left half of the access token's hash (OpenID Connect Core section 3.1.3.6).
pub(crate) fn access_token_hash(access_token: &str, algorithm: Algorithm) -> String {
    let hash = match algorithm {
        Algorithm::EdDsa => &SHA512,
        Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Hs256 => &SHA256,
    };
    let digest = digest::digest(hash, access_token.as_bytes());
    let half = digest.as_ref().len() / 2;
    BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref().get(..half).unwrap_or_default())
}

/// Breaks the claims of the protocol.
fn spoil(claims: &mut Map<String, Value>, fault: &Fault, issuer: &IssuerCore, client: &RegisteredClient) {
    let now = issuer.now();
    let client = client.id.as_str();
    match fault {
        Fault::WrongIssuer => set(claims, "iss", ANOTHER_ISSUER),
        Fault::IssuerTrailingSlash => set(claims, "iss", format!("{}/", issuer.issuer)),
        Fault::MissingIssuer => unset(claims, "iss"),
        Fault::WrongAudience => set(claims, "aud", ANOTHER_CLIENT),
        Fault::EmptyAudience => set(claims, "aud", json!([])),
        Fault::ExtraAudience => set(claims, "aud", json!([client, ANOTHER_CLIENT])),
        Fault::MissingAudience => unset(claims, "aud"),
        Fault::WrongAzp => set(claims, "azp", ANOTHER_CLIENT),
        Fault::WrongNonce => set(claims, "nonce", issuer.random_text()),
        Fault::MissingNonce => unset(claims, "nonce"),
        Fault::Expired => set(claims, "exp", now.minus(HOUR).as_unix_seconds()),
        Fault::MissingExp => unset(claims, "exp"),
        Fault::FutureIat => {
            set(claims, "iat", now.plus(HOUR).as_unix_seconds());
            set(claims, "exp", now.plus(HOUR * 2).as_unix_seconds());
        }
        Fault::MissingIat => unset(claims, "iat"),
        Fault::NbfFuture => {
            set(claims, "nbf", now.plus(HOUR).as_unix_seconds());
            set(claims, "exp", now.plus(HOUR * 2).as_unix_seconds());
        }
        Fault::FractionalTimes => {
            for name in ["exp", "iat", "auth_time"] {
                change(claims, name, |time| json!(time.as_f64().unwrap_or_default() + 0.25));
            }
        }
        Fault::StringTimes => {
            for name in ["exp", "iat"] {
                change(claims, name, |time| time.to_string().into());
            }
        }
        Fault::MissingSub => unset(claims, "sub"),
        Fault::BadAtHash => set(claims, "at_hash", access_token_hash("another token", Algorithm::Es256)),
        Fault::HugeToken => set(claims, "padding", "x".repeat(HUGE)),
        _ => {}
    }
}

fn other_signature(fault: &Fault, client: &RegisteredClient) -> Option<Signature> {
    match fault {
        Fault::AlgNone => Some(Signature::None),
        Fault::Hs256WithPublicKey => Some(Signature::HmacWithPublicKey),
        Fault::Hs256WithSecret => {
            Some(Signature::HmacWith(client.secret.expose_secret().as_bytes().to_vec()))
        }
        Fault::WrongKey => Some(Signature::ByAnotherKey),
        Fault::UnknownKid => Some(Signature::ByUnknownKey),
        Fault::NoKid => Some(Signature::WithoutKid),
        _ => None,
    }
}

pub(crate) fn set(claims: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    claims.insert(name.to_owned(), value.into());
}

pub(crate) fn unset(claims: &mut Map<String, Value>, name: &str) {
    claims.remove(name);
}

fn change(claims: &mut Map<String, Value>, name: &str, change: impl Fn(&Value) -> Value) {
    if let Some(value) = claims.get_mut(name) {
        *value = change(value);
    }
}
