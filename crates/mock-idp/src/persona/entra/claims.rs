use std::time::Duration;

use serde_json::json;

use super::tenant::{Entra, Version};
use crate::persona::{Document, Occasion, Statement, ids};
use crate::protocol::{Claims, set};
use crate::user::User;

/// The backdating of tokens, for clients with late clocks.
const BACKDATED: Duration = Duration::from_mins(5);
/// The most groups that stand in an ID token.
const MAX_GROUPS: usize = 200;

pub(super) fn of_the_person(entra: &Entra, occasion: &Occasion<'_>, statement: &mut Statement) {
    let user = occasion.user();
    if occasion.document == Document::UserInfo {
        statement.say_names(user);
        statement.say_if_known("email", user.email_address().map(|(address, _)| address));
        return;
    }

    let tenant = entra.tenant_of(user);
    let oid = object_id(entra, user);
    statement.say("tid", tenant);
    if occasion.asks("profile") {
        statement.say_if_known("name", user.name.as_deref());
        statement.say("oid", oid.as_str());
        match entra.version {
            Version::V1 => statement.say("unique_name", principal_name(user)),
            Version::V2 => statement.say("preferred_username", principal_name(user)),
        }
    }
    let guest_of = entra.home_of_guest(user);
    if let Some(home) = guest_of {
        statement.say("idp", format!("https://sts.windows.net/{home}/"));
        statement.say("upn", guest_name(user));
    } else if entra.version == Version::V1 {
        statement.say("upn", principal_name(user));
    }
    if let Some((address, verified)) = user.email_address()
        && (occasion.asks("email") || guest_of.is_some())
    {
        statement.say("email", address);
        if entra.optional_claims {
            statement.say("xms_edov", verified);
            let addresses: &[&str] = if verified { &[address] } else { &[] };
            statement.say("verified_primary_email", addresses);
        }
    }
    if user.groups.len() > MAX_GROUPS {
        // What the place answers is Azure AD Graph's, which is retired: nobody is to call it.
        let endpoint = format!("https://graph.windows.net/{tenant}/users/{oid}/getMemberObjects");
        statement.say("_claim_names", json!({ "groups": "src1" }));
        statement.say("_claim_sources", json!({ "src1": { "endpoint": endpoint } }));
    } else if !user.groups.is_empty() {
        statement.say("groups", groups(entra, user));
    }
}

pub(super) fn finish(entra: &Entra, occasion: &Occasion<'_>, claims: &mut Claims) {
    let site = occasion.site;
    let from = site.now().minus(BACKDATED).as_unix_seconds();
    let version = if entra.version == Version::V1 { "1.0" } else { "2.0" };
    set(claims, "ver", version);
    set(claims, "iat", from);
    set(claims, "nbf", from);
    set(claims, "sid", ids::guid(&[&occasion.session().sid]));
    set(claims, "uti", site.random_text().chars().take(22).collect::<String>());
    set(claims, "rh", format!("1.{}.", site.random_text()));
    match entra.version {
        Version::V1 => set(claims, "amr", json!(["pwd"])),
        Version::V2 => set(claims, "aio", site.random_text()),
    }
}

/// A person's object id in the tenant that they sign in to.
pub(super) fn object_id(entra: &Entra, user: &User) -> String {
    ids::guid_of(user.subject(), &["oid", entra.tenant_of(user)])
}

/// Groups by their object ids.
pub(super) fn groups(entra: &Entra, user: &User) -> Vec<String> {
    let id = |name: &String| {
        if ids::is_guid(name) { name.clone() } else { ids::guid(&["group", entra.tenant_of(user), name]) }
    };
    user.groups.iter().map(id).collect()
}

/// The name that they type to sign in. It is no proof of an address.
fn principal_name(user: &User) -> String {
    let address = user.email_address().map(|(address, _)| address.to_owned());
    address.unwrap_or_else(|| format!("{}@contoso.onmicrosoft.com", user.subject()))
}

/// The name of a guest in the directory.
fn guest_name(user: &User) -> String {
    format!("{}#EXT#@contoso.onmicrosoft.com", principal_name(user).replace('@', "_"))
}
