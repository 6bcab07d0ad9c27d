//! The client's authentication in a request to the provider (RFC 6749 section 2.3, RFC 7523).

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use labgate_domain::ports::ProviderError;
use labgate_domain::protocol::ClientId;
use labgate_domain::time::Timestamp;
use openidconnect::HttpRequest;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::form_urlencoded;

use crate::client_authentication::{ClientAuth, Credentials};
use crate::client_key::SigningFailed;
use crate::endpoint::Endpoint;
use crate::transport::{request, sensitive};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The type of an assertion (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The life of an assertion, in seconds.
const ASSERTION_LIFE: i64 = 60;

/// The client, as it authenticates in one request.
pub(crate) struct Client<'a> {
    id: &'a ClientId,
    method: ClientAuth,
    credentials: &'a Credentials,
    /// The secret at the moment; it must not come back in a message.
    pub(crate) secret: SecretString,
    audience: &'a str,
    /// The algorithms that the provider accepts for assertions.
    algorithms: &'a [String],
    now: Timestamp,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        id: &'a ClientId,
        method: ClientAuth,
        credentials: &'a Credentials,
        audience: &'a str,
        algorithms: &'a [String],
        now: Timestamp,
    ) -> Self {
        Self { id, method, credentials, secret: credentials.secret(), audience, algorithms, now }
    }

    /// A form for this endpoint, with the client's authentication.
    pub(crate) fn request(
        &self,
        url: &Endpoint,
        form: &[(&str, &str)],
    ) -> Result<HttpRequest, ProviderError> {
        let (id, secret) = (self.id.as_str(), self.secret.expose_secret());
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        if self.method != ClientAuth::SecretBasic && !form.iter().any(|(name, _)| *name == "client_id") {
            body.append_pair("client_id", id);
        }
        if self.method == ClientAuth::SecretPost {
            body.append_pair("client_secret", secret);
        }
        if matches!(self.method, ClientAuth::SecretJwt | ClientAuth::PrivateKeyJwt) {
            let assertion = self.assertion().map_err(|SigningFailed| {
                ProviderError::Misconfigured("the client's key cannot sign an assertion".to_owned())
            })?;
            body.append_pair("client_assertion_type", ASSERTION_TYPE);
            body.append_pair("client_assertion", &assertion);
        }
        let mut request = request(Method::POST, url.url(), body.finish().into_bytes());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        if self.method == ClientAuth::SecretBasic {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
            let basic = sensitive(&format!("Basic {pair}")).ok_or_else(|| {
                ProviderError::Misconfigured("the client secret does not fit into a header".to_owned())
            })?;
            request.headers_mut().insert(AUTHORIZATION, basic);
        }
        Ok(request)
    }

    /// A fresh assertion (RFC 7523 section 3), for this provider alone and for a minute.
    fn assertion(&self) -> Result<String, SigningFailed> {
        let key = self.credentials.key.as_ref().filter(|_| self.method == ClientAuth::PrivateKeyJwt);
        let algorithm = key.map_or("HS256", |key| key.algorithm(self.algorithms));
        let mut header = json!({
            "alg": algorithm,
            "typ": "JWT",
        });
        if let Some(members) = header.as_object_mut().filter(|_| key.is_some()) {
            members.extend(self.credentials.key_id.iter().map(|id| ("kid".to_owned(), id.as_str().into())));
            let certificate = self.credentials.certificate.iter();
            members.extend(certificate.map(|it| ("x5t#S256".to_owned(), it.thumbprint.as_str().into())));
        }
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SigningFailed)?;
        let issued_at = self.now.as_unix_seconds();
        let claims = json!({
            "iss": self.id.as_str(),
            "sub": self.id.as_str(),
            "aud": self.audience,
            "jti": BASE64_URL_SAFE_NO_PAD.encode(id),
            "iat": issued_at,
            "exp": issued_at + ASSERTION_LIFE,
        });
        let encoded = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = if let Some(key) = key {
            key.sign(algorithm, message.as_bytes())?
        } else {
            let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret().as_bytes());
            hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        };
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}
