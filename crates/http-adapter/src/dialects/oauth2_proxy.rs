//! oauth2-proxy's `/oauth2/auth`, as its own documentation has nginx ask it: `Host` is the request's, the path is in
//! `X-Forwarded-Uri`; and as ingress-nginx asks it, with `X-Original-URL`. These configurations pass every other
//! header of the client on, so none of them is believed: the method is never said, and what contradicts is refused.

use labgate_domain::access::{Target, host_name};

use super::{Unclear, once};
use crate::original::{Original, Said};

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    let target = match (&original.url, &original.forwarded_uri) {
        (Said::Nothing, uri) => {
            let host = once("Host", &original.host)?;
            let other = original.forwarded_host.once().map(host_name);
            if original.forwarded_host != Said::Nothing && other != Some(host_name(host)) {
                return Err(Unclear::SaidTwice("the host"));
            }
            Target::new(host, once("X-Forwarded-Uri", uri)?, Target::UNSAID)
        }
        (url, Said::Nothing) => Target::from_url(once("X-Original-URL", url)?, Target::UNSAID),
        _ => return Err(Unclear::SaidTwice("the path")),
    };
    target.map_err(|error| Unclear::Unfit("Host, X-Forwarded-Uri or X-Original-URL", error))
}
