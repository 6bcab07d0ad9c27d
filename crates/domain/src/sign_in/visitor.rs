use crate::ports::Source;
use crate::session::UserAgent;

/// The browser or program that makes a request.
#[derive(Clone, Debug, Default)]
pub struct Visitor<'a> {
    /// The session token that it presents.
    pub session_token: Option<&'a str>,
    /// The access token that it presents where one counts: it then takes the place of the session.
    pub access_token: Option<&'a str>,
    /// Its name for itself.
    pub user_agent: Option<UserAgent>,
    /// The source that its attempts are counted under.
    pub source: Source,
    /// The known device that it presents.
    pub device: Option<&'a str>,
    /// The turn that it presents, after it had to wait.
    pub turn: Option<&'a str>,
}
