//! A network in which the providers' names lead to the mock: through a proxy, as in a company, and by
//! certificates of an authority that only this test has.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

pub(super) struct Network {
    proxy: SocketAddr,
    authority: String,
}

impl Network {
    /// In which these hosts, and no others, are at this address.
    pub(super) async fn of(hosts: [&'static str; 2], address: SocketAddr) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);

        let key = KeyPair::generate().unwrap();
        let of_hosts = CertificateParams::new(hosts.map(str::to_owned)).unwrap();
        let of_hosts = of_hosts.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = tls.with_single_cert(vec![of_hosts.der().clone()], key).unwrap();
        let tls = TlsAcceptor::from(Arc::new(tls));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnelled(stream, hosts, tls.clone(), address));
            }
        });
        Self { proxy, authority: certificate.pem() }
    }

    /// The proxy that everything outside is reached through.
    pub(super) fn proxy(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// The certificate of the authority, in PEM.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }
}

/// Answers one CONNECT (RFC 9110 section 9.3.6).
async fn tunnelled(mut stream: TcpStream, hosts: [&str; 2], tls: TlsAcceptor, to: SocketAddr) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let is_known = hosts.iter().any(|host| head.starts_with(&format!("CONNECT {host}:443 ")));
    let answer: &[u8] =
        if is_known { b"HTTP/1.1 200 OK\r\n\r\n" } else { b"HTTP/1.1 502 Bad Gateway\r\n\r\n" };
    stream.write_all(answer).await.ok()?;
    if !is_known {
        return None;
    }
    let mut inside = tls.accept(stream).await.ok()?;
    let mut mock = TcpStream::connect(to).await.ok()?;
    copy_bidirectional(&mut inside, &mut mock).await.ok().map(drop)
}
