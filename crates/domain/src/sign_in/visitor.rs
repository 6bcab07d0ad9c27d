use crate::ports::Source;
use crate::session::UserAgent;

/// The browser or program that makes a request.
#[derive(Clone, Debug, Default)]
pub struct Visitor<'a> {
    /// The session token that it presents.
    pub session_token: Option<&'a str>,
    /// Its name for itself.
    pub user_agent: Option<UserAgent>,
    /// Its address, if that is known.
    pub source: Option<Source>,
}
