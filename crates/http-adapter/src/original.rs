//! What a trusted proxy says about the request that it holds, as it stands in the check.

use http::HeaderMap;
use http::header::UPGRADE;
use http::request::Parts;

use crate::client_addr::{Peer, ProxyNetwork};

/// The words of a trusted proxy about the request that it holds. Of any other peer there are none: whoever can
/// reach Labgate past the proxy cannot choose what is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Original {
    /// `X-Original-URL`.
    pub(crate) url: Said,
    /// `X-Original-Method`.
    pub(crate) method: Said,
    /// `X-Forwarded-Host`.
    pub(crate) forwarded_host: Said,
    /// `X-Forwarded-Uri`: the path with its query.
    pub(crate) forwarded_uri: Said,
    /// `X-Forwarded-Method`.
    pub(crate) forwarded_method: Said,
    /// `X-Auth-Request-Redirect`: where to come to after signing in.
    pub(crate) redirect: Said,
    /// Set when the request would become another protocol, such as WebSocket.
    pub(crate) upgrade: bool,
    /// `Host`, where the check has the host of the request.
    pub(crate) host: Said,
}

/// The value of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is not there.
    #[default]
    Nothing,
    /// One line.
    Once(String),
    /// Several lines, or bytes that are no text: somebody has added one.
    Unclear,
}

impl Said {
    fn read(headers: &HeaderMap, name: &str) -> Self {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Self::Nothing,
            // What a client sent undecoded beyond ASCII is UTF-8 in all browsers.
            (Some(line), None) => {
                std::str::from_utf8(line.as_bytes()).map_or(Self::Unclear, |text| Self::Once(text.to_owned()))
            }
            _ => Self::Unclear,
        }
    }

    /// Returns the one line.
    pub(crate) fn once(&self) -> Option<&str> {
        match self {
            Self::Once(text) => Some(text),
            Self::Nothing | Self::Unclear => None,
        }
    }
}

impl Original {
    /// Reads the words of the peer, if it is a trusted proxy.
    pub(crate) fn read(parts: &Parts, proxies: &[ProxyNetwork]) -> Self {
        let peer = parts.extensions.get::<Peer>();
        if !peer.is_some_and(|Peer(address)| proxies.iter().any(|proxy| proxy.contains(*address))) {
            return Self::default();
        }
        let said = |name| Said::read(&parts.headers, name);
        Self {
            url: said("x-original-url"),
            method: said("x-original-method"),
            forwarded_host: said("x-forwarded-host"),
            forwarded_uri: said("x-forwarded-uri"),
            forwarded_method: said("x-forwarded-method"),
            upgrade: parts.headers.contains_key(UPGRADE),
            redirect: said("x-auth-request-redirect"),
            host: said("host"),
        }
    }
}
