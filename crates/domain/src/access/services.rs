use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::condition::Condition;
use super::service::{IdentityGroups, Service, ServiceId, ServiceUrl, TokenUse};
use super::target::Target;
use crate::public_url::PublicUrl;
use crate::session::SessionPerson;

/// The services of the lab: those of the configuration, and those that were added beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    list: Vec<Arc<Service>>,
    /// The number of those of the configuration, which come first.
    configured: usize,
    /// The services of each host, those with the longest path first.
    by_host: HashMap<String, Vec<usize>>,
    /// The addresses of services that are left out: all requests there are refused.
    left_out: Vec<ServiceUrl>,
    lab_host: String,
}

/// The reason that services cannot stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitServices {
    /// Two have one id.
    #[error("{0} is the id of two services: give each one of its own")]
    SameId(ServiceId),
    /// Two have one address.
    #[error("{0} and {1} have one address: give each one of its own")]
    SameUrl(ServiceId, ServiceId),
    /// Two are on one host and differ in port or scheme, where browsers keep one set of cookies (RFC 6265
    /// section 8.5).
    #[error(
        "{0} and {1} are on one host with two ports or schemes, where browsers share cookies: give each a host"
    )]
    SharedCookies(ServiceId, ServiceId),
    /// One is on the lab's host with another port or scheme.
    #[error(
        "{0} is on Labgate's own host with another port or scheme, where browsers share cookies: give it a host"
    )]
    SharesLabCookies(ServiceId),
    /// One has another scheme than Labgate: the cookies of https have another name.
    #[error("{0} has another scheme than Labgate: give both https")]
    OtherScheme(ServiceId),
    /// One runs people's code on the origin of Labgate.
    #[error(
        "{0} runs its users' code on Labgate's own origin, where that code can act as every user who opens it: give \
         it a host of its own, with url = \"{1}\" and a server for that host in the proxy; if it runs no code of its \
         users, say runs_user_code = false"
    )]
    CodeOnLabOrigin(ServiceId, String),
    /// One runs people's code on the origin of another service.
    #[error(
        "{0} runs its users' code on the origin of {1}, where that code can act as every user who opens it: give it a \
         host of its own"
    )]
    CodeBesideOthers(ServiceId, ServiceId),
    /// One is where Labgate's own pages are.
    #[error("{0} is where Labgate's own pages are: give it another path, or a host of its own")]
    LabPath(ServiceId),
    /// A rule is about paths that the service does not have.
    #[error("rule {1} of {0} is about {2}, which is outside the service's address")]
    RuleOutside(ServiceId, usize, String),
    /// An added one lies within one of the configuration, whose rules it would change.
    #[error(
        "{0} lies within {1}, which is in the configuration: give it an address outside of it, or change {1} there"
    )]
    WithinConfigured(ServiceId, ServiceId),
}

/// The judgement about a target: the service, the rule if one matches, and the condition on the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'s> {
    /// The service.
    pub service: &'s Arc<Service>,
    /// The number of the rule that decides, from 1; `None` when the service's own condition does.
    pub rule: Option<usize>,
    /// Whether access tokens pass.
    pub tokens: TokenUse,
    condition: &'s Condition,
}

impl<'s> Verdict<'s> {
    /// Returns the judgement of the service's own condition.
    fn of(service: &'s Arc<Service>) -> Self {
        Self { service, rule: None, tokens: service.tokens, condition: &service.condition }
    }

    /// Returns whether everyone may pass, signed in or not.
    #[must_use]
    pub fn is_public(&self) -> bool {
        *self.condition == Condition::Public
    }

    /// Returns whether the person may pass.
    #[must_use]
    pub fn admits(&self, person: &SessionPerson) -> bool {
        self.condition.admits(person)
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(number) => write!(f, "rule {number} of {}", self.service.id),
            None => write!(f, "the condition of {} itself", self.service.id),
        }
    }
}

