//! Sending logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.5): by plain http, on this machine
//! only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::{StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::logout_notice::LogoutNotice;

/// The time limit for a relying party's answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the addresses of a URI on this machine; `None` for one that leads elsewhere or needs TLS. Names
/// are not looked up: only `localhost` is known.
pub(crate) fn addresses(uri: &Uri) -> Option<Vec<SocketAddr>> {
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http"))?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let hosts: Vec<IpAddr> = if bare.eq_ignore_ascii_case("localhost") {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        vec![bare.parse().ok().filter(IpAddr::is_loopback)?]
    };
    let port = uri.port_u16().unwrap_or(80);
    Some(hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect())
}

/// Sends a notice once, following no redirect: what was answered, if anything was in time.
pub(crate) async fn send(notice: &LogoutNotice) -> Option<StatusCode> {
    tokio::time::timeout(PATIENCE, exchange(notice)).await.ok().flatten()
}

async fn exchange(notice: &LogoutNotice) -> Option<StatusCode> {
    let addresses = addresses(notice.uri())?;
    let stream = TcpStream::connect(addresses.as_slice()).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut request = notice.request().map(Full::new);
    // A server is asked for a path; a whole URI is for proxies (RFC 9112 section 3.2).
    *request.uri_mut() = notice.uri().path_and_query()?.clone().into();
    // The sender and the answer's body end with the answer, and the connection with them.
    let answered = async move { sender.send_request(request).await.ok().map(|answer| answer.status()) };
    tokio::join!(answered, connection).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(uri: &str) -> Option<Vec<String>> {
        let addresses = addresses(&uri.parse().unwrap())?;
        Some(addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_plain_http_on_this_machine_leads_anywhere() {
        assert_eq!(leads_to("http://127.0.0.1:8091/logout").unwrap(), ["127.0.0.1:8091"]);
        assert_eq!(leads_to("http://[::1]/").unwrap(), ["[::1]:80"]);
        assert_eq!(leads_to("http://LOCALHOST:1/").unwrap(), ["127.0.0.1:1", "[::1]:1"]);
        for elsewhere in [
            "https://127.0.0.1/",
            "http://lab.test/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://127.1/",
            "http://2130706433/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost.evil.example/",
            "http://127.0.0.1@evil.example/",
            "/logout",
        ] {
            assert_eq!(leads_to(elsewhere), None, "{elsewhere}");
        }
    }
}
