//! The lab as browsers see it, through its public URL and whatever stands in between.

use std::collections::BTreeSet;

use labgate_domain::ForeignText;
use labgate_domain::public_url::PublicUrl;
use labgate_http::paths;
use labgate_provider::ProviderSettings;
use serde_json::Value;
use url::Url;

use super::http::{Answer, Http};
use super::{Outcome, Step};
use crate::configuration::{Configuration, TokenKey};

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

pub(super) async fn examine(
    configuration: &Configuration,
    http: &Http,
    mut found: impl FnMut(Step, Outcome),
) {
    let lab = Lab { public_url: &configuration.policy.public_url, http };
    let cookies = match lab.sign_in_page().await {
        Ok(cookies) => cookies,
        Err(outcome) => return found(Step::PublicUrl, outcome),
    };
    found(Step::PublicUrl, Outcome::good(format!("{} leads to Labgate", lab.public_url)));
    found(Step::Providers, lab.providers(configuration).await);
    found(Step::Cookie, lab.cookie(&cookies).await);
    found(Step::ForwardedFor, lab.forwarded_for(configuration).await);
    found(Step::IdentityHeaders, lab.identity_headers().await);
    found(
        Step::Services,
        Outcome::unknown(
            "whether services behind the proxy believe identity headers that a client sends cannot be seen from here: they must \
             read the session token or ask /api/auth/me",
        ),
    );
    found(Step::SigningKeys, lab.signing_keys(configuration).await);
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
        let page = self.get(paths::LOGIN_PAGE, &[]).await.map_err(|reason| {
            Outcome::bad(
                format!("{public_url} cannot be reached from here: {reason}"),
                "start the lab, and see that the name leads to its proxy and the certificate is good. If browsers are to reach it from \
                 elsewhere only, run the doctor there",
            )
        })?;
        if page.status == 200 && page.body.contains(paths::STYLE) {
            return Ok(page.cookies);
        }
        let onward = page.location.map(|location| format!(", leads on to {}", ForeignText::new(&location)));
        Err(Outcome::bad(
            format!(
                "{public_url}{} answers {}{} and is not Labgate's sign-in page",
                paths::LOGIN_PAGE,
                page.status,
                onward.unwrap_or_default()
            ),
            "let the proxy pass /login, /api/auth, /assets and /.well-known on to Labgate, with their paths unchanged; public_url \
             is the address that it ends up at",
        ))
    }

    /// Returns whether the lab that answers has the providers of this configuration: the file may be another
    /// one's.
    async fn providers(&self, configuration: &Configuration) -> Outcome {
        let stated = self.json(paths::OIDC_ENABLED, &[]).await;
        let ids = |value: &Value| -> Option<Vec<String>> {
            let providers = value.get("providers")?.as_array()?.iter();
            providers
                .map(|provider| Some(ForeignText::new(provider.get("id")?.as_str()?).to_string()))
                .collect()
        };
        let ours: Vec<String> =
            configuration.providers.iter().map(|settings| settings.description().id.to_string()).collect();
        match stated.as_ref().and_then(ids) {
            Some(theirs) if theirs == ours => {
                for settings in &configuration.providers {
                    if let Some(other) = self.other_client(settings).await {
                        return other;
                    }
                }
                Outcome::good(
                    "the lab that runs there has those of these settings, each as the same client; whether it has the same secrets cannot \
                     be seen: restart it after a change",
                )
            }
            Some(theirs) => Outcome::bad(
                format!(
                    "the lab that runs there has [{}], and these settings have [{}]",
                    theirs.join(", "),
                    ours.join(", ")
                ),
                "restart the lab with these settings, or run the doctor with the lab's",
            ),
            None => Outcome::unknown(
                "the lab does not say which it has: let the proxy pass /api/auth/oidc/enabled on, and compare",
            ),
        }
    }

    /// The outcome when the lab sends people to a provider as another client than the settings have.
    async fn other_client(&self, settings: &ProviderSettings) -> Option<Outcome> {
        let id = &settings.description().id;
        let begun = self.get(&format!("{}?provider={id}", paths::OIDC_LOGIN), &[]).await.ok()?;
        let to_provider = Url::parse(&begun.location?).ok()?;
        let (_, client) = to_provider.query_pairs().find(|(name, _)| name == "client_id")?;
        (client != settings.client_id().as_str()).then(|| {
            Outcome::bad(
                format!(
                    "the lab that runs there is {} at {id}, and these settings have {}",
                    ForeignText::new(&client),
                    settings.client_id().as_str()
                ),
                "restart the lab with these settings, or run the doctor with the lab's",
            )
        })
    }

    /// Returns whether a cookie that the lab sets comes back to it, as it was set.
    async fn cookie(&self, cookies: &[String]) -> Outcome {
        let form = cookies
            .iter()
            .find(|cookie| cookie.split('=').next().is_some_and(|name| name.ends_with("labgate-form")));
        let Some(form) = form else {
            return Outcome::bad(
                "the sign-in page comes without its cookie",
                "let the proxy hand on Set-Cookie of Labgate's answers",
            );
        };
        let attributes: Vec<String> =
            form.split(';').skip(1).map(|attribute| attribute.trim().to_ascii_lowercase()).collect();
        let has = |attribute: &str| attributes.iter().any(|it| it == attribute);
        let as_set = has("httponly") && has("samesite=lax") && has("path=/");
        let has_domain = attributes.iter().any(|it| it.starts_with("domain="));
        if !as_set || has_domain || self.public_url.is_secure() != has("secure") {
            return Outcome::bad(
                "the cookie arrives otherwise than Labgate sets it for this public URL (Path=/, HttpOnly, SameSite=Lax, Secure on https, no \
                 Domain)",
                "let nothing in between rewrite cookies, and see that the lab runs with this public_url",
            );
        }
        let pair = form.split(';').next().unwrap_or_default();
        match self.get(paths::LOGIN_PAGE, &[("cookie", pair)]).await {
            // A lab that gets its cookie sets no other one.
            Ok(page) if page.status == 200 && page.cookies.is_empty() => {
                Outcome::good("it comes back to the lab, with all that protects it")
            }
            Ok(_) => Outcome::bad(
                "a cookie that the lab sets does not come back to it",
                "let the proxy hand on the header Cookie; with several replicas, all need the same public_url",
            ),
            Err(reason) => Outcome::unknown(format!(
                "the second request was not answered ({reason}): run the doctor again"
            )),
        }
    }

    /// Returns whether the lab knows where people come from, and whether a made-up address counts.
    async fn forwarded_for(&self, configuration: &Configuration) -> Outcome {
        let plain = self.told_by(&[]).await;
        let made_up = self.told_by(&[("x-forwarded-for", MADE_UP)]).await;
        let (Some((plain, _)), Some((with_made_up, is_believed))) = (plain, made_up) else {
            return Outcome::unknown(
                "the lab does not say: let the proxy pass /api/auth/source on, and compare LABGATE_TRUSTED_PROXIES with its address",
            );
        };
        match (plain.as_str(), with_made_up.as_str()) {
            ("unknown_proxy", _) => Outcome::bad(
                "a proxy that Labgate does not know forwards the requests: where people come from is not known, so guessing of passwords is \
                 slowed down for each account only",
                "add the proxy's address, which is in Labgate's log, to LABGATE_TRUSTED_PROXIES",
            ),
            ("unreadable", _) => Outcome::bad(
                "a trusted proxy sends something else in X-Forwarded-For than addresses",
                "let it send addresses without ports and names (nginx: proxy_set_header X-Forwarded-For $remote_addr)",
            ),
            ("proxy", _) => Outcome::unknown(
                "these requests seem to be a trusted proxy's own: if this machine is none, the proxy sends no X-Forwarded-For; otherwise \
                 run the doctor from elsewhere",
            ),
            (_, "forwarded") if is_believed => Outcome::bad(
                "an address that a client makes up in X-Forwarded-For is believed: whoever guesses passwords can come from anywhere",
                "let the proxy put the client's address in place of what it says itself (nginx: proxy_set_header X-Forwarded-For $remote_addr)",
            ),
            ("forwarded", "forwarded") => Outcome::good(
                "the proxy is trusted and says where people come from; a made-up address is not believed",
            ),
            _ => without_proxy(self.public_url, configuration.listen.port()),
        }
    }

    /// The source of the client address of a request with these headers, and whether that is the made-up one.
    async fn told_by(&self, headers: &[(&str, &str)]) -> Option<(String, bool)> {
        let answer = self.json(&format!("{}?is={MADE_UP}", paths::SOURCE), headers).await?;
        Some((answer.get("told_by")?.as_str()?.to_owned(), answer.get("is")?.as_bool()?))
    }

    /// Identity headers of clients at the lab.
    async fn identity_headers(&self) -> Outcome {
        match self.get(paths::ME, &IDENTITY_HEADERS).await {
            Ok(answer) if answer.status == 401 => {
                Outcome::good("Remote-User and its like, sent by a client, open nothing")
            }
            Ok(answer) if answer.status == 200 => Outcome::bad(
                "a request that only claims to be somebody (Remote-User and its like) is answered as if somebody were signed in",
                "find out what answers /api/auth/me in Labgate's place, and let the proxy drop these headers of clients",
            ),
            Ok(answer) => Outcome::unknown(format!(
                "/api/auth/me answers {}: let the proxy pass it on, and see that it drops Remote-User and its like of clients",
                answer.status
            )),
            Err(reason) => Outcome::unknown(format!("no answer ({reason}): run the doctor again")),
        }
    }

    /// Returns whether all replicas publish the same keys.
    async fn signing_keys(&self, configuration: &Configuration) -> Outcome {
        let mut sets = BTreeSet::new();
        for number in 0..ANSWERS {
            // Whatever keeps answers has not seen these addresses.
            let path = format!("{}?answer={number}", paths::JWKS);
            let Some(set) =
                self.json(&path, &[("cache-control", "no-cache")]).await.as_ref().and_then(key_ids)
            else {
                return Outcome::unknown(
                    "the lab's keys cannot be had: let the proxy pass /.well-known/jwks.json on, for services that check tokens themselves",
                );
            };
            sets.insert(set);
        }
        let sets: Vec<&BTreeSet<String>> = sets.iter().collect();
        match sets[..] {
            [only] if only.is_empty() => Outcome::unknown(
                "tokens are signed with a shared secret, which is not published: see that all replicas have the same settings and folder keys",
            ),
            [_] if matches!(configuration.token_key, TokenKey::Given(_)) => Outcome::unknown(format!(
                "{ANSWERS} answers have the same keys, which are the settings'; the keys that seal sign-ins are in the folder keys: with \
                 several replicas see that they share it"
            )),
            [_] => Outcome::good(format!("{ANSWERS} answers have the same keys")),
            _ if sets.iter().any(|one| sets.iter().any(|other| one.is_disjoint(other))) => Outcome::bad(
                format!(
                    "{ANSWERS} answers have {} different sets of keys: the replicas do not share theirs",
                    sets.len()
                ),
                "let all replicas use one folder keys (docs/replicas.md); otherwise people are signed out at random",
            ),
            _ => Outcome::unknown(
                "a key is not published by all replicas yet, which is so for a minute after it was made: run the doctor again; if it stays, the \
                 replicas do not share the folder keys",
            ),
        }
    }

    async fn json(&self, path: &str, headers: &[(&str, &str)]) -> Option<Value> {
        let answer = self.get(path, headers).await.ok().filter(|answer| answer.status == 200)?;
        serde_json::from_str(&answer.body).ok()
    }

    /// The error is the reason for which there is no answer.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let url = Url::parse(&format!("{}{path}", self.public_url.origin()));
        let answer = self.http.get(&url.map_err(|error| error.to_string())?, headers).await;
        answer.map_err(|error| error.detail().to_owned())
    }
}

