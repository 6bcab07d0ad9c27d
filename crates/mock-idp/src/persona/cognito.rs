//! A user pool of Amazon Cognito, with pages on one host and the issuer on another.

use super::{Document, Documents, Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::Claims;
use crate::user::User;

/// The published `end_session_endpoint` knows nothing of RP-Initiated Logout.
pub(super) struct Cognito {
    pub(super) pool: String,
}

impl ProviderBehaviour for Cognito {
    fn documents(&self) -> Documents {
        documents!("cognito")
    }

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
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        claims.entry("token_use").or_insert_with(|| "id".into());
        let mut state = |name: &str, value: String| claims.insert(name.to_owned(), value.into());
        state("origin_jti", ids::guid(&[&occasion.session().sid]));
        state("event_id", ids::guid(&[&occasion.site.random_text()]));
        state("jti", ids::guid(&[&occasion.site.random_text()]));
    }
}
