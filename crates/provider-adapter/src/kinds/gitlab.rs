use crate::explain::meanings;
use crate::kind::Kind;
use crate::quirks::{GroupList, Offline, PersonClaims, Quirks};

/// GitLab. Its ID token has the groups with a direct membership; `groups` is at userinfo only.
pub static GITLAB: Kind = Kind {
    name: "gitlab",
    by_issuer: |issuer| issuer.as_str() == "https://gitlab.com",
    quirks: Quirks {
        offline: Offline::Always,
        claims: PersonClaims {
            groups: &[GroupList::Named("groups"), GroupList::Named("groups_direct")],
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: meanings! {
        "Client authentication failed due to unknown client" =>
            "GitLab: check id and secret, and that the application is marked as Confidential.";
        RedirectUri: "redirect URI included is not valid" =>
            "GitLab: add exactly Labgate's callback to the application's Redirect URI.";
        Scopes: "requested scope is invalid, unknown, or malformed" =>
            "GitLab: tick the scope on the application, or take it out of the settings.";
    },
    ..Kind::OPENID
};
