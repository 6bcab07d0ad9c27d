use labgate_domain::protocol::{Issuer, Malformed};

use super::Derived;
use super::candidates::document_of;
use super::entra::{Entra, is_external_id};
use super::error::{DerivationError, IssuerHint, OtherEndpoint, WhyNot};
use super::metadata::{ProviderMetadata, Role};
use super::operator_urls::{ISSUER_SETTING, OperatorUrls};
use crate::endpoint::{Endpoint, PlainHttpOrigins};

const GOOGLE_ISSUER: &str = "https://accounts.google.com";
/// The current endpoint, and the one of older guides.
const GOOGLE_AUTHORIZATION: [&str; 2] =
    ["https://accounts.google.com/o/oauth2/v2/auth", "https://accounts.google.com/o/oauth2/auth"];
const GOOGLE_TOKEN: &str = "https://oauth2.googleapis.com/token";

/// Which provider's habits to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// Any OpenID provider.
    Generic,
    /// Microsoft Entra ID, version 2.0 endpoints.
    Entra,
    /// Microsoft Entra ID, version 1.0 endpoints.
    EntraV1,
    /// Google.
    Google,
    /// GitHub or GitHub Enterprise: OAuth 2.0 only.
    GitHub,
    /// AWS Cognito at its prefix domain.
    Cognito,
    /// authentik.
    Authentik,
    /// Dex.
    Dex,
    /// Keycloak.
    Keycloak,
    /// GitLab.
    GitLab,
    /// Okta.
    Okta,
    /// Auth0.
    Auth0,
}

impl ProviderKind {
    /// Its name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Entra => "entra",
            Self::EntraV1 => "entra-v1",
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Cognito => "cognito",
            Self::Authentik => "authentik",
            Self::Dex => "dex",
            Self::Keycloak => "keycloak",
            Self::GitLab => "gitlab",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
        }
    }

    /// Takes a kind from the configuration.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(Malformed("kind of provider"))
    }

    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Generic,
        Self::Entra,
        Self::EntraV1,
        Self::Google,
        Self::GitHub,
        Self::Cognito,
        Self::Authentik,
        Self::Dex,
        Self::Keycloak,
        Self::GitLab,
        Self::Okta,
        Self::Auth0,
    ];

    /// By which parameter it is told where whoever signs in belongs, so that it leaves out the page that asks: an organisation
    /// (Entra, Google), or a provider behind it (the others).
    pub(crate) fn domain_hint(self) -> Option<&'static str> {
        match self {
            Self::Entra | Self::EntraV1 => Some("domain_hint"),
            Self::Google => Some("hd"),
            Self::Keycloak => Some("kc_idp_hint"),
            Self::Dex => Some("connector_id"),
            Self::Auth0 => Some("connection"),
            Self::Cognito => Some("identity_provider"),
            Self::Okta => Some("idp"),
            Self::Generic | Self::GitHub | Self::GitLab | Self::Authentik => None,
        }
    }

    /// Whether it is Entra, of either version.
    pub(crate) fn is_entra(self) -> bool {
        matches!(self, Self::Entra | Self::EntraV1)
    }
}

/// Something that works, and that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Entra's version 1.0 endpoints.
    #[error(
        "these are Entra's old endpoints, whose tokens have no preferred_username: take the two URLs that are marked \
         (v2) under Endpoints"
    )]
    EntraV1,
    /// Entra's `common` or `organizations`.
    #[error(
        "people of every Entra tenant can sign in at these URLs: which tenants are admitted must be configured"
    )]
    AnyTenant,
    /// Google's endpoint of older guides.
    #[error("this is Google's old authorization endpoint: use {}", GOOGLE_AUTHORIZATION[0])]
    OldGoogleEndpoint,
    /// GitHub Enterprise Server was recognised by its paths alone.
    #[error(
        "{0} is taken for a GitHub Enterprise Server. If it is a Gitea or Forgejo, set {ISSUER_SETTING} to its URL"
    )]
    TakenForGitHub(String),
}

