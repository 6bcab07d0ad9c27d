use crate::ports::Source;
use crate::session::UserAgent;

/// The browser or program that asks: what it carries, and where it is.
#[derive(Clone, Debug, Default)]
pub struct Visitor<'a> {
    /// The session token that it presents.
    pub session_token: Option<&'a str>,
    /// What it says it is.
    pub user_agent: Option<UserAgent>,
    /// Where it asks from, if that is known.
    pub source: Option<Source>,
}
