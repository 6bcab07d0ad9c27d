//! Real providers as the mock plays them: each is one [`ProviderBehaviour`] and one [`Profile`], its
//! documents and errors as data.

/// Reads the profile of a provider: the files of its directory, the errors perhaps those of another.
macro_rules! profile {
    ($name:literal) => {
        profile!($name, with the errors of $name)
    };
    ($name:literal, with the errors of $other:literal) => {
        Profile::parse(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/personas/", $name, "/profile.json")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/personas/", $name, "/metadata.json")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/personas/", $other, "/errors.tsv")),
        )
    };
}

mod auth0;
mod behaviour;
mod claim_rule;
mod cognito;
mod dex;
mod documented;
mod entra;
mod errors;
mod generic;
mod github;
mod gitlab;
mod google;
mod ids;
mod keycloak;
mod okta;
mod profile;
mod scopes;
mod statement;
mod zitadel;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::behaviour::{ApiRequest, ProviderBehaviour};
use self::documented::Documented;
use self::entra::{Entra, HOME_TENANT, Version};
pub(crate) use self::profile::{LogoutRule, Profile, Rotation, filled};
pub(crate) use self::scopes::judge_scopes;
pub(crate) use self::statement::{Document, Occasion, Statement};

/// The provider that an issuer of the mock behaves like: its paths, its documents, its claims and its errors.
///
/// A persona is still careful where the real one is lenient: it asks for `state`, for a PKCE challenge and,
/// where there are ID tokens, for a nonce; and a code that is used twice takes back what it gave. It signs
/// with the algorithm of the builder, and its document says so. Access and refresh tokens are opaque
/// everywhere.
///
/// Paths are given below as they follow the base URL, or the second origin where that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Persona {
    /// No provider in particular: what the specifications say, with every optional thing that guards a
    /// sign-in.
    #[default]
    Generic,
    /// Microsoft Entra ID, version 2.0 endpoints: `/TENANT/oauth2/v2.0/authorize` and `…/token`, issuer
    /// `/GUID/v2.0`; Graph's `/v1.0/me/transitiveMemberOf` and `/oidc/userinfo` on the second origin. A
    /// person in more than 200 groups has none in the ID token.
    Entra {
        /// A GUID, a domain name, `common`, `organizations` or `consumers`.
        tenant: String,
        /// True if the application has the optional claims that call an address verified
        /// (`verified_primary_email`, `xms_edov`). A fresh registration does not, and then nothing says so.
        optional_claims: bool,
    },
    /// Microsoft Entra ID, version 1.0 endpoints: `/TENANT/oauth2/authorize` and `…/token`, issuer `/GUID/`
    /// on the second origin.
    EntraV1 {
        /// A GUID or a domain name.
        tenant: String,
    },
    /// GitHub: OAuth 2.0 without ID tokens, at `/login/oauth/authorize` and `/login/oauth/access_token`, and
    /// a REST API at `/api/v3/user` or, on the second origin, `/user`, each with `/emails`, `/orgs` and
    /// `/teams`. A group `org` is an organization, `org/team` a team.
    GitHub,
    /// Dex 2.45 with the connector `local`: `/dex/auth`, which checks nothing and leads to `/dex/auth/local`,
    /// and `/dex/token`, issuer `/dex`.
    Dex,
    /// Keycloak 26: `/realms/REALM/protocol/openid-connect/auth` and `…/token`, issuer `/realms/REALM`. Roles
    /// are in no ID token, unless the user has them in further claims (`realm_access`,
    /// `resource_access`), as by a mapper.
    Keycloak {
        /// The realm's name.
        realm: String,
    },
    /// Google: `/o/oauth2/v2/auth`, and on the second origin `/token`, `/oauth2/v3/certs` and `/v1/userinfo`.
    /// An address that is not at Gmail belongs to an organization (`hd`), unless the user has the further
    /// claim `hd` of null: a personal account by an address elsewhere.
    Google,
    /// GitLab: `/oauth/authorize` and `/oauth/token`.
    GitLab,
    /// Okta: `/oauth2/SERVER/v1/authorize` and `…/token`, issuer `/oauth2/SERVER`; all without `/SERVER`, and
    /// the issuer without a path, where it is that of the organization.
    Okta {
        /// The id of a custom authorization server, such as `default`; `None` for that of the organization.
        server: Option<String>,
    },
    /// Auth0: `/authorize` and `/oauth/token`, issuer `/`.
    Auth0,
    /// Amazon Cognito: `/oauth2/authorize` and `/oauth2/token`, issuer `/POOL` on the second origin. A user's
    /// further claim `token_use` takes the place of `id`.
    Cognito {
        /// The pool's id, such as `eu-west-1_AbCdEf123`.
        pool: String,
    },
    /// Zitadel 4 by its documentation, not compared with a running one: `/oauth/v2/authorize` and
    /// `/oauth/v2/token`. Groups are roles of a project.
    Zitadel,
    /// authentik 2025.10 by its documentation, not compared with a running one: `/application/o/authorize/`
    /// and `/application/o/token/`, issuer `/application/o/SLUG/`. It calls no address verified, unless the
    /// user has the further claim `email_verified`: an own scope mapping.
    Authentik {
        /// The application's slug.
        slug: String,
    },
    /// Kanidm 1.6 by its source, not compared with a running one: `/ui/oauth2` and `/oauth2/token`, issuer
    /// `/oauth2/openid/CLIENT`.
    Kanidm {
        /// The client's name, which is its id.
        client: String,
    },
    /// Authelia 4.39 by its documentation, not compared with a running one: `/api/oidc/authorization` and
    /// `/api/oidc/token`. Claims about the person are at userinfo alone.
    Authelia,
    /// Pocket ID 2 by its source, not compared with a running one: `/authorize` and `/api/oidc/token`.
    PocketId,
    /// Ory Hydra 2 by its source, not compared with a running one: `/oauth2/auth` and `/oauth2/token`. Its
    /// consent application states the claims that the scopes ask for.
    Hydra,
    /// Spring Authorization Server 7: `/oauth2/authorize` and `/oauth2/token`. Its token customizer states
    /// the claims that the scopes ask for; groups are in the ID token alone.
    Spring,
}

