//! A user pool of Amazon Cognito, with pages on one host and the issuer on another.

use std::time::Duration;

use super::errors::ErrorTable;
use super::{
    Document, LogoutRule, Occasion, Profile, ProviderBehaviour, RefreshTokens, Rotation, TokenRules, generic,
    ids,
};
use crate::protocol::Claims;
use crate::site::Endpoint as At;
use crate::user::User;

const PROFILE: Profile = Profile {
    issuer: "{second}/{pool}",
    home: "/oauth2",
    metadata: include_str!("../../personas/cognito/metadata.json"),
    places: &[
        (At::Discovery, "{second}/{pool}/.well-known/openid-configuration"),
        (At::Login, "{base}/oauth2/mock-login"),
        (At::Logout, "{base}/oauth2/mock-logout"),
    ],
    errors: ErrorTable(include_str!("../../personas/cognito/errors.tsv")),
    scopes: Some(&["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"]),
    tokens: TokenRules {
        refresh: RefreshTokens::Always,
        rotation: Rotation::Kept,
        ..TokenRules::lasting(Duration::from_hours(1))
    },
    omitted_claims: &["sid"],
    // The published `end_session_endpoint` knows nothing of RP-Initiated Logout.
    logout: LogoutRule::LogoutUri("Required String parameter 'redirect_uri' is not present"),
    ..generic::PROFILE
};

pub(super) struct Cognito {
    pub(super) pool: String,
}

impl ProviderBehaviour for Cognito {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn placeholders(&self) -> Vec<(&'static str, String)> {
        vec![("pool", self.pool.clone())]
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::guid_of(user.subject(), &["cognito", &self.pool])
    }

    /// At userinfo, `email_verified` is a text.
    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        let user_name = if occasion.document == Document::IdToken { "cognito:username" } else { "username" };
        statement.say(user_name, user.subject());
        if occasion.asks("profile") {
            statement.say_names(user);
        }
        if occasion.asks("email") {
            if let Some((_, verified)) =
                user.email_address().filter(|_| occasion.document == Document::UserInfo)
            {
                statement.say("email_verified", verified.to_string());
            }
            statement.say_email(user);
        }
        if occasion.document == Document::IdToken {
            statement.say_groups("cognito:groups", user);
        }
        statement.into_claims()
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        claims.entry("token_use").or_insert_with(|| "id".into());
        let mut state = |name: &str, value: String| claims.insert(name.to_owned(), value.into());
        state("origin_jti", ids::guid(&[&occasion.session().sid]));
        state("event_id", ids::guid(&[&occasion.site.random_text()]));
        state("jti", ids::guid(&[&occasion.site.random_text()]));
    }
}
