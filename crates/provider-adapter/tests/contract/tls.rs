//! The certificates that count (C7).

use std::sync::Arc;

use labgate_domain::ports::{CallFailure, IdentityProvider as _, ProviderError};
use labgate_domain::world::Clock;
use labgate_provider::{Field, OpenIdProvider, SettingsError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::{NOW, TestClock, at_issuer, parsed};

/// A certification authority of a test.
struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }
}

/// An https server with metadata and a certificate that is signed by `ca` after `change`; its issuer.
async fn server(ca: Option<&Ca>, host: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    change(&mut params);
    let certificate = match ca {
        Some(ca) => params.signed_by(&key, &ca.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();

    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    })
    .to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let length = metadata.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{metadata}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    issuer
}

fn provider(issuer: &str, extra_ca_pem: Option<&str>) -> Result<OpenIdProvider, SettingsError> {
    let mut settings = at_issuer(issuer);
    if let Some(pem) = extra_ca_pem {
        settings.set(Field::ExtraCa, [pem]);
    }
    OpenIdProvider::new(parsed(settings), Arc::new(TestClock::at(NOW)) as Arc<dyn Clock>)
}

async fn refused(issuer: &str, extra_ca_pem: Option<&str>, why: &str) {
    let error = provider(issuer, extra_ca_pem).unwrap().authorization_server().await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { cause: CallFailure::Certificate, .. }), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
}

#[tokio::test]
async fn c007_a_private_authority_is_trusted_only_where_the_settings_say_so() {
    let ca = Ca::new();
    let issuer = server(Some(&ca), "localhost", |_| {}).await;
    refused(&issuer, None, "certificate").await;
    refused(&issuer, Some(&Ca::new().pem), "certificate").await;
    let server = provider(&issuer, Some(&ca.pem)).unwrap().authorization_server().await.unwrap();
    assert_eq!(server.issuer.as_str(), issuer);
}

#[tokio::test]
async fn c007_a_certificate_that_is_self_signed_expired_or_of_another_host_is_refused() {
    let ca = Ca::new();
    let self_signed = server(None, "localhost", |_| {}).await;
    refused(&self_signed, Some(&ca.pem), "certificate").await;
    let expired = server(Some(&ca), "localhost", |params| params.not_after = date_time_ymd(2020, 1, 1)).await;
    refused(&expired, Some(&ca.pem), "expired").await;
    let other_host = server(Some(&ca), "other.example", |_| {}).await;
    refused(&other_host, Some(&ca.pem), "certificate").await;
}

#[test]
fn c007_what_is_no_bundle_of_certificates_is_said_at_once() {
    for bad in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(provider("https://op.example", Some(bad)).err(), Some(SettingsError::ExtraCa), "{bad}");
    }
}
