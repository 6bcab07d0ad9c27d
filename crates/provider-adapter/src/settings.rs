//! What an operator says of a provider.

use std::time::Duration;

use labgate_domain::admission::Criterion;
use labgate_domain::protocol::{ClientId, Hint, HintParameters, Issuer, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription};
use secrecy::SecretString;

use crate::derivation::{
    self, CONSUMERS, ISSUER_SETTING, OperatorUrls, ProviderKind, ProviderMetadata, RejectedUrl,
};
use crate::endpoint::{Endpoint, EndpointError, OperatorHosts, PlainHttpOrigins};
use crate::quirks;

/// A provider as it is configured. Start with [`ProviderSettings::new`] and change what should differ.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// How it is called here, and what makes its addresses trusted.
    pub description: ProviderDescription,
    /// Where it is.
    pub location: Location,
    /// Which provider it is; `None` is found out from its URLs and its issuer. It must not contradict those; Entra may then be at
    /// any host, and what has GitHub's or authentik's paths need not be either.
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
    /// Where its people belong, for it to leave out the page that asks. What it is called there depends on the kind, which must
    /// be one that takes it. Without this, Google is told the hosted domain that is the only rule.
    pub domain_hint: Option<Hint>,
    /// What the names of claims begin with that are made for this lab (Auth0): its origin, such as `https://lab.example.org`.
    /// Without it no such claim counts.
    pub claim_namespace: Option<String>,
    /// Whether Entra's groups are asked of Microsoft Graph when they do not fit into the identity token. The scope `User.Read`
    /// is asked for then.
    pub fetch_groups: bool,
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
            domain_hint: None,
            claim_namespace: None,
            fetch_groups: false,
            extra_ca_pem: None,
            limits: Limits::default(),
        }
    }
}

