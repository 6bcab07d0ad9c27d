use labgate_domain::protocol::{HintParameters, Issuer};

use crate::kind::Kind;
use crate::quirks::{GroupList, Name, Offline, PersonClaims, Quirks};

/// Keycloak, recognised by its realms on any host.
///
/// Roles are in the ID token where a mapper puts them there, in the form of its access tokens: those of the
/// realm and those of each client. Another client's roles say nothing here, since its owner can name them at
/// will. The ordinary refresh token ends with the person's session; one for `offline_access` would outlive
/// it.
pub static KEYCLOAK: Kind = Kind {
    name: "keycloak",
    by_issuer: is_a_realm,
    hints: HintParameters { domain: Some("kc_idp_hint"), ..HintParameters::OPENID },
    quirks: Quirks {
        offline: Offline::Always,
        claims: PersonClaims {
            groups: &[
                GroupList::Named("groups"),
                GroupList::At(&[Name::Fixed("realm_access"), Name::Fixed("roles")]),
                GroupList::At(&[Name::Fixed("resource_access"), Name::ClientId, Name::Fixed("roles")]),
            ],
            ..PersonClaims::STANDARD
        },
        ..Quirks::NONE
    },
    meanings: include_str!("keycloak.tsv"),
    ..Kind::OPENID
};

/// Returns whether the issuer's path ends with `/realms/NAME`.
fn is_a_realm(issuer: &Issuer) -> bool {
    let path = issuer.as_str().splitn(4, '/').nth(3).unwrap_or_default();
    path.rsplit_once('/')
        .is_some_and(|(above, name)| !name.is_empty() && above.rsplit('/').next() == Some("realms"))
}
