//! The server's own certificate and key, in files.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::keys::{self, Key};
use super::settings::Settings;
use super::values::{self, Readers};

/// The files of the server's certificate and of its key. They are read by the server alone: their replacement
/// disturbs no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

/// What is in the files.
pub(crate) struct TlsPair {
    /// The certificate, and those that lead to its authority.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    /// Differs for other contents.
    pub(crate) fingerprint: [u8; 32],
}

/// The reason for which the files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} ({variable}): {path}: {text}", path = path.display())]
pub struct UnfitTlsFile {
    setting: &'static str,
    variable: String,
    path: PathBuf,
    text: String,
}

/// Reads the two settings: both are set, or none; one alone is a problem.
pub(super) fn files(settings: &mut Settings) -> Option<TlsFiles> {
    let (certificate, key) = (&keys::TLS_CERTIFICATE_FILE, &keys::TLS_PRIVATE_KEY_FILE);
    match (settings.is_set(certificate), settings.is_set(key)) {
        (false, false) => None,
        (true, true) => {
            let (certificate, key) = (settings.text(certificate), settings.text(key));
            Some(TlsFiles { certificate: certificate?.into(), key: key?.into() })
        }
        (true, false) => settings.refuse(key, format!("is needed, because {} is set", certificate.path)),
        (false, true) => settings.refuse(certificate, format!("is needed, because {} is set", key.path)),
    }
}

impl TlsFiles {
    /// Reads the files.
    pub(crate) fn read(&self) -> Result<TlsPair, UnfitTlsFile> {
        let of_certificate = |text| unfit(&keys::TLS_CERTIFICATE_FILE, &self.certificate, text);
        let certificate = values::secret_file(&self.certificate, Readers::Anybody).map_err(of_certificate)?;
        let chain = CertificateDer::pem_slice_iter(certificate.expose_secret().as_bytes());
        let chain: Vec<_> =
            chain.collect::<Result<_, _>>().map_err(|error| of_certificate(not_pem(&error)))?;
        if chain.is_empty() {
            return Err(of_certificate("has no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()));
        }
        let of_key = |text| unfit(&keys::TLS_PRIVATE_KEY_FILE, &self.key, text);
        let text = values::secret_file(&self.key, Readers::OwnerAndGroup).map_err(of_key)?;
        let key = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()).map_err(|error| {
            of_key(match error {
                pem::Error::NoItemsFound => {
                    "has no private key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)".to_owned()
                }
                error => not_pem(&error),
            })
        })?;
        let both = [certificate.expose_secret(), "\0", text.expose_secret()].concat();
        Ok(TlsPair { chain, key, fingerprint: Sha256::digest(both).into() })
    }

    /// The error when the two do not make a server's certificate.
    pub(crate) fn unfit_together(&self, text: String) -> UnfitTlsFile {
        unfit(&keys::TLS_PRIVATE_KEY_FILE, &self.key, text)
    }
}

fn unfit(key: &Key, path: &Path, text: String) -> UnfitTlsFile {
    UnfitTlsFile { setting: key.path, variable: key.variable(), path: path.to_owned(), text }
}

/// An error of PEM names no content.
fn not_pem(error: &pem::Error) -> String {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no -----END …----- line",
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN …----- line is malformed",
        pem::Error::Base64Decode(_) => "the text between the lines is not Base64",
        _ => "it cannot be read",
    };
    format!("is not PEM: {reason}")
}
