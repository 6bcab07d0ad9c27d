use labgate_domain::protocol::{HintParameters, Issuer};

use crate::explain::{ANOTHER_REDIRECT_URI, ANOTHER_VERIFIER, WORN_CODE, WRONG_CREDENTIALS, meanings};
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
    meanings: meanings! {
        "Invalid client or Invalid client credentials" =>
            "Keycloak does not accept the client's secret: compare it with the tab Credentials, and switch Client authentication on.";
        "Invalid client credentials" => WRONG_CREDENTIALS;
        "Client not found" => "Keycloak does not know the client id in this realm: compare both.";
        "not allowed to initiate browser login" => "Keycloak: switch Standard flow on for the client.";
        "Code not valid" => WORN_CODE;
        RedirectUri: "Incorrect redirect_uri" => ANOTHER_REDIRECT_URI;
        RedirectUri: "Invalid parameter: redirect_uri" =>
            "Keycloak: add exactly Labgate's callback to Valid redirect URIs of the client.";
        "PKCE verification failed" => ANOTHER_VERIFIER;
        "Missing parameter: code_challenge_method" =>
            "The request lost its PKCE parameters on the way to Keycloak.";
        Scopes: "Invalid scopes:" =>
            "Keycloak: assign the scope to the client under Client scopes, or take it out of the settings.";
        "Realm does not exist" =>
            "Keycloak does not know the realm: check its name, and whether the path begins with /auth.";
        "HTTPS required" =>
            "Keycloak wants https for this realm: use TLS, or change Require SSL while developing.";
        "Session not active" | "Token is not active" =>
            "The person's session at Keycloak has ended: sign in again.";
        "authentication_expired" => "The person waited too long on Keycloak's page: they start again.";
    },
    ..Kind::OPENID
};

/// Returns whether the issuer's path ends with `/realms/NAME`.
fn is_a_realm(issuer: &Issuer) -> bool {
    let path = issuer.as_str().splitn(4, '/').nth(3).unwrap_or_default();
    path.rsplit_once('/')
        .is_some_and(|(above, name)| !name.is_empty() && above.rsplit('/').next() == Some("realms"))
}
