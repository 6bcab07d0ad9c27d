//! The client's means to authenticate, and the choice among the methods (OpenID Connect Core section 9, RFC
//! 8705).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use labgate_domain::ForeignText;
use secrecy::{ExposeSecret as _, SecretString};

use crate::client_key::ClientKey;

/// A method of client authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// The secret in the header `Authorization: Basic`.
    SecretBasic,
    /// The secret in the body.
    SecretPost,
    /// An assertion with an HMAC by the secret.
    SecretJwt,
    /// An assertion that the client's private key signs.
    PrivateKeyJwt,
    /// A certificate in the TLS handshake.
    Certificate,
    /// No authentication: a public client, whose code is protected by PKCE alone.
    Public,
}

impl ClientAuth {
    const ALL: [Self; 6] = [
        Self::SecretBasic,
        Self::SecretPost,
        Self::SecretJwt,
        Self::PrivateKeyJwt,
        Self::Certificate,
        Self::Public,
    ];

    /// The name in metadata and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::SecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Certificate => "tls_client_auth",
            Self::Public => "none",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("is no method of client authentication: there are {names}, or leave it out")
        })
    }

    /// Returns whether metadata names this method so.
    fn is_named(self, name: &str) -> bool {
        name == self.as_str() || (self == Self::Certificate && name == "self_signed_tls_client_auth")
    }

    /// The settings that the method needs.
    pub(crate) fn needs(self) -> &'static str {
        match self {
            Self::SecretBasic | Self::SecretPost | Self::SecretJwt => "client_secret or client_secret_file",
            Self::PrivateKeyJwt => {
                "client_key_file, with the private key of which the provider knows the public half"
            }
            Self::Certificate => "client_certificate_file and client_key_file",
            Self::Public => "client_auth = \"none\"",
        }
    }
}

/// The audience of an assertion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer: no other provider can use an assertion that it was sent (RFC 7523bis).
    #[default]
    Issuer,
    /// The URL of the token endpoint, as OpenID Connect Core section 9 has it.
    TokenEndpoint,
}

impl AssertionAudience {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "issuer" => Ok(Self::Issuer),
            "token_endpoint" => Ok(Self::TokenEndpoint),
            _ => Err("is neither issuer nor token_endpoint"),
        }
    }
}

/// The client secret, and the way to read it once more where it stands in a file.
#[derive(Clone)]
pub(crate) struct ClientSecret {
    present: Arc<RwLock<SecretString>>,
    reader: Option<SecretReader>,
}

/// Reads a secret anew; `None` when it cannot be read.
pub type SecretReader = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;

impl ClientSecret {
    pub(crate) fn new(secret: SecretString, reader: Option<SecretReader>) -> Self {
        Self { present: Arc::new(RwLock::new(secret)), reader }
    }

    pub(crate) fn present(&self) -> SecretString {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the secret once more, and returns whether it has changed.
    fn renew(&self) -> bool {
        let Some(read) = self.reader.as_ref().and_then(|reader| reader()) else { return false };
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = present.expose_secret() != read.expose_secret();
        *present = read;
        has_changed
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// The client's means to authenticate.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The method that the operator states.
    pub(crate) stated: Option<ClientAuth>,
    pub(crate) secret: Option<ClientSecret>,
    pub(crate) key: Option<Arc<ClientKey>>,
    /// The name of the key at the provider.
    pub(crate) key_id: Option<String>,
    /// The certificate for TLS with its key.
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) audience: Option<AssertionAudience>,
}

/// A certificate that names the client.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate {
    /// The chain and the private key, in PEM.
    pub(crate) identity: SecretString,
    /// The SHA-256 of the certificate in base64url (`x5t#S256`, RFC 7515 section 4.1.8).
    pub(crate) thumbprint: String,
}

impl Credentials {
    /// Chooses the method from what the provider accepts (Discovery section 3): an empty list means Basic,
    /// where there is a secret.
    pub(crate) fn choose(&self, accepted: &[String], prefers_post: bool) -> Result<ClientAuth, String> {
        use ClientAuth::{Certificate, PrivateKeyJwt, SecretBasic, SecretJwt, SecretPost};
        let is_listed = |method: ClientAuth| accepted.iter().any(|name| method.is_named(name));
        if let Some(stated) = self.stated {
            if !accepted.is_empty() && !is_listed(stated) {
                let method = stated.as_str();
                tracing::warn!(
                    method,
                    "the provider does not list the method of client authentication that is set"
                );
            }
            return Ok(stated);
        }
        let (first, second) =
            if prefers_post { (SecretPost, SecretBasic) } else { (SecretBasic, SecretPost) };
        let accepts = |method: ClientAuth| match accepted {
            [] => !matches!(method, SecretPost | SecretJwt),
            _ => is_listed(method),
        };
        let methods = [PrivateKeyJwt, Certificate, first, second, SecretJwt];
        let usable = methods.into_iter().find(|method| self.serve(*method) && accepts(*method));
        usable.ok_or_else(|| unusable(accepted))
    }

