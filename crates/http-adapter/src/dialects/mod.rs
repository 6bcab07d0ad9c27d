//! How each reverse proxy asks for a check, and how it wants to be answered: one file each.
//!
//! A dialect finds the request that is asked about in the words of the proxy, and in no other: what another
//! proxy would have said is the client's.

mod authelia;
mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod oauth2_proxy;
mod traefik;

use labgate_domain::access::{IdentityHeaders, Target, UnfitTarget};

use crate::original::{Original, Said};
use crate::request::ParsedRequest;

/// A reverse proxy's way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// nginx `auth_request`, and every front end that asks for itself.
    Nginx,
    /// Traefik `ForwardAuth`.
    Traefik,
    /// Caddy `forward_auth`.
    Caddy,
    /// `HAProxy`, by a Lua action.
    HaProxy,
    /// Envoy `ext_authz` over HTTP.
    Envoy,
    /// oauth2-proxy's `/oauth2/auth`.
    OAuth2Proxy,
    /// Authelia's `auth-request`.
    AutheliaAuthRequest,
    /// Authelia's `forward-auth`.
    AutheliaForwardAuth,
    /// Authelia's `ext-authz`.
    AutheliaExtAuthz,
}

/// A product whose paths Labgate can serve, for reverse proxies that are configured for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropIn {
    /// oauth2-proxy: `/oauth2/…`.
    OAuth2Proxy,
    /// Authelia: `/api/authz/…`.
    Authelia,
}

impl std::str::FromStr for DropIn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "oauth2-proxy" => Ok(Self::OAuth2Proxy),
            "authelia" => Ok(Self::Authelia),
            _ => Err("is neither \"oauth2-proxy\" nor \"authelia\""),
        }
    }
}

/// How a refused request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusing {
    /// With a status alone: the proxy asks for a page of its own afterwards.
    ByStatus,
    /// With the answer that the client gets.
    ForClient,
}

/// The reason that it cannot be told what is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    /// The proxy is not trusted, or does not say it.
    #[error(
        "the proxy does not say what is asked for, in {0}, or its address is not in LABGATE_TRUSTED_PROXIES"
    )]
    NotSaid(&'static str),
    /// A header is there more than once.
    #[error("{0} is there more than once, or is not UTF-8")]
    SaidTwice(&'static str),
    /// A value is not what it should be.
    #[error("{0}: {1}")]
    Unfit(&'static str, UnfitTarget),
}

impl Dialect {
    /// Returns what is asked about.
    pub(crate) fn target(self, request: &ParsedRequest) -> Result<Target, Unclear> {
        let original = &request.original;
        match self {
            Self::Nginx => nginx::target(original),
            Self::Traefik => traefik::target(original),
            Self::Caddy => caddy::target(original),
            Self::HaProxy => haproxy::target(original),
            Self::Envoy => envoy::target(original, request),
            Self::OAuth2Proxy => oauth2_proxy::target(original),
            Self::AutheliaAuthRequest => authelia::auth_request(original),
            Self::AutheliaForwardAuth => authelia::forward_auth(original),
            Self::AutheliaExtAuthz => authelia::ext_authz(original, request),
        }
    }

    /// Returns how it is answered when the request may not pass.
    pub(crate) fn refusing(self) -> Refusing {
        match self {
            Self::Nginx | Self::OAuth2Proxy | Self::AutheliaAuthRequest => Refusing::ByStatus,
            Self::Traefik
            | Self::Caddy
            | Self::HaProxy
            | Self::Envoy
            | Self::AutheliaForwardAuth
            | Self::AutheliaExtAuthz => Refusing::ForClient,
        }
    }

    /// Returns the names of identity headers that its configurations copy, whatever the service's own.
    pub(crate) fn words(self) -> Option<IdentityHeaders> {
        match self {
            Self::OAuth2Proxy => Some(IdentityHeaders::XAuthRequest),
            Self::AutheliaAuthRequest | Self::AutheliaForwardAuth | Self::AutheliaExtAuthz => {
                Some(IdentityHeaders::Remote)
            }
            Self::Nginx | Self::Traefik | Self::Caddy | Self::HaProxy | Self::Envoy => None,
        }
    }
}

/// Returns the one value of a header.
fn once<'a>(name: &'static str, said: &'a Said) -> Result<&'a str, Unclear> {
    match said {
        Said::Once(text) => Ok(text),
        Said::Nothing => Err(Unclear::NotSaid(name)),
        Said::Unclear => Err(Unclear::SaidTwice(name)),
    }
}

/// Reads the request from `X-Forwarded-Host`, `-Uri` and `-Method`.
fn forwarded(original: &Original) -> Result<Target, Unclear> {
    let host = once("X-Forwarded-Host", &original.forwarded_host)?;
    let uri = once("X-Forwarded-Uri", &original.forwarded_uri)?;
    let method = once("X-Forwarded-Method", &original.forwarded_method)?;
    Target::new(host, uri, method).map_err(|error| Unclear::Unfit("X-Forwarded-Host, -Uri or -Method", error))
}

#[cfg(test)]
mod tests;
