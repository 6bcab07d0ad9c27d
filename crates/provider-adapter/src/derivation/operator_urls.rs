use labgate_domain::protocol::Issuer;

use crate::endpoint::{Endpoint, EndpointError, OperatorHosts, PlainHttpOrigins};

/// The setting for the authorization endpoint, as messages call it.
pub const AUTH_URL_SETTING: &str = "LAB_EXTERNAL_OIDC_AUTH_URL";
/// The setting for the token endpoint, as messages call it.
pub const TOKEN_URL_SETTING: &str = "LAB_EXTERNAL_OIDC_TOKEN_URL";
/// The setting for the issuer, as messages call it.
pub const ISSUER_SETTING: &str = "LAB_EXTERNAL_OIDC_ISSUER";

/// The operator's URLs: the root of all trust in a provider.
#[derive(Clone, Debug)]
pub struct OperatorUrls {
    authorization: Endpoint,
    token: Endpoint,
    issuer: Option<ConfiguredIssuer>,
    kind: Option<&'static str>,
    hosts: OperatorHosts,
}

/// An issuer as configured, and the same as a URL that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredIssuer {
    pub(crate) issuer: Issuer,
    pub(crate) home: Endpoint,
}

impl ConfiguredIssuer {
    /// Takes an issuer, byte for byte as the provider publishes it.
    pub(crate) fn parse(value: &str, plain_http: &PlainHttpOrigins) -> Result<Self, EndpointError> {
        let home = Endpoint::parse(value, plain_http)?;
        if home.url().query().is_some() {
            return Err(EndpointError::Query);
        }
        let issuer = Issuer::parse(value).map_err(|_| EndpointError::TooLong)?;
        Ok(Self { issuer, home })
    }
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
    /// The setting that is not acceptable, and the rule that it breaks.
    pub fn parse(
        auth_url: &str,
        token_url: &str,
        issuer: Option<&str>,
        plain_http: &PlainHttpOrigins,
    ) -> Result<Self, RejectedUrl> {
        let rejected = |setting| move |error| RejectedUrl { setting, error };
        let authorization = Endpoint::parse(auth_url, plain_http).map_err(rejected(AUTH_URL_SETTING))?;
        let token = Endpoint::parse(token_url, plain_http).map_err(rejected(TOKEN_URL_SETTING))?;
        let issuer = issuer.map(|value| ConfiguredIssuer::parse(value, plain_http)).transpose();
        Ok(Self::new(authorization, token, issuer.map_err(rejected(ISSUER_SETTING))?, plain_http))
    }

    pub(crate) fn new(
        authorization: Endpoint,
        token: Endpoint,
        issuer: Option<ConfiguredIssuer>,
        plain_http: &PlainHttpOrigins,
    ) -> Self {
        let named = [&authorization, &token].into_iter().chain(issuer.as_ref().map(|issuer| &issuer.home));
        let hosts = OperatorHosts::of(named, plain_http);
        Self { authorization, token, issuer, kind: None, hosts }
    }

    /// The same with the name of the kind that the operator states. Without it, the URLs alone tell.
    #[must_use]
    pub fn with_kind(self, kind: Option<&'static str>) -> Self {
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

    /// The configured issuer: the provider's is equal, or the provider is refused.
    #[must_use]
    pub fn configured_issuer(&self) -> Option<&Issuer> {
        self.issuer().map(|configured| &configured.issuer)
    }

    pub(super) fn issuer(&self) -> Option<&ConfiguredIssuer> {
        self.issuer.as_ref()
    }

    /// The name of the kind that the operator states.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    /// Returns whether the operator states this kind, or none.
    #[must_use]
    pub fn may_be(&self, kind: &str) -> bool {
        self.kind.is_none_or(|stated| stated == kind)
    }

    /// Returns whether both endpoints are at one origin.
    #[must_use]
    pub fn share_an_origin(&self) -> bool {
        self.authorization.origin() == self.token.origin()
    }
}
