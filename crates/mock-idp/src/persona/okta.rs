//! Okta: the authorization server of the organization, or a custom one.

use serde_json::json;

use super::{Document, Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, set};
use crate::user::User;

/// The organization's own server has an issuer without a path.
pub(super) struct Okta {
    pub(super) server: Option<String>,
}

impl ProviderBehaviour for Okta {
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        let issuing = self.server.as_ref().map(|server| format!("/oauth2/{server}"));
        let server = self.server.as_ref().map_or("oauth2".to_owned(), |server| format!("oauth2/{server}"));
        vec![("server", server), ("issuing", issuing.unwrap_or_default())]
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        format!("00u{}", ids::hex(&["okta", user.subject()], 17))
    }

    /// The ID token of a response that has an access token, too, is thin: the rest is at userinfo.
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
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
            statement.say_email(occasion);
        }
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        set(claims, "ver", 1);
        set(claims, "jti", format!("ID.{}", occasion.site.random_text()));
        set(claims, "amr", json!(["pwd"]));
        set(claims, "idp", "00o1mock");
    }
}
