//! The server's certificate, which is read again while it is in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use labgate_domain::time::Timestamp;
use labgate_http::Tls;
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use url::Url;

use crate::configuration::{Configuration, TlsFiles, TlsPair, UnfitTlsFile};

/// The certificate in use, and its files.
pub(super) struct LiveTls {
    files: TlsFiles,
    /// The host of the public URL.
    host: String,
    pub(super) tls: Arc<Tls>,
    seen: Mutex<Seen>,
}

/// What was seen last.
struct Seen {
    fingerprint: [u8; 32],
    certificate: Option<CertificateDer<'static>>,
    /// What was logged of it: each text once.
    problem: Option<String>,
    doubt: Option<&'static str>,
}

impl LiveTls {
    /// Reads the files of the settings, if they name any.
    pub(super) fn open(configuration: &Configuration, now: Timestamp) -> Result<Option<Self>, UnfitTlsFile> {
        let Some(files) = configuration.tls.clone() else { return Ok(None) };
        let TlsPair { chain, key, fingerprint } = files.read()?;
        let certificate = chain.first().cloned();
        let tls = Tls::new(chain, key).map_err(|error| files.unfit_together(words(&error)))?;
        let public_url = configuration.policy.public_url.origin();
        let host = Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let seen = Seen { fingerprint, certificate, problem: None, doubt: None };
        let live = Self { files, host: host.unwrap_or_default(), tls: Arc::new(tls), seen: Mutex::new(seen) };
        live.read_again(now);
        Ok(Some(live))
    }

    /// Reads the files again. Other ones than before are used from now on; if they cannot be, those before stay.
    pub(super) fn read_again(&self, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = self.take(&mut seen).err().map(|problem| problem.to_string());
        if problem.is_some() && problem != seen.problem {
            let error = problem.as_deref();
            tracing::error!(error, "the TLS certificate cannot be read again; the previous one stays in use");
        }
        seen.problem = problem;
        let doubt = seen.certificate.as_ref().and_then(|certificate| doubt(certificate, &self.host, now));
        if let Some(doubt) = doubt
            && seen.doubt != Some(doubt)
        {
            tracing::warn!(host = self.host, "{doubt}");
        }
        seen.doubt = doubt;
    }

    fn take(&self, seen: &mut Seen) -> Result<(), UnfitTlsFile> {
        let TlsPair { chain, key, fingerprint } = self.files.read()?;
        if fingerprint == seen.fingerprint {
            return Ok(());
        }
        let certificate = chain.first().cloned();
        self.tls.replace(chain, key).map_err(|error| self.files.unfit_together(words(&error)))?;
        (seen.fingerprint, seen.certificate) = (fingerprint, certificate);
        tracing::info!("the TLS certificate was replaced");
        Ok(())
    }
}

/// The reason for which clients will refuse a certificate, if there is one that can be told without their trust.
fn doubt(certificate: &CertificateDer<'_>, host: &str, now: Timestamp) -> Option<&'static str> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let seconds = u64::try_from(now.as_unix_seconds()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    // The times are looked at before the authority, which is not known here.
    let verified =
        verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], now, algorithms);
    match verified {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => {
            return Some("the TLS certificate has expired");
        }
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => return Some("the TLS certificate is not valid yet"),
        _ => {}
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']'])).ok()?;
    verify_server_name(&parsed, &name).err().map(|_| "the TLS certificate is not for the host of public_url")
}

fn words(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "is not the key of the certificate in tls_certificate_file, or that file does not begin with it"
                .to_owned()
        }
        error => format!("cannot be used with the certificate in tls_certificate_file: {error}"),
    }
}

#[cfg(test)]
mod tests;