impl ProviderSettings {
    /// Whether the settings make sense as a whole, as far as that is known without asking the provider.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.clone().checked().map(drop)
    }

    /// The same, if it makes sense as a whole: what it is said to be fits its URLs, and where everybody could sign in, somebody
    /// says who may.
    pub(crate) fn checked(mut self) -> Result<Self, SettingsError> {
        self.location = self.location.with_kind(self.kind);
        let found = self.location.kind();
        match (self.kind, found) {
            (Some(stated), Some(found)) if stated != found && !(stated.is_entra() && found.is_entra()) => {
                return Err(SettingsError::Kind { stated, found });
            }
            (Some(ProviderKind::GitHub), None) => return Err(SettingsError::NotGitHub),
            (Some(ProviderKind::Entra), None) if self.location.configured_issuer().is_none() => {
                return Err(SettingsError::NotEntra);
            }
            _ => {}
        }
        let is_entra = self.kind.or(found).is_some_and(ProviderKind::is_entra);
        if self.fetch_groups && !is_entra {
            return Err(SettingsError::FetchGroups);
        }
        if self.domain_hint.is_some() && self.domain_hint_parameter().is_none() {
            return Err(SettingsError::DomainHint);
        }
        if self.location.is_for_any_tenant() {
            let rules = self.description.admission.rules();
            if !rules.iter().any(|rule| rule.criterion() == Criterion::Tenant) {
                return Err(SettingsError::TenantsNeeded);
            }
            if self.description.email_trust == EmailTrust::Provider {
                return Err(SettingsError::EmailTrustOfTenants);
            }
        }
        Ok(self)
    }

    /// By which parameters it takes hints, apart from those that are fixed.
    pub(crate) fn hint_parameters(&self) -> HintParameters {
        HintParameters { domain: self.domain_hint_parameter(), ..HintParameters::OPENID }
    }

    /// The parameters of every authorization request: the hint that is configured, or that the rules make plain.
    pub(crate) fn extra_parameters(&self) -> Vec<(String, String)> {
        let told = || {
            let is_google = self.known_kind() == Some(ProviderKind::Google);
            self.description.admission.only_hosted_domain().filter(|_| is_google)
        };
        let hint = self.domain_hint.as_ref().map(Hint::as_str).or_else(told);
        let named = self.domain_hint_parameter().zip(hint);
        named.into_iter().map(|(name, hint)| (name.to_owned(), hint.to_owned())).collect()
    }

    fn domain_hint_parameter(&self) -> Option<&'static str> {
        let kind = self.known_kind().or_else(|| self.location.expected_kind());
        kind.and_then(ProviderKind::domain_hint)
    }

    /// What it is said to be, or what its URLs tell.
    fn known_kind(&self) -> Option<ProviderKind> {
        self.kind.or_else(|| self.location.kind())
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

    /// The same with what the operator says that it is.
    pub(crate) fn with_kind(self, kind: Option<ProviderKind>) -> Self {
        match self.0 {
            Place::Endpoints(urls) => Self(Place::Endpoints(urls.with_kind(kind))),
            issuer @ Place::Issuer { .. } => Self(issuer),
        }
    }

    /// The issuer, or its template, as far as it is known without asking anybody.
    pub(crate) fn known_issuer(&self) -> Option<Issuer> {
        let told = || match &self.0 {
            Place::Endpoints(urls) => derivation::known_issuer(urls),
            Place::Issuer { .. } => None,
        };
        self.configured_issuer().cloned().or_else(told)
    }

    /// Whether people of every Entra tenant, or everybody with a personal account, can sign in there.
    pub(crate) fn is_for_any_tenant(&self) -> bool {
        let of_anybody = |issuer: &Issuer| {
            let is_theirs = |segment: &str| [ProviderMetadata::TENANT_TEMPLATE, CONSUMERS].contains(&segment);
            issuer.as_str().split('/').any(is_theirs)
        };
        self.configured_issuer().is_some_and(of_anybody)
            || matches!(&self.0, Place::Endpoints(urls) if derivation::is_for_any_tenant(urls))
    }

    /// The kind that the URLs, or the issuer alone, tell, if they do.
    pub(crate) fn kind(&self) -> Option<ProviderKind> {
        match &self.0 {
            Place::Issuer { issuer, .. } => quirks::kind_of(issuer),
            Place::Endpoints(urls) => derivation::kind_of(urls),
        }
    }

    /// The kind that the issuer will tell, if it is where such endpoints let expect it. Nothing but names of parameters follows
    /// from it before the provider has said so.
    pub(crate) fn expected_kind(&self) -> Option<ProviderKind> {
        let Place::Endpoints(urls) = &self.0 else { return self.kind() };
        let authorization = urls.authorization().url().as_str();
        let issuer = ["/protocol/openid-connect/auth", "/v1/authorize", "/authorize", "/auth"]
            .iter()
            .find_map(|end| authorization.strip_suffix(end))?;
        Issuer::parse(issuer).ok().as_ref().and_then(quirks::kind_of)
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
    /// It is to be Entra, and the URLs do not have the form of Entra's.
    #[error(
        "kind is entra, and the two URLs are not those of one tenant of Entra (https://HOST/TENANT/oauth2/v2.0/authorize and \
         .../token): correct them, or set {ISSUER_SETTING}"
    )]
    NotEntra,
    /// Groups are to be asked of Microsoft Graph, and it is not Entra.
    #[error("fetch_groups asks Microsoft Graph, and the provider is not Entra: leave it out")]
    FetchGroups,
    /// There is a hint, and no parameter for it.
    #[error(
        "domain_hint is set, and it is not known what this provider calls it: say which provider it is (kind), or leave it out"
    )]
    DomainHint,
    /// People of every tenant could sign in.
    #[error(
        "people of every Entra tenant, or everybody with a personal account, can sign in at these URLs: name the tenants that \
         may come in, by their ids (allow_tenants, LAB_EXTERNAL_OIDC_ALLOW_TENANTS), or put your tenant's id into the URLs in \
         place of \"common\", \"organizations\" or \"consumers\""
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
