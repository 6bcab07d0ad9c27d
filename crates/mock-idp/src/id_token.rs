//! The ID token (OpenID Connect Core section 2), and how it can go wrong.

use std::time::Duration;

use labgate_domain::protocol::{Scopes, Subject};
use labgate_token::{Algorithm, KeyError};
use serde_json::{Value, json};

use crate::client::RegisteredClient;
use crate::faults::Fault;
use crate::issuer::{IssuerCore, locked};
use crate::persona::{Document, Occasion, Persona};
use crate::protocol::{Claims, Grant, half_hash, set, unset, unset_all};
use crate::site::TENANT_TEMPLATE;

/// An issuer that is not the one that was asked.
pub(crate) const ANOTHER_ISSUER: &str = "https://another-issuer.example";
/// A client that is not registered.
const ANOTHER_CLIENT: &str = "another-client";
/// An Entra tenant that is named nowhere.
const ANOTHER_TENANT: &str = "99999999-8888-4777-8666-555555555555";
const HOUR: Duration = Duration::from_hours(1);
const HUGE: usize = 64 * 1024;

/// Writes a grant's ID token, showing these faults. After a refresh there is no code, and no `nonce` (OpenID
/// Connect Core section 12.2).
pub(crate) fn write(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    grant: &Grant,
    scopes: &Scopes,
    access_token: &str,
    code: Option<&str>,
    faults: &[Fault],
) -> Result<String, KeyError> {
    let now = issuer.now();
    let occasion = occasion(issuer, grant, scopes, Document::IdToken);
    let mut claims = claims_of_the_person(issuer, &occasion, faults);
    let expires_at = now.plus(Duration::from_secs(issuer.profile.tokens.id_token));
    set(&mut claims, "iss", issuer.behaviour.issuer_for(issuer, occasion.user()));
    set(&mut claims, "aud", client.id.as_str());
    set(&mut claims, "exp", expires_at.as_unix_seconds());
    set(&mut claims, "iat", now.as_unix_seconds());
    set(&mut claims, "auth_time", grant.session.auth_time.as_unix_seconds());
    set(&mut claims, "sid", grant.session.sid.as_str());
    set(&mut claims, "at_hash", half_hash(access_token, issuer.algorithm));
    if code.is_some() {
        set(&mut claims, "nonce", grant.nonce.as_str());
    }
    unset_all(&mut claims, &issuer.profile.omitted_claims);
    issuer.behaviour.finish_id_token(&occasion, code, &mut claims);

    for fault in faults {
        apply_fault(&mut claims, fault, issuer, client);
    }
    locked(&issuer.keys).sign(&claims, Some("JWT"), client, faults)
}

/// An occasion to state claims to a client.
pub(crate) fn occasion<'a>(
    issuer: &'a IssuerCore,
    grant: &'a Grant,
    scopes: &'a Scopes,
    document: Document,
) -> Occasion<'a> {
    let subject = issuer.behaviour.subject(grant.client.as_str(), &grant.session.user);
    Occasion { site: issuer, grant, scopes, document, subject }
}

/// The claims about the person, in the ID token and at userinfo alike.
pub(crate) fn claims_of_the_person(issuer: &IssuerCore, occasion: &Occasion<'_>, faults: &[Fault]) -> Claims {
    let mut statement = occasion.begin();
    statement.say_by(&issuer.profile.claims, occasion);
    issuer.behaviour.claims(occasion, &mut statement);
    let mut claims = statement.0;
    for fault in faults {
        match fault {
            Fault::LongSub => set(&mut claims, "sub", "x".repeat(Subject::MAX_LEN + 1)),
            Fault::MissingEmail => {
                unset(&mut claims, "email");
                unset_all(&mut claims, VERIFIED);
            }
            Fault::UnverifiedEmail => {
                unset(&mut claims, "verified_primary_email");
                set_verified(issuer, &mut claims, &false.into());
            }
            Fault::EmailVerifiedString => set_verified(issuer, &mut claims, &"true".into()),
            Fault::EmailVerifiedAbsent => unset_all(&mut claims, VERIFIED),
            Fault::GroupsOverage => {
                unset(&mut claims, "groups");
                set(&mut claims, "_claim_names", json!({ "groups": "src1" }));
                let endpoint = format!("{ANOTHER_ISSUER}/groups");
                set(&mut claims, "_claim_sources", json!({ "src1": { "endpoint": endpoint } }));
            }
            Fault::GroupsString => {
                let first = occasion.user().groups.first().map_or("lab-admins", String::as_str);
                set(&mut claims, "groups", first);
            }
            _ => {}
        }
    }
    claims
}

