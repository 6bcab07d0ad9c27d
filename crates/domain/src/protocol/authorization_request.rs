use std::collections::HashMap;

use url::{Url, form_urlencoded};

use super::{ClientId, Malformed, Nonce, PkceChallenge, RedirectUri, RequestUri, State};

/// The scopes of a request (RFC 6749 section 3.3), each once, at least one. `openid`, if present, stands
/// first and makes the request one of OpenID Connect; without it, the request is plain OAuth 2.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    const OPENID: &str = "openid";

    /// Builds `openid` and these scopes, in the order given.
    ///
    /// # Errors
    /// When a scope is empty or has a character that RFC 6749 section 3.3 forbids.
    pub fn with_openid<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, Malformed> {
        Self::unique(std::iter::once(Self::OPENID).chain(scopes))
    }

    /// Builds these scopes, in the order given, for a provider without ID tokens.
    ///
    /// # Errors
    /// When there is none, when one is `openid`, or as for [`Scopes::with_openid`].
    pub fn plain<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, Malformed> {
        let scopes = Self::unique(scopes)?;
        if scopes.0.is_empty() || scopes.ask_for_identity() { Err(Malformed("scope")) } else { Ok(scopes) }
    }

    fn unique<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, Malformed> {
        let mut all: Vec<String> = Vec::new();
        for scope in scopes {
            let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if scope.is_empty() || !scope.bytes().all(allowed) {
                return Err(Malformed("scope"));
            }
            if !all.iter().any(|known| known == scope) {
                all.push(scope.to_owned());
            }
        }
        Ok(Self(all))
    }

    /// Returns whether `openid` is among them, so that an ID token comes back.
    #[must_use]
    pub fn ask_for_identity(&self) -> bool {
        self.contains(Self::OPENID)
    }

    /// Returns whether this scope is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known == scope)
    }

    /// Returns the scopes, separated by single spaces.
    #[must_use]
    pub fn to_parameter(&self) -> String {
        self.0.join(" ")
    }
}

/// An authorization request (OpenID Connect Core section 3.1.2.1, RFC 6749 section 4.1.1) as this project
/// makes it: code flow, with state, nonce and PKCE; others are not representable. Parsing also requires
/// `openid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: ClientId,
    /// The redirect URI for the answer.
    pub redirect_uri: RedirectUri,
    /// The scopes.
    pub scopes: Scopes,
    /// Binds the answer to the browser (CSRF protection).
    pub state: State,
    /// Binds the ID token to this request; not sent to a provider without ID tokens.
    pub nonce: Nonce,
    /// Binds the code to the holder of the verifier.
    pub code_challenge: PkceChallenge,
    /// Further parameters, such as `prompt` or `login_hint`.
    pub extra: Vec<(String, String)>,
}