impl Persona {
    /// The Entra tenant of people who are given none, at `common`, `organizations` and a domain name.
    pub const HOME_TENANT: &str = HOME_TENANT;

    /// A fresh registration at an Entra tenant.
    pub fn entra(tenant: impl Into<String>) -> Self {
        Self::Entra { tenant: tenant.into(), optional_claims: false }
    }

    /// A realm of a Keycloak.
    pub fn keycloak(realm: impl Into<String>) -> Self {
        Self::Keycloak { realm: realm.into() }
    }

    pub(crate) fn profile(&self) -> serde_json::Result<Profile> {
        match self {
            Self::Generic => profile!("generic"),
            Self::Entra { .. } => profile!("entra"),
            Self::EntraV1 { .. } => profile!("entra-v1", with the errors of "entra"),
            Self::GitHub => profile!("github"),
            Self::Dex => profile!("dex"),
            Self::Keycloak { .. } => profile!("keycloak"),
            Self::Google => profile!("google"),
            Self::GitLab => profile!("gitlab"),
            Self::Okta { .. } => profile!("okta"),
            Self::Auth0 => profile!("auth0"),
            Self::Cognito { .. } => profile!("cognito"),
            Self::Zitadel => profile!("zitadel"),
            Self::Authentik { .. } => profile!("authentik"),
            Self::Kanidm { .. } => profile!("kanidm"),
            Self::Authelia => profile!("authelia", with the errors of "hydra"),
            Self::PocketId => profile!("pocket-id", with the errors of "hydra"),
            Self::Hydra => profile!("hydra"),
            Self::Spring => profile!("spring"),
        }
    }

    pub(crate) fn behaviour(&self) -> Result<Box<dyn ProviderBehaviour>, UnknownPersona> {
        let refused = || UnknownPersona(self.to_string());
        let segment = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let is_segment = !text.is_empty() && !matches!(text, "." | "..") && text.bytes().all(plain);
            if is_segment { Ok(text.to_owned()) } else { Err(refused()) }
        };
        Ok(match self {
            Self::Generic => Box::new(generic::Generic),
            Self::Entra { tenant, optional_claims } => {
                Box::new(Entra::new(segment(tenant)?, Version::V2, *optional_claims))
            }
            Self::EntraV1 { tenant } => Box::new(Entra::new(segment(tenant)?, Version::V1, false)),
            Self::GitHub => Box::new(github::GitHub),
            Self::Dex => Box::new(dex::Dex),
            Self::Keycloak { realm } => Box::new(keycloak::Keycloak { realm: segment(realm)? }),
            Self::Google => Box::new(google::Google),
            Self::GitLab => Box::new(gitlab::GitLab),
            Self::Okta { server } => {
                Box::new(okta::Okta { server: server.as_deref().map(segment).transpose()? })
            }
            Self::Auth0 => Box::new(auth0::Auth0),
            Self::Cognito { pool } => Box::new(cognito::Cognito { pool: segment(pool)? }),
            Self::Zitadel => Box::new(zitadel::Zitadel),
            Self::Authentik { slug } => Box::new(Documented {
                placeholder: Some(("slug", segment(slug)?)),
                subject: |name| ids::hex(&["authentik", name], 64),
            }),
            Self::Kanidm { client } => Box::new(Documented {
                placeholder: Some(("client", segment(client)?)),
                subject: |name| ids::guid_of(name, &["kanidm"]),
            }),
            Self::Authelia => {
                Box::new(Documented { placeholder: None, subject: |name| ids::guid_of(name, &["authelia"]) })
            }
            Self::PocketId => {
                Box::new(Documented { placeholder: None, subject: |name| ids::guid_of(name, &["pocket-id"]) })
            }
            Self::Hydra | Self::Spring => Box::new(Documented { placeholder: None, subject: str::to_owned }),
        })
    }
}

