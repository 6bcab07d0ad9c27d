//! The causes of refusals: errors by subject, a stable code for each, and the reference under which one is
//! logged.

mod account;
mod code;
mod external;
mod reference;
mod refusal;
mod service;
mod sign_in;

pub use account::{AccessError, AccessTokenError, AccountError, LinkError, PasswordError, RegistrationError};
pub use code::{ErrorCode, Responsible};
pub use external::{AdmissionError, AttemptError, CallbackError, EmailError};
pub use reference::Reference;
pub use refusal::Refusal;
pub use service::ServiceError;
pub use sign_in::SignInError;
