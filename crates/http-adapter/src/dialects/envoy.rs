//! Envoy `ext_authz` over HTTP asks with the request's own method, host and path, which it puts behind the path
//! of the check (`path_prefix`). An answer other than 200 goes to the client as it is.

use labgate_domain::access::Target;

use super::{Unclear, once};
use crate::original::Original;
use crate::paths::{self, LabPath};
use crate::request::ParsedRequest;

pub(super) fn target(original: &Original, request: &ParsedRequest) -> Result<Target, Unclear> {
    behind(paths::CHECK_ENVOY, original, request)
}

/// Reads the request whose path stands behind this one.
pub(super) fn behind(
    check: LabPath,
    original: &Original,
    request: &ParsedRequest,
) -> Result<Target, Unclear> {
    let host = once("Host", &original.host)?;
    let path =
        request.below_base().strip_prefix(check.as_str()).filter(|path| !path.is_empty()).unwrap_or("/");
    let method = request.method.as_str();
    let target = match request.query.as_str() {
        "" => Target::new(host, path, method),
        query => Target::new(host, &format!("{path}?{query}"), method),
    };
    target.map_err(|error| Unclear::Unfit("Host or the path", error))
}
