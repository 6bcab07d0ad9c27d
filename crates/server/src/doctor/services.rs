//! Each service through the front door, as a browser without a session sees it.

use labgate_domain::ForeignText;
use labgate_domain::access::{Service, Target};
use labgate_domain::sign_in::Policy;
use labgate_http::paths::{self, LabPath};
use url::Url;

use super::finding::{Finding, Outcome};
use super::http::{Answer, Http};
use super::step::Step;

/// An address below a service that proxies like to change: blanks and letters beyond ASCII, a `+`, and a query
/// in which an address and its parts stand encoded.
const NASTY: &str = "/labgate-doctor/a%20b%C3%A4+c?x=1&y=%3E+%26&return_to=%2Fz%3Fa%3Db";

/// The headers by which a browser says that a person opens a page, or that a script asks.
const NAVIGATION: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
const FETCH: [(&str, &str); 2] = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

pub(super) async fn examine(policy: &Policy, http: &Http, mut found: impl FnMut(Finding)) {
    for service in policy.services.iter() {
        let door = FrontDoor { policy, service, http };
        let subject = format!("service {}", service.id);
        door.examine(|(step, outcome)| found(Finding { subject: subject.clone(), step, outcome })).await;
    }
}

/// The front door of one service.
struct FrontDoor<'a> {
    policy: &'a Policy,
    service: &'a Service,
    http: &'a Http,
}

impl FrontDoor<'_> {
    async fn examine(&self, mut found: impl FnMut((Step, Outcome))) {
        let path = format!("{}{NASTY}", self.service.url.path());
        let target = Target::new(self.service.url.host(), &path, "GET");
        let verdict = target.ok().and_then(|target| self.policy.services.judge(&target).ok());
        if verdict.is_none_or(|verdict| verdict.is_public()) {
            return found((Step::Protected, Outcome::of("service_public", &[("path", &path)])));
        }
        let (protected, to) = self.navigation(&path).await;
        found((Step::Protected, protected));
        let Some(to) = to else { return };
        found((Step::WayBack, way_back(&path, &to)));
        found((Step::Fetch, self.fetch(&path).await));
        if self.policy.services.origin_of(self.service.url.host()).is_some() {
            found((Step::Entry, self.entry(&path).await));
        }
        found((Step::WithSession, Outcome::of("with_session", &[])));
    }

    /// Opens an address of the service, and returns the one to which the answer promises to lead back.
    async fn navigation(&self, path: &str) -> (Outcome, Option<String>) {
        let answer = match self.get(path, &NAVIGATION).await {
            Ok(answer) => answer,
            Err(reason) => return (Outcome::of("service_unanswered", &[("reason", &reason)]), None),
        };
        let to = self.sent_to(&answer).and_then(|url| self.back(&url));
        let outcome = match (answer.status, &to) {
            (300..=399, Some(_)) => Outcome::of("service_protected", &[]),
            (200..=299, _) => Outcome::of("service_open", &[("path", &path)]),
            (status, _) => {
                let onward = answer.location.map(|it| format!(", leads on to {}", ForeignText::new(&it)));
                Outcome::of(
                    "service_elsewhere",
                    &[("status", &status), ("onward", &onward.unwrap_or_default())],
                )
            }
        };
        (outcome, to)
    }

    /// A script's request without a session.
    async fn fetch(&self, path: &str) -> Outcome {
        match self.get(path, &FETCH).await {
            Ok(Answer { status: 401, .. }) => Outcome::of("fetch", &[]),
            Ok(Answer { status, .. }) => Outcome::of("fetch_answered", &[("status", &status)]),
            Err(reason) => Outcome::of("fetch_unanswered", &[("reason", &reason)]),
        }
    }

    /// The way from a host of the service's own to Labgate's.
    async fn entry(&self, path: &str) -> Outcome {
        let enter: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let enter = format!("{}?to={enter}", paths::ENTER.as_str());
        match self.get(&enter, &NAVIGATION).await {
            Ok(answer) => match self.sent_to(&answer) {
                Some(url) if self.is_at_lab(&url, paths::HAND_OVER) => Outcome::of("entry", &[]),
                _ => {
                    let status = answer.status;
                    Outcome::of("entry_elsewhere", &[("path", &paths::ENTER.as_str()), ("status", &status)])
                }
            },
            Err(reason) => Outcome::of("entry_unanswered", &[("reason", &reason)]),
        }
    }

    /// Returns the address to come back to in an address at which people sign in.
    fn back(&self, url: &Url) -> Option<String> {
        let is_entry = url.origin().ascii_serialization() == self.service.url.origin()
            && url.path() == paths::ENTER.as_str();
        let name = if is_entry {
            "to"
        } else if self.is_at_lab(url, paths::LOGIN_PAGE) {
            "return_to"
        } else {
            return None;
        };
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    fn is_at_lab(&self, url: &Url, path: LabPath) -> bool {
        let lab = &self.policy.public_url;
        let path = format!("{}{}", lab.base_path(), path.as_str());
        url.origin().ascii_serialization() == lab.origin() && url.path() == path
    }

    /// Returns the address that a redirect leads to.
    fn sent_to(&self, answer: &Answer) -> Option<Url> {
        let here = Url::parse(self.service.url.origin()).ok()?;
        here.join(answer.location.as_deref()?).ok()
    }

    /// The error is the reason for which there is no answer.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let url =
            Url::parse(&format!("{}{path}", self.service.url.origin())).map_err(|error| error.to_string())?;
        self.http.get(&url, headers).await.map_err(|error| error.detail().to_owned())
    }
}

fn way_back(path: &str, to: &str) -> Outcome {
    if to == path {
        return Outcome::of("way_back", &[]);
    }
    Outcome::of("way_back_changed", &[("path", &path), ("to", &ForeignText::new(to))])
}
