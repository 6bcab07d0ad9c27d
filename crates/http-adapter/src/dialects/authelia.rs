//! Authelia's three ways of asking: `auth-request` as nginx does, `forward-auth` as Traefik and Caddy do, and
//! `ext-authz` as Envoy does.

use labgate_domain::access::Target;

use super::{Unclear, envoy, forwarded, nginx};
use crate::original::Original;
use crate::paths;
use crate::request::ParsedRequest;

pub(super) fn auth_request(original: &Original) -> Result<Target, Unclear> {
    nginx::target(original)
}

pub(super) fn forward_auth(original: &Original) -> Result<Target, Unclear> {
    forwarded(original)
}

pub(super) fn ext_authz(original: &Original, request: &ParsedRequest) -> Result<Target, Unclear> {
    envoy::behind(paths::AUTHELIA_EXT_AUTHZ, original, request)
}
