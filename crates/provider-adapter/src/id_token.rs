//! The rules for the claims of an ID token (OpenID Connect Core section 3.1.3.7).

use std::time::Duration;

use labgate_domain::ports::{IdTokenFault, InvalidToken};
use labgate_domain::protocol::{Issuer, Nonce, Subject};
use labgate_domain::time::Timestamp;
use serde_json::{Map, Value};

use crate::ensure::ensure;
use crate::jwt::{
    Audiences, LEEWAY, RegisteredClaims, SignedToken, numeric_date, quoted, required_text, text,
};

/// The demands on an ID token.
pub(crate) struct Expectation<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) audiences: Audiences<'a>,
    /// The attempt's. `None` for a token that a refresh token was answered with: that should have no nonce,
    /// and no browser can have brought it (OpenID Connect Core section 12.2).
    pub(crate) nonce: Option<&'a Nonce>,
    /// The start of the attempt, or of the request for a newer token.
    pub(crate) started_at: Timestamp,
    /// The time by which this provider writes `iat` too early.
    pub(crate) backdating: Duration,
    /// A claim, and its text, of each of its ID tokens and none of its other tokens.
    pub(crate) mark: Option<(&'static str, &'static str)>,
    /// The access token that came with it.
    pub(crate) access_token: &'a str,
    pub(crate) now: Timestamp,
}

/// An ID token that holds.
pub(crate) struct VerifiedIdToken {
    pub(crate) issuer: Issuer,
    pub(crate) subject: Subject,
    /// The time of the person's last authentication, if it is stated readably.
    pub(crate) authenticated_at: Option<Timestamp>,
    /// All claims, for what is said of the person.
    pub(crate) claims: Map<String, Value>,
}

/// Verifies what a signed ID token claims. A claim that matters and has another type than specified makes it
/// malformed; the others do not matter here.
pub(crate) fn verify(
    token: SignedToken,
    expected: &Expectation<'_>,
) -> Result<VerifiedIdToken, InvalidToken> {
    let claims = &token.claims;
    // Only a token about an event has them (RFC 8417 section 2.2): a logout token is no ID token, whatever
    // else it claims (Back-Channel Logout section 4.1).
    ensure(!claims.contains_key("events"), IdTokenFault::Type)?;
    let is_marked = |(claim, text): (&str, &str)| claims.get(claim).and_then(Value::as_str) == Some(text);
    ensure(expected.mark.is_none_or(is_marked), IdTokenFault::Type)?;
    let registered = RegisteredClaims::verify(claims, expected.issuer, expected.audiences, expected.now)?;
    let subject = required_text(claims, "sub")?;
    let client_id = expected.audiences.client_id.as_str();
    if let Some(party) = text(claims, "azp")?.filter(|party| *party != client_id) {
        let text = format!("it is {}, and the client id is {client_id:?}", quoted(party));
        return Err(InvalidToken::new(IdTokenFault::AuthorizedParty, text));
    }
    let nonce = text(claims, "nonce")?.and_then(|nonce| Nonce::parse(nonce).ok());
    ensure(expected.nonce.is_none() || nonce.as_ref() == expected.nonce, IdTokenFault::Nonce)?;
    let earliest = expected.started_at.minus(LEEWAY + expected.backdating);
    ensure(registered.issued_at() >= earliest, IdTokenFault::OlderThanAttempt)?;
    let fits = |stated: &str| token.half_hash(expected.access_token).as_deref() == Some(stated);
    ensure(text(claims, "at_hash")?.is_none_or(fits), IdTokenFault::AccessTokenHash)?;
    Ok(VerifiedIdToken {
        issuer: expected.issuer.clone(),
        subject: Subject::parse(subject).map_err(|_| IdTokenFault::Subject)?,
        authenticated_at: claims.get("auth_time").and_then(numeric_date),
        claims: token.claims,
    })
}

#[cfg(test)]
mod tests {
    //! The rules are tested from outside, in `tests/contract/id_token_claims.rs`; here is what needs a
    //! provider that cannot be played there.

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use labgate_domain::protocol::ClientId;
    use serde_json::json;

    use super::*;
    use crate::jwt::{self, Refusal, TokenKind};
    use crate::keys::{Algorithm, KeySet};

    const NOW: i64 = 1_800_000_000;

    /// The verdict on a token that was issued at `iat`.
    fn verified(iat: i64, backdating: Duration) -> Result<(), InvalidToken> {
        let base64url = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().as_ref())});
        let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();

        let issuer = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
        let claims = json!({
            "iss": issuer, "sub": "s", "aud": "lab", "nonce": "n", "iat": iat, "nbf": iat, "exp": iat + 3900,
        });
        let input =
            format!("{}.{}", base64url(br#"{"alg":"EdDSA"}"#), base64url(claims.to_string().as_bytes()));
        let token = format!("{input}.{}", base64url(key.sign(input.as_bytes()).as_ref()));
        let expected = Expectation {
            issuer: &Issuer::parse(issuer).unwrap(),
            audiences: Audiences {
                client_id: &ClientId::parse("lab").unwrap(),
                trusted: &[],
                by_authorized_party: false,
            },
            nonce: Some(&Nonce::parse("n").unwrap()),
            started_at: Timestamp::from_unix_seconds(NOW),
            backdating,
            mark: None,
            access_token: "a",
            now: Timestamp::from_unix_seconds(NOW + 20),
        };
        let all = Algorithm::among(&[]);
        let token = jwt::verify(&token, TokenKind::Id, &keys, &all).map_err(Refusal::reason)?;
        verify(token, &expected).map(drop)
    }

    #[test]
    fn c072_a_provider_that_backdates_its_tokens_by_five_minutes_may() {
        let older = Err(IdTokenFault::OlderThanAttempt.into());
        let five_minutes = Duration::from_mins(5);
        assert_eq!(verified(NOW - 360, five_minutes), Ok(()));
        assert_eq!(verified(NOW - 361, five_minutes), older);
        assert_eq!(verified(NOW - 300, Duration::ZERO), older);
    }
}