/// A provider that is recognised by the operator's URLs, without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    Entra(Entra),
    Google,
    GitHub(GitHub),
    Cognito { region: String },
    Authentik,
    Generic,
}

impl Preset {
    /// What the operator says that it is widens where Entra may be, and rules out what the paths alone would suggest.
    pub(super) fn recognise(urls: &OperatorUrls) -> Result<Self, DerivationError> {
        let stated = urls.kind();
        if let Some(entra) = Entra::recognise(urls, stated == Some(ProviderKind::Entra))? {
            return Ok(Self::Entra(entra));
        }
        let may_be = |kind| stated.is_none_or(|stated| stated == kind);
        if let Some(github) = GitHub::recognise(urls)
            && (github.is_hosted() || may_be(ProviderKind::GitHub))
        {
            return Ok(Self::GitHub(github));
        }
        let (authorization, token) = (urls.authorization(), urls.token());
        if GOOGLE_AUTHORIZATION.contains(&authorization.as_str()) && token.as_str() == GOOGLE_TOKEN {
            return Ok(Self::Google);
        }
        if !urls.share_an_origin() {
            return Ok(Self::Generic);
        }
        if let Some(region) = cognito_region(authorization) {
            return Ok(Self::Cognito { region });
        }
        let under = |endpoint: &Endpoint, path| endpoint.url().path().strip_suffix(path).map(str::to_owned);
        match (under(authorization, "/application/o/authorize/"), under(token, "/application/o/token/")) {
            (Some(one), Some(other)) if one == other && may_be(ProviderKind::Authentik) => {
                Ok(Self::Authentik)
            }
            _ => Ok(Self::Generic),
        }
    }

    pub(super) fn kind(&self) -> ProviderKind {
        match self {
            Self::Entra(entra) if entra.is_v1() => ProviderKind::EntraV1,
            Self::Entra(_) => ProviderKind::Entra,
            Self::Google => ProviderKind::Google,
            Self::GitHub(_) => ProviderKind::GitHub,
            Self::Cognito { .. } => ProviderKind::Cognito,
            Self::Authentik => ProviderKind::Authentik,
            Self::Generic => ProviderKind::Generic,
        }
    }

    /// The one place where the provider's document is, if the preset knows it.
    pub(super) fn only_document(&self, urls: &OperatorUrls) -> Option<Endpoint> {
        match self {
            Self::Entra(entra) => Some(entra.document.clone()),
            Self::Google => Some(document_of(&urls.authorization().with_path("/"))),
            _ => None,
        }
    }

    /// Whether the document at [`Preset::only_document`] names the issuer that belongs there.
    pub(super) fn issuer_fits(&self, metadata: &ProviderMetadata) -> Result<(), WhyNot> {
        let expected = match self {
            Self::Entra(entra) => return entra.issuer_fits(metadata),
            Self::Google => GOOGLE_ISSUER,
            _ => return Ok(()),
        };
        if metadata.issuer.as_str() == expected {
            Ok(())
        } else {
            Err(WhyNot::other_issuer(metadata, expected))
        }
    }

    /// Whether a document names the operator's endpoints, or what a preset knows to be another spelling of them.
    pub(super) fn endpoints_fit(
        &self,
        urls: &OperatorUrls,
        metadata: &ProviderMetadata,
    ) -> Result<(), OtherEndpoint> {
        let other = match self {
            Self::Entra(entra) => entra.endpoint_of_another(metadata),
            Self::Google if !GOOGLE_AUTHORIZATION.contains(&metadata.authorization_endpoint.as_str()) => {
                Some(Role::Authorization)
            }
            Self::Google => (metadata.token_endpoint.as_str() != GOOGLE_TOKEN).then_some(Role::Token),
            _ if metadata.authorization_endpoint != *urls.authorization() => Some(Role::Authorization),
            _ => (metadata.token_endpoint != *urls.token()).then_some(Role::Token),
        };
        other.map_or(Ok(()), |role| Err(OtherEndpoint { role, published: role.of(metadata).clone() }))
    }

