use aws_lc_rs::constant_time::verify_slices_are_equal;
use labgate_domain::protocol::{ClientId, Malformed, RedirectUri};
use secrecy::{ExposeSecret as _, SecretString};

/// A relying party as it is registered at the mock.
#[derive(Clone, Debug)]
pub struct Client {
    id: String,
    secret: SecretString,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
}

impl Client {
    /// A client with this id and secret, still without a redirect URI.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into().into(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
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

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn register(&self) -> Result<RegisteredClient, Malformed> {
        let uris = |uris: &[String]| uris.iter().map(|uri| RedirectUri::parse(uri)).collect();
        let post_logout: Result<_, _> = uris(&self.post_logout_redirect_uris);
        Ok(RegisteredClient {
            id: ClientId::parse(&self.id)?,
            secret: self.secret.clone(),
            redirect_uris: uris(&self.redirect_uris)?,
            post_logout_redirect_uris: post_logout.map_err(|_| Malformed("post_logout_redirect_uri"))?,
        })
    }
}

/// A client whose values have been parsed.
pub(crate) struct RegisteredClient {
    pub(crate) id: ClientId,
    pub(crate) secret: SecretString,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) post_logout_redirect_uris: Vec<RedirectUri>,
}

impl RegisteredClient {
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        verify_slices_are_equal(self.secret.expose_secret().as_bytes(), secret.as_bytes()).is_ok()
    }
}
