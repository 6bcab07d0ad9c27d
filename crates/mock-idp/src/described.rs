//! One issuer as it is described, and what becomes of the description.

use std::sync::{Arc, Mutex};

use labgate_domain::protocol::Issuer;
use labgate_domain::world::{Clock, Entropy};
use labgate_token::Algorithm;
use serde_json::Value;
use url::Url;

use crate::build_error::BuildError;
use crate::client::Client;
use crate::faults::{ArmedFaults, Fault};
use crate::issuer::IssuerCore;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::persona::{Persona, Profile, ProviderBehaviour};
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
        let profile = behaviour.documents().profile().map_err(BuildError::Metadata)?;
        let (site, metadata) = self.site(&*behaviour, &profile, origins, entropy)?;
        let register = |client: &Client| {
            let refused = |malformed| BuildError::Client { id: client.id.clone(), malformed };
            client.register().map_err(refused)
        };
        for (position, client) in self.clients.iter().enumerate() {
            if self.clients.iter().take(position).any(|earlier| earlier.id == client.id) {
                return Err(BuildError::SameClient(client.id.clone()));
            }
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
            clients: self.clients.iter().map(register).collect::<Result<_, _>>()?,
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
        let mut own = Placeholders(behaviour.placeholders());
        let fill = |text: &str| own.fill(text).replace("{base}", &base).replace("{second}", &second_base);
        let issuer = fill(&profile.issuer);
        let path = issuer.strip_prefix(&base).or(issuer.strip_prefix(&second_base)).unwrap_or_default();
        let path = format!("{prefix}{}", path.trim_end_matches('/'));
        // The slash at the end of a path is the issuer's own, unless the persona has a path there.
        let own_slash = self.path.strip_prefix(prefix).filter(|_| issuer == base).unwrap_or_default();
        let issuer = format!("{issuer}{own_slash}");

        let published = PUBLISHED.iter().filter_map(|(member, endpoint)| {
            profile.metadata.get(*member).and_then(Value::as_str).map(|template| (*endpoint, template))
        });
        let templates: Vec<_> = published
            .chain(profile.places.iter().map(|(endpoint, template)| (*endpoint, template.as_str())))
            .collect();
        let mut places = own.located(&templates, prefix, [&base, &second_base]);
        let metadata = profile.metadata.clone().into_iter();
        let whole =
            |text: &str| fill(text).replace("{issuer}", &issuer).replace("{alg}", self.algorithm.as_str());
        let metadata = metadata.map(|(member, value)| (member, filled(value, &whole))).collect();
        let home = format!("{prefix}{}", own.fill(&profile.home));
        if let (Some(alias), Some((_, first))) = (behaviour.alias(), own.0.first_mut()) {
            *first = alias;
            places.extend(own.located(&templates, prefix, [&base, &second_base]));
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

/// A persona's own placeholders.
struct Placeholders(Vec<(&'static str, String)>);

impl Placeholders {
    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    fn located(
        &self,
        templates: &[(Endpoint, &str)],
        prefix: &str,
        [base, second]: [&str; 2],
    ) -> Vec<Located> {
        let located = |(endpoint, template): &(Endpoint, &str)| {
            let (origin, path) = match template.strip_prefix("{second}") {
                Some(path) => (second, path),
                None => (base, template.trim_start_matches("{base}")),
            };
            let path = self.fill(path);
            Located { endpoint: *endpoint, url: format!("{origin}{path}"), path: format!("{prefix}{path}") }
        };
        templates.iter().map(located).collect()
    }
}

/// A JSON value with its texts changed.
fn filled(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(&text).into(),
        Value::Array(values) => values.into_iter().map(|value| filled(value, change)).collect(),
        other => other,
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
