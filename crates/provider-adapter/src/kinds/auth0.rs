use labgate_domain::protocol::HintParameters;

use super::hosts;
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
    meanings: include_str!("auth0.tsv"),
    ..Kind::OPENID
};