/// The claims that call an address verified, at one provider or another.
const VERIFIED: &[&str] = &["email_verified", "xms_edov", "verified_primary_email"];

/// Changes the claim by which the provider calls an address verified.
fn set_verified(issuer: &IssuerCore, claims: &mut Claims, value: &Value) {
    for name in ["email_verified", "xms_edov"] {
        change(claims, name, |_| value.clone());
    }
    if issuer.persona == Persona::Generic {
        set(claims, "email_verified", value.clone());
    }
}

/// Breaks claims of the protocol: those of an ID token, some of which a logout token has as well.
pub(crate) fn apply_fault(
    claims: &mut Claims,
    fault: &Fault,
    issuer: &IssuerCore,
    client: &RegisteredClient,
) {
    let now = issuer.now();
    let client = client.id.as_str();
    match fault {
        Fault::WrongIssuer | Fault::LogoutWrongIssuer => set(claims, "iss", ANOTHER_ISSUER),
        Fault::IssuerTrailingSlash => {
            change(claims, "iss", |iss| format!("{}/", iss.as_str().unwrap_or_default()).into());
        }
        Fault::IssuerTemplate => set(claims, "iss", issuer_of_tenant(issuer, claims, TENANT_TEMPLATE)),
        Fault::TenantSwap => {
            set(claims, "iss", issuer_of_tenant(issuer, claims, ANOTHER_TENANT));
            set(claims, "tid", ANOTHER_TENANT);
        }
        Fault::MissingIssuer => unset(claims, "iss"),
        Fault::WrongAudience | Fault::LogoutWrongAudience => set(claims, "aud", ANOTHER_CLIENT),
        Fault::EmptyAudience => set(claims, "aud", json!([])),
        Fault::ExtraAudience => set(claims, "aud", json!([client, ANOTHER_CLIENT])),
        Fault::MissingAudience => unset(claims, "aud"),
        Fault::WrongAzp => set(claims, "azp", ANOTHER_CLIENT),
        Fault::WrongNonce => set(claims, "nonce", issuer.random_text()),
        Fault::MissingNonce => unset(claims, "nonce"),
        Fault::Expired | Fault::LogoutExpired => set(claims, "exp", now.minus(HOUR).as_unix_seconds()),
        Fault::MissingExp | Fault::LogoutMissingExp => unset(claims, "exp"),
        Fault::FutureIat => {
            set(claims, "iat", now.plus(HOUR).as_unix_seconds());
            set(claims, "exp", now.plus(HOUR * 2).as_unix_seconds());
        }
        Fault::MissingIat | Fault::LogoutMissingIat => unset(claims, "iat"),
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
        Fault::BadAtHash => set(claims, "at_hash", half_hash("another token", Algorithm::Es256)),
        Fault::HugeToken => set(claims, "padding", "x".repeat(HUGE)),
        _ => {}
    }
}

/// The ID token's `iss` with another tenant in place of its own, or behind it where it has none.
fn issuer_of_tenant(issuer: &IssuerCore, claims: &Claims, tenant: &str) -> String {
    let own = claims.get("iss").and_then(Value::as_str).unwrap_or(issuer.issuer.as_str());
    match claims.get("tid").and_then(Value::as_str) {
        Some(tid) => own.replace(tid, tenant),
        None => format!("{}/{tenant}/v2.0", own.trim_end_matches('/')),
    }
}

fn change(claims: &mut Claims, name: &str, change: impl Fn(&Value) -> Value) {
    if let Some(value) = claims.get_mut(name) {
        *value = change(value);
    }
}
