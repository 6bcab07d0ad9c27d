use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::Scopes;
use serde_json::Value;

use super::profile::Profile;
use super::statement::{Occasion, Statement};
use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::ledger::Ledger;
use crate::protocol::{Claims, Grant, Parameters};
use crate::reply::{self, Response};
use crate::site::Site;
use crate::user::User;

/// The behaviour of one provider, as far as its [`Profile`] cannot say it. The defaults follow the
/// specifications.
pub(crate) trait ProviderBehaviour: Send + Sync {
    /// The persona's own placeholders, by name, in the paths and documents of its profile.
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Another value of its first placeholder, at which the same endpoints answer.
    fn alias(&self) -> Option<String> {
        None
    }

    /// Changes the published keys.
    fn publish_keys(&self, _site: &Site, _keys: &mut Vec<Value>) {}

    /// Returns true if it knows a scope.
    fn knows_scope(&self, profile: &Profile, scope: &str) -> bool {
        profile.has_scope(scope)
    }

    /// Returns true if a redirect URI is the client's.
    fn allows_redirect(&self, client: &RegisteredClient, uri: &str) -> bool {
        client.redirect_uris.iter().any(|known| known.as_str() == uri)
    }

    /// Further parameters of the authorization response, which has this error or none.
    fn callback_parameters(&self, _site: &Site, _error: Option<&str>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The person's `sub` for this client.
    fn subject(&self, _client: &str, user: &User) -> String {
        user.subject().to_owned()
    }

    /// The `iss` of an ID token about this person.
    fn issuer_for(&self, site: &Site, _user: &User) -> String {
        site.issuer.as_str().to_owned()
    }

    /// States the claims about a person, after the user's own and the subject.
    fn claims(&self, _occasion: &Occasion<'_>, _statement: &mut Statement) {}

    /// Changes an ID token's claims, which are proper at that point: `iss`, `sub`, `aud`, `exp`, `iat`,
    /// `auth_time`, `sid`, `at_hash` and perhaps `nonce`, but for those that the profile leaves out, beside
    /// the person's. A refresh has no `code`.
    fn finish_id_token(&self, _occasion: &Occasion<'_>, _code: Option<&str>, _claims: &mut Claims) {}

    /// Writes an access token around something random.
    fn access_token(&self, random: String) -> String {
        random
    }

    /// Changes a token response, which is proper at that point.
    fn finish_tokens(&self, _site: &Site, _grant: &Grant, _tokens: &mut Claims) {}

    /// Changes an error of the token endpoint, which is as the profile's table says.
    fn finish_token_error(&self, _site: &Site, _error: &mut Claims) {}

    /// Writes the answer of its token endpoint.
    fn write_token_answer(&self, status: StatusCode, body: &Value, _request: &HeaderMap) -> Response {
        reply::json(status, body)
    }

    /// Answers a request to its API.
    fn api(&self, _site: &Site, _request: &ApiRequest<'_>) -> Response {
        reply::text(StatusCode::NOT_FOUND, "There is no API here.")
    }
}

/// A request to a provider's API.
pub(crate) struct ApiRequest<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) ledger: &'a Ledger,
    /// Takes the armed faults of a stage.
    pub(crate) faults: &'a dyn Fn(Stage) -> Vec<Fault>,
}

impl<'a> ApiRequest<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter that is a number, if it is one.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        Parameters::parse(self.query).first(name)?.parse().ok()
    }

    /// Returns the grant of its access token, in an `Authorization` header of one of these schemes.
    pub(crate) fn grant(&self, site: &Site, schemes: &[&str]) -> Option<(&'a Grant, &'a Scopes)> {
        let (scheme, token) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        let is_known = schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        self.ledger.bearer(token.trim(), site.now()).filter(|_| is_known)
    }
}
