//! Auth0.

use super::{Occasion, ProviderBehaviour, Statement, ids};
use crate::user::User;

/// Groups come from an Action, which must name its claims by URLs.
const GROUPS: &str = "https://lab.example/groups";

pub(super) struct Auth0;

impl ProviderBehaviour for Auth0 {
    fn subject(&self, _client: &str, user: &User) -> String {
        format!("auth0|{}", ids::hex(&["auth0", user.subject()], 24))
    }

    /// `updated_at` is a text, where OpenID Connect Core section 5.1 says a number.
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        if occasion.asks("profile") {
            statement.say_names(user);
            statement.say("nickname", user.subject());
            statement.say("picture", "https://s.gravatar.com/avatar/mock");
            statement.say("updated_at", "2026-01-15T08:00:00.000Z");
        }
        statement.say_email(occasion);
        statement.say_groups(GROUPS, user);
    }
}
