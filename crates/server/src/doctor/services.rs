//! Each service through the front door, as a browser without a session sees it, and where the doctor stands in for the
//! service, with one.

use labgate_domain::ForeignText;
use labgate_domain::access::{Service, Services, Target};
use labgate_domain::ports::StoredServices;
use labgate_domain::sign_in::ServicesInForce;
use labgate_domain::time::Timestamp;
use labgate_http::paths::{self, LabPath};
use url::Url;

use super::finding::{Finding, Outcome};
use super::http::{Answer, Http};
use super::person::{NAVIGATION, Person};
use super::stand_in::StandIns;
use super::step::Step;
use super::with_session::Behind;
use crate::configuration::Configuration;

/// The rest of an address below a service, which proxies like to change: blanks and letters beyond ASCII, a `+`, and a
/// query in which an address and its parts stand encoded.
const NASTY: &str = "/a%20b%C3%A4+c?x=1&y=%3E+%26&return_to=%2Fz%3Fa%3Db";

/// The headers by which a browser says that a script asks.
pub(super) const FETCH: [(&str, &str); 2] = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

/// Looks at each service, those that administrators added, too.
pub(super) async fn examine(
    lab: &Configuration,
    http: &Http,
    stand_ins: Option<&StandIns>,
    now: Timestamp,
    found: &mut impl FnMut(Finding),
) {
    let mut of =
        |subject: String, (step, outcome): (Step, Outcome)| found(Finding { subject, step, outcome });
    let stored = labgate_store::added_services(&lab.database).await;
    let stored = stored.unwrap_or_else(|error| {
        let outcome = Outcome::of("added_services_unknown", &[("reason", &error)]);
        of(Finding::LAB.to_owned(), (Step::AddedServices, outcome));
        StoredServices::default()
    });
    let in_force = ServicesInForce::new(&lab.policy, stored);
    if !in_force.added().is_empty() {
        let outcome = Outcome::of("added_services", &[("count", &in_force.added().len())]);
        of(Finding::LAB.to_owned(), (Step::AddedServices, outcome));
    }
    let mut person = None;
    if let Some(stand_ins) = stand_ins {
        let (outcome, known) = Person::of(lab, http, stand_ins).await;
        of(Finding::LAB.to_owned(), (Step::Session, outcome));
        person = known;
    }
    for (id, reason) in in_force.added().iter().filter_map(|it| Some((&it.id, it.service.as_ref().err()?))) {
        let outcome = Outcome::of("added_service_left_out", &[("reason", &ForeignText::new(reason))]);
        of(format!("service {}", ForeignText::new(id)), (Step::AddedServices, outcome));
    }
    let services = in_force.services();
    for service in services.iter() {
        let door = FrontDoor { lab, services, service, http };
        let subject = format!("service {}", service.id);
        door.examine(person.as_mut(), now, &mut |finding| of(subject.clone(), finding)).await;
    }
    for (id, _) in stand_ins.map_or(&[][..], StandIns::places) {
        if services.find(id).is_none() {
            let outcome = Outcome::of("no_such_service", &[("id", &ForeignText::new(id))]);
            of(format!("service {}", ForeignText::new(id)), (Step::Reached, outcome));
        }
    }
}

/// The front door of one service.
pub(super) struct FrontDoor<'a> {
    pub(super) lab: &'a Configuration,
    pub(super) services: &'a Services,
    pub(super) service: &'a Service,
    pub(super) http: &'a Http,
}

impl FrontDoor<'_> {
    async fn examine(
        &self,
        person: Option<&mut Person<'_>>,
        now: Timestamp,
        found: &mut impl FnMut((Step, Outcome)),
    ) {
        let path = self.path("");
        let target = Target::new(self.service.url.host(), &path, "GET");
        let verdict = target.as_ref().ok().and_then(|target| self.services.judge(target).ok());
        let is_public = verdict.is_none_or(|verdict| verdict.is_public());
        if is_public {
            found((Step::Protected, Outcome::of("service_public", &[("path", &path)])));
        } else {
            self.examine_without_session(&path, found).await;
        }
        let id = self.service.id.as_str();
        let place = person.and_then(|person| Some((person.stand_ins.place_of(id)?, person)));
        if let Some((address, person)) = place {
            Behind { door: self, person, address, is_public, now }.examine(found).await;
        } else if !is_public {
            found((Step::WithSession, Outcome::of("with_session", &[("id", &id)])));
        }
    }

    async fn examine_without_session(&self, path: &str, found: &mut impl FnMut((Step, Outcome))) {
        let (protected, to) = self.navigation(path).await;
        found((Step::Protected, protected));
        let Some(to) = to else { return };
        found((Step::WayBack, way_back(path, &to)));
        found((Step::Fetch, self.fetch(path).await));
        if self.services.origin_of(self.service.url.host()).is_some() {
            found((Step::Entry, self.entry(path).await));
        }
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
        let lab = &self.lab.policy.public_url;
        let path = format!("{}{}", lab.base_path(), path.as_str());
        url.origin().ascii_serialization() == lab.origin() && url.path() == path
    }

    /// Returns the address that a redirect leads to.
    fn sent_to(&self, answer: &Answer) -> Option<Url> {
        let here = Url::parse(self.service.url.origin()).ok()?;
        here.join(answer.location.as_deref()?).ok()
    }

    /// Returns an address below the service that proxies like to change, with this in it.
    pub(super) fn path(&self, mark: &str) -> String {
        format!("{}/labgate-doctor{mark}{NASTY}", self.service.url.path())
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, String> {
        Url::parse(&format!("{}{path}", self.service.url.origin())).map_err(|error| error.to_string())
    }

    /// The error is the reason for which there is no answer.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.http.get(&self.url(path)?, headers).await.map_err(|error| error.detail().to_owned())
    }
}

fn way_back(path: &str, to: &str) -> Outcome {
    if to == path {
        return Outcome::of("way_back", &[]);
    }
    Outcome::of("way_back_changed", &[("path", &path), ("to", &ForeignText::new(to))])
}
