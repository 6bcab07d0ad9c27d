//! One issuer as it is described, and what becomes of the description.

use std::sync::{Arc, Mutex};

use labgate_domain::protocol::Issuer;
use labgate_domain::world::{Clock, Entropy};
use labgate_token::Algorithm;
use serde_json::Value;
use url::Url;

use crate::build_error::BuildError;
use crate::client::{Client, RegisteredClient};
use crate::faults::{ArmedFaults, Fault};
use crate::issuer::IssuerCore;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::persona::{Persona, Profile, ProviderBehaviour, filled};
use crate::protocol::Claims;
use crate::site::{Endpoint, Located, Site};
use crate::user::User;
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
        let behaviour = self.persona.behaviour()?;
        let profile = self.persona.profile().map_err(BuildError::Metadata)?;
        let (site, metadata) = self.site(&*behaviour, &profile, origins, entropy)?;
        let mut clients: Vec<RegisteredClient> = Vec::new();
        for client in &self.clients {
            let refused = |malformed| BuildError::Client { id: client.id.clone(), malformed };
            let registered = client.register().map_err(refused)?;
            if clients.iter().any(|earlier| earlier.id == registered.id) {
                return Err(BuildError::SameClient(client.id.clone()));
            }
            clients.push(registered);
        }
        let mut faults = ArmedFaults::default();
        self.faults.into_iter().for_each(|fault| faults.arm(fault, None));
        Ok(IssuerCore {
            site,
            persona: self.persona,
            behaviour,
            profile,
            metadata,
            users: if self.users.is_empty() { User::examples() } else { self.users },
            clients,
            keys: Mutex::new(Keys::generate(self.algorithm)?),
            ledger: Mutex::new(Ledger::default()),
            faults: Mutex::new(faults),
        })
    }

    /// Puts a persona at its addresses: its site, and the document that it publishes there.
    fn site(
        &self,
        behaviour: &dyn ProviderBehaviour,
        profile: &Profile,
        origins: [&Url; 2],
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Site, Claims), BuildError> {
        let prefix = self.path.trim_end_matches('/');
        let [base, second_base] =
            origins.map(|origin| format!("{}{prefix}", origin.as_str().trim_end_matches('/')));
        let mut values = behaviour.placeholders();
        values.extend([
            ("base", base.clone()),
            ("second", second_base.clone()),
            ("alg", self.algorithm.as_str().to_owned()),
        ]);
        let issuer = filled(&profile.issuer, &values);
        let path = path_of(&issuer).trim_end_matches('/').to_owned();
        // The slash at the end of a path is the issuer's own, unless the persona has a path there.
        let own_slash = self.path.strip_prefix(prefix).filter(|_| issuer == base).unwrap_or_default();
        let issuer = format!("{issuer}{own_slash}");
        values.push(("issuer", issuer.clone()));

        let published = PUBLISHED
            .into_iter()
            .filter_map(|(member, endpoint)| Some((endpoint, profile.metadata.get(member)?.as_str()?)));
        let further = profile.places.iter().map(|(endpoint, template)| (*endpoint, template.as_str()));
        let templates: Vec<_> = published.chain(further).collect();
        let mut places = located(&templates, &values);
        let metadata = profile.metadata.clone().into_iter();
        let metadata = metadata.map(|(member, value)| (member, with_filled_texts(value, &values))).collect();
        let home = format!("{prefix}{}", filled(&profile.home, &values));
        if let (Some(alias), Some((_, first))) = (behaviour.alias(), values.first_mut()) {
            *first = alias;
            places.extend(located(&templates, &values));
        }
        let site = Site {
            issuer: Issuer::parse(&issuer).map_err(|_| BuildError::IssuerPath(self.path.clone()))?,
            path,
            home,
            places,
            base,
            second_base,
            algorithm: self.algorithm,
            clock: Arc::clone(&self.clock),
            entropy,
        };
        Ok((site, metadata))
    }
}

/// The members of the metadata that say where endpoints are.
const PUBLISHED: [(&str, Endpoint); 5] = [
    ("authorization_endpoint", Endpoint::Authorization),
    ("token_endpoint", Endpoint::Token),
    ("userinfo_endpoint", Endpoint::UserInfo),
    ("jwks_uri", Endpoint::Jwks),
    ("end_session_endpoint", Endpoint::EndSession),
];

/// A JSON value with the placeholders in its texts filled in.
fn with_filled_texts(value: Value, values: &[(&str, String)]) -> Value {
    match value {
        Value::String(text) => filled(&text, values).into(),
        Value::Array(items) => items.into_iter().map(|item| with_filled_texts(item, values)).collect(),
        other => other,
    }
}

fn located(templates: &[(Endpoint, &str)], values: &[(&str, String)]) -> Vec<Located> {
    let located = |(endpoint, template): &(Endpoint, &str)| {
        let url = filled(template, values);
        Located { endpoint: *endpoint, path: path_of(&url).to_owned(), url }
    };
    templates.iter().map(located).collect()
}

/// The path of a URL, from the slash after the host on.
fn path_of(url: &str) -> &str {
    url.match_indices('/').nth(2).and_then(|(slash, _)| url.get(slash..)).unwrap_or_default()
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
        && parsed.as_str() == format!("{}/", parsed.origin().ascii_serialization());
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
