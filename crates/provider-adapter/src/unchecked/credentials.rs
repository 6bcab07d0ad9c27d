use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::field::Field;
use super::reader::Reader;
use super::settings_error::SettingsError;
use crate::client_authentication::{
    AssertionAudience, ClientAuth, ClientCertificate, ClientSecret, Credentials,
};
use crate::client_key::ClientKey;

impl Reader<'_> {
    /// The client's means to authenticate: enough for the stated method, and at least one.
    pub(super) fn credentials(
        &mut self,
        secret: Option<ClientSecret>,
        key: Option<&SecretString>,
    ) -> Option<Credentials> {
        // All are read before any is missed, so that every error is told.
        let stated = self.optional(Field::ClientAuth, ClientAuth::parse);
        let audience = self.optional(Field::AssertionAudience, AssertionAudience::parse);
        let key_id = self.optional(Field::ClientKeyId, |text| {
            let fits = text.len() <= 256 && !text.chars().any(char::is_control);
            if fits {
                Ok(text.to_owned())
            } else {
                Err("is longer than 256 bytes, or has a control character")
            }
        });
        let has_given_all = [(Field::ClientSecret, secret.is_some()), (Field::ClientKey, key.is_some())]
            .into_iter()
            .all(|(field, is_given)| is_given || !self.is_set(field));
        let parsed = key.map(|pem| ClientKey::parse(pem.expose_secret())).transpose();
        let parsed = parsed.map_err(|text| self.malformed(Field::ClientKey, "", &text)).ok();
        let certificate = self.optional(Field::ClientCertificate, |chain| {
            let key = key.ok_or("needs client_key_file, the private key of the certificate")?;
            certificate(chain, key)
        });
        let credentials = Credentials {
            stated: stated?,
            secret,
            key: parsed?.map(Arc::new),
            key_id: key_id?,
            certificate: certificate?,
            audience: audience?,
        };
        if has_given_all { self.sufficient(credentials) } else { None }
    }

    fn sufficient(&mut self, credentials: Credentials) -> Option<Credentials> {
        let error = match credentials.stated {
            Some(ClientAuth::Public) if credentials.secret.is_some() => SettingsError::PublicWithSecret,
            Some(ClientAuth::SecretBasic | ClientAuth::SecretPost | ClientAuth::SecretJwt)
                if credentials.secret.is_none() =>
            {
                SettingsError::Missing { field: Field::ClientSecret, or_issuer: false }
            }
            Some(method) if !credentials.serve(method) => SettingsError::ClientAuth(method),
            None if credentials.secret.is_none() && credentials.key.is_none() => {
                SettingsError::Missing { field: Field::ClientSecret, or_issuer: false }
            }
            _ => return Some(credentials),
        };
        self.refuse(error)
    }
}

/// The certificate with its key, as the TLS library wants them.
fn certificate(chain: &str, key: &SecretString) -> Result<ClientCertificate, &'static str> {
    let first = CertificateDer::pem_slice_iter(chain.as_bytes()).next();
    let first = first.and_then(Result::ok).ok_or("holds no certificate in PEM")?;
    let hash = digest::digest(&digest::SHA256, &first);
    Ok(ClientCertificate {
        identity: format!("{chain}\n{}", key.expose_secret()).into(),
        thumbprint: BASE64_URL_SAFE_NO_PAD.encode(hash),
    })
}
