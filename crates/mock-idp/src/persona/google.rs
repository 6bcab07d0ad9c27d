//! Google.

use super::{Occasion, Profile, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, Grant, set};
use crate::site::Site;
use crate::user::User;

const USERINFO: &str = "https://www.googleapis.com/auth/userinfo.";

pub(super) struct Google;

impl ProviderBehaviour for Google {
    /// Scopes of an API are URLs; `offline_access` is not known.
    fn knows_scope(&self, profile: &Profile, scope: &str) -> bool {
        profile.has_scope(scope) || scope.contains('/')
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

    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        if occasion.asks("profile") {
            statement.say_names(user);
            statement.say("picture", "https://lh3.googleusercontent.com/a/mock=s96-c");
        }
        statement.say_email(occasion);
        statement.say_if_known("hd", hosted_domain(user));
        statement.0.retain(|name, value| name != "hd" || !value.is_null());
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        set(claims, "azp", occasion.client());
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
        set(tokens, "scope", full.collect::<Vec<_>>().join(" "));
        set(tokens, "expires_in", 3599);
    }
}

/// The organization that hosts an address; Gmail is none.
fn hosted_domain(user: &User) -> Option<&str> {
    let (address, _) = user.email_address()?;
    let (_, domain) = address.rsplit_once('@')?;
    let consumer = ["gmail.com", "googlemail.com"].iter().any(|it| it.eq_ignore_ascii_case(domain));
    (!consumer).then_some(domain)
}
