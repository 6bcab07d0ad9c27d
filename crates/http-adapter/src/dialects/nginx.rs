//! nginx `auth_request` asks without the path of the request, so its configuration names it in
//! `X-Original-URL` (`$scheme://$host$request_uri`) and `X-Original-Method`. Of the answer it takes the
//! status alone. (Not `$http_host`: of a request line with a host in it nginx takes that host.)

use labgate_domain::access::Target;

use super::{Unclear, once};
use crate::original::Original;

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    let url = once("X-Original-URL", &original.url)?;
    let method = once("X-Original-Method", &original.method)?;
    Target::from_url(url, method).map_err(|error| Unclear::Unfit("X-Original-URL or -Method", error))
}
