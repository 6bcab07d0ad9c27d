//! A realm of Keycloak 26.
//!
//! Compared with Keycloak 26.5.5 on 2026-11-27: the claims of the ID token and of userinfo, the members of the
//! token response, the keys, and the errors for a wrong secret, an unknown code and an unknown refresh token.

use serde_json::{Value, json};

use super::{Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, Grant, set};
use crate::site::Site;
use crate::user::User;

/// Its scopes are those of a new realm; `groups` is not among them, though its mapper is.
pub(super) struct Keycloak {
    pub(super) realm: String,
}

impl ProviderBehaviour for Keycloak {
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        vec![("realm", self.realm.clone())]
    }

    /// A key for encryption stands first. Nothing is ever encrypted to it, so it needs no other half.
    fn publish_keys(&self, _site: &Site, keys: &mut Vec<Value>) {
        let words = (0..4).map(|part| ids::hex(&["rsa-oaep", &self.realm, &part.to_string()], 64));
        let mut modulus = words.collect::<String>().into_bytes();
        // An odd number of 2048 bits: those of 256 characters, the first with its highest bit set.
        if let [first, .., last] = modulus.as_mut_slice() {
            *first |= 0x80;
            *last |= 1;
        }
        let modulus = ids::base64url(&modulus);
        let kid = ids::opaque(&["enc", &self.realm]);
        let key =
            json!({ "kid": kid, "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": modulus, "e": "AQAB" });
        keys.insert(0, key);
    }

    fn callback_parameters(&self, site: &Site, error: Option<&str>) -> Vec<(&'static str, String)> {
        if error.is_some() { Vec::new() } else { vec![("session_state", site.random_text())] }
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::guid_of(user.subject(), &["keycloak", &self.realm])
    }

    /// Groups come as the user has them, with or without a slash in front: both exist ("Full group path").
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        if occasion.asks("profile") {
            statement.say_names(user);
            statement.say("preferred_username", user.subject());
        }
        statement.say_email(occasion);
        statement.say_groups("groups", user);
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        set(claims, "typ", "ID");
        set(claims, "azp", occasion.client());
        set(claims, "acr", "1");
        set(claims, "jti", occasion.site.random_text());
    }

    fn finish_tokens(&self, _site: &Site, grant: &Grant, tokens: &mut Claims) {
        set(tokens, "refresh_expires_in", 1800);
        set(tokens, "not-before-policy", 0);
        set(tokens, "session_state", grant.session.sid.as_str());
    }
}
