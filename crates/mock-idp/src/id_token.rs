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
use crate::issuer::{IssuerCore, TENANT_TEMPLATE, locked};
use crate::keys::Signature;
use crate::ledger::Grant;
use crate::persona::{Persona, Telling, To};

/// What an identity token is for. After a refresh it has no `nonce` (OpenID Connect Core section 12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdTokenFor<'a> {
    /// An authorization code.
    Code(&'a str),
    /// A refresh token.
    Refresh,
}

/// A client that nobody registered.
pub(crate) const ANOTHER_CLIENT: &str = "another-client";
/// An Entra tenant that nobody named.
const ANOTHER_TENANT: &str = "99999999-8888-4777-8666-555555555555";
const HOUR: Duration = Duration::from_hours(1);
const HUGE: usize = 64 * 1024;

/// Writes a grant's identity token, showing these faults.
pub(crate) fn write(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    grant: &Grant,
    scopes: &Scopes,
    access_token: &str,
    occasion: IdTokenFor<'_>,
    faults: &[Fault],
) -> Result<String, KeyError> {
    let now = issuer.now();
    let telling = Telling { issuer, grant, scopes, to: To::IdToken };
    let mut claims = claims_of_the_person(&telling, faults);
    let algorithm = locked(&issuer.keys).algorithm();
    let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    state("iss", issuer.habits.issuer_for(issuer, telling.user()).into());
    state("aud", client.id.as_str().into());
    state("exp", now.plus(issuer.habits.tokens().id_token).as_unix_seconds().into());
    state("iat", now.as_unix_seconds().into());
    state("auth_time", grant.session.auth_time.as_unix_seconds().into());
    state("sid", grant.session.sid.as_str().into());
    state("at_hash", access_token_hash(access_token, algorithm).into());
    let code = match occasion {
        IdTokenFor::Code(code) => {
            state("nonce", grant.nonce.as_str().into());
            Some(code)
        }
        IdTokenFor::Refresh => None,
    };
    issuer.habits.finish_id_token(&telling, code, &mut claims);

    let mut signature = Signature::Proper;
    for fault in faults {
        spoil(&mut claims, fault, issuer, client);
        signature = other_signature(fault, client).unwrap_or(signature);
    }
    locked(&issuer.keys).sign(&claims, &signature, Some("JWT"))
}

/// What is said of the person, in the identity token and at userinfo alike.
pub(crate) fn claims_of_the_person(telling: &Telling<'_>, faults: &[Fault]) -> Map<String, Value> {
    let mut claims = telling.issuer.habits.claims(telling);
    for fault in faults {
        match fault {
            Fault::LongSub => set(&mut claims, "sub", "x".repeat(Subject::MAX_LEN + 1)),
            Fault::MissingEmail => {
                unset(&mut claims, "email");
                unset_all(&mut claims, VERIFIED);
            }
            Fault::UnverifiedEmail => {
                unset(&mut claims, "verified_primary_email");
                set_verified(telling, &mut claims, &false.into());
            }
            Fault::EmailVerifiedString => set_verified(telling, &mut claims, &"true".into()),
            Fault::EmailVerifiedAbsent => unset_all(&mut claims, VERIFIED),
            Fault::GroupsOverage => {
                unset(&mut claims, "groups");
                set(&mut claims, "_claim_names", json!({ "groups": "src1" }));
                let endpoint = format!("{ANOTHER_ISSUER}/groups");
                set(&mut claims, "_claim_sources", json!({ "src1": { "endpoint": endpoint } }));
            }
            Fault::GroupsString => {
                let first = telling.user().group_names().first().map_or("lab-admins", String::as_str);
                set(&mut claims, "groups", first);
            }
            _ => {}
        }
    }
    claims
}

/// What says that an address is verified, at one provider or another.
const VERIFIED: &[&str] = &["email_verified", "xms_edov", "verified_primary_email"];

/// Says whether the address is verified with the claim that the provider has for that.
fn set_verified(telling: &Telling<'_>, claims: &mut Map<String, Value>, value: &Value) {
    let names = ["email_verified", "xms_edov"].into_iter();
    let stated: Vec<&str> = names.filter(|name| claims.contains_key(*name)).collect();
    for name in stated {
        set(claims, name, value.clone());
    }
    if telling.issuer.persona == Persona::Generic {
        set(claims, "email_verified", value.clone());
    }
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
        Fault::IssuerTrailingSlash => {
            change(claims, "iss", |iss| format!("{}/", iss.as_str().unwrap_or_default()).into());
        }
        Fault::IssuerTemplate => set(claims, "iss", issuer_of_tenant(issuer, claims, TENANT_TEMPLATE)),
        Fault::TenantSwap => {
            set(claims, "iss", issuer_of_tenant(issuer, claims, ANOTHER_TENANT));
            set(claims, "tid", ANOTHER_TENANT);
        }
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

pub(crate) fn unset_all(claims: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        unset(claims, name);
    }
}

/// The identity token's `iss` with another tenant in place of its own, or behind it where it has none.
fn issuer_of_tenant(issuer: &IssuerCore, claims: &Map<String, Value>, tenant: &str) -> String {
    let own = claims.get("iss").and_then(Value::as_str).unwrap_or(issuer.issuer.as_str());
    match claims.get("tid").and_then(Value::as_str) {
        Some(tid) => own.replace(tid, tenant),
        None => format!("{}/{tenant}/v2.0", own.trim_end_matches('/')),
    }
}

fn change(claims: &mut Map<String, Value>, name: &str, change: impl Fn(&Value) -> Value) {
    if let Some(value) = claims.get_mut(name) {
        *value = change(value);
    }
}
