use labgate_domain::protocol::Issuer;

use crate::endpoint::{Endpoint, EndpointError, OperatorHosts, PlainHttpOrigins};
use crate::ensure::ensure;

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
    pub(super) issuer: Option<ConfiguredIssuer>,
    /// The name of the kind that the operator states. Without it, the URLs alone tell.
    pub(crate) kind: Option<&'static str>,
    /// The hosts that these URLs name: where a document may point besides public hosts.
    pub(super) hosts: OperatorHosts,
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
        ensure(home.url().query().is_none(), EndpointError::Query)?;
        let issuer = Issuer::parse(value).map_err(|_| EndpointError::TooLong)?;
        Ok(Self { issuer, home })
    }
}

impl OperatorUrls {
    pub(crate) fn new(
        authorization: Endpoint,
        token: Endpoint,
        issuer: Option<ConfiguredIssuer>,
        kind: Option<&'static str>,
        plain_http: &PlainHttpOrigins,
    ) -> Self {
        let named = [&authorization, &token].into_iter().chain(issuer.as_ref().map(|issuer| &issuer.home));
        let hosts = OperatorHosts::of(named, plain_http);
        Self { authorization, token, issuer, kind, hosts }
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

    /// The configured issuer: the provider's is equal, or the provider is refused.
    #[must_use]
    pub fn configured_issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref().map(|configured| &configured.issuer)
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
