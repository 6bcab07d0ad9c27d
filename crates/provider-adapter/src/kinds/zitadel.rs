use super::hosts::is_below;
use crate::kind::Kind;
use crate::quirks::{FurtherAudiences, GroupList, Offline, PersonClaims, Quirks};

/// Zitadel, recognised at its cloud's hosts. Its tokens are for the client and the project, and for whatever
/// other clients the project has. A person's roles in the project, which stand in an object by their names,
/// count as groups. A bad code is a bad request to it.
pub static ZITADEL: Kind = Kind {
    name: "zitadel",
    by_issuer: |issuer| is_below(issuer, &[".zitadel.cloud"]),
    quirks: Quirks {
        further_audiences: FurtherAudiences::ByAuthorizedParty,
        code_error: Some((400, "invalid_request")),
        offline: Offline::Scope,
        claims: PersonClaims {
            groups: &[GroupList::Named("groups"), GroupList::Named("urn:zitadel:iam:org:project:roles")],
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: include_str!("zitadel.tsv"),
    ..Kind::OPENID
};
