//! GitLab.

use std::time::Duration;

use super::errors::ErrorTable;
use super::{Document, Occasion, Profile, ProviderBehaviour, RefreshTokens, TokenRules, generic, ids};
use crate::protocol::{Claims, Grant};
use crate::site::{Endpoint as At, Site};
use crate::user::User;

const PROFILE: Profile = Profile {
    home: "/oauth",
    metadata: include_str!("../../personas/gitlab/metadata.json"),
    places: &[
        (At::Discovery, "{base}/.well-known/openid-configuration"),
        (At::Login, "{base}/oauth/mock-login"),
    ],
    errors: ErrorTable(include_str!("../../personas/gitlab/errors.tsv")),
    // Those that the application has ticked.
    scopes: Some(&["openid", "profile", "email", "read_user"]),
    tokens: TokenRules {
        id_token: Duration::from_mins(2),
        access_token: Some(Duration::from_hours(2)),
        refresh: RefreshTokens::Always,
        ..TokenRules::STANDARD
    },
    omitted_claims: &["sid", "at_hash"],
    ..generic::PROFILE
};

pub(super) struct GitLab;

impl ProviderBehaviour for GitLab {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::number(&["gitlab", user.subject()]).to_string()
    }

    /// At GitLab the ID token has the direct groups and userinfo has all. Here they are the same.
    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        let user = occasion.user();
        let mut statement = occasion.begin();
        statement.say("sub_legacy", ids::hex(&["gitlab", user.subject()], 64));
        if occasion.asks("profile") || occasion.asks("openid") {
            statement.say_if_known("name", user.full_name());
            statement.say("nickname", user.subject());
            statement.say("preferred_username", user.subject());
            statement.say("profile", format!("{}/{}", occasion.site.base, user.subject()));
        }
        if occasion.asks("email") {
            statement.say_email(user);
        }
        let groups = if occasion.document == Document::IdToken { "groups_direct" } else { "groups" };
        statement.say(groups, user.group_names());
        statement.into_claims()
    }

    fn finish_tokens(&self, site: &Site, _grant: &Grant, tokens: &mut Claims) {
        tokens.insert("created_at".to_owned(), site.now().as_unix_seconds().into());
    }
}