    /// The issuer, or its template, where the URLs tell.
    pub(super) fn known_issuer(&self) -> Option<Issuer> {
        match self {
            Self::Entra(entra) => entra.known_issuer(),
            Self::Google => Issuer::parse(GOOGLE_ISSUER).ok(),
            _ => None,
        }
    }

    /// Whether nothing but the operator can name the issuer.
    pub(super) fn needs_issuer(&self) -> bool {
        matches!(self, Self::Cognito { .. } | Self::Authentik)
    }

    /// Where the operator finds the issuer.
    pub(super) fn issuer_hint(&self, urls: &OperatorUrls) -> IssuerHint {
        let host = urls.authorization().url().host_str().unwrap_or_default();
        match self {
            Self::Cognito { region } => IssuerHint::Cognito { region: region.clone() },
            Self::Authentik => IssuerHint::Authentik { origin: urls.authorization().origin() },
            _ if is_external_id(host) => IssuerHint::ExternalId,
            _ => IssuerHint::Document,
        }
    }

    pub(super) fn warnings(&self, urls: &OperatorUrls, metadata: &ProviderMetadata) -> Vec<Warning> {
        let old_google = *self == Self::Google && urls.authorization().as_str() != GOOGLE_AUTHORIZATION[0];
        [
            (self.kind() == ProviderKind::EntraV1, Warning::EntraV1),
            (metadata.has_tenant_template(), Warning::AnyTenant),
            (old_google, Warning::OldGoogleEndpoint),
        ]
        .into_iter()
        .filter_map(|(applies, warning)| applies.then_some(warning))
        .collect()
    }
}

/// GitHub (OAuth 2.0): recognised by its paths on any host, since an Enterprise Server has any host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GitHub {
    issuer_parameter: Issuer,
    api: Endpoint,
    warnings: Vec<Warning>,
}

impl GitHub {
    /// `None` when the URLs are not GitHub's, or when the operator names an issuer: another product with the same
    /// paths then, that speaks OpenID Connect.
    fn recognise(urls: &OperatorUrls) -> Option<Self> {
        let (authorization, token) = (urls.authorization(), urls.token());
        let origin = authorization.origin();
        let theirs = authorization.as_str() == format!("{origin}/login/oauth/authorize")
            && token.as_str() == format!("{origin}/login/oauth/access_token");
        if !theirs {
            return None;
        }
        let issuer_parameter = Issuer::parse(&format!("{origin}/login/oauth")).ok()?;
        if urls.issuer().is_some_and(|configured| configured.issuer != issuer_parameter) {
            return None;
        }
        let hosted = origin
            .strip_prefix("https://")
            .filter(|host| *host == "github.com" || host.ends_with(".ghe.com"));
        let (api, warnings) = match hosted {
            Some(host) => {
                let api = Endpoint::parse(&format!("https://api.{host}"), &PlainHttpOrigins::default());
                (api.ok()?, Vec::new())
            }
            None => (authorization.with_path("/api/v3"), vec![Warning::TakenForGitHub(origin)]),
        };
        Some(Self { issuer_parameter, api, warnings })
    }

    /// Whether it is GitHub's own, and not recognised by its paths alone.
    fn is_hosted(&self) -> bool {
        self.warnings.is_empty()
    }

    pub(super) fn derived(&self) -> Derived {
        Derived::OAuth2Only {
            kind: ProviderKind::GitHub,
            issuer_parameter: self.issuer_parameter.clone(),
            api: self.api.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

/// The region in `PREFIX.auth.REGION.amazoncognito.com`.
fn cognito_region(endpoint: &Endpoint) -> Option<String> {
    match endpoint.url().host_str()?.split('.').collect::<Vec<_>>().as_slice() {
        [_, "auth" | "auth-fips", region, "amazoncognito", "com"] => Some((*region).to_owned()),
        _ => None,
    }
}
