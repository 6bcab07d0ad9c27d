//! Auth0.

use std::time::Duration;

use super::errors::ErrorTable;
use super::{Occasion, Profile, ProviderBehaviour, TokenRules, generic, ids};
use crate::protocol::Claims;
use crate::site::Endpoint as At;
use crate::user::User;

/// Groups come from an Action, which must name its claims by URLs.
const GROUPS: &str = "https://lab.example/groups";

const PROFILE: Profile = Profile {
    issuer: "{base}/",
    metadata: include_str!("../../personas/auth0/metadata.json"),
    places: &[
        (At::Discovery, "{base}/.well-known/openid-configuration"),
        (At::Login, "{base}/u/login"),
        (At::Logout, "{base}/u/logout"),
    ],
    errors: ErrorTable(include_str!("../../personas/auth0/errors.tsv")),
    tokens: TokenRules {
        id_token: Duration::from_hours(10),
        access_token: Some(Duration::from_hours(24)),
        ..TokenRules::STANDARD
    },
    omitted_claims: &["auth_time", "at_hash"],
    ..generic::PROFILE
};

pub(super) struct Auth0;

impl ProviderBehaviour for Auth0 {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        format!("auth0|{}", ids::hex(&["auth0", user.subject()], 24))
    }

    /// `updated_at` is a text, where OpenID Connect Core section 5.1 says a number.
    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        if occasion.asks("profile") {
            statement.say_names(user);
            statement.say("nickname", user.subject());
            statement.say("picture", "https://s.gravatar.com/avatar/mock");
            statement.say("updated_at", "2026-01-15T08:00:00.000Z");
        }
        if occasion.asks("email") {
            statement.say_email(user);
        }
        statement.say_groups(GROUPS, user);
        statement.into_claims()
    }
}
