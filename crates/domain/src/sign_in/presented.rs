use crate::ports::{SigningError, TokenFault, TokenIssuer};
use crate::session::{SessionClaims, SessionToken};

/// A token that a browser presents, with what it may be.
#[derive(Clone, Copy)]
pub(super) enum Presented<'a> {
    /// A session token, on Labgate's own host.
    Session(&'a str),
    /// A pass, on the origin of a service.
    Pass {
        /// The origin.
        origin: &'a str,
        /// The token.
        token: &'a str,
    },
}

impl<'a> Presented<'a> {
    /// Returns the claims, if it is a token of that kind, signed here and for that audience.
    pub(super) fn authenticate(self, tokens: &dyn TokenIssuer) -> Result<SessionClaims, TokenFault> {
        match self {
            Self::Session(token) => tokens.authenticate(token),
            Self::Pass { origin, token } => tokens.authenticate_pass(origin, token),
        }
    }

    /// Signs claims as a token of the same kind.
    pub(super) fn issue(
        self,
        tokens: &dyn TokenIssuer,
        claims: &SessionClaims,
    ) -> Result<SessionToken, SigningError> {
        match self {
            Self::Session(_) => tokens.issue(claims),
            Self::Pass { .. } => tokens.issue_pass(claims),
        }
    }

    /// Returns the audience of its kind.
    pub(super) fn audience(self, lab: &'a str) -> &'a str {
        match self {
            Self::Session(_) => lab,
            Self::Pass { origin, .. } => origin,
        }
    }
}
