//! A user pool of Amazon Cognito, with pages on one host and the issuer on another.

use super::{Document, Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, set};
use crate::user::User;

/// The published `end_session_endpoint` knows nothing of RP-Initiated Logout.
pub(super) struct Cognito {
    pub(super) pool: String,
}

impl ProviderBehaviour for Cognito {
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        vec![("pool", self.pool.clone())]
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::guid_of(user.subject(), &["cognito", &self.pool])
    }

    /// At userinfo, `email_verified` is a text.
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        let user_name = if occasion.document == Document::IdToken { "cognito:username" } else { "username" };
        statement.say(user_name, user.subject());
        if occasion.asks("profile") {
            statement.say_names(user);
        }
        if occasion.document == Document::IdToken {
            statement.say_groups("cognito:groups", user);
        } else if let Some((_, verified)) = user.email_address().filter(|_| occasion.asks("email")) {
            statement.say("email_verified", verified.to_string());
        }
        statement.say_email(occasion);
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        claims.entry("token_use").or_insert_with(|| "id".into());
        set(claims, "origin_jti", ids::guid(&[&occasion.session().sid]));
        set(claims, "event_id", ids::guid(&[&occasion.site.random_text()]));
        set(claims, "jti", ids::guid(&[&occasion.site.random_text()]));
    }
}
