//! `HAProxy` asks by a Lua action, whose configuration sets `X-Forwarded-Host`, `-Uri` and `-Method` with
//! `http-request set-header`, which replaces the client's own. The recipe passes an answer other than 2xx on to
//! the client.

use labgate_domain::access::Target;

use super::{Unclear, forwarded};
use crate::original::Original;

pub(super) fn target(original: &Original) -> Result<Target, Unclear> {
    forwarded(original)
}
