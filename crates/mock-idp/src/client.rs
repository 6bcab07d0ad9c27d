use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::Uri;
use labgate_domain::protocol::{ClientId, Malformed, RedirectUri};
use secrecy::{ExposeSecret as _, SecretString};

/// A relying party as it is registered at the mock.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) id: String,
    secret: SecretString,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: bool,
}

impl Client {
    /// A client with this id and secret, still without a redirect URI.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into().into(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: true,
        }
    }

    /// May be sent answers at this URI, compared byte for byte. May be called several times.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// May have people sent to this URI after a logout, compared byte for byte. May be called several times.
    #[must_use]
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uris.push(uri.into());
        self
    }

    /// Is told at this URI when a session has ended (Back-Channel Logout section 2.2). A mock that listens
    /// sends logout tokens by plain http, and on this machine only; without sockets the URI may be any
    /// http(s) URL.
    #[must_use]
    pub fn backchannel_logout_uri(self, uri: impl Into<String>) -> Self {
        Self { backchannel_logout_uri: Some(uri.into()), ..self }
    }

    /// Sets that its logout tokens name the session by `sid`, beside the person. They do by default; without
    /// it they name the person alone, and mean all sessions of that person.
    #[must_use]
    pub fn backchannel_logout_session_required(self, required: bool) -> Self {
        Self { backchannel_logout_session_required: required, ..self }
    }

    pub(crate) fn register(&self) -> Result<RegisteredClient, Malformed> {
        let uris = |uris: &[String]| uris.iter().map(|uri| RedirectUri::parse(uri)).collect();
        let post_logout: Result<_, _> = uris(&self.post_logout_redirect_uris);
        Ok(RegisteredClient {
            id: ClientId::parse(&self.id)?,
            secret: self.secret.clone(),
            redirect_uris: uris(&self.redirect_uris)?,
            post_logout_redirect_uris: post_logout.map_err(|_| Malformed("post_logout_redirect_uri"))?,
            backchannel_logout_uri: self.backchannel_logout_uri.as_deref().map(logout_uri).transpose()?,
            names_the_session: self.backchannel_logout_session_required,
        })
    }
}

/// A client with parsed values.
pub(crate) struct RegisteredClient {
    pub(crate) id: ClientId,
    pub(crate) secret: SecretString,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) post_logout_redirect_uris: Vec<RedirectUri>,
    pub(crate) backchannel_logout_uri: Option<Uri>,
    /// True if its logout tokens have a `sid`.
    pub(crate) names_the_session: bool,
}

impl RegisteredClient {
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        verify_slices_are_equal(self.secret.expose_secret().as_bytes(), secret.as_bytes()).is_ok()
    }
}

/// An absolute http(s) URL without a fragment, as for redirect URIs, and without credentials.
fn logout_uri(uri: &str) -> Result<Uri, Malformed> {
    let malformed = Malformed("backchannel_logout_uri");
    let uri = RedirectUri::parse(uri).map_err(|_| malformed)?;
    let parsed: Uri = uri.as_str().parse().map_err(|_| malformed)?;
    match parsed.authority() {
        Some(authority) if !authority.as_str().contains('@') => Ok(parsed),
        _ => Err(malformed),
    }
}
