use super::hosts::is_below;
use crate::kind::Kind;
use crate::quirks::{FurtherAudiences, Offline, Quirks};

/// Zitadel, recognised at its cloud's hosts. Its tokens are for the client and the project, and for whatever
/// other clients the project has.
pub static ZITADEL: Kind = Kind {
    name: "zitadel",
    by_issuer: |issuer| is_below(issuer, &[".zitadel.cloud"]),
    quirks: Quirks {
        further_audiences: FurtherAudiences::ByAuthorizedParty,
        offline: Offline::Scope,
        ..Quirks::NONE
    },
    ..Kind::OPENID
};
