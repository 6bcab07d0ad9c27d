//! The vocabulary of the authorization code flow (RFC 6749, OpenID Connect Core 1.0, RFC 7636, RFC 9207).
//!
//! The provider adapter speaks it as the client, the mock provider as the server: one definition, so both
//! halves of the flow are checked against each other. A value of these types is parsed and needs no further
//! validation.

mod authorization_request;
mod authorization_response;
mod client;
mod end_session_request;
mod error_codes;
mod hints;
mod issuer;
mod malformed;
mod opaque;
mod pkce;
mod subject;

pub use authorization_request::{AuthorizationRequest, MalformedRequest, Scopes};
pub use authorization_response::{AuthorizationOutcome, AuthorizationResponse, MalformedResponse};
pub use client::{ClientId, RedirectUri};
pub use end_session_request::{EndSessionEndpoint, EndSessionForm, EndSessionRequest};
pub use error_codes::{AuthorizationErrorCode, TokenErrorCode};
pub use hints::{Hint, HintParameters, Hints};
pub use issuer::Issuer;
pub use malformed::Malformed;
pub(crate) use malformed::read_by_parsing;
pub use opaque::{AuthorizationCode, IdTokenHint, Nonce, ProviderSessionId, RefreshToken, RequestUri, State};
pub use pkce::{PkceChallenge, PkceVerifier};
pub use subject::Subject;
