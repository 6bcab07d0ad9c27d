//! The checked settings of a provider.

use std::time::Duration;

use labgate_domain::protocol::{ClientId, Hint, Issuer, Scopes};
use labgate_domain::provider::ProviderDescription;
use secrecy::SecretString;
use tracing::Span;
use url::Url;

use crate::authorization_parameters::AuthorizationParameters;
use crate::claim_path::ClaimPath;
use crate::client_authentication::{ClientAuth, ClientSecret, Credentials};
use crate::derivation::OperatorUrls;
use crate::endpoint::{Endpoint, OperatorHosts};
use crate::internal_url::InternalUrl;
use crate::keys::Algorithm;
use crate::kind::{GENERIC, Kind, Kinds, OAuthApi};

/// The settings of a provider that make sense as a whole, as far as that is known without a request. They
/// come from [`UncheckedSettings::parse`](crate::UncheckedSettings::parse) alone.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    pub(crate) description: ProviderDescription,
    pub(crate) location: Location,
    /// The provider's place inside the network.
    pub(crate) internal: Option<InternalUrl>,
    /// The kinds from which its kind comes.
    pub(crate) kinds: Kinds,
    /// The kind that the operator states.
    pub(crate) stated_kind: Option<&'static Kind>,
    /// The kind that the URLs, or the issuer alone, tell.
    pub(crate) located_kind: Option<&'static Kind>,
    /// The issuer, or its template, as far as the settings tell.
    pub(crate) issuer: Option<Issuer>,
    /// The API of a provider without ID tokens.
    pub(crate) api: Option<OAuthApi>,
    pub(crate) client_id: ClientId,
    pub(crate) credentials: Credentials,
    pub(crate) scopes: Scopes,
    pub(crate) userinfo: Userinfo,
    /// The audiences that an ID token may have beside the client.
    pub(crate) trusted_audiences: Vec<String>,
    /// The one algorithm of the client's ID tokens.
    pub(crate) id_token_algorithm: Option<&'static Algorithm>,
    pub(crate) domain_hint: Option<Hint>,
    pub(crate) authorization_parameters: AuthorizationParameters,
    pub(crate) pushes_requests: bool,
    pub(crate) fetch_groups: bool,
    pub(crate) claim_namespace: Option<String>,
    pub(crate) claim_names: ClaimNames,
    pub(crate) extra_ca_pem: Option<String>,
    pub(crate) limits: Limits,
}

/// The claims that the operator names in place of the ordinary ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClaimNames {
    pub(crate) groups: Option<ClaimPath>,
    pub(crate) email: Option<ClaimPath>,
    /// Without it there is no username but the address.
    pub(crate) username: Option<ClaimPath>,
    pub(crate) name: Option<ClaimPath>,
}

impl ClaimNames {
    /// The name of the claim with the e-mail address.
    pub(crate) fn email(&self) -> &str {
        self.email.as_ref().map_or("email", ClaimPath::as_str)
    }
}

/// The place of a provider.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// The issuer alone: its document names everything else (Discovery section 4).
    Issuer { issuer: Issuer, home: Endpoint, hosts: OperatorHosts },
    /// The two endpoints, and perhaps the issuer that must belong to them.
    Endpoints(OperatorUrls),
}

impl Location {
    /// An endpoint at the origin that browsers know.
    pub(crate) fn public(&self) -> &Endpoint {
        match self {
            Self::Issuer { home, .. } => home,
            Self::Endpoints(urls) => urls.authorization(),
        }
    }
}

impl ProviderSettings {
    /// The provider as the core knows it.
    #[must_use]
    pub fn description(&self) -> &ProviderDescription {
        &self.description
    }

    /// The issuer, or its template for tenants, as far as the settings tell.
    #[must_use]
    pub fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// The client id at the provider.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The client secret; `None` where the client authenticates by other means.
    #[must_use]
    pub fn client_secret(&self) -> Option<SecretString> {
        self.credentials.secret.as_ref().map(ClientSecret::present)
    }

    /// The same settings with another client secret, which is read from nowhere else.
    #[must_use]
    pub fn with_client_secret(self, secret: SecretString) -> Self {
        let credentials = Credentials { secret: Some(ClientSecret::new(secret, None)), ..self.credentials };
        Self { credentials, ..self }
    }

    /// The same settings with this method of client authentication.
    #[must_use]
    pub fn with_client_auth(self, method: ClientAuth) -> Self {
        Self { credentials: Credentials { stated: Some(method), ..self.credentials }, ..self }
    }

