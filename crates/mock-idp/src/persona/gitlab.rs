//! GitLab.

use super::{Document, Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, Grant};
use crate::site::Site;
use crate::user::User;

/// Its scopes are those that the application has ticked.
pub(super) struct GitLab;

impl ProviderBehaviour for GitLab {
    fn subject(&self, _client: &str, user: &User) -> String {
        ids::number(&["gitlab", user.subject()]).to_string()
    }

    /// At GitLab the ID token has the direct groups and userinfo has all. Here they are the same.
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        statement.say("sub_legacy", ids::hex(&["gitlab", user.subject()], 64));
        if occasion.asks("profile") || occasion.asks("openid") {
            statement.say_if_known("name", user.name.as_deref());
            statement.say("nickname", user.subject());
            statement.say("preferred_username", user.subject());
            statement.say("profile", format!("{}/{}", occasion.site.base, user.subject()));
        }
        statement.say_email(occasion);
        let groups = if occasion.document == Document::IdToken { "groups_direct" } else { "groups" };
        statement.say(groups, user.groups.as_slice());
    }

    fn finish_tokens(&self, site: &Site, _grant: &Grant, tokens: &mut Claims) {
        tokens.insert("created_at".to_owned(), site.now().as_unix_seconds().into());
    }
}
