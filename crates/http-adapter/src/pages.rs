//! The pages. They work without JavaScript, and load nothing from elsewhere.

use std::sync::Arc;

use askama::Template;
use labgate_domain::ForeignText;
use labgate_domain::access::{HeaderEncoding, IdentityHeaders, Service, TokenUse, WrittenService};
use labgate_domain::access_token::{AccessToken, TokenScope};
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{
    AcceptedTerms, Account, AccountStatus, PasswordLength, RequiredTerms, Role, Username,
};
use labgate_domain::provider::{ProviderDescription, ProviderHealth};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::{Session, SessionPerson};
use labgate_domain::sign_in::{AccessExplained, Offer, OwnAccount, PendingLink, ProofWays, ServicesInForce};

use crate::paths::{self, Address};
use crate::service_fields::ServiceFields;
use crate::site::Site;
use crate::terms::Terms;
use crate::texts::{Text, Texts};
use crate::{device, times};

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/labgate.css");

/// The parts that all pages with forms share.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pub(crate) csrf_token: &'a str,
    /// The problem of a form that is shown again.
    pub(crate) problem: Option<Problem<'a>>,
}

/// The problem with a form's fields.
pub(crate) struct Problem<'a> {
    pub(crate) message: &'a str,
    pub(crate) reference: &'a str,
}

/// `GET /`.
#[derive(Template)]
#[template(path = "main.html")]
pub(crate) struct MainPage<'a> {
    pub(crate) t: &'a Site,
    /// The signed-in person.
    pub(crate) person: Option<&'a SessionPerson>,
    /// The services that the person may open.
    pub(crate) services: Vec<Arc<Service>>,
    /// The address of the terms of service.
    pub(crate) terms: Option<&'a str>,
    pub(crate) form: Form<'a>,
}

/// `GET /login`.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) t: &'a Site,
    /// The address of the person who is signed in already.
    pub(crate) signed_in_as: Option<&'a str>,
    pub(crate) return_to: &'a ReturnTo,
    pub(crate) offer: Offer,
    /// Set when the providers stand above the form.
    pub(crate) providers_first: bool,
    pub(crate) passwords: bool,
    pub(crate) registration: bool,
    /// The name that was typed.
    pub(crate) username: &'a str,
    /// The address of the terms of service.
    pub(crate) terms: Option<&'a str>,
    pub(crate) form: Form<'a>,
}

/// `GET /register`, and `GET /setup` for the first administrator.
#[derive(Template)]
#[template(path = "register.html")]
pub(crate) struct RegisterPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) setup_token: Option<&'a str>,
    /// The username that was typed.
    pub(crate) username: &'a str,
    /// The name that was typed.
    pub(crate) name: &'a str,
    pub(crate) length: PasswordLength,
    /// The address of the terms of service.
    pub(crate) terms: Option<&'a str>,
    pub(crate) form: Form<'a>,
}

/// `GET /password`.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct ChangePage<'a> {
    pub(crate) t: &'a Site,
    /// For password managers; empty where only a ticket names the person.
    pub(crate) username: &'a str,
    /// Set when the present password is an initial one, which was just typed.
    pub(crate) is_due: bool,
    pub(crate) return_to: &'a ReturnTo,
    pub(crate) length: PasswordLength,
    pub(crate) form: Form<'a>,
}

/// `GET /admin`.
#[derive(Template)]
#[template(path = "accounts.html")]
pub(crate) struct AccountsPage<'a> {
    pub(crate) t: &'a Site,
    /// Left out where the form of a new account is filled in.
    pub(crate) list: Option<AccountList<'a>>,
    pub(crate) typed: TypedAccount<'a>,
    pub(crate) proof: &'a ProofWays,
    pub(crate) form: Form<'a>,
}

/// A page of accounts.
pub(crate) struct AccountList<'a> {
    pub(crate) search: &'a str,
    pub(crate) accounts: &'a [Account],
    /// The address of the next page.
    pub(crate) next: Option<Address>,
}

/// The fields of a new account, as they were typed.
#[derive(Default)]
pub(crate) struct TypedAccount<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) is_admin: bool,
}

/// `GET /admin/accounts/…/…`, and `GET /account` with `do`: the question before an account is changed.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) heading: &'a str,
    pub(crate) question: &'a Text,
    /// The address that takes the form.
    pub(crate) action: &'a str,
    /// The fields that say what is asked for.
    pub(crate) fields: Vec<(&'a str, &'a str)>,
    /// The button that does it.
    pub(crate) yes: &'a Text,
    /// The address that the "no" leads to.
    pub(crate) no: &'a str,
    /// Set when the button warns.
    pub(crate) is_grave: bool,
    pub(crate) proof: &'a ProofWays,
    pub(crate) form: Form<'a>,
}