/// Not the name of a persona.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no persona: there are generic, entra=TENANT, entra=TENANT,optional-claims, entra-v1=TENANT, github, dex, \
     keycloak=REALM, google, gitlab, okta, okta=SERVER, auth0, cognito=POOL, zitadel, authentik=SLUG, kanidm=CLIENT, \
     authelia, pocket-id, hydra and spring"
)]
pub struct UnknownPersona(pub(crate) String);

/// As on the command line: `github`, `entra=common`, `keycloak=lab`.
impl FromStr for Persona {
    type Err = UnknownPersona;

    fn from_str(text: &str) -> Result<Self, UnknownPersona> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let persona = match (name, value) {
            ("generic", None) => Self::Generic,
            ("entra", Some(value)) => {
                let tenant = value.strip_suffix(",optional-claims");
                Self::Entra { optional_claims: tenant.is_some(), tenant: tenant.unwrap_or(value).to_owned() }
            }
            ("entra-v1", Some(tenant)) => Self::EntraV1 { tenant: tenant.to_owned() },
            ("github", None) => Self::GitHub,
            ("dex", None) => Self::Dex,
            ("keycloak", Some(realm)) => Self::keycloak(realm),
            ("google", None) => Self::Google,
            ("gitlab", None) => Self::GitLab,
            ("okta", server) => Self::Okta { server: server.map(str::to_owned) },
            ("auth0", None) => Self::Auth0,
            ("cognito", Some(pool)) => Self::Cognito { pool: pool.to_owned() },
            ("zitadel", None) => Self::Zitadel,
            ("authentik", Some(slug)) => Self::Authentik { slug: slug.to_owned() },
            ("kanidm", Some(client)) => Self::Kanidm { client: client.to_owned() },
            ("authelia", None) => Self::Authelia,
            ("pocket-id", None) => Self::PocketId,
            ("hydra", None) => Self::Hydra,
            ("spring", None) => Self::Spring,
            _ => return Err(UnknownPersona(text.to_owned())),
        };
        persona.behaviour().map(|_| persona)
    }
}

/// As [`FromStr`] takes it.
impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generic => f.write_str("generic"),
            Self::Entra { tenant, optional_claims: false } => write!(f, "entra={tenant}"),
            Self::Entra { tenant, optional_claims: true } => write!(f, "entra={tenant},optional-claims"),
            Self::EntraV1 { tenant } => write!(f, "entra-v1={tenant}"),
            Self::GitHub => f.write_str("github"),
            Self::Dex => f.write_str("dex"),
            Self::Keycloak { realm } => write!(f, "keycloak={realm}"),
            Self::Google => f.write_str("google"),
            Self::GitLab => f.write_str("gitlab"),
            Self::Okta { server: None } => f.write_str("okta"),
            Self::Okta { server: Some(server) } => write!(f, "okta={server}"),
            Self::Auth0 => f.write_str("auth0"),
            Self::Cognito { pool } => write!(f, "cognito={pool}"),
            Self::Zitadel => f.write_str("zitadel"),
            Self::Authentik { slug } => write!(f, "authentik={slug}"),
            Self::Kanidm { client } => write!(f, "kanidm={client}"),
            Self::Authelia => f.write_str("authelia"),
            Self::PocketId => f.write_str("pocket-id"),
            Self::Hydra => f.write_str("hydra"),
            Self::Spring => f.write_str("spring"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persona_is_named_as_it_is_shown() {
        for text in [
            "generic",
            "entra=common",
            "entra=contoso.example,optional-claims",
            "entra-v1=contoso.example",
            "github",
            "dex",
            "keycloak=lab",
            "google",
            "gitlab",
            "okta",
            "okta=default",
            "auth0",
            "cognito=eu-west-1_AbCdEf123",
            "zitadel",
            "authentik=lab",
            "kanidm=lab",
            "authelia",
            "pocket-id",
            "hydra",
            "spring",
        ] {
            assert_eq!(text.parse::<Persona>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_persona_is_refused_with_the_names() {
        for bad in
            ["", "azure", "entra", "entra=", "entra=a/b", "entra=..", "entra=a,b", "keycloak=ä", "dex=x"]
        {
            let error = bad.parse::<Persona>().unwrap_err();
            assert!(error.to_string().contains("keycloak=REALM"), "{bad}");
        }
    }
}
