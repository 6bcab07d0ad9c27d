use labgate_domain::protocol::Issuer;
use serde::{Deserialize, Deserializer};
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
    /// The PKCE methods (RFC 8414 section 2); empty when unstated.
    pub code_challenge_methods_supported: Vec<String>,
    /// The scopes that it says it knows; empty when it does not say.
    pub scopes_supported: Vec<String>,
    /// The algorithms of its ID tokens. A statement, not a permission: our own list decides.
    pub id_token_signing_alg_values_supported: Vec<String>,
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
    /// which Labgate never calls itself, counts as absent then, because signing in does not need it.
    ///
    /// # Errors
    /// See [`MalformedMetadata`].
    pub fn parse(document: &Value, operator: &OperatorHosts) -> Result<Self, MalformedMetadata> {
        if !document.is_object() {
            return Err(MalformedMetadata::NotAnObject);
        }
        let published = Published::deserialize(document).map_err(|_| MalformedMetadata::NotAnObject)?;
        let required = |value: Option<String>, member| value.ok_or(MalformedMetadata::Missing(member));
        let endpoint = |value: String, member| {
            Endpoint::parse_published(&value, operator)
                .map_err(|error| MalformedMetadata::Endpoint { member, error })
        };
        let required_endpoint = |value, member| endpoint(required(value, member)?, member);
        let optional_endpoint =
            |value: Option<String>, member| value.map(|value| endpoint(value, member)).transpose();

        let issuer = required(published.issuer, "issuer")?;
        Ok(Self {
            issuer: Issuer::parse(&issuer).map_err(|_| MalformedMetadata::Issuer)?,
            authorization_endpoint: required_endpoint(
                published.authorization_endpoint,
                Role::Authorization.member(),
            )?,
            token_endpoint: required_endpoint(published.token_endpoint, Role::Token.member())?,
            jwks_uri: required_endpoint(published.jwks_uri, "jwks_uri")?,
            userinfo_endpoint: optional_endpoint(published.userinfo_endpoint, "userinfo_endpoint")?,
            end_session_endpoint: optional_endpoint(published.end_session_endpoint, "end_session_endpoint")
                .unwrap_or_else(|error| {
                    tracing::debug!(%error, "browsers are not sent to the provider to sign out");
                    None
                }),
            authorization_response_iss_parameter_supported: published
                .authorization_response_iss_parameter_supported
                .unwrap_or(false),
            token_endpoint_auth_methods_supported: published.token_endpoint_auth_methods_supported.0,
            code_challenge_methods_supported: published.code_challenge_methods_supported.0,
            scopes_supported: published.scopes_supported.0,
            id_token_signing_alg_values_supported: published.id_token_signing_alg_values_supported.0,
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
    /// The member of the metadata.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
        }
    }

    /// The published endpoint.
    #[must_use]
    pub fn of(self, metadata: &ProviderMetadata) -> &Endpoint {
        match self {
            Self::Authorization => &metadata.authorization_endpoint,
            Self::Token => &metadata.token_endpoint,
        }
    }

    /// The operator's endpoint.
    #[must_use]
    pub fn of_operator(self, urls: &OperatorUrls) -> &Endpoint {
        match self {
            Self::Authorization => urls.authorization(),
            Self::Token => urls.token(),
        }
    }

    /// The setting.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Authorization => AUTH_URL_SETTING,
            Self::Token => TOKEN_URL_SETTING,
        }
    }
}

/// The document as it stands: a member of the wrong type counts as absent.
#[derive(Deserialize)]
struct Published {
    #[serde(default, deserialize_with = "lenient")]
    issuer: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    authorization_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    token_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    jwks_uri: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    userinfo_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    end_session_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    authorization_response_iss_parameter_supported: Option<bool>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Strings,
    #[serde(default)]
    code_challenge_methods_supported: Strings,
    #[serde(default)]
    scopes_supported: Strings,
    #[serde(default)]
    id_token_signing_alg_values_supported: Strings,
}

/// The strings of an array; whatever else is in it, or instead of it, is left out.
#[derive(Default)]
struct Strings(Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            _ => Vec::new(),
        };
        let string = |value| if let Value::String(text) = value { Some(text) } else { None };
        Ok(Self(values.into_iter().filter_map(string).collect()))
    }
}

fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}
