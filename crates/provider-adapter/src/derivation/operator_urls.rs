use labgate_domain::protocol::Issuer;

use super::preset::ProviderKind;
use crate::endpoint::{Endpoint, EndpointError, OperatorHosts, PlainHttpOrigins};

/// The setting for the authorization endpoint, as messages call it.
pub const AUTH_URL_SETTING: &str = "LAB_EXTERNAL_OIDC_AUTH_URL";
/// The setting for the token endpoint, as messages call it.
pub const TOKEN_URL_SETTING: &str = "LAB_EXTERNAL_OIDC_TOKEN_URL";
/// The setting for the issuer, as messages call it.
pub const ISSUER_SETTING: &str = "LAB_EXTERNAL_OIDC_ISSUER";

/// What the operator typed: the root of all trust in a provider.
#[derive(Clone, Debug)]
pub struct OperatorUrls {
    authorization: Endpoint,
    token: Endpoint,
    issuer: Option<ConfiguredIssuer>,
    kind: Option<ProviderKind>,
    hosts: OperatorHosts,
}

/// An issuer as configured, and the same as a URL that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfiguredIssuer {
    pub(super) issuer: Issuer,
    pub(super) home: Endpoint,
}

/// A setting that holds no acceptable URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {error}")]
pub struct RejectedUrl {
    /// The setting.
    pub setting: &'static str,
    /// The rule that its value breaks.
    pub error: EndpointError,
}

impl OperatorUrls {
    /// Takes the values of [`AUTH_URL_SETTING`], [`TOKEN_URL_SETTING`] and, optionally, [`ISSUER_SETTING`].
    ///
    /// # Errors
    /// Which setting is not acceptable, and why.
    pub fn parse(
        auth_url: &str,
        token_url: &str,
        issuer: Option<&str>,
        plain_http: &PlainHttpOrigins,
    ) -> Result<Self, RejectedUrl> {
        let endpoint = |value: &str, setting: &'static str| {
            Endpoint::parse(value, plain_http).map_err(|error| RejectedUrl { setting, error })
        };
        let authorization = endpoint(auth_url, AUTH_URL_SETTING)?;
        let token = endpoint(token_url, TOKEN_URL_SETTING)?;
        let issuer = issuer
            .map(|value| {
                let home = endpoint(value, ISSUER_SETTING)?;
                let rejected = |error| RejectedUrl { setting: ISSUER_SETTING, error };
                if home.url().query().is_some() {
                    return Err(rejected(EndpointError::Query));
                }
                let issuer = Issuer::parse(value).map_err(|_| rejected(EndpointError::TooLong))?;
                Ok(ConfiguredIssuer { issuer, home })
            })
            .transpose()?;
        let named = [&authorization, &token].into_iter().chain(issuer.as_ref().map(|issuer| &issuer.home));
        let hosts = OperatorHosts::of(named, plain_http);
        Ok(Self { authorization, token, issuer, kind: None, hosts })
    }

    /// The same with what the operator says that it is. Without that, the URLs alone tell.
    #[must_use]
    pub fn with_kind(self, kind: Option<ProviderKind>) -> Self {
        Self { kind, ..self }
    }

    /// The authorization endpoint.
    #[must_use]
    pub fn authorization(&self) -> &Endpoint {
        &self.authorization
    }

    /// The token endpoint.
    #[must_use]
    pub fn token(&self) -> &Endpoint {
        &self.token
    }

    /// The hosts that these URLs name: where a document may point besides public hosts.
    #[must_use]
    pub fn hosts(&self) -> &OperatorHosts {
        &self.hosts
    }

    /// The issuer that is configured besides: the provider's is equal, or the provider is refused.
    pub(crate) fn configured_issuer(&self) -> Option<&Issuer> {
        self.issuer().map(|configured| &configured.issuer)
    }

    pub(super) fn issuer(&self) -> Option<&ConfiguredIssuer> {
        self.issuer.as_ref()
    }

    pub(super) fn kind(&self) -> Option<ProviderKind> {
        self.kind
    }

    pub(super) fn share_an_origin(&self) -> bool {
        self.authorization.origin() == self.token.origin()
    }
}
