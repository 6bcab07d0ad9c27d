//! The person whose session the doctor asks with, as a browser that holds it.

use std::collections::BTreeMap;

use labgate_domain::ForeignText;
use labgate_http::paths::{self, LabPath};
use labgate_token::Verifier;
use serde_json::Value;
use url::Url;

use super::finding::Outcome;
use super::http::{Answer, Http};
use super::stand_in::StandIns;
use crate::configuration::Configuration;

/// The headers by which a browser says that a person opens a page.
pub(super) const NAVIGATION: [(&str, &str); 2] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 8;

pub(super) struct Person<'a> {
    http: &'a Http,
    lab: &'a Configuration,
    pub(super) stand_ins: &'a StandIns,
    pub(super) username: String,
    pub(super) has_email: bool,
    pub(super) groups: Vec<String>,
    /// Verifies assertions; `None` where the lab publishes no keys.
    pub(super) verifier: Option<Verifier>,
    /// The cookies by host, as browsers keep them.
    jar: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'a> Person<'a> {
    /// Asks the lab whose session it is.
    pub(super) async fn of(
        lab: &'a Configuration,
        http: &'a Http,
        stand_ins: &'a StandIns,
    ) -> (Outcome, Option<Self>) {
        let public_url = &lab.policy.public_url;
        let cookie = lab.cookie_name.all(public_url).next().unwrap_or_default();
        let mut person = Self {
            http,
            lab,
            stand_ins,
            username: String::new(),
            has_email: false,
            groups: Vec::new(),
            verifier: None,
            jar: BTreeMap::new(),
        };
        let host = Url::parse(public_url.origin()).ok().and_then(|url| url.host_str().map(str::to_owned));
        let session = BTreeMap::from([(cookie.clone(), stand_ins.session.expose().to_owned())]);
        person.jar.insert(host.unwrap_or_default(), session);
        let answer = match person.at_lab(paths::ME).await {
            Ok(answer) => answer,
            Err(reason) => return (Outcome::of("session_unanswered", &[("reason", &reason)]), None),
        };
        let me: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let text = |name: &str| me.get(name).and_then(Value::as_str);
        let (200, Some(username)) = (answer.status, text("username")) else {
            let status = &answer.status;
            let outcome = Outcome::of(
                "session_unknown",
                &[("status", status), ("public_url", public_url), ("cookie", &cookie)],
            );
            return (outcome, None);
        };
        person.username = username.to_owned();
        person.has_email = text("email").is_some();
        let groups = me.get("groups").and_then(Value::as_array).into_iter().flatten();
        person.groups = groups.filter_map(|group| group.as_str().map(str::to_owned)).collect();
        if let Ok(keys) = person.at_lab(paths::JWKS).await {
            let lab = public_url.to_string();
            person.verifier = Verifier::from_jwks(&keys.body, &lab, &lab).ok();
        }
        (Outcome::of("session", &[("username", &ForeignText::new(username))]), Some(person))
    }

    async fn at_lab(&mut self, path: LabPath) -> Result<Answer, String> {
        let url = Url::parse(&format!("{}{}", self.lab.policy.public_url, path.as_str()));
        let url = url.map_err(|error| error.to_string())?;
        let cookies = self.cookies(&url);
        let answer = self.http.get(&url, &[("cookie", &*cookies)]).await;
        let answer = answer.map_err(|error| error.detail().to_owned())?;
        self.keep(&url, &answer);
        Ok(answer)
    }

    /// Opens a page as a browser does, and returns the last answer and its address. Redirects are followed to the lab
    /// and within this origin, and nowhere else.
    pub(super) async fn open(&mut self, mut url: Url, origin: &str) -> Result<(Answer, Url), String> {
        for _ in 0..MAX_REDIRECTS {
            let cookies = self.cookies(&url);
            let headers: Vec<_> = NAVIGATION.into_iter().chain([("cookie", &*cookies)]).collect();
            let answer = self.http.get(&url, &headers).await;
            let answer = answer.map_err(|error| error.detail().to_owned())?;
            self.keep(&url, &answer);
            let onward = answer.location.as_ref().filter(|_| (300..=399).contains(&answer.status));
            let onward = onward.and_then(|location| url.join(location).ok()).filter(|onward| {
                let onward = onward.origin().ascii_serialization();
                onward == origin || onward == self.lab.policy.public_url.origin()
            });
            let Some(onward) = onward else { return Ok((answer, url)) };
            url = onward;
        }
        Err(format!("more than {MAX_REDIRECTS} redirects"))
    }

    /// Returns the header with the cookies for this address.
    pub(super) fn cookies(&self, url: &Url) -> String {
        let cookies = url.host_str().and_then(|host| self.jar.get(host)).into_iter().flatten();
        cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Keeps the cookies of an answer.
    pub(super) fn keep(&mut self, url: &Url, answer: &Answer) {
        let here = self.jar.entry(url.host_str().unwrap_or_default().to_owned()).or_default();
        for cookie in &answer.cookies {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            if value.is_empty() || attributes.to_ascii_lowercase().contains("max-age=0") {
                here.remove(name);
            } else {
                here.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
