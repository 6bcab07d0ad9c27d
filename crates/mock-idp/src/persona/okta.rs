//! Okta: the authorization server of the organization, or a custom one.

use std::time::Duration;

use serde_json::{Value, json};

use super::errors::ErrorTable;
use super::{Document, LogoutRule, Occasion, Profile, ProviderBehaviour, TokenRules, generic, ids};
use crate::protocol::Claims;
use crate::site::Endpoint as At;
use crate::user::User;

const PROFILE: Profile = Profile {
    issuer: "{base}/{server}",
    home: "/{server}",
    metadata: include_str!("../../personas/okta/metadata.json"),
    places: &[
        (At::Discovery, "{base}/{server}/.well-known/openid-configuration"),
        (At::Login, "{base}/{server}/v1/mock-login"),
        (At::Logout, "{base}/{server}/v1/mock-logout"),
    ],
    errors: ErrorTable(include_str!("../../personas/okta/errors.tsv")),
    scopes: Some(&[
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
        "groups",
        "device_sso",
    ]),
    tokens: TokenRules::lasting(Duration::from_hours(1)),
    omitted_claims: &["sid"],
    logout: LogoutRule::NeedsHint("The parameter id_token_hint is missing."),
    ..generic::PROFILE
};

/// The organization's own server has an issuer without a path.
const OF_THE_ORGANIZATION: Profile = Profile {
    issuer: "{base}",
    places: &[
        (At::Discovery, "{base}/.well-known/openid-configuration"),
        (At::Login, "{base}/{server}/v1/mock-login"),
        (At::Logout, "{base}/{server}/v1/mock-logout"),
    ],
    ..PROFILE
};

pub(super) struct Okta {
    pub(super) server: Option<String>,
}

impl ProviderBehaviour for Okta {
    fn profile(&self) -> &'static Profile {
        if self.server.is_some() { &PROFILE } else { &OF_THE_ORGANIZATION }
    }

    fn placeholders(&self) -> Vec<(&'static str, String)> {
        let path = self.server.as_ref().map_or("oauth2".to_owned(), |server| format!("oauth2/{server}"));
        vec![("server", path)]
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        format!("00u{}", ids::hex(&["okta", user.subject()], 17))
    }

    /// The ID token of a response that has an access token, too, is thin: the rest is at userinfo.
    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        if occasion.asks("groups") {
            statement.say_groups("groups", user);
        }
        if occasion.document == Document::UserInfo {
            if occasion.asks("profile") {
                statement.say_names(user);
                let login = user.email_address().map_or(user.subject(), |(address, _)| address);
                statement.say("preferred_username", login);
                statement.say("zoneinfo", "America/Los_Angeles");
            }
            if occasion.asks("email") {
                statement.say_email(user);
            }
        }
        statement.into_claims()
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        state("ver", 1.into());
        state("jti", format!("ID.{}", occasion.site.random_text()).into());
        state("amr", json!(["pwd"]));
        state("idp", "00o1mock".into());
    }
}
