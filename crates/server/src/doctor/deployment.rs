//! The lab as browsers see it, through its public URL and whatever stands in between.

use std::collections::BTreeSet;

use labgate_domain::ForeignText;
use labgate_domain::public_url::PublicUrl;
use labgate_http::paths::{self, LabPath};
use labgate_provider::ProviderSettings;
use serde_json::Value;
use url::Url;

use super::finding::Outcome;
use super::http::{Answer, Http};
use super::step::Step;
use crate::configuration::{Configuration, Listen, TokenKey};

/// An address for documentation (RFC 5737): no client has it.
const MADE_UP: &str = "192.0.2.1";
/// Headers that proxies tell services with who is asking.
const IDENTITY_HEADERS: [(&str, &str); 6] = [
    ("remote-user", "admin"),
    ("x-remote-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-forwarded-email", "admin@example.org"),
    ("x-auth-request-user", "admin"),
    ("x-webauth-user", "admin"),
];
/// The number of answers of the key set to compare.
const ANSWERS: usize = 8;
/// The number of requests of which one should come over a connection that is kept. A proxy of several processes keeps
/// connections in each.
const REQUESTS: usize = 24;

pub(super) async fn examine(
    configuration: &Configuration,
    http: &Http,
    mut found: impl FnMut((Step, Outcome)),
) {
    let lab = Lab { public_url: &configuration.policy.public_url, http };
    let cookies = match lab.sign_in_page().await {
        Ok(cookies) => cookies,
        Err(outcome) => return found((Step::PublicUrl, outcome)),
    };
    found((Step::PublicUrl, Outcome::of("public_url", &[("public_url", lab.public_url)])));
    found((Step::Providers, lab.providers(configuration).await));
    let form = configuration.cookie_name.of_forms(lab.public_url);
    found((Step::Cookie, lab.cookie(&form, &cookies).await));
    found((Step::ForwardedFor, lab.forwarded_for(configuration).await));
    if let Some(outcome) = lab.kept_connections().await {
        found((Step::KeptConnections, outcome));
    }
    found((Step::IdentityHeaders, lab.identity_headers().await));
    found((Step::Services, Outcome::of("services", &[("path", &lab.path(paths::ME))])));
    found((Step::SigningKeys, lab.signing_keys(configuration).await));
}

/// The lab at its public URL.
struct Lab<'a> {
    public_url: &'a PublicUrl,
    http: &'a Http,
}

