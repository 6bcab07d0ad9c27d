use super::policy::Policy;
use crate::people::Account;
use crate::session::{Session, SessionClaims};
use crate::time::Timestamp;
use crate::world::{Entropy, random_base64url};

/// Returns the claims of a token that is issued now. It never outlives its session.
pub(super) fn claims(
    policy: &Policy,
    entropy: &dyn Entropy,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> SessionClaims {
    let lab = policy.public_url.to_string();
    let groups = as_many_as_fit(&session.groups, SessionClaims::MAX_GROUPS_LEN);
    SessionClaims {
        iss: lab.clone(),
        aud: lab,
        sub: account.id,
        sid: session.id,
        exp: now.plus(policy.token_lifetime).min(session.expires_at),
        iat: now,
        jti: random_base64url::<12>(entropy),
        username: account.username.clone(),
        email: account.email.clone(),
        name: account.name.clone(),
        role: account.role,
        groups_complete: groups.len() == session.groups.len(),
        groups,
        amr: as_many_as_fit(&session.authentication_methods, SessionClaims::MAX_METHODS_LEN),
        auth_time: session.authenticated_at,
    }
}

/// Returns whether the claims still say of the person what the store says.
pub(super) fn hold(claims: &SessionClaims, account: &Account, session: &Session) -> bool {
    claims.role == account.role
        && claims.username == account.username
        && claims.email == account.email
        && claims.name == account.name
        && claims.groups == as_many_as_fit(&session.groups, SessionClaims::MAX_GROUPS_LEN)
        && claims.groups_complete == (claims.groups.len() == session.groups.len())
}

/// Returns the first texts that fit into `max_len` bytes of JSON. The first one that does not fit is left out
/// whole, and so are those that follow it.
pub(super) fn as_many_as_fit(texts: &[String], max_len: usize) -> Vec<String> {
    let mut room = max_len;
    texts
        .iter()
        .take_while(|text| {
            let len = serde_json::to_string(text).map_or(usize::MAX, |json| json.len() + 1);
            let fits = len <= room;
            room = room.saturating_sub(len);
            fits
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_as_many_groups_as_fit() {
        let groups = ["g".repeat(200), "h".repeat(100)];
        assert_eq!(as_many_as_fit(&groups, 256), groups[..1]);
        assert_eq!(as_many_as_fit(&groups, 306), groups);
        assert_eq!(as_many_as_fit(&groups, 305), groups[..1]);
        assert!(as_many_as_fit(&groups, 10).is_empty());
        // Neither empty names nor ones that JSON makes longer get around the limit.
        let claims = |group: &str| as_many_as_fit(&vec![group.to_owned(); 5000], 256);
        for group in ["", "\u{1}", "\"", "ä"] {
            assert!(serde_json::to_string(&claims(group)).unwrap().len() <= 258, "{group:?}");
        }
    }
}