    /// The method of client authentication that the operator states.
    #[must_use]
    pub fn client_auth(&self) -> Option<ClientAuth> {
        self.credentials.stated
    }

    /// Returns where a URL of the provider is asked inside the network, and the name (`Host`) by which;
    /// `None` where that is the URL itself.
    #[must_use]
    pub fn inside(&self, url: &Url) -> Option<(Url, String)> {
        self.internal.as_ref()?.inside(url)
    }

    /// The scopes that the operator wants.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The rule for requests to the userinfo endpoint.
    #[must_use]
    pub fn userinfo(&self) -> Userinfo {
        self.userinfo
    }

    /// The operator's hint about the organisation, or the provider behind the provider.
    #[must_use]
    pub fn domain_hint(&self) -> Option<&Hint> {
        self.domain_hint.as_ref()
    }

    /// The kind of provider, as far as the settings tell; otherwise the generic one.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.known_kind().or_else(|| self.expected_kind()).unwrap_or(&GENERIC)
    }

    /// The same settings with the public URL of this lab, which begins the names of claims that were made for it
    /// (Auth0). Without it no such claim counts.
    #[must_use]
    pub fn with_claim_namespace(self, public_url: &str) -> Self {
        Self { claim_namespace: Some(public_url.to_owned()), ..self }
    }

    /// The kind that is stated, or that the URLs tell.
    pub(crate) fn known_kind(&self) -> Option<&'static Kind> {
        self.stated_kind.or(self.located_kind)
    }

    /// The kind that counts once the issuer is known. `found` is what the URLs tell.
    pub(crate) fn kind_of(&self, found: &'static Kind, issuer: &Issuer) -> &'static Kind {
        let kind = self.stated_kind.unwrap_or(found);
        if *kind == GENERIC { self.kinds.of_issuer(issuer).unwrap_or(kind) } else { kind }
    }

    /// The kind that the issuer will tell, if it is where such endpoints let expect it. Nothing but names of
    /// parameters and explanations follow from it.
    fn expected_kind(&self) -> Option<&'static Kind> {
        const ENDS: [&str; 4] = ["/protocol/openid-connect/auth", "/v1/authorize", "/authorize", "/auth"];
        let Location::Endpoints(urls) = &self.location else { return None };
        let authorization = urls.authorization().as_str();
        let issuer = ENDS.iter().find_map(|end| authorization.strip_suffix(end))?;
        self.kinds.of_issuer(&Issuer::parse(issuer).ok()?)
    }

    /// The configured issuer.
    #[must_use]
    pub fn configured_issuer(&self) -> Option<&Issuer> {
        match &self.location {
            Location::Issuer { issuer, .. } => Some(issuer),
            Location::Endpoints(urls) => urls.configured_issuer(),
        }
    }

    /// Tells in every log line which provider it is about.
    pub(crate) fn span(&self) -> Span {
        tracing::info_span!("provider", id = self.description.id.as_str())
    }

    /// The parameters of every authorization request: those of the operator, and the hint of the operator, or
    /// of a single rule about a hosted domain.
    pub(crate) fn extra_parameters(&self) -> Vec<(String, String)> {
        let has_domains = self.known_kind().is_some_and(|kind| kind.quirks.claims.hosted_domain.is_some());
        let of_rule = || self.description.admission.only_hosted_domain().filter(|_| has_domains);
        let hint = self.domain_hint.as_ref().map(Hint::as_str).or_else(of_rule);
        let named = self.kind().hints.domain.zip(hint);
        let hint = named.map(|(name, hint)| (name.to_owned(), hint.to_owned()));
        self.authorization_parameters.with(hint)
    }
}

/// The rule for requests to the userinfo endpoint (OpenID Connect Core section 5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Userinfo {
    /// When the ID token has no e-mail address and the provider has such an endpoint.
    #[default]
    WhenEmailIsMissing,
    /// At every sign-in.
    Always,
}

/// The limits of a provider's answers. The times are totals, from the first packet to the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// For one metadata document.
    pub metadata_time: Duration,
    /// For a key set.
    pub jwks_time: Duration,
    /// For finding the provider, over all documents; at GitHub, for all requests about a person.
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
            jwks_time: Duration::from_secs(5),
            discovery_time: Duration::from_secs(20),
            token_time: Duration::from_secs(10),
            document_size: 256 * 1024,
            jwks_size: 512 * 1024,
        }
    }
}
