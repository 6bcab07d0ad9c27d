use super::errors::ErrorTable;
use super::{LogoutRule, Occasion, Profile, ProviderBehaviour, TokenRules};
use crate::protocol::Claims;
use crate::site::Endpoint as At;

/// No provider in particular: Discovery section 3, RFC 8414, RFC 9207 section 3, RP-Initiated Logout section
/// 2.1 and Back-Channel Logout section 2.1.
pub(super) const PROFILE: Profile = Profile {
    issuer: "{base}",
    home: "",
    metadata: include_str!("../../personas/generic/metadata.json"),
    places: &[
        (At::Discovery, "{base}/.well-known/openid-configuration"),
        (At::Login, "{base}/login"),
        (At::Logout, "{base}/logout"),
    ],
    errors: ErrorTable(""),
    scopes: None,
    tokens: TokenRules::STANDARD,
    omitted_claims: &[],
    openid: true,
    logout: LogoutRule::Standard,
};

pub(super) struct Generic;

impl ProviderBehaviour for Generic {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    /// The claims that the scopes ask for (OpenID Connect Core section 5.4; `groups` is a custom of
    /// providers).
    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        if occasion.asks("profile") {
            statement.say("preferred_username", user.subject());
            statement.say_if_known("name", user.full_name());
        }
        if occasion.asks("email") {
            statement.say_email(user);
        }
        if occasion.asks("groups") {
            statement.say("groups", user.group_names());
        }
        statement.into_claims()
    }
}
