use crate::issuer::Endpoint;

/// One of the two origins under which the mock is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Where the browser is sent.
    Base,
    /// Another host of the same provider.
    Second,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) origin: Origin,
    pub(crate) path: String,
}

impl Place {
    /// Endpoints below one path.
    pub(crate) fn all(origin: Origin, below: &str, table: &[(Endpoint, &str)]) -> Vec<Self> {
        let place = |(endpoint, path): &(Endpoint, &str)| Self {
            endpoint: *endpoint,
            origin,
            path: format!("{below}{path}"),
        };
        table.iter().map(place).collect()
    }
}
