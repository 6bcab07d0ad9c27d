use labgate_domain::protocol::AuthorizationRequest;
use serde::Deserialize;

use super::claim_rule::ClaimRule;
use super::errors::ErrorTable;
use crate::protocol::Claims;
use crate::site::Endpoint;

/// A provider's behaviour as far as it is data: `profile.json`, with its metadata and errors. Paths and
/// documents have placeholders: `{base}` and `{second}` for the two origins, `{issuer}`, `{alg}`, and those
/// of [`ProviderBehaviour::placeholders`](super::ProviderBehaviour::placeholders).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Its issuer identifier.
    pub(crate) issuer: String,
    /// The path that its cookie and the mock's own pages are below, without a slash at the end.
    pub(crate) home: String,
    /// The document that it publishes. It says where most endpoints are.
    #[serde(skip)]
    pub(crate) metadata: Claims,
    /// The places of the other endpoints, and further places.
    pub(crate) places: Vec<(Endpoint, String)>,
    #[serde(skip)]
    pub(crate) errors: ErrorTable,
    /// The scopes that it knows; `None` for all.
    pub(crate) scopes: Option<Vec<String>>,
    /// The claims about a person that its behaviour need not state.
    #[serde(default)]
    pub(crate) claims: Vec<ClaimRule>,
    pub(crate) tokens: TokenRules,
    /// Claims of the protocol that its ID tokens do not have.
    pub(crate) omitted_claims: Vec<String>,
    /// False for plain OAuth 2.0, without ID tokens.
    pub(crate) openid: bool,
    pub(crate) logout: LogoutRule,
}

impl Profile {
    pub(super) fn parse(profile: &str, metadata: &str, errors: &'static str) -> serde_json::Result<Self> {
        let metadata = serde_json::from_str(metadata)?;
        Ok(Self { metadata, errors: ErrorTable(errors), ..serde_json::from_str(profile)? })
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|known| known.iter().any(|known| known == scope))
    }
}

/// Fills in the placeholders of a template: `{name}`.
pub(crate) fn filled(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Lifetimes of tokens, in seconds, and the use of refresh tokens.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct TokenRules {
    pub(crate) id_token: u64,
    /// `None` where access tokens do not expire.
    pub(crate) access_token: Option<u64>,
    pub(crate) refresh_token: u64,
    pub(crate) refresh: RefreshTokens,
    pub(crate) rotation: Rotation,
    /// True if a person has one refresh token at a client: the next sign-in takes back the one before.
    #[serde(default)]
    pub(crate) one_for_each_person: bool,
}

/// The requests that lead to refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum RefreshTokens {
    Never,
    Always,
    /// For the scope `offline_access` (OpenID Connect Core section 11).
    ForOfflineAccess,
    /// For `access_type=offline`, at the person's first grant and with `prompt=consent`.
    ForAccessType,
}

impl RefreshTokens {
    pub(crate) fn are_due(self, request: &AuthorizationRequest, is_first_grant: bool) -> bool {
        let has = |name: &str, value: &str| {
            let mut extra = request.extra.iter();
            extra.any(|(known, values)| known == name && values.split(' ').any(|it| it == value))
        };
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::ForOfflineAccess => request.scopes.contains("offline_access"),
            Self::ForAccessType => {
                has("access_type", "offline") && (is_first_grant || has("prompt", "consent"))
            }
        }
    }
}

/// The effect of a refresh on the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Rotation {
    /// There is a new one, and presenting the old one again ends the grant (RFC 9700 section 4.14.2).
    Once,
    /// There is a new one, and the old one stays good.
    Both,
    /// It stays, and the response has none.
    Kept,
}

/// The form of a logout request.
#[derive(Debug, Deserialize)]
pub(crate) enum LogoutRule {
    /// RP-Initiated Logout 1.0.
    Standard,
    /// The same, but never without `id_token_hint`; with the words of the refusal.
    NeedsHint(String),
    /// `client_id` and `logout_uri`, and the browser's own session; with the words of the refusal.
    LogoutUri(String),
}
