//! The pages. They work without JavaScript, and nothing in them comes from elsewhere.

use askama::Template;
use labgate_domain::provider::ProviderDescription;

use crate::paths;

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/labgate.css");

/// `GET /`.
#[derive(Template)]
#[template(path = "main.html")]
pub(crate) struct MainPage<'a> {
    pub(crate) person: Option<Person<'a>>,
    pub(crate) form: Form<'a>,
}

/// Who is signed in.
pub(crate) struct Person<'a> {
    /// What people call them: the name, or else the username.
    pub(crate) name: &'a str,
    /// The e-mail address, or else the username.
    pub(crate) address: &'a str,
    pub(crate) role: &'a str,
    pub(crate) groups: &'a [String],
    pub(crate) is_admin: bool,
}

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

/// `GET /login`.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    /// The address of whoever is signed in already.
    pub(crate) signed_in_as: Option<&'a str>,
    /// Where to go on to.
    pub(crate) return_to: &'a str,
    pub(crate) providers: Vec<ProviderButton>,
    /// Whether they stand above the form, because the first is what this browser is expected to use.
    pub(crate) providers_first: bool,
    /// Whether there is a form for name and password.
    pub(crate) passwords: bool,
    /// Whether people can make their own account.
    pub(crate) registration: bool,
    pub(crate) form: Form<'a>,
    /// The name that was typed.
    pub(crate) username: &'a str,
}

/// `GET /register`, and `GET /setup` for the first administrator.
#[derive(Template)]
#[template(path = "register.html")]
pub(crate) struct RegisterPage<'a> {
    pub(crate) setup_token: Option<&'a str>,
    pub(crate) form: Form<'a>,
    pub(crate) username: &'a str,
    pub(crate) min_length: usize,
    pub(crate) max_length: usize,
}

/// `GET /password`.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct ChangePage<'a> {
    /// For password managers; empty where only a ticket says who it is.
    pub(crate) username: &'a str,
    /// Whether the present password is an initial one, which was just typed.
    pub(crate) is_due: bool,
    pub(crate) form: Form<'a>,
    pub(crate) return_to: &'a str,
    pub(crate) min_length: usize,
    pub(crate) max_length: usize,
}

/// `GET /admin`.
#[derive(Template)]
#[template(path = "accounts.html")]
pub(crate) struct AccountsPage<'a> {
    pub(crate) search: &'a str,
    pub(crate) accounts: Vec<AccountRow<'a>>,
    pub(crate) next: Option<String>,
    pub(crate) form: Form<'a>,
}

/// An account in a list.
pub(crate) struct AccountRow<'a> {
    pub(crate) href: String,
    pub(crate) id: String,
    pub(crate) username: &'a str,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) is_admin: bool,
    pub(crate) is_active: bool,
}

/// `GET /admin/accounts/…`.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    pub(crate) account: AccountRow<'a>,
    pub(crate) is_own: bool,
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) form: Form<'a>,
}

/// A session in a list.
pub(crate) struct SessionRow {
    pub(crate) began: String,
    pub(crate) last_seen: String,
    /// The provider; `None` is a password.
    pub(crate) by: Option<String>,
}

/// `GET /account`.
#[derive(Template)]
#[template(path = "own_account.html")]
pub(crate) struct OwnAccountPage<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) has_password: bool,
    /// Whether the person need not prove again who they are.
    pub(crate) is_recent: bool,
    pub(crate) identities: Vec<IdentityRow<'a>>,
    /// Whether something else would still open the account.
    pub(crate) can_remove: bool,
    pub(crate) providers: Vec<&'a ProviderDescription>,
    pub(crate) sessions: Vec<OwnSessionRow>,
    pub(crate) form: Form<'a>,
}

/// An identity that opens the account.
pub(crate) struct IdentityRow<'a> {
    pub(crate) provider: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) email: &'a str,
    pub(crate) last_used: String,
}

/// A session of the account.
pub(crate) struct OwnSessionRow {
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) place: String,
    pub(crate) began: String,
    pub(crate) last_seen: String,
    pub(crate) by: String,
    pub(crate) is_this: bool,
}

/// `GET /link`.
#[derive(Template)]
#[template(path = "link.html")]
pub(crate) struct LinkPage<'a> {
    pub(crate) provider: &'a str,
    /// Who the person is there.
    pub(crate) identity: &'a str,
    pub(crate) was_asked_for: bool,
    pub(crate) session_proves: bool,
    pub(crate) password_proves: bool,
    pub(crate) form: Form<'a>,
}

/// On the way to a provider after a form. Not a redirect: a browser lets a form's answer redirect only to where
/// `form-action` lets the form itself go.
#[derive(Template)]
#[template(path = "onward.html")]
pub(crate) struct OnwardPage<'a> {
    pub(crate) title: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) url: &'a str,
}

/// `GET /signed-out`.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    /// The provider that keeps a session of its own.
    pub(crate) kept_by: Option<&'a str>,
}

/// An initial password, shown once.
#[derive(Template)]
#[template(path = "initial_password.html")]
pub(crate) struct InitialPasswordPage<'a> {
    pub(crate) account: AccountRow<'a>,
    pub(crate) password: &'a str,
}

/// A provider on the sign-in page.
pub(crate) struct ProviderButton {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) available: bool,
    /// Whether this browser's last sign-in was there.
    pub(crate) is_last_used: bool,
    /// Whether it is what most will press.
    pub(crate) stands_out: bool,
}

/// A way of signing in, as an error leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) href: String,
    pub(crate) label: String,
}

/// An error, for a person.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) message: &'a str,
    pub(crate) code: &'a str,
    pub(crate) reference: &'a str,
    /// What whoever runs the lab can do, where that is known.
    pub(crate) explanation: Option<&'static str>,
    /// Where to go from here; none is the main page.
    pub(crate) ways: &'a [Way],
    /// Whether they are all ways of signing in that there are.
    pub(crate) lists_all: bool,
}