impl Lab<'_> {
    /// The cookies that come with the sign-in page, if it is there.
    async fn sign_in_page(&self) -> Result<Vec<String>, Outcome> {
        let public_url = self.public_url;
        let page = self.get(paths::LOGIN_PAGE.as_str(), &[]).await.map_err(|reason| {
            Outcome::of("public_url_unreachable", &[("public_url", public_url), ("reason", &reason)])
        })?;
        if page.status == 200 && page.body.contains(paths::STYLE.as_str()) {
            return Ok(page.cookies);
        }
        let onward = page.location.map(|location| format!(", leads on to {}", ForeignText::new(&location)));
        let (onward, url) =
            (onward.unwrap_or_default(), format!("{public_url}{}", paths::LOGIN_PAGE.as_str()));
        Err(Outcome::of(
            "public_url_elsewhere",
            &[("page", &url), ("status", &page.status), ("onward", &onward)],
        ))
    }

    /// Returns whether the lab that answers has the providers of this configuration: the file may be another
    /// one's.
    async fn providers(&self, configuration: &Configuration) -> Outcome {
        let stated = self.json(paths::OIDC_ENABLED.as_str(), &[]).await;
        let ids = |value: &Value| -> Option<Vec<String>> {
            let providers = value.get("providers")?.as_array()?.iter();
            providers
                .map(|provider| Some(ForeignText::new(provider.get("id")?.as_str()?).to_string()))
                .collect()
        };
        let ours: Vec<String> =
            configuration.providers.iter().map(|settings| settings.description().id.to_string()).collect();
        let Some(theirs) = stated.as_ref().and_then(ids) else {
            return Outcome::of("lab_providers_unknown", &[("path", &paths::OIDC_ENABLED.as_str())]);
        };
        if theirs != ours {
            let (theirs, ours) = (theirs.join(", "), ours.join(", "));
            return Outcome::of("lab_providers_differ", &[("theirs", &theirs), ("ours", &ours)]);
        }
        for settings in &configuration.providers {
            if let Some(other) = self.other_client(settings).await {
                return other;
            }
        }
        Outcome::of("lab_providers", &[])
    }

    /// The outcome when the lab sends people to a provider as another client than the settings have.
    async fn other_client(&self, settings: &ProviderSettings) -> Option<Outcome> {
        let id = &settings.description().id;
        let begun = self.get(&format!("{}?provider={id}", paths::OIDC_LOGIN.as_str()), &[]).await.ok()?;
        let to_provider = Url::parse(&begun.location?).ok()?;
        let (_, client) = to_provider.query_pairs().find(|(name, _)| name == "client_id")?;
        let ours = settings.client_id().as_str();
        (client != ours).then(|| {
            let client = ForeignText::new(&client);
            Outcome::of("lab_client_differs", &[("client", &client), ("provider", id), ("ours", &ours)])
        })
    }

    /// Returns whether a cookie that the lab sets comes back to it, as it was set.
    async fn cookie(&self, name: &str, cookies: &[String]) -> Outcome {
        let form = cookies.iter().find(|cookie| cookie.split('=').next() == Some(name));
        let Some(form) = form else {
            return Outcome::of("cookie_missing", &[]);
        };
        let (pair, attributes) = form.split_once(';').unwrap_or((form, ""));
        let attributes: Vec<String> =
            attributes.split(';').map(|attribute| attribute.trim().to_ascii_lowercase()).collect();
        let has = |attribute: &str| attributes.iter().any(|it| it == attribute);
        let as_set = has("httponly") && has("samesite=lax") && has("path=/");
        let has_domain = attributes.iter().any(|it| it.starts_with("domain="));
        if !as_set || has_domain || self.public_url.is_secure() != has("secure") {
            return Outcome::of("cookie_rewritten", &[]);
        }
        match self.get(paths::LOGIN_PAGE.as_str(), &[("cookie", pair)]).await {
            // A lab that gets its cookie sets no other one.
            Ok(page) if page.status == 200 && page.cookies.is_empty() => Outcome::of("cookie", &[]),
            Ok(_) => Outcome::of("cookie_lost", &[]),
            Err(reason) => Outcome::of("cookie_unknown", &[("reason", &reason)]),
        }
    }

    /// Returns whether the lab knows where people come from, and whether a made-up address counts.
    async fn forwarded_for(&self, configuration: &Configuration) -> Outcome {
        let plain = self.told_by(&[]).await;
        let made_up = self.told_by(&[("x-forwarded-for", MADE_UP)]).await;
        let (Some((plain, _, value)), Some((with_made_up, is_believed, _))) = (plain, made_up) else {
            return Outcome::of("source_unknown", &[("path", &paths::SOURCE.as_str())]);
        };
        match (plain.as_str(), with_made_up.as_str()) {
            ("unknown_proxy", _) => Outcome::of("proxy_unknown", &[]),
            ("unreadable", _) => Outcome::of("forwarded_for_unreadable", &[("value", &value)]),
            ("proxy", _) => Outcome::of("proxy_itself", &[]),
            (_, "forwarded") if is_believed => Outcome::of("made_up_address_believed", &[]),
            ("forwarded", "forwarded") => Outcome::of("forwarded_for", &[]),
            _ => without_proxy(self.public_url, &configuration.listen, configuration.tls.is_some()),
        }
    }

    /// The source of the client address of a request with these headers, whether that is the made-up one, and the
    /// value that is no address.
    async fn told_by(&self, headers: &[(&str, &str)]) -> Option<(String, bool, String)> {
        let answer = self.json(&format!("{}?is={MADE_UP}", paths::SOURCE.as_str()), headers).await?;
        let value =
            answer.get("value").and_then(Value::as_str).map(|value| ForeignText::new(value).to_string());
        let told_by = answer.get("told_by")?.as_str()?.to_owned();
        Some((told_by, answer.get("is")?.as_bool()?, value.unwrap_or_default()))
    }

    /// Returns whether the proxy keeps its connections to Labgate, if there is one: a connection for each check costs
    /// more than the check.
    async fn kept_connections(&self) -> Option<Outcome> {
        for _ in 0..REQUESTS {
            let answer = self.json(paths::SOURCE.as_str(), &[]).await?;
            if answer.get("told_by")?.as_str()? == "connection" {
                return None;
            }
            if answer.get("nth_of_connection")?.as_u64()? > 1 {
                return Some(Outcome::of("kept_connections", &[]));
            }
        }
        Some(Outcome::of("no_kept_connections", &[("requests", &REQUESTS)]))
    }

    /// Identity headers of clients at the lab.
    async fn identity_headers(&self) -> Outcome {
        let path = paths::ME.as_str();
        match self.get(path, &IDENTITY_HEADERS).await.map(|answer| answer.status) {
            Ok(401) => Outcome::of("identity_headers", &[]),
            Ok(200) => Outcome::of("identity_headers_believed", &[("path", &path)]),
            Ok(status) => Outcome::of("identity_headers_unknown", &[("path", &path), ("status", &status)]),
            Err(reason) => Outcome::of("identity_headers_unanswered", &[("reason", &reason)]),
        }
    }

    /// Returns whether all replicas publish the same keys.
    async fn signing_keys(&self, configuration: &Configuration) -> Outcome {
        let mut sets = BTreeSet::new();
        for number in 0..ANSWERS {
            // Whatever keeps answers has not seen these addresses.
            let path = format!("{}?answer={number}", paths::JWKS.as_str());
            let set = self.json(&path, &[("cache-control", "no-cache")]).await;
            let Some(set) = set.as_ref().and_then(key_ids) else {
                return Outcome::of("signing_keys_unknown", &[("path", &paths::JWKS.as_str())]);
            };
            sets.insert(set);
        }
        let sets: Vec<&BTreeSet<String>> = sets.iter().collect();
        match sets[..] {
            [only] if only.is_empty() => Outcome::of("signing_keys_secret", &[]),
            [_] if matches!(configuration.token_key, TokenKey::Given(_)) => {
                Outcome::of("signing_keys_given", &[("answers", &ANSWERS)])
            }
            [_] => Outcome::of("signing_keys", &[("answers", &ANSWERS)]),
            _ if sets.iter().any(|one| sets.iter().any(|other| one.is_disjoint(other))) => {
                Outcome::of("signing_keys_differ", &[("answers", &ANSWERS), ("count", &sets.len())])
            }
            _ => Outcome::of("signing_keys_new", &[]),
        }
    }

    /// A path as browsers and services name it.
    fn path(&self, path: LabPath) -> String {
        format!("{}{}", self.public_url.base_path(), path.as_str())
    }

    async fn json(&self, path: &str, headers: &[(&str, &str)]) -> Option<Value> {
        let answer = self.get(path, headers).await.ok().filter(|answer| answer.status == 200)?;
        serde_json::from_str(&answer.body).ok()
    }

    /// The error is the reason for which there is no answer.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let url = Url::parse(&format!("{}{path}", self.public_url));
        let answer = self.http.get(&url.map_err(|error| error.to_string())?, headers).await;
        answer.map_err(|error| error.detail().to_owned())
    }
}

