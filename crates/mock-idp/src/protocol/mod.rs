//! The words of the protocol that endpoints and personas share: requests, grants, errors and claims.

mod authorization;
mod claims;
mod grant;
mod grant_error;
mod parameters;
mod token_refusal;

pub(crate) use self::authorization::Refusal;
pub use self::authorization::UnanswerableRequest;
pub(crate) use self::claims::{Claims, half_hash, set, unset, unset_all};
pub(crate) use self::grant::{CODE_LIFETIME, Grant, Session};
pub(crate) use self::grant_error::GrantError;
pub(crate) use self::parameters::{Duplicate, Parameters, bearer, with_query};
pub(crate) use self::token_refusal::TokenRefusal;
