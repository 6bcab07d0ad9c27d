use std::time::Duration;

use labgate_domain::protocol::{ClientId, Nonce, Scopes};
use labgate_domain::time::Timestamp;

use crate::faults::Fault;
use crate::user::User;

/// The time in which a code can be redeemed (RFC 6749 section 4.1.2 recommends ten minutes at most).
pub(crate) const CODE_LIFETIME: Duration = Duration::from_mins(1);

/// A person's session at the issuer.
#[derive(Clone)]
pub(crate) struct Session {
    /// Names it in the ID token (`sid`).
    pub(crate) sid: String,
    pub(crate) user: User,
    pub(crate) auth_time: Timestamp,
}

/// The consent that a person gave to a client by one sign-in. Revoking it ends every token that came of it.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client: ClientId,
    pub(crate) session: Session,
    pub(crate) scopes: Scopes,
    pub(crate) nonce: Nonce,
    /// True if there are refresh tokens.
    pub(crate) refreshable: bool,
    /// Chosen on the login page, for everything that comes of this sign-in.
    pub(crate) chosen: Vec<Fault>,
    /// Shown in its latest ID token: userinfo agrees with it.
    pub(crate) shown: Vec<Fault>,
}
