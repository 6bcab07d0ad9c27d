//! Zitadel 4. It follows the documentation, and has not been compared with a running one.

use serde_json::{Value, json};

use super::{Occasion, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, set};
use crate::user::User;

const ROLES: &str = "urn:zitadel:iam:org:project:roles";
const PROJECT: &str = "310000000000000001";
const ORGANISATION: &str = "310000000000000002";

/// A project that asserts roles, in ID tokens as well. A user's groups are the roles.
pub(super) struct Zitadel;

impl ProviderBehaviour for Zitadel {
    /// A number of 18 digits.
    fn subject(&self, _client: &str, user: &User) -> String {
        let numbers = ["one", "two"].map(|word| ids::number(&["zitadel", word, user.subject()]));
        format!("31{:08}{:08}", numbers[0], numbers[1])
    }

    /// Each role has the organisations in which the person has it.
    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        let roles = occasion.user().groups.iter();
        let roles: Claims =
            roles.map(|role| (role.clone(), json!({ ORGANISATION: "lab.example.org" }))).collect();
        if !roles.is_empty() {
            statement.say(ROLES, Value::Object(roles));
        }
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        set(claims, "aud", json!([occasion.client(), PROJECT]));
        set(claims, "azp", occasion.client());
    }
}
