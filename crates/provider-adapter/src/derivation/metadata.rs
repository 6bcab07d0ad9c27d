use labgate_domain::protocol::Issuer;
use serde_json::Value;

use super::operator_urls::{AUTH_URL_SETTING, OperatorUrls, TOKEN_URL_SETTING};
use crate::endpoint::{Endpoint, EndpointError, OperatorHosts};

/// The used part of a provider's metadata (Discovery section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The issuer, byte for byte. Entra's multi-tenant documents publish a template; see
    /// [`ProviderMetadata::has_tenant_template`].
    pub issuer: Issuer,
    /// The authorization endpoint.
    pub authorization_endpoint: Endpoint,
    /// The token endpoint.
    pub token_endpoint: Endpoint,
    /// The key set.
    pub jwks_uri: Endpoint,
    /// The userinfo endpoint.
    pub userinfo_endpoint: Option<Endpoint>,
    /// The endpoint for signing out; one that no browser should be sent to counts as absent.
    pub end_session_endpoint: Option<Endpoint>,
    /// The promise of the parameter `iss` in authorization responses (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: bool,
    /// The accepted ways of client authentication at the token endpoint; empty when unstated.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// The endpoint for pushed authorization requests (RFC 9126 section 5).
    pub pushed_authorization_request_endpoint: Option<Endpoint>,
    /// The demand that requests are pushed.
    pub require_pushed_authorization_requests: bool,
    /// The algorithms that it accepts for a client's assertions; empty when unstated.
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// The token endpoint for clients with a certificate (RFC 8705 section 5).
    pub mtls_token_endpoint: Option<Endpoint>,
    /// The PKCE methods (RFC 8414 section 2); empty when unstated.
    pub code_challenge_methods_supported: Vec<String>,
    /// The scopes that it says it knows; empty when it does not say.
    pub scopes_supported: Vec<String>,
    /// The algorithms of its ID tokens; empty when unstated. Only those that are on our own list count.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// The same of its signed userinfo responses.
    pub userinfo_signing_alg_values_supported: Vec<String>,
}

/// The rule that a metadata document breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMetadata {
    /// It is JSON, but no object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A required member is missing or is not a string.
    #[error("it has no {0} (or one that is not a string)")]
    Missing(&'static str),
    /// Its issuer is not an https URL without query and fragment.
    #[error("its issuer is not a URL without user name, query and fragment")]
    Issuer,
    /// An endpoint breaks a rule.
    #[error("its {member} {error}")]
    Endpoint {
        /// The member.
        member: &'static str,
        /// The rule.
        error: EndpointError,
    },
}

impl ProviderMetadata {
    /// Entra's placeholder for the tenant in a multi-tenant issuer.
    pub const TENANT_TEMPLATE: &str = Issuer::TENANT_TEMPLATE;

    /// Takes a metadata document. Unknown members are ignored, and so are optional ones of the wrong type; an
    /// endpoint that must not be called is an error even if it is optional. Only `end_session_endpoint`,
    /// to which a sign-out sends the browser, counts as absent then, because signing in does not need it.
    ///
    /// # Errors
    /// See [`MalformedMetadata`].
    pub fn parse(document: &Value, operator: &OperatorHosts) -> Result<Self, MalformedMetadata> {
        let members = document.as_object().ok_or(MalformedMetadata::NotAnObject)?;
        let text = |member| members.get(member).and_then(Value::as_str);
        let texts = |member| {
            let values = members.get(member).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let required = |member| text(member).ok_or(MalformedMetadata::Missing(member));
        let endpoint = |member, value| {
            Endpoint::parse_published(value, operator)
                .map_err(|error| MalformedMetadata::Endpoint { member, error })
        };
        let required_endpoint = |member| endpoint(member, required(member)?);
        let optional_endpoint = |member| text(member).map(|value| endpoint(member, value)).transpose();
        let mtls_alias =
            members.get("mtls_endpoint_aliases").and_then(|aliases| aliases.get("token_endpoint"));
        let mtls_alias = mtls_alias.and_then(Value::as_str);
        let iss_parameter = members.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            issuer: Issuer::parse(required("issuer")?).map_err(|_| MalformedMetadata::Issuer)?,
            authorization_endpoint: required_endpoint(Role::Authorization.member())?,
            token_endpoint: required_endpoint(Role::Token.member())?,
            jwks_uri: required_endpoint("jwks_uri")?,
            userinfo_endpoint: optional_endpoint("userinfo_endpoint")?,
            end_session_endpoint: optional_endpoint("end_session_endpoint").unwrap_or_else(|error| {
                tracing::debug!(%error, "browsers are not sent to the provider to sign out");
                None
            }),
            authorization_response_iss_parameter_supported: iss_parameter == Some(&Value::Bool(true)),
            token_endpoint_auth_methods_supported: texts("token_endpoint_auth_methods_supported"),
            pushed_authorization_request_endpoint: optional_endpoint(
                "pushed_authorization_request_endpoint",
            )?,
            require_pushed_authorization_requests: members.get("require_pushed_authorization_requests")
                == Some(&Value::Bool(true)),
            token_endpoint_auth_signing_alg_values_supported: texts(
                "token_endpoint_auth_signing_alg_values_supported",
            ),
            mtls_token_endpoint: mtls_alias
                .map(|value| endpoint("mtls_endpoint_aliases", value))
                .transpose()?,
            code_challenge_methods_supported: texts("code_challenge_methods_supported"),
            scopes_supported: texts("scopes_supported"),
            id_token_signing_alg_values_supported: texts("id_token_signing_alg_values_supported"),
            userinfo_signing_alg_values_supported: texts("userinfo_signing_alg_values_supported"),
        })
    }

    /// Returns whether the issuer stands for any tenant: the token's `tid` takes the place of
    /// [`ProviderMetadata::TENANT_TEMPLATE`], and a list must say which tenants are admitted.
    #[must_use]
    pub fn has_tenant_template(&self) -> bool {
        self.issuer.as_str().contains(Self::TENANT_TEMPLATE)
    }

    /// The same with the operator's own endpoints: a preset may have accepted another spelling of them.
    pub(super) fn with_endpoints(self, urls: &OperatorUrls) -> Self {
        Self {
            authorization_endpoint: urls.authorization().clone(),
            token_endpoint: urls.token().clone(),
            ..self
        }
    }
}

/// One of the two endpoints that the operator names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `authorization_endpoint`.
    Authorization,
    /// `token_endpoint`.
    Token,
}

impl Role {
    fn pick<T>(self, authorization: T, token: T) -> T {
        match self {
            Self::Authorization => authorization,
            Self::Token => token,
        }
    }

    /// The member of the metadata.
    #[must_use]
    pub fn member(self) -> &'static str {
        self.pick("authorization_endpoint", "token_endpoint")
    }

    /// The published endpoint.
    #[must_use]
    pub fn of(self, metadata: &ProviderMetadata) -> &Endpoint {
        self.pick(&metadata.authorization_endpoint, &metadata.token_endpoint)
    }

    /// The operator's endpoint.
    #[must_use]
    pub fn of_operator(self, urls: &OperatorUrls) -> &Endpoint {
        self.pick(urls.authorization(), urls.token())
    }

    /// The setting.
    #[must_use]
    pub fn setting(self) -> &'static str {
        self.pick(AUTH_URL_SETTING, TOKEN_URL_SETTING)
    }
}
