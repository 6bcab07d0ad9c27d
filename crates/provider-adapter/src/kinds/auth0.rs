use labgate_domain::protocol::HintParameters;

use super::hosts;
use crate::explain::meanings;
use crate::kind::Kind;
use crate::quirks::{GroupList, Offline, PersonClaims, Quirks};

/// Auth0. An Action can state groups and roles, but only under a URL, since the plain names are Auth0's own.
/// One Action speaks to all applications of a tenant, so another application's URL says nothing here.
pub static AUTH0: Kind = Kind {
    name: "auth0",
    by_issuer: |issuer| hosts::is_below(issuer, &[".auth0.com"]),
    hints: HintParameters { domain: Some("connection"), ..HintParameters::OPENID },
    quirks: Quirks {
        offline: Offline::Scope,
        claims: PersonClaims {
            groups: &[
                GroupList::Named("groups"),
                GroupList::Namespaced("groups"),
                GroupList::Namespaced("roles"),
            ],
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: meanings! {
        RedirectUri: "Callback URL mismatch" =>
            "Auth0: add exactly Labgate's callback to Allowed Callback URLs.";
        "access_denied Unauthorized" =>
            "Auth0 does not accept the client: compare the secret, and set the method to Post under Credentials.";
    },
    ..Kind::OPENID
};
