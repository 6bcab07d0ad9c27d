//! Dex 2.45: strict about scopes, and unusual in its errors.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Occasion, Profile, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, half_hash, set};
use crate::user::User;

const CONNECTOR: &str = "local";
/// Asks for a token that another client may use, too.
const CROSS_CLIENT: &str = "audience:server:client_id:";

pub(super) struct Dex;

impl ProviderBehaviour for Dex {
    fn knows_scope(&self, profile: &Profile, scope: &str) -> bool {
        profile.has_scope(scope) || scope.starts_with(CROSS_CLIENT)
    }

    /// A protocol buffer of the user id (1) and the connector's (2).
    fn subject(&self, _client: &str, user: &User) -> String {
        let mut bytes = Vec::new();
        for (tag, text) in [(0x0a, ids::guid_of(user.subject(), &["dex"]).as_str()), (0x12, CONNECTOR)] {
            bytes.push(tag);
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text.as_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let user = occasion.user();
        statement.say_email(occasion);
        if occasion.asks("groups") {
            statement.say_groups("groups", user);
        }
        if occasion.asks("profile") {
            statement.say_if_known("name", user.name.as_deref());
            statement.say("preferred_username", user.subject());
        }
        if occasion.asks("federated:id") {
            let user_id = ids::guid_of(user.subject(), &["dex"]);
            statement.say("federated_claims", json!({ "connector_id": CONNECTOR, "user_id": user_id }));
        }
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, code: Option<&str>, claims: &mut Claims) {
        if let Some(code) = code {
            set(claims, "c_hash", half_hash(code, occasion.site.algorithm));
        }
        let others = occasion.scopes.to_parameter();
        let others = others.split(' ').filter_map(|scope| scope.strip_prefix(CROSS_CLIENT));
        let audiences: Vec<&str> = others.chain([occasion.client()]).collect();
        if audiences.len() > 1 {
            set(claims, "aud", audiences);
            set(claims, "azp", occasion.client());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_user_has_the_known_subject() {
        let user = User::new("08a8684b-db88-4b73-90a9-3cd1661f5466");
        let known = "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs";
        assert_eq!(Dex.subject("lab", &user), known);
    }

    #[test]
    fn a_subject_is_a_protocol_buffer_of_user_and_connector() {
        let subject = BASE64_URL_SAFE_NO_PAD.decode(Dex.subject("lab", &User::new("ada"))).unwrap();
        assert_eq!(&subject[..2], b"\x0a\x24");
        assert_eq!(&subject[38..], b"\x12\x05local");
        assert!(ids::is_guid(std::str::from_utf8(&subject[2..38]).unwrap()));
    }
}
