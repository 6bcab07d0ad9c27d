//! The logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4), and how it can go wrong.

use std::time::Duration;

use labgate_token::KeyError;
use serde_json::json;

use crate::client::RegisteredClient;
use crate::faults::Fault;
use crate::id_token;
use crate::issuer::{IssuerCore, locked};
use crate::protocol::{Claims, Grant, set, unset};

/// The one member of `events`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Its `typ` (section 2.4).
const TYPE: &str = "logout+jwt";

/// The lifetime of a logout token (section 2.4 recommends two minutes at most).
const LIFETIME: Duration = Duration::from_mins(2);
const HOUR: Duration = Duration::from_hours(1);

/// Writes the logout token for the ended session of a grant, showing these faults.
pub(crate) fn write(
    issuer: &IssuerCore,
    client: &RegisteredClient,
    grant: &Grant,
    faults: &[Fault],
) -> Result<String, KeyError> {
    if faults.contains(&Fault::LogoutIdToken) {
        let access_token = issuer.random_text();
        return id_token::write(issuer, client, grant, &grant.scopes, &access_token, Some(""), &[]);
    }
    let now = issuer.now();
    let fresh = issuer.random_text();
    let mut ledger = issuer.ledger();
    let before = ledger.logout_ids.get(&client.id).filter(|_| faults.contains(&Fault::LogoutReplayedJti));
    let id = before.cloned().unwrap_or(fresh);
    ledger.logout_ids.insert(client.id.clone(), id.clone());
    drop(ledger);

    let mut claims = Claims::new();
    set(&mut claims, "iss", issuer.behaviour.issuer_for(issuer, &grant.session.user));
    set(&mut claims, "aud", client.id.as_str());
    set(&mut claims, "iat", now.as_unix_seconds());
    set(&mut claims, "exp", now.plus(LIFETIME).as_unix_seconds());
    set(&mut claims, "jti", id);
    set(&mut claims, "events", json!({ EVENT: {} }));
    set(&mut claims, "sub", issuer.behaviour.subject(client.id.as_str(), &grant.session.user));
    if client.names_the_session {
        set(&mut claims, "sid", grant.session.sid.as_str());
    }

    let mut typ = Some(TYPE);
    for fault in faults {
        id_token::apply_fault(&mut claims, fault, issuer, client);
        apply_fault(&mut claims, fault, issuer, grant);
        typ = match fault {
            Fault::LogoutAccessTokenType => Some("at+jwt"),
            Fault::LogoutTypeJwt => Some("JWT"),
            Fault::LogoutNoType => None,
            _ => typ,
        };
    }
    locked(&issuer.keys).sign(&claims, typ, client, faults)
}

fn apply_fault(claims: &mut Claims, fault: &Fault, issuer: &IssuerCore, grant: &Grant) {
    let now = issuer.now();
    match fault {
        Fault::LogoutStaleIat => set(claims, "iat", now.minus(HOUR).as_unix_seconds()),
        Fault::LogoutMissingEvents => unset(claims, "events"),
        Fault::LogoutOtherEvent => {
            set(claims, "events", json!({ "http://schemas.openid.net/event/frontchannel-logout": {} }));
        }
        Fault::LogoutEventsNotAnObject => set(claims, "events", json!([EVENT])),
        Fault::LogoutNonce => set(claims, "nonce", grant.nonce.as_str()),
        Fault::LogoutNobody => {
            unset(claims, "sub");
            unset(claims, "sid");
        }
        Fault::LogoutExtraClaims => {
            set(claims, "amr", json!(["pwd"]));
            set(claims, "https://another-issuer.example/claim", json!({ "reasons": [null, 1] }));
        }
        Fault::LogoutSubOnly => unset(claims, "sid"),
        Fault::LogoutSidOnly => {
            unset(claims, "sub");
            set(claims, "sid", grant.session.sid.as_str());
        }
        Fault::LogoutUnknownSid => set(claims, "sid", issuer.random_text()),
        _ => {}
    }
}
