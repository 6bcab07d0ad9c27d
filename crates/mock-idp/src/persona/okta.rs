//! Okta: the authorization server of the organization, or a custom one.

use serde_json::{Value, json};

use super::{Document, Documents, Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::Claims;
use crate::user::User;

/// The organization's own server has an issuer without a path.
pub(super) struct Okta {
    pub(super) server: Option<String>,
}

impl ProviderBehaviour for Okta {
    fn documents(&self) -> Documents {
        documents!("okta")
    }

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
            if occasion.asks("email") {
                statement.say_email(user);
            }
        }
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        state("ver", 1.into());
        state("jti", format!("ID.{}", occasion.site.random_text()).into());
        state("amr", json!(["pwd"]));
        state("idp", "00o1mock".into());
    }
}
