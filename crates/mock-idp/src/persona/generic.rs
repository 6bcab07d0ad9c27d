use super::{Occasion, ProviderBehaviour, Statement};

/// No provider in particular: Discovery section 3, RFC 8414, RFC 9207 section 3, RP-Initiated Logout section
/// 2.1 and Back-Channel Logout section 2.1.
pub(super) struct Generic;

impl ProviderBehaviour for Generic {
    /// The claims that the scopes ask for (OpenID Connect Core section 5.4; `groups` is a custom of
    /// providers).
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        if occasion.asks("profile") {
            statement.say("preferred_username", user.subject());
            statement.say_if_known("name", user.name.as_deref());
        }
        statement.say_email(occasion);
        if occasion.asks("groups") {
            statement.say("groups", user.groups.as_slice());
        }
    }
}