/// `GET /admin/accounts/…`.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) account: &'a Account,
    pub(crate) is_own: bool,
    pub(crate) tokens: &'a [AccessToken],
    pub(crate) sessions: &'a [Session],
    /// The address of the next page of sessions.
    pub(crate) next: Option<Address>,
}

impl AccountPage<'_> {
    /// Says which groups the provider of a session states.
    fn groups(&self, session: &Session) -> Option<Text> {
        let provider = session.external.as_ref().map(|external| external.provider.as_str());
        provider_groups(session, provider.unwrap_or_default(), self.t)
    }
}

/// `GET /admin/identities`.
#[derive(Template)]
#[template(path = "identities.html")]
pub(crate) struct IdentitiesPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) typed: TypedMove<'a>,
    /// The result of the form.
    pub(crate) moved: Option<MovedIdentities<'a>>,
    pub(crate) proof: &'a ProofWays,
    pub(crate) form: Form<'a>,
}

/// `GET /admin/services`.
#[derive(Template)]
#[template(path = "services.html")]
pub(crate) struct ServicesPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) services: Vec<ListedService<'a>>,
    /// Set when the check answers for the session alone.
    pub(crate) is_open: bool,
    pub(crate) url: &'a str,
    pub(crate) account: &'a str,
    /// What a check would decide.
    pub(crate) explained: Option<AccessExplained>,
}

/// A service in the list of all.
pub(crate) struct ListedService<'a> {
    pub(crate) id: &'a str,
    pub(crate) is_added: bool,
    /// The service, if it is in force.
    pub(crate) service: Option<&'a Service>,
    /// The service as it is written, if it was added and can be read.
    pub(crate) written: Option<&'a WrittenService>,
    /// The reason that it is left out.
    pub(crate) left_out: Option<&'a str>,
}

impl<'a> ListedService<'a> {
    /// Lists the services of the configuration, and then those that were added.
    pub(crate) fn all(in_force: &'a ServicesInForce) -> Vec<Self> {
        let configured = in_force.services().configured().map(|service| Self {
            id: service.id.as_str(),
            is_added: false,
            service: Some(&**service),
            written: None,
            left_out: None,
        });
        let added = in_force.added().iter().map(|it| Self {
            id: &it.id,
            is_added: true,
            service: it.service.as_deref().ok(),
            written: it.written.as_ref(),
            left_out: it.service.as_ref().err().map(String::as_str),
        });
        configured.chain(added).collect()
    }

    pub(crate) fn name(&self) -> &'a str {
        let written = || self.written.map_or(self.id, |written| &written.name);
        self.service.map_or_else(written, |service| &service.name)
    }

    pub(crate) fn url(&self) -> Option<String> {
        let written = || self.written.map(|written| written.url.clone());
        self.service.map(|service| service.url.to_string()).or_else(written)
    }

    /// Returns the rules: each with the requests that it is about, and who may send them.
    pub(crate) fn rules(&self) -> Vec<(String, String)> {
        let rules = self.service.into_iter().flat_map(|service| service.rules.iter());
        rules.map(|rule| (format!("{}{}", rule.methods, rule.path), rule.allowed())).collect()
    }
}

/// `GET /admin/add-service` and `GET /admin/services/…`: the form of a service.
#[derive(Template)]
#[template(path = "service.html")]
pub(crate) struct ServicePage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) typed: &'a ServiceFields,
    /// The digest of the definition that the form was filled in with; a new service has none.
    pub(crate) seen: Option<&'a str>,
    /// What another administrator wrote meanwhile: the names of fields, and their texts.
    pub(crate) newer: Vec<(&'static str, String)>,
    /// The address that takes the form.
    pub(crate) action: &'a str,
    pub(crate) proof: &'a ProofWays,
    pub(crate) form: Form<'a>,
}

impl ServicePage<'_> {
    /// Returns the label of a field.
    fn label(&self, name: &str) -> &Text {
        let labels = &self.t.service;
        match name {
            "name" => &self.t.common.name,
            "url" => &labels.url,
            "icon" => &labels.icon,
            "description" => &labels.description,
            "allow" => &labels.allow,
            "rules" => &labels.rules,
            "runs_user_code" => &labels.runs_user_code,
            "identity_headers" => &labels.identity_headers,
            "header_encoding" => &labels.header_encoding,
            "groups" => &labels.groups,
            "assertion" => &labels.assertion,
            "clear_cookies" => &labels.clear_cookies,
            _ => &labels.id,
        }
    }
}

/// The fields of a move of identities, as they were typed.
#[derive(Clone, Copy, Default)]
pub(crate) struct TypedMove<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) by_email: bool,
    /// Set when it is to be done, and not only shown.
    pub(crate) really: bool,
}

