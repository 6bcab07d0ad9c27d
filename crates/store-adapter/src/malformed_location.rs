/// The reason that a text is no location of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedLocation {
    /// The text is neither a URL of PostgreSQL nor a path.
    #[error("that is no database: give postgres://user:password@host/name, sqlite:path, or a path")]
    Unknown,
    /// The URL does not parse.
    #[error(
        "the URL of the database does not parse: in user, password and name every character but letters, digits, '-', \
         '.', '_' and '~' must be percent-encoded ('@' is %40, '/' is %2F, '#' is %23)"
    )]
    Url,
    /// The URL has a parameter that is not known.
    #[error("the URL of the database has a parameter that is not known; known are {}", Self::PARAMETERS)]
    Parameter,
    /// A parameter of the URL has a value that it cannot have.
    #[error(
        "a parameter in the URL of the database has a value that it cannot have; sslmode is disable, allow, prefer, \
         require, verify-ca or verify-full; pool_mode is session or transaction"
    )]
    Value,
}

impl MalformedLocation {
    /// The parameters that a URL may have, as in libpq; `pool_mode` is Labgate's own. Others would be ignored, and
    /// logged with their values.
    pub(crate) const PARAMETERS: &str = "sslmode, sslrootcert, sslcert, sslkey, host, port, dbname, user, \
        password, application_name, options, pool_mode";
}