    /// Returns whether they are enough for a method.
    pub(crate) fn serve(&self, method: ClientAuth) -> bool {
        match method {
            ClientAuth::SecretBasic | ClientAuth::SecretPost | ClientAuth::SecretJwt => self.secret.is_some(),
            ClientAuth::PrivateKeyJwt => self.key.is_some(),
            ClientAuth::Certificate => self.certificate.is_some(),
            ClientAuth::Public => self.stated == Some(ClientAuth::Public),
        }
    }

    /// Reads the secret once more after the provider refused it, and returns whether it has changed.
    pub(crate) fn renew_secret(&self) -> bool {
        let has_changed = self.secret.as_ref().is_some_and(ClientSecret::renew);
        if has_changed {
            tracing::info!(
                "the provider refused the client secret, and its file holds another one, which is tried"
            );
        }
        has_changed
    }

    /// The secret at the moment; an empty one where there is none.
    pub(crate) fn secret(&self) -> SecretString {
        self.secret.as_ref().map(ClientSecret::present).unwrap_or_default()
    }
}

/// Describes what a provider demands that is not set up.
fn unusable(accepted: &[String]) -> String {
    let listed = ForeignText::new(&accepted.join(", "));
    let supported = ClientAuth::ALL.into_iter().find(|method| accepted.iter().any(|it| method.is_named(it)));
    let remedy = match supported {
        Some(method) => format!("for {} set {}", method.as_str(), method.needs()),
        None => format!("Labgate supports {}", ClientAuth::ALL.map(ClientAuth::as_str).join(", ")),
    };
    format!(
        "the provider accepts only {listed} as client authentication at its token endpoint, which is not set up: {remedy}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_secret() -> Credentials {
        let secret = ClientSecret::new("secret".to_owned().into(), None);
        Credentials {
            stated: None,
            secret: Some(secret),
            key: None,
            key_id: None,
            certificate: None,
            audience: None,
        }
    }

    fn chosen(
        credentials: &Credentials,
        prefers_post: bool,
        accepted: &[&str],
    ) -> Result<&'static str, String> {
        let accepted: Vec<_> = accepted.iter().map(|&method| method.to_owned()).collect();
        credentials.choose(&accepted, prefers_post).map(ClientAuth::as_str)
    }

    #[test]
    fn c010_the_secret_goes_where_the_provider_takes_it() {
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        let method = |prefers_post, accepted: &[&str]| chosen(&with_secret(), prefers_post, accepted).ok();
        assert_eq!(method(false, &[]), Some(basic));
        assert_eq!(method(false, &[post, basic]), Some(basic));
        assert_eq!(method(false, &["private_key_jwt", post]), Some(post));
        assert_eq!(method(false, &["private_key_jwt"]), None);
        assert_eq!(method(true, &[post, basic]), Some(post));
        assert_eq!(method(true, &[]), Some(basic));
        assert_eq!(method(false, &["private_key_jwt", "client_secret_jwt"]), Some("client_secret_jwt"));
    }

    #[test]
    fn f19_a_method_that_is_needed_and_not_set_up_is_named() {
        for (accepted, expected) in [
            (&["private_key_jwt"][..], "for private_key_jwt set client_key_file"),
            (&["self_signed_tls_client_auth"], "for tls_client_auth set client_certificate_file"),
            (&["none"], "for none set client_auth"),
            (&["attest_jwt_client_auth"], "Labgate supports client_secret_basic"),
        ] {
            let told = chosen(&with_secret(), false, accepted).unwrap_err();
            assert!(told.contains(expected) && told.contains(accepted[0]), "{told}");
        }
    }

    #[test]
    fn f19_a_stated_method_is_used_whatever_the_provider_lists() {
        let forced = Credentials { stated: Some(ClientAuth::SecretPost), ..with_secret() };
        assert_eq!(chosen(&forced, false, &["client_secret_basic"]), Ok("client_secret_post"));
        assert_eq!(chosen(&forced, false, &[]), Ok("client_secret_post"));
    }
}
