//! The pages. They work without JavaScript, and load nothing from elsewhere.

use askama::Template;
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{Account, AccountStatus, PasswordLength, Role, Username};
use labgate_domain::provider::{ProviderDescription, ProviderHealth};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::{Session, SessionPerson};
use labgate_domain::sign_in::{Offer, OwnAccount, PendingLink};

use crate::paths::{self, Address};
use crate::site::Site;
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
    pub(crate) search: &'a str,
    pub(crate) accounts: &'a [Account],
    pub(crate) next: Option<Address>,
    pub(crate) typed: TypedAccount<'a>,
    /// With a problem, it is the form of a new account that is shown again, without the list.
    pub(crate) form: Form<'a>,
}

/// The fields of a new account, as they were typed.
#[derive(Default)]
pub(crate) struct TypedAccount<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) is_admin: bool,
}

/// `GET /admin/accounts/…/…`: the question before an account is changed.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) account: &'a Account,
    pub(crate) question: &'a Text,
    /// The last segment of the path.
    pub(crate) action: &'a str,
    /// The button that does it.
    pub(crate) yes: &'a Text,
    pub(crate) form: Form<'a>,
}

/// `GET /admin/accounts/…`.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) account: &'a Account,
    /// The username as it was typed, or the present one.
    pub(crate) username: &'a str,
    pub(crate) is_own: bool,
    pub(crate) sessions: &'a [Session],
    /// The address of the next page of sessions.
    pub(crate) next: Option<Address>,
    pub(crate) form: Form<'a>,
}

/// `GET /admin/identities`.
#[derive(Template)]
#[template(path = "identities.html")]
pub(crate) struct IdentitiesPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) typed: TypedMove<'a>,
    /// The result of the form.
    pub(crate) moved: Option<MovedIdentities<'a>>,
    pub(crate) form: Form<'a>,
}

/// The fields of a move of identities, as they were typed.
#[derive(Clone, Copy, Default)]
pub(crate) struct TypedMove<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) by_email: bool,
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
    pub(crate) form: Form<'a>,
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
        let (t, by) = (self.t, session.external.as_ref().map(|external| &external.provider));
        let place = session.address.map_or_else(|| t.common.unknown.to_string(), |place| place.to_string());
        let known = self.providers.iter().find(|provider| Some(&provider.id) == by);
        let named = known.map(|provider| provider.name.clone()).or_else(|| by.map(ToString::to_string));
        let provider = named.unwrap_or_else(|| t.common.by_password.to_string());
        t.own_account.session_origin.with("place", place).with("provider", provider)
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

/// On the way to a provider after a form. Not a redirect: a browser lets a form's answer redirect only to
/// where `form-action` lets the form itself go.
#[derive(Template)]
#[template(path = "onward.html")]
pub(crate) struct OnwardPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) title: &'a Text,
    pub(crate) provider: &'a str,
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

/// An initial password, shown once.
#[derive(Template)]
#[template(path = "initial_password.html")]
pub(crate) struct InitialPasswordPage<'a> {
    pub(crate) t: &'a Site,
    pub(crate) account: &'a Account,
    pub(crate) password: &'a str,
}

/// Returns the e-mail address, which names people, or else the username.
pub(crate) fn address(person: &SessionPerson) -> &str {
    person.email.as_ref().map_or(person.username.as_str(), |email| email.as_str())
}

fn role(account: &Account, t: &Texts) -> String {
    let role = if account.role == Role::Admin { &t.common.admin } else { &t.common.user };
    if account.status == AccountStatus::Active {
        role.to_string()
    } else {
        t.common.disabled.with("role", role).to_string()
    }
}

fn is_unavailable(health: &ProviderHealth) -> bool {
    matches!(health, ProviderHealth::Unavailable { .. })
}

/// A way on from an error.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) href: Address,
    pub(crate) label: Label,
}

/// The label of a [`Way`].
#[derive(Clone, Debug)]
pub(crate) enum Label {
    SignInAgain,
    OtherWays,
    Password,
    Provider(String),
}

impl Way {
    /// Leads to the sign-in page, and from there to that target.
    pub(crate) fn to_sign_in(label: Label, return_to: &ReturnTo) -> Self {
        Self { href: paths::leading_to(paths::LOGIN_PAGE, return_to), label }
    }

    fn label(&self, t: &Texts) -> String {
        match &self.label {
            Label::SignInAgain => t.common.sign_in_again.to_string(),
            Label::OtherWays => t.error.other_ways.to_string(),
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