/// The reason that a query is not an [`AuthorizationRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRequest {
    /// A required parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is duplicate (RFC 6749 section 3.1).
    #[error("the parameter {0} is there twice")]
    Duplicate(&'static str),
    /// A parameter is malformed.
    #[error("the parameter {0} is malformed")]
    Malformed(&'static str),
    /// A `response_type` other than `code`.
    #[error("the response type is not supported")]
    UnsupportedResponseType,
    /// A `code_challenge_method` other than `S256`.
    #[error("the code challenge method is not supported")]
    UnsupportedChallengeMethod,
    /// The scope lacks `openid`.
    #[error("the scope lacks openid")]
    NotOpenId,
}

impl From<Malformed> for MalformedRequest {
    fn from(Malformed(parameter): Malformed) -> Self {
        Self::Malformed(parameter)
    }
}

const OWN_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// The parameters with which a request could override its own (RFC 9101), or ask for another response mode.
const OVERRIDING_PARAMETERS: [&str; 3] = ["request", "request_uri", "response_mode"];

impl AuthorizationRequest {
    /// Returns whether a further parameter cannot have this name: it is one of the request's own, could bring
    /// others in their place, or authenticates the client.
    #[must_use]
    pub fn reserves(name: &str) -> bool {
        OWN_PARAMETERS.contains(&name)
            || OVERRIDING_PARAMETERS.contains(&name)
            || name.starts_with("response_")
            || name.starts_with("client_")
    }

    /// Returns the request's parameters. An extra parameter cannot replace one of the request's own, nor
    /// bring others in their place.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&str, String)> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.to_string()),
            ("redirect_uri", self.redirect_uri.to_string()),
            ("scope", self.scopes.to_parameter()),
            ("state", self.state.as_str().to_owned()),
        ];
        if self.scopes.ask_for_identity() {
            parameters.push(("nonce", self.nonce.as_str().to_owned()));
        }
        parameters.push(("code_challenge", self.code_challenge.as_str().to_owned()));
        parameters.push(("code_challenge_method", PkceChallenge::METHOD.to_owned()));
        let extra = self.extra.iter().filter(|(name, _)| !Self::reserves(name));
        parameters.extend(extra.map(|(name, value)| (name.as_str(), value.clone())));
        parameters
    }

    /// Returns the URL for the browser: the endpoint, its own query kept, with this request's parameters.
    #[must_use]
    pub fn to_url(&self, endpoint: &Url) -> Url {
        let mut url = endpoint.clone();
        url.query_pairs_mut().extend_pairs(self.parameters());
        url
    }

    /// Returns the URL for the browser after the request was pushed to the provider (RFC 9126 section 4).
    #[must_use]
    pub fn pushed_url(&self, endpoint: &Url, request_uri: &RequestUri) -> Url {
        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id.as_str())
            .append_pair("request_uri", request_uri.as_str());
        url
    }

    /// Parses the request as an OpenID provider does.
    ///
    /// # Errors
    /// See [`MalformedRequest`].
    pub fn from_query(query: &str) -> Result<Self, MalformedRequest> {
        let mut own: HashMap<&'static str, String> = HashMap::new();
        let mut extra = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match OWN_PARAMETERS.iter().find(|own| **own == name) {
                Some(name) if own.contains_key(name) => return Err(MalformedRequest::Duplicate(name)),
                Some(name) => {
                    own.insert(name, value.into_owned());
                }
                None => extra.push((name.into_owned(), value.into_owned())),
            }
        }
        let mut take = |name: &'static str| own.remove(name).ok_or(MalformedRequest::Missing(name));

        if take("response_type")? != "code" {
            return Err(MalformedRequest::UnsupportedResponseType);
        }
        let scope = take("scope")?;
        if !scope.split(' ').any(|scope| scope == Scopes::OPENID) {
            return Err(MalformedRequest::NotOpenId);
        }
        let request = Self {
            client_id: ClientId::parse(&take("client_id")?)?,
            redirect_uri: RedirectUri::parse(&take("redirect_uri")?)?,
            scopes: Scopes::with_openid(scope.split(' '))?,
            state: State::parse(&take("state")?)?,
            nonce: Nonce::parse(&take("nonce")?)?,
            code_challenge: PkceChallenge::parse(&take("code_challenge")?)?,
            extra,
        };
        if take("code_challenge_method")? != PkceChallenge::METHOD {
            return Err(MalformedRequest::UnsupportedChallengeMethod);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PkceVerifier;

    fn request() -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: ClientId::parse("lab & co").unwrap(),
            redirect_uri: RedirectUri::parse("https://lab.example/api/auth/oidc/callback").unwrap(),
            scopes: Scopes::with_openid(["email", "openid", "email"]).unwrap(),
            state: State::parse("s").unwrap(),
            nonce: Nonce::parse("n").unwrap(),
            code_challenge: PkceVerifier::parse(&"v".repeat(43)).unwrap().challenge(),
            extra: vec![("prompt".to_owned(), "login".to_owned())],
        }
    }

    #[test]
    fn the_provider_parses_the_request_that_the_client_writes() {
        let url = request().to_url(&Url::parse("https://op.example/auth?tenant=1").unwrap());
        let read = AuthorizationRequest::from_query(url.query().unwrap()).unwrap();
        let mut expected = request();
        expected.extra.insert(0, ("tenant".to_owned(), "1".to_owned()));
        assert_eq!(read, expected);
    }

    #[test]
    fn c016_openid_stands_exactly_once_in_the_scope() {
        assert_eq!(request().scopes.to_parameter(), "openid email");
        assert!(Scopes::with_openid(["a b"]).is_err());
    }

    #[test]
    fn plain_oauth_has_state_and_pkce_but_neither_openid_nor_nonce() {
        let mut request = request();
        request.scopes = Scopes::plain(["read:user", "user:email", "read:user"]).unwrap();
        request.extra = vec![("nonce".to_owned(), "n".to_owned())];
        let url = request.to_url(&Url::parse("https://op.example/auth").unwrap());
        let sent: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(sent["scope"], "read:user user:email");
        assert_eq!((sent["state"].as_str(), sent["code_challenge_method"].as_str()), ("s", "S256"));
        assert_eq!(sent["code_challenge"], request.code_challenge.as_str());
        assert!(!sent.contains_key("nonce"), "{url}");
        let refused = AuthorizationRequest::from_query(url.query().unwrap());
        assert_eq!(refused, Err(MalformedRequest::NotOpenId));
        for bad in [&[][..], &["openid"], &["read:user", "openid"], &["a b"], &[""]] {
            assert!(Scopes::plain(bad.iter().copied()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_extra_parameter_cannot_replace_one_of_the_request() {
        let endpoint = Url::parse("https://op.example/auth").unwrap();
        let mut request = request();
        request.extra.clear();
        let without = request.to_url(&endpoint);
        for name in OWN_PARAMETERS.into_iter().chain(OVERRIDING_PARAMETERS) {
            request.extra = vec![(name.to_owned(), "forged".to_owned())];
            assert_eq!(request.to_url(&endpoint), without, "{name}");
        }
        request.extra = vec![("login_hint".to_owned(), "a&state=forged#".to_owned())];
        let sent: Vec<_> = request.to_url(&endpoint).query_pairs().into_owned().collect();
        assert_eq!(sent.last().unwrap(), &request.extra[0]);
        assert_eq!(sent.iter().filter(|(name, _)| name == "state").count(), 1);
    }

    #[test]
    fn a_request_without_pkce_or_nonce_is_refused() {
        let query = request().to_url(&Url::parse("https://op.example/").unwrap()).query().unwrap().to_owned();
        for name in OWN_PARAMETERS {
            let without: String = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known != name))
                .finish();
            assert_eq!(AuthorizationRequest::from_query(&without), Err(MalformedRequest::Missing(name)));
            let twice = format!("{query}&{name}=x");
            assert_eq!(AuthorizationRequest::from_query(&twice), Err(MalformedRequest::Duplicate(name)));
        }
        let plain = query.replace("=S256", "=plain");
        assert_eq!(
            AuthorizationRequest::from_query(&plain),
            Err(MalformedRequest::UnsupportedChallengeMethod)
        );
    }
}