/// The accounts of a move, each with what becomes of it.
pub(crate) struct MovedIdentities<'a> {
    pub(crate) is_done: bool,
    pub(crate) accounts: Vec<(&'a Username, &'a Text)>,
}

/// `GET /account`.
#[derive(Template)]
#[template(path = "own_account.html")]
pub(crate) struct OwnAccountPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) own: &'a OwnAccount,
    /// A page of the account's sessions.
    pub(crate) sessions: &'a [Session],
    /// The address of the next page of sessions.
    pub(crate) next: Option<Address>,
    pub(crate) providers: Vec<ProviderDescription>,
    pub(crate) tokens: &'a TokensPart,
    pub(crate) form: Form<'a>,
}

/// The part of that page with access tokens.
pub(crate) struct TokensPart {
    pub(crate) list: Vec<AccessToken>,
    /// The services that the person may make a token for.
    pub(crate) services: Vec<Arc<Service>>,
    /// Set for an administrator, who may make one for the administration API.
    pub(crate) is_admin: bool,
    pub(crate) most_days: u32,
}

impl TokensPart {
    /// Returns whether there is something that a token could open.
    fn may_make(&self) -> bool {
        self.is_admin || !self.services.is_empty()
    }

    fn default_days(&self) -> u32 {
        AccessToken::DEFAULT_DAYS.min(self.most_days)
    }
}

impl OwnAccountPage<'_> {
    fn identity(&self, (identity, provider): &(LinkedIdentity, Option<String>)) -> String {
        let provider = provider.as_deref().unwrap_or(identity.issuer.as_str());
        match &identity.email {
            Some(email) => {
                self.t.own_account.identity.with("provider", provider).with("email", email).to_string()
            }
            None => provider.to_owned(),
        }
    }

    fn device(&self, session: &Session) -> String {
        let named =
            session.user_agent.as_ref().map(|browser| device::named(browser, &self.t.own_account.device));
        named.unwrap_or_else(|| self.t.common.unknown.to_string())
    }

    fn origin(&self, session: &Session) -> Text {
        let t = self.t;
        let place = session.address.map_or_else(|| t.common.unknown.to_string(), |place| place.to_string());
        t.own_account.session_origin.with("place", place).with("provider", self.provider(session))
    }

    /// Names the provider of a session.
    fn provider(&self, session: &Session) -> String {
        let by = session.external.as_ref().map(|external| &external.provider);
        let known = self.providers.iter().find(|provider| Some(&provider.id) == by);
        let named = known.map(|provider| provider.name.clone()).or_else(|| by.map(ToString::to_string));
        named.unwrap_or_else(|| self.t.common.by_password.to_string())
    }

    /// Lists the groups of this session by their origins.
    fn groups(&self) -> Vec<Text> {
        let this = self.own.sessions.iter().find(|session| session.id == self.own.this_session);
        let local = local_groups(&self.own.account, self.t);
        let stated = this.and_then(|session| provider_groups(session, &self.provider(session), self.t));
        local.into_iter().chain(stated).collect()
    }
}

/// `GET /link`.
#[derive(Template)]
#[template(path = "link.html")]
pub(crate) struct LinkPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) pending: &'a PendingLink,
    pub(crate) form: Form<'a>,
}

/// On the way to another host after a form. Not a redirect: a browser lets a form's answer redirect only to
/// where `form-action` lets the form itself go.
#[derive(Template)]
#[template(path = "onward.html")]
pub(crate) struct OnwardPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) title: &'a Text,
    /// The provider that it goes on to; `None` is the way through the hosts of services.
    pub(crate) provider: Option<&'a str>,
    pub(crate) url: &'a str,
}

/// `GET /signed-out`.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    pub(crate) t: &'a Site,
    /// The provider that keeps a session of its own.
    pub(crate) kept_by: Option<&'a str>,
}

/// `GET /terms`.
#[derive(Template)]
#[template(path = "terms_page.html")]
pub(crate) struct TermsPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) terms: &'a Terms,
    /// The account of the signed-in person, where people must accept the terms.
    pub(crate) account: Option<&'a Account>,
    /// What this person still has to accept.
    pub(crate) due: Option<&'a RequiredTerms>,
    pub(crate) return_to: &'a ReturnTo,
    pub(crate) form: Form<'a>,
}

/// An initial password, shown once.
#[derive(Template)]
#[template(path = "initial_password.html")]
pub(crate) struct InitialPasswordPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) account: &'a Account,
    pub(crate) password: &'a str,
}

/// An access token, shown once.
#[derive(Template)]
#[template(path = "access_token.html")]
pub(crate) struct AccessTokenPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) token: &'a AccessToken,
    pub(crate) text: &'a str,
}

/// The beginning of the name of a box.
pub(crate) const BOX: &str = "scope-";

