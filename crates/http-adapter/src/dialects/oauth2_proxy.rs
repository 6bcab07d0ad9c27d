//! oauth2-proxy's `/oauth2/auth`, as its own documentation has nginx ask it: `Host` is the request's, the path is in
//! `X-Forwarded-Uri`. The method is not said, so a rule by method cannot be judged.

use labgate_domain::access::Target;

use super::{Unclear, once};
use crate::original::{Original, Said};

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    // Traefik and ingress-nginx name the host in a header of its own; a doubled one is never passed over.
    let host = match &original.forwarded_host {
        Said::Nothing => once("Host", &original.host)?,
        said => once("X-Forwarded-Host", said)?,
    };
    let target = match (&original.url, &original.forwarded_uri) {
        // ingress-nginx.
        (Said::Once(url), Said::Nothing) => Target::from_url(url, Target::UNSAID),
        (_, uri) => Target::new(host, once("X-Forwarded-Uri", uri)?, Target::UNSAID),
    };
    let target = target.map_err(|error| Unclear::Unfit("Host, X-Forwarded-Uri or X-Original-URL", error))?;
    match &original.forwarded_method {
        Said::Nothing => Ok(target),
        said => {
            let method = once("X-Forwarded-Method", said)?;
            target.with_method(method).map_err(|error| Unclear::Unfit("X-Forwarded-Method", error))
        }
    }
}
