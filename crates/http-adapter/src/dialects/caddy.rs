//! Caddy `forward_auth` sets `X-Forwarded-Host`, `-Uri` and `-Method` itself. An answer other than 2xx goes to
//! the client as it is.

use labgate_domain::access::Target;

use super::{Unclear, forwarded};
use crate::original::Original;

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    forwarded(original)
}