/// The reason that no service answers for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoService {
    /// No service has this host and path.
    #[error("no service has this host and path")]
    Unknown,
    /// The path can be read in two ways, which decide differently.
    #[error("the path can be read in two ways (encoded slashes, empty or dot segments, \";\", \"\\\")")]
    Ambiguous,
    /// No service of the configuration has it, and the added ones are not known.
    #[error(
        "no service of the configuration has this host and path, and the database does not tell the others"
    )]
    NotKnown,
    /// An added service has it that is left out.
    #[error("the service that was added for this path is left out: /admin/services and the log say why")]
    LeftOut,
    /// A rule is about methods, and the proxy does not say which one the request has.
    #[error(
        "a rule is about methods, and the proxy does not name the request's: set X-Forwarded-Method or X-Original-Method"
    )]
    MethodUnsaid,
}

impl Services {
    /// Puts the services of a lab's configuration together.
    ///
    /// # Errors
    /// When two cannot stand side by side, or one not beside Labgate.
    pub fn new(list: Vec<Service>, lab: &PublicUrl) -> Result<Self, UnfitServices> {
        let mut services = Self { lab_host: lab.host().to_owned(), ..Self::default() };
        for service in list {
            services.add(service, lab)?;
        }
        services.configured = services.list.len();
        Ok(services)
    }

    /// Adds a service beside those that are there.
    ///
    /// # Errors
    /// When it cannot stand beside them or beside Labgate; nothing has changed then.
    pub fn add(&mut self, mut service: Service, lab: &PublicUrl) -> Result<(), UnfitServices> {
        fits_lab(&service, lab, lab.host())?;
        for other in &self.list {
            stand_side_by_side(other, &service)?;
        }
        if let Some(configured) = self.configured_around(&service.url) {
            return Err(UnfitServices::WithinConfigured(service.id, configured.id.clone()));
        }
        tell_named_groups(&mut service);
        lab.host().clone_into(&mut self.lab_host);
        let number = self.list.len();
        let here = self.by_host.entry(service.url.host().to_owned()).or_default();
        self.list.push(Arc::new(service));
        here.push(number);
        let len = |number: &usize| self.list.get(*number).map_or(0, |service| service.url.path().len());
        here.sort_by_key(|number| std::cmp::Reverse(len(number)));
        Ok(())
    }

    /// Refuses all requests to this address, where a service should be that cannot be judged: what lies around it may
    /// be open to more people, a service of the configuration, too. The address of one of those itself stays its own.
    pub fn leave_out(&mut self, url: ServiceUrl) {
        let is_same = |it: &Arc<Service>| it.url.host() == url.host() && it.url.path() == url.path();
        if !self.configured().any(is_same) {
            self.left_out.push(url);
        }
    }

    /// Returns the address of a service that is left out, if this one is at or within it.
    #[must_use]
    pub fn left_out_around(&self, url: &ServiceUrl) -> Option<&ServiceUrl> {
        self.left_out.iter().find(|it| it.host() == url.host() && it.covers(url.path()))
    }

    /// Returns the services of the configuration.
    pub fn configured(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.list.iter().take(self.configured)
    }

    fn configured_around(&self, url: &ServiceUrl) -> Option<&Arc<Service>> {
        self.configured().find(|it| it.url.host() == url.host() && it.url.covers(url.path()))
    }

    /// Returns whether this service is one of the configuration.
    #[must_use]
    pub fn is_configured(&self, service: &Service) -> bool {
        self.configured().any(|it| it.id == service.id)
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the services: those of the configuration in its order, and then the others.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.list.iter()
    }