/// The meaning of a missing client address.
fn without_proxy(public_url: &PublicUrl, listen: &Listen, has_tls: bool) -> Outcome {
    let port = Url::parse(public_url.origin()).ok().and_then(|url| url.port_or_known_default());
    if public_url.is_secure() && !has_tls {
        // Something else ends TLS.
        Outcome::of("proxy_untrusted", &[])
    } else if port == listen.port() {
        Outcome::of("no_proxy", &[])
    } else {
        Outcome::of("no_proxy_perhaps", &[])
    }
}

/// The ids of a key set's keys.
fn key_ids(set: &Value) -> Option<BTreeSet<String>> {
    let keys = set.get("keys")?.as_array()?.iter();
    keys.map(|key| Some(key.get("kid")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;

    #[test]
    fn a_lab_with_tls_has_a_proxy_that_ends_it_unless_it_speaks_tls_itself() {
        let outcome = |public_url: &str, has_tls: bool| {
            without_proxy(
                &PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap(),
                &"127.0.0.1:8091".parse().unwrap(),
                has_tls,
            )
        };
        assert!(matches!(outcome("https://lab.example", false), Outcome::Bad { .. }));
        assert!(matches!(outcome("http://127.0.0.1:8091", false), Outcome::Good(_)));
        assert!(matches!(outcome("http://127.0.0.1:8000", false), Outcome::Unknown(_)));
        assert!(matches!(outcome("https://lab.example:8091", true), Outcome::Good(_)));
        assert!(matches!(outcome("https://lab.example", true), Outcome::Unknown(_)));
    }
}
