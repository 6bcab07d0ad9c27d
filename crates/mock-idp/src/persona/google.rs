//! Google.

use std::time::Duration;

use super::errors::ErrorTable;
use super::{Occasion, Profile, ProviderBehaviour, RefreshTokens, Rotation, TokenRules, generic, ids};
use crate::protocol::{Claims, Grant, REFRESH_LIFETIME};
use crate::site::{Endpoint as At, Site};
use crate::user::User;

const USERINFO: &str = "https://www.googleapis.com/auth/userinfo.";

const PROFILE: Profile = Profile {
    home: "/o/oauth2",
    metadata: include_str!("../../personas/google/metadata.json"),
    places: &[
        (At::Discovery, "{base}/.well-known/openid-configuration"),
        (At::Authorization, "{base}/o/oauth2/auth"),
        (At::Login, "{base}/o/oauth2/mock-login"),
    ],
    errors: ErrorTable(include_str!("../../personas/google/errors.tsv")),
    tokens: TokenRules {
        refresh_token: REFRESH_LIFETIME.saturating_mul(6),
        refresh: RefreshTokens::ForAccessType,
        rotation: Rotation::Kept,
        ..TokenRules::lasting(Duration::from_hours(1))
    },
    omitted_claims: &["auth_time", "sid"],
    ..generic::PROFILE
};

pub(super) struct Google;

impl ProviderBehaviour for Google {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    /// Scopes of an API are URLs; `offline_access` is not known.
    fn knows_scope(&self, scope: &str) -> bool {
        matches!(scope, "openid" | "email" | "profile") || scope.contains('/')
    }

    fn callback_parameters(&self, _site: &Site, error: Option<&str>) -> Vec<(&'static str, String)> {
        match error {
            None => vec![
                ("scope", format!("email profile openid {USERINFO}email {USERINFO}profile")),
                ("authuser", "0".to_owned()),
                ("prompt", "none".to_owned()),
            ],
            Some(_) => Vec::new(),
        }
    }

    /// A number of 21 digits.
    fn subject(&self, _client: &str, user: &User) -> String {
        let numbers = ["one", "two"].map(|word| ids::number(&["google", word, user.subject()]));
        format!("1{:010}{:010}", numbers[0], numbers[1])
    }

    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        if occasion.asks("profile") {
            statement.say_names(user);
            statement.say("picture", "https://lh3.googleusercontent.com/a/mock=s96-c");
        }
        if occasion.asks("email") {
            statement.say_email(user);
        }
        statement.say_if_known("hd", hosted_domain(user));
        let mut claims = statement.into_claims();
        claims.retain(|name, value| name != "hd" || !value.is_null());
        claims
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        claims.insert("azp".to_owned(), occasion.client().into());
    }

    fn access_token(&self, random: String) -> String {
        format!("ya29.{random}")
    }

    fn finish_tokens(&self, _site: &Site, grant: &Grant, tokens: &mut Claims) {
        let scopes = grant.scopes.to_parameter();
        let full = scopes.split(' ').map(|scope| match scope {
            "email" | "profile" => format!("{USERINFO}{scope}"),
            other => other.to_owned(),
        });
        tokens.insert("scope".to_owned(), full.collect::<Vec<_>>().join(" ").into());
        tokens.insert("expires_in".to_owned(), 3599.into());
    }
}

/// The organization that hosts an address; Gmail is none.
fn hosted_domain(user: &User) -> Option<&str> {
    let (address, _) = user.email_address()?;
    let (_, domain) = address.rsplit_once('@')?;
    let consumer = ["gmail.com", "googlemail.com"].iter().any(|it| it.eq_ignore_ascii_case(domain));
    (!consumer).then_some(domain)
}