    /// Returns the service with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<Service>> {
        self.list.iter().find(|service| service.id.as_str() == id)
    }

    /// Returns the services on this host.
    pub fn on_host(&self, host: &str) -> impl Iterator<Item = &Arc<Service>> {
        let numbers = self.by_host.get(host).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| self.list.get(*number))
    }

    /// Returns whether this is the host of Labgate's own pages.
    #[must_use]
    pub fn is_lab_host(&self, host: &str) -> bool {
        self.lab_host == host
    }

    /// Returns the origin of the services on this host, if it is not Labgate's own.
    #[must_use]
    pub fn origin_of(&self, host: &str) -> Option<&str> {
        let number = self.by_host.get(host).filter(|_| !self.is_lab_host(host))?.first()?;
        self.list.get(*number).map(|service| service.url.origin())
    }

    /// Finds out who may pass to a target.
    ///
    /// # Errors
    /// When no service has it, or which one has it cannot be told.
    pub fn judge(&self, target: &Target) -> Result<Verdict<'_>, NoService> {
        let here = || self.on_host(target.host());
        let left_out = || self.left_out.iter().filter(|url| url.host() == target.host());
        let path = target.plain_path();
        let Some(path) = path else {
            // Where one service without rules has the whole host, every reading is its own.
            let mut alone = here().filter(|it| it.url.path().is_empty() && it.rules.is_empty());
            return match (alone.next(), here().count() + left_out().count()) {
                (Some(service), 1) => Ok(Verdict::of(service)),
                (_, 0) => Err(NoService::Unknown),
                _ => Err(NoService::Ambiguous),
            };
        };
        let service = here().find(|service| service.url.covers(&path));
        let nearest = service.map_or(0, |service| service.url.path().len());
        if left_out().any(|url| url.covers(&path) && (service.is_none() || url.path().len() >= nearest)) {
            return Err(NoService::LeftOut);
        }
        let service = service.ok_or(NoService::Unknown)?;
        Ok(match service.rules.first(target, &path)? {
            Some((number, rule)) => {
                let (tokens, condition) = (rule.tokens, &rule.condition);
                Verdict { service, rule: Some(number + 1), tokens, condition }
            }
            None => Verdict::of(service),
        })
    }
}

fn fits_lab(service: &Service, lab: &PublicUrl, lab_host: &str) -> Result<(), UnfitServices> {
    let (id, url) = (service.id.clone(), &service.url);
    if url.is_secure() != lab.is_secure() {
        return Err(UnfitServices::OtherScheme(id));
    }
    if url.host() == lab_host {
        if url.origin() != lab.origin() {
            return Err(UnfitServices::SharesLabCookies(id));
        }
        let below = url.path().strip_prefix(lab.base_path());
        let is_where_labgate_is = match lab.base_path() {
            "" => url.path().is_empty(),
            _ => below.is_some_and(|below| below.is_empty() || below.starts_with('/')),
        };
        if is_where_labgate_is {
            return Err(UnfitServices::LabPath(id));
        }
        if service.runs_user_code {
            return Err(UnfitServices::CodeOnLabOrigin(id, lab.sibling(service.id.as_str())));
        }
    }
    let mut rules = service.rules.iter().zip(1..);
    match rules.find(|(rule, _)| !rule.path.is_within(url.path())) {
        Some((rule, number)) => Err(UnfitServices::RuleOutside(id, number, rule.path.to_string())),
        None => Ok(()),
    }
}

fn stand_side_by_side(one: &Service, other: &Service) -> Result<(), UnfitServices> {
    let ids = || (one.id.clone(), other.id.clone());
    if one.id == other.id {
        return Err(UnfitServices::SameId(one.id.clone()));
    }
    if one.url.host() != other.url.host() {
        return Ok(());
    }
    if one.url == other.url {
        let (one, other) = ids();
        return Err(UnfitServices::SameUrl(one, other));
    }
    if one.url.origin() != other.url.origin() {
        let (one, other) = ids();
        return Err(UnfitServices::SharedCookies(one, other));
    }
    match (one.runs_user_code, other.runs_user_code) {
        (true, _) => Err(UnfitServices::CodeBesideOthers(one.id.clone(), other.id.clone())),
        (_, true) => Err(UnfitServices::CodeBesideOthers(other.id.clone(), one.id.clone())),
        (false, false) => Ok(()),
    }
}

/// Adds the groups that the service's own conditions name to those that it is told of.
fn tell_named_groups(service: &mut Service) {
    let conditions =
        std::iter::once(&service.condition).chain(service.rules.iter().map(|rule| &rule.condition));
    let named: BTreeSet<String> = conditions.flat_map(Condition::groups).map(str::to_owned).collect();
    if let IdentityGroups::These(groups) = &mut service.identity.groups {
        groups.extend(named);
    }
}

#[cfg(test)]
mod tests;
