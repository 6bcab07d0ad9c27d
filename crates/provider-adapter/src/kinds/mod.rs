//! The kinds of providers, one file each. A new one is a file here and a line in [`KINDS`].

mod auth0;
mod authelia;
mod authentik;
mod cognito;
mod dex;
pub(crate) mod entra;
mod github;
mod gitlab;
pub(crate) mod google;
mod hosts;
mod kanidm;
mod keycloak;
mod okta;
mod ory;
mod paths;
mod pocket_id;
mod spring;
mod zitadel;

pub use self::auth0::AUTH0;
pub use self::authelia::AUTHELIA;
pub use self::authentik::AUTHENTIK;
pub use self::cognito::COGNITO;
pub use self::dex::DEX;
pub use self::entra::{ENTRA, ENTRA_V1};
pub use self::github::GITHUB;
pub use self::gitlab::GITLAB;
pub use self::google::GOOGLE;
pub use self::kanidm::KANIDM;
pub use self::keycloak::KEYCLOAK;
pub use self::okta::OKTA;
pub use self::ory::ORY;
pub use self::pocket_id::POCKET_ID;
pub use self::spring::SPRING;
pub use self::zitadel::ZITADEL;
pub use crate::kind::GENERIC;
use crate::kind::Kinds;

/// The kinds that Labgate knows. Those with hosts of their own stand before those that any host can be.
pub static KINDS: Kinds = Kinds::new(&[
    &ENTRA, &ENTRA_V1, &GOOGLE, &GITHUB, &GITLAB, &OKTA, &AUTH0, &COGNITO, &AUTHENTIK, &ZITADEL, &ORY, &DEX,
    &KEYCLOAK, &KANIDM, &AUTHELIA, &POCKET_ID, &SPRING,
]);

impl Default for Kinds {
    fn default() -> Self {
        KINDS
    }
}

#[cfg(test)]
mod tests;
