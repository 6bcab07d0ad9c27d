use std::collections::BTreeSet;

use super::policy::Policy;
use crate::people::{Account, GroupName, LocalGroups};
use crate::session::{Session, SessionClaims};
use crate::time::Timestamp;
use crate::world::{Entropy, random_base64url};

/// Returns the claims of a token for this audience that is issued now. It never outlives its session.
pub(super) fn claims(
    policy: &Policy,
    audience: &str,
    entropy: &dyn Entropy,
    account: &Account,
    session: &Session,
    now: Timestamp,
) -> SessionClaims {
    let (groups, groups_complete) = stated_groups(account, session);
    SessionClaims {
        iss: policy.public_url.to_string(),
        aud: audience.to_owned(),
        sub: account.id,
        sid: session.id,
        exp: now.plus(policy.token_lifetime).min(session.expires_at),
        iat: now,
        jti: random_base64url::<12>(entropy),
        username: account.username.clone(),
        email: account.email.clone(),
        name: account.name.clone(),
        role: account.role,
        groups,
        groups_complete,
        amr: as_many_as_fit(&session.authentication_methods, SessionClaims::MAX_METHODS_LEN),
        auth_time: session.authenticated_at,
    }
}

/// Returns whether the claims still say of the person what the store says.
pub(super) fn hold(claims: &SessionClaims, account: &Account, session: &Session) -> bool {
    let (groups, groups_complete) = stated_groups(account, session);
    claims.role == account.role
        && claims.username == account.username
        && claims.email == account.email
        && claims.name == account.name
        && (&claims.groups, claims.groups_complete) == (&groups, groups_complete)
}

/// Returns the groups that a token states, and whether these are all.
fn stated_groups(account: &Account, session: &Session) -> (Vec<String>, bool) {
    let all = all_groups(&account.groups, &session.groups);
    let stated = as_many_as_fit(&all, SessionClaims::MAX_GROUPS_LEN);
    let are_all = stated.len() == all.len();
    (stated, are_all)
}

/// Returns the groups of a person: the local ones, and then the provider's in their order; each once.
pub(super) fn all_groups(local: &LocalGroups, stated: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let local = local.names().iter().map(GroupName::as_str);
    let all = local.chain(stated.iter().map(String::as_str));
    all.filter(|group| seen.insert(*group)).map(str::to_owned).collect()
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
    use crate::people::{AccountStatus, GroupPatch};
    use crate::sign_in::testing::{account, session};

    fn local(names: &str) -> LocalGroups {
        let add = GroupName::typed_list(names).unwrap();
        LocalGroups::default().patched(&GroupPatch { add, remove: Vec::new() }).unwrap()
    }

    #[test]
    fn the_local_groups_come_first_and_each_group_once() {
        let stated = ["z", "gpu", "a", "z"].map(str::to_owned).to_vec();
        assert_eq!(all_groups(&local("staff, gpu"), &stated), ["gpu", "staff", "z", "a"]);
        assert_eq!(all_groups(&LocalGroups::default(), &stated), ["z", "gpu", "a"]);
        let session = Session { groups: stated, ..session() };

        let many: Vec<String> = (0..9).map(|number| format!("{number}{}", "g".repeat(63))).collect();
        let account = Account { groups: local(&many.join(",")), ..account(AccountStatus::Active) };
        let (groups, are_all) = stated_groups(&account, &session);
        assert_eq!((&*groups, are_all), (&many[..3], false), "no more than the token has room for");
    }

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
