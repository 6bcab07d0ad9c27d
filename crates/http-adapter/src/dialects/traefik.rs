//! Traefik `ForwardAuth` sets `X-Forwarded-Host`, `-Uri` and `-Method` itself, unless `trustForwardHeader` is on:
//! leave it off. An answer other than 2xx goes to the client as it is.

use labgate_domain::access::Target;

use super::{Unclear, forwarded};
use crate::original::Original;

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    forwarded(original)
}