/// The meaning of a missing client address.
fn without_proxy(public_url: &PublicUrl, own_port: u16) -> Outcome {
    const REMEDY: &str = "let it send X-Forwarded-For, and add its address to LABGATE_TRUSTED_PROXIES";
    let port = Url::parse(public_url.origin()).ok().and_then(|url| url.port_or_known_default());
    if public_url.is_secure() {
        // Labgate itself speaks no TLS.
        Outcome::bad(
            "the proxy in front of Labgate is not trusted and does not say whom it asks for: everybody counts as one, and shares one \
             allowance of wrong passwords",
            REMEDY,
        )
    } else if port == Some(own_port) {
        Outcome::good("browsers reach Labgate without a proxy; a made-up address is not believed")
    } else {
        Outcome::unknown(format!("no proxy says whom it asks for. If there is one, {REMEDY}"))
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
    fn a_lab_with_tls_has_a_proxy_that_ends_it() {
        let outcome = |public_url: &str| {
            without_proxy(
                &PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap(),
                8091,
            )
        };
        assert!(matches!(outcome("https://lab.example"), Outcome::Bad { .. }));
        assert!(matches!(outcome("http://127.0.0.1:8091"), Outcome::Good(_)));
        assert!(matches!(outcome("http://127.0.0.1:8000"), Outcome::Unknown(_)));
    }
}
