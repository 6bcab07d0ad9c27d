//! One issuer as it is described, and what becomes of the description.

use std::sync::{Arc, Mutex};

use labgate_domain::protocol::Issuer;
use labgate_domain::world::{Clock, Entropy};
use labgate_token::Algorithm;
use url::Url;

use crate::User;
use crate::build_error::BuildError;
use crate::client::Client;
use crate::faults::{ArmedFaults, Fault};
use crate::issuer::{IssuerCore, Located};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::persona::{Origin, Persona, Place};
use crate::world::SystemClock;

/// An issuer that is still to be.
pub(crate) struct Described {
    pub(crate) path: String,
    pub(crate) persona: Persona,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<Client>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) algorithm: Algorithm,
    pub(crate) faults: Vec<Fault>,
}

impl Described {
    pub(crate) fn at(path: String) -> Self {
        Self {
            path,
            persona: Persona::Generic,
            users: Vec::new(),
            clients: Vec::new(),
            clock: Arc::new(SystemClock),
            // The one that every relying party understands (OpenID Connect Core section 15.1).
            algorithm: Algorithm::Rs256,
            faults: Vec::new(),
        }
    }

    /// The issuer, on the base URL's origin and a second one.
    pub(crate) fn into_core(
        self,
        origins: [&Url; 2],
        entropy: Arc<dyn Entropy>,
    ) -> Result<IssuerCore, BuildError> {
        if self.algorithm == Algorithm::Hs256 {
            return Err(BuildError::Symmetric);
        }
        let habits = self.persona.habits()?;
        let prefix = self.path.trim_end_matches('/');
        let [base, second_base] =
            origins.map(|origin| format!("{}{prefix}", origin.as_str().trim_end_matches('/')));
        let origin = |origin| match origin {
            Origin::Base => &base,
            Origin::Second => &second_base,
        };
        let (on, path) = habits.issuer();
        let own_slash = self.path.strip_prefix(prefix).filter(|_| path.is_empty());
        let issuer = format!("{}{}{}", origin(on), path, own_slash.unwrap_or_default());
        let located = |place: Place| Located {
            endpoint: place.endpoint,
            url: format!("{}{}", origin(place.origin), place.path),
            path: format!("{prefix}{}", place.path),
        };
        let places = habits.places().into_iter().map(located).collect();
        let register = |client: &Client| {
            client
                .register()
                .map_err(|malformed| BuildError::Client { id: client.id().to_owned(), malformed })
        };
        for (position, client) in self.clients.iter().enumerate() {
            if self.clients.iter().take(position).any(|earlier| earlier.id() == client.id()) {
                return Err(BuildError::SameClient(client.id().to_owned()));
            }
        }
        let mut faults = ArmedFaults::default();
        for fault in self.faults {
            faults.arm(fault, None);
        }
        Ok(IssuerCore {
            issuer: Issuer::parse(&issuer).map_err(|_| BuildError::IssuerPath(self.path.clone()))?,
            path: format!("{prefix}{}", path.trim_end_matches('/')),
            home: format!("{prefix}{}", habits.home()),
            places,
            persona: self.persona,
            habits,
            base,
            second_base,
            users: if self.users.is_empty() { User::examples() } else { self.users },
            clients: self.clients.iter().map(register).collect::<Result<_, _>>()?,
            clock: self.clock,
            entropy,
            keys: Mutex::new(Keys::generate(self.algorithm)?),
            ledger: Mutex::new(Ledger::default()),
            faults: Mutex::new(faults),
        })
    }
}

/// An issuer's path as it follows the origin; empty for the root.
pub(crate) fn checked_path(path: &str) -> Result<String, BuildError> {
    let refused = || BuildError::IssuerPath(path.to_owned());
    let rest = path.strip_prefix('/').ok_or_else(refused)?;
    let parsed = Url::parse(&format!("http://idp.test{path}")).map_err(|_| refused())?;
    let unchanged = parsed.path() == path && parsed.query().is_none() && parsed.fragment().is_none();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if !unchanged || (!rest.is_empty() && rest.split('/').any(str::is_empty)) || path == "//" {
        return Err(refused());
    }
    Ok(if rest.is_empty() { String::new() } else { path.to_owned() })
}

/// The other name of this machine, if the URL has one of them.
pub(crate) fn other_name(base: &Url) -> Url {
    let mut other = base.clone();
    let name = match base.host_str() {
        Some("127.0.0.1") => "localhost",
        Some("localhost") => "127.0.0.1",
        _ => return other,
    };
    // Both are hosts that any http URL can have.
    let _ = other.set_host(Some(name));
    other
}

/// Takes an http(s) origin.
pub(crate) fn origin(url: &str) -> Result<Url, BuildError> {
    let refused = || BuildError::BaseUrl(url.to_owned());
    let parsed = Url::parse(url).map_err(|_| refused())?;
    let bare = matches!(parsed.scheme(), "http" | "https")
        && parsed.has_host()
        && parsed.path() == "/"
        && parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none();
    if bare { Ok(parsed) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_path_is_a_plain_path() {
        assert_eq!(checked_path("/").unwrap(), "");
        assert_eq!(checked_path("/realms/lab").unwrap(), "/realms/lab");
        assert_eq!(checked_path("/tenant/").unwrap(), "/tenant/");
        for bad in ["", "realms", "//", "//x", "/a//b", "/a//", "/a/../b", "/a?x", "/a#x", "/a b", "/ä"] {
            assert!(checked_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_is_an_origin() {
        assert!(origin("https://idp.example:8443").is_ok());
        for bad in ["idp.example", "http://idp.example/x", "ftp://idp.example", "http://u@idp.example"] {
            assert!(origin(bad).is_err(), "{bad:?}");
        }
    }
}
