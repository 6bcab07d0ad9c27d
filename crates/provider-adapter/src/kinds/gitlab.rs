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
    meanings: include_str!("gitlab.tsv"),
    ..Kind::OPENID
};
