//! What an operator says of a provider.

use std::time::Duration;

use labgate_domain::protocol::{ClientId, Issuer, Scopes};
use labgate_domain::provider::ProviderDescription;
use secrecy::SecretString;

use crate::derivation::{self, ISSUER_SETTING, OperatorUrls, ProviderKind, RejectedUrl};
use crate::endpoint::{Endpoint, EndpointError, OperatorHosts, PlainHttpOrigins};

/// A provider as it is configured. Start with [`ProviderSettings::new`] and change what should differ.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// How it is called here, and what makes its addresses trusted.
    pub description: ProviderDescription,
    /// Where it is.
    pub location: Location,
    /// Which provider it is; `None` is found out from its URLs and its issuer.
    pub kind: Option<ProviderKind>,
    /// Under which id Labgate is registered there.
    pub client_id: ClientId,
    /// What proves that we are this client.
    pub client_secret: SecretString,
    /// What is asked for; `openid profile email` by default. GitHub is asked for what is needed there, and besides for those
    /// of these scopes that are not OpenID Connect's.
    pub scopes: Scopes,
    /// When its userinfo endpoint is asked.
    pub userinfo: Userinfo,
    /// Certification authorities to trust besides the system's, for this provider, as a bundle of PEM certificates.
    pub extra_ca_pem: Option<String>,
    /// How long and how much an answer may be.
    pub limits: Limits,
}

impl ProviderSettings {
    /// The settings that every provider needs, with the defaults for the others.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "two fixed words are well-formed scopes"
    )]
    pub fn new(
        description: ProviderDescription,
        location: Location,
        client_id: ClientId,
        client_secret: SecretString,
    ) -> Self {
        Self {
            description,
            location,
            kind: None,
            client_id,
            client_secret,
            scopes: Scopes::with_openid(["profile", "email"]).expect("well-formed scopes"),
            userinfo: Userinfo::default(),
            extra_ca_pem: None,
            limits: Limits::default(),
        }
    }
}

/// The path of GitHub's issuer, on every host: it publishes no metadata, so its endpoints are known by this.
const GITHUB_PATH: &str = "/login/oauth";

/// Where a provider is: its issuer, or its authorization and token endpoint, from which the issuer is derived.
#[derive(Clone, Debug)]
pub struct Location(pub(crate) Place);

#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The issuer alone: its document names everything else (Discovery section 4).
    Issuer { issuer: Issuer, home: Endpoint, hosts: OperatorHosts },
    /// The two endpoints, and perhaps the issuer that must belong to them.
    Endpoints(OperatorUrls),
}

impl Location {
    /// By the issuer alone, byte for byte as the provider publishes it.
    ///
    /// # Errors
    /// When it is not an acceptable URL, or plain http where `plain_http` does not allow it.
    pub fn issuer(issuer: &str, plain_http: &PlainHttpOrigins) -> Result<Self, RejectedUrl> {
        let rejected = |error| RejectedUrl { setting: ISSUER_SETTING, error };
        let home = Endpoint::parse(issuer, plain_http).map_err(rejected)?;
        if home.url().query().is_some() {
            return Err(rejected(EndpointError::Query));
        }
        if home.url().path() == GITHUB_PATH {
            let endpoint = |name| home.child(name).to_string();
            return Self::endpoints(
                &endpoint("authorize"),
                &endpoint("access_token"),
                Some(issuer),
                plain_http,
            );
        }
        let issuer = Issuer::parse(issuer).map_err(|_| rejected(EndpointError::Invalid))?;
        let hosts = OperatorHosts::of([&home], plain_http);
        Ok(Self(Place::Issuer { issuer, home, hosts }))
    }

    /// By the two endpoints, and by the issuer where it cannot be derived from them.
    ///
    /// # Errors
    /// When one is not an acceptable URL, or plain http where `plain_http` does not allow it.
    pub fn endpoints(
        authorization: &str,
        token: &str,
        issuer: Option<&str>,
        plain_http: &PlainHttpOrigins,
    ) -> Result<Self, RejectedUrl> {
        OperatorUrls::parse(authorization, token, issuer, plain_http).map(Place::Endpoints).map(Self)
    }

    /// Whether people of every Entra tenant can sign in there.
    pub(crate) fn is_for_any_tenant(&self) -> bool {
        match &self.0 {
            Place::Issuer { .. } => false,
            Place::Endpoints(urls) => derivation::is_for_any_tenant(urls),
        }
    }

    /// The kind that the URLs tell, if they do.
    pub(crate) fn kind(&self) -> Option<ProviderKind> {
        match &self.0 {
            Place::Issuer { .. } => None,
            Place::Endpoints(urls) => derivation::kind_of(urls),
        }
    }

    /// The issuer, if it is configured.
    pub(crate) fn configured_issuer(&self) -> Option<&Issuer> {
        match &self.0 {
            Place::Issuer { issuer, .. } => Some(issuer),
            Place::Endpoints(urls) => urls.configured_issuer(),
        }
    }
}

/// When the userinfo endpoint is asked (OpenID Connect Core section 5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Userinfo {
    /// When the identity token has no e-mail address and the provider has such an endpoint.
    #[default]
    WhenEmailIsMissing,
    /// At every sign-in.
    Always,
}

/// How long and how large a provider's answers may be. The times are totals, from the first packet to the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// For one metadata document or key set.
    pub metadata_time: Duration,
    /// For finding the provider, over all documents that may be asked; at GitHub, for all that is asked about a person.
    pub discovery_time: Duration,
    /// For the token and the userinfo endpoint.
    pub token_time: Duration,
    /// For a metadata document, a token response and a userinfo response, in bytes.
    pub document_size: usize,
    /// For a key set, in bytes.
    pub jwks_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            metadata_time: Duration::from_secs(5),
            discovery_time: Duration::from_secs(20),
            token_time: Duration::from_secs(10),
            document_size: 256 * 1024,
            jwks_size: 512 * 1024,
        }
    }
}

/// Why no provider can be made from the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The extra certification authorities cannot be read.
    #[error("the extra certification authorities are not a bundle of PEM certificates")]
    ExtraCa,
    /// It is to be GitHub, and the URLs are not GitHub's.
    #[error("the URLs are not those of a GitHub")]
    NotGitHub,
    /// People of every tenant could sign in.
    #[error(
        "people of every Entra tenant can sign in at these URLs: name the tenants that may come in, by their ids \
         (allow_tenants), or put your tenant's id into the URLs in place of \"common\" or \"organizations\""
    )]
    TenantsNeeded,
    /// In another tenant, everybody can name any address as theirs.
    #[error(
        "email_trust is provider, and people of several Entra tenants can sign in: an administrator of any of them can write \
         any address into an account; leave it at claim"
    )]
    EmailTrustOfTenants,
    /// What it is said to be does not fit its URLs.
    #[error("kind is {stated}, and the URLs are those of {found}", stated = stated.as_str(), found = found.as_str())]
    Kind {
        /// What the settings say.
        stated: ProviderKind,
        /// What the URLs say.
        found: ProviderKind,
    },
    /// At github.com, everybody can name any address as theirs.
    #[error(
        "email_trust is provider, and at github.com people enter whatever address they like: leave it at claim, so that \
         only addresses that GitHub has verified count"
    )]
    EmailTrust,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    HttpClient(String),
}