/// Returns the name of the box for a word of the scope.
pub(crate) fn box_of(word: &str) -> String {
    format!("{BOX}{word}")
}

/// Says what an access token opens, for how long, and when it was used.
fn token_text(token: &AccessToken, t: &Texts) -> Text {
    let used = token.last_used_at.map_or_else(|| t.access_token.unused.to_string(), times::utc);
    let text = if token.is_admitted { &t.access_token.one } else { &t.access_token.suspended };
    text.with("scope", &token.scope).with("until", times::utc(token.expires_at)).with("used", used)
}

/// Returns the e-mail address, which names people, or else the username.
pub(crate) fn address(person: &SessionPerson) -> &str {
    person.email.as_ref().map_or(person.username.as_str(), |email| email.as_str())
}

/// The same of an account.
fn address_of(account: &Account) -> &str {
    account.email.as_ref().map_or(account.username.as_str(), |email| email.as_str())
}

/// Returns the address that asks before an identity at this provider is linked.
fn to_link(provider: &ProviderDescription) -> Address {
    paths::with_parameters(paths::ACCOUNT_PAGE, &[("do", "link"), ("provider", provider.id.as_str())])
}

/// Returns the address that asks before this identity is removed.
fn to_unlink((identity, _): &(LinkedIdentity, Option<String>)) -> Address {
    let (issuer, subject) = (identity.issuer.as_str(), identity.subject.as_str());
    let fields = [("do", "unlink"), ("issuer", issuer), ("subject", subject)];
    paths::with_parameters(paths::ACCOUNT_PAGE, &fields)
}

/// Says which terms of service the account's person has accepted.
fn accepted_terms(account: &Account, t: &Texts) -> Vec<Text> {
    let text =
        |it: &AcceptedTerms| t.terms.accepted.with("version", &it.version).with("time", times::utc(it.at));
    account.accepted_terms.iter().map(text).collect()
}

fn role(account: &Account, t: &Texts) -> String {
    let role = if account.role == Role::Admin { &t.common.admin } else { &t.common.user };
    if account.status == AccountStatus::Active {
        role.to_string()
    } else {
        t.common.disabled.with("role", role).to_string()
    }
}

/// Says which groups of an account are local, if any are.
fn local_groups(account: &Account, t: &Texts) -> Option<Text> {
    let groups = &account.groups;
    (!groups.names().is_empty()).then(|| t.common.groups_from_lab.with("groups", groups))
}

/// Says which groups the provider of a session states, if it states any. A provider can state thousands, of any
/// text: as many are shown as fit on one line.
fn provider_groups(session: &Session, provider: &str, t: &Texts) -> Option<Text> {
    let groups = ForeignText::new(&session.groups.join(", "));
    let text = || t.common.groups_from.with("provider", provider).with("groups", groups);
    (!session.groups.is_empty()).then(text)
}

fn is_unavailable(health: &ProviderHealth) -> bool {
    matches!(health, ProviderHealth::Unavailable { .. })
}

/// A way on from an error.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) href: Href,
    pub(crate) label: Label,
}

/// The address that a [`Way`] leads to.
#[derive(Clone, Debug)]
pub(crate) enum Href {
    /// A page of the lab.
    InLab(Address),
    /// A whole URL, on a page that may be shown on any host.
    Whole(String),
}

/// The label of a [`Way`].
#[derive(Clone, Debug)]
pub(crate) enum Label {
    SignInAgain,
    OtherWays,
    Password,
    Terms,
    Provider(String),
}

impl Way {
    /// Leads to the sign-in page, and from there to that target.
    pub(crate) fn to_sign_in(label: Label, return_to: &ReturnTo) -> Self {
        Self { href: Href::InLab(paths::leading_to(paths::LOGIN_PAGE, return_to)), label }
    }

    fn href(&self, site: &Site) -> String {
        match &self.href {
            Href::InLab(address) => site.at(address),
            Href::Whole(url) => url.clone(),
        }
    }

    fn label(&self, t: &Texts) -> String {
        match &self.label {
            Label::SignInAgain => t.common.sign_in_again.to_string(),
            Label::OtherWays => t.error.other_ways.to_string(),
            Label::Terms => t.common.terms.to_string(),
            Label::Password => t.common.sign_in_with_password.to_string(),
            Label::Provider(name) => t.common.continue_with.with("provider", name).to_string(),
        }
    }
}

/// An error, for a person.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) heading: &'a Text,
    pub(crate) message: &'a str,
    pub(crate) code: &'a str,
    pub(crate) reference: &'a str,
    /// The operator's remedy, where it is known.
    pub(crate) explanation: Option<&'static str>,
    /// The ways on; none is the main page.
    pub(crate) ways: &'a [Way],
    /// Set when they are all ways of signing in that there are.
    pub(crate) lists_all: bool,
}
