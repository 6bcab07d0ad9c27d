//! `/admin` and `/api/auth/users`: administration of accounts. The pages' forms post to the API, and are sent
//! back.

use http::StatusCode;
use labgate_domain::people::{Account, AccountId, AccountStatus, DisplayName, EmailAddress, Password, Role};
use labgate_domain::session::Session;
use labgate_domain::sign_in::{AccountPatch, Administrator, CreatedAccount, NewAccount};
use serde_json::{Value, json};

use super::own_account::{SESSIONS_PAGE_LEN, sessions_page};
use crate::audience::Audience;
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::{AccountPage, AccountsPage, ConfirmPage, Form, InitialPasswordPage, TypedAccount};
use crate::paths::{self, Address};
use crate::reply::{self, Response, see_other};
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;

/// The number of accounts on a page.
const PAGE_LEN: u32 = 50;

/// Lists accounts, a page at a time.
pub(crate) async fn list(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let limit = optional(request.parameter("limit"), str::parse)?.unwrap_or(PAGE_LEN);
    let (search, after) = (request.parameter("search"), after(request)?);
    let page = state.sign_in.administration().list(&by, search.as_deref(), after, limit).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| account.id);
    let accounts: Vec<Value> = page.accounts.iter().map(account_json).collect();
    Ok(reply::json(&json!({ "accounts": accounts, "next": next })))
}

/// Creates an account.
pub(crate) async fn create(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let created = match new_account(request) {
        Ok(new) => state.sign_in.administration().create(&by, new).await.map_err(Failure::from),
        Err(code) => Err(code.into()),
    };
    match created {
        Ok(created) => Ok(self::created(state, request, &created, StatusCode::CREATED)),
        Err(failure) => state.form_refused(request, failure, |form| {
            let text = |name| request.fields().text(name).unwrap_or_default();
            let typed = TypedAccount {
                username: text("username"),
                email: text("email"),
                name: text("name"),
                is_admin: text("role") == Role::Admin.as_str(),
            };
            reply::page(&AccountsPage { t: &state.site, search: "", accounts: &[], next: None, typed, form })
        }),
    }
}

fn new_account(request: &ParsedRequest) -> Result<NewAccount, HttpErrorCode> {
    let fields = request.fields();
    let email = fields.filled("email").map(|email| EmailAddress::parse(email.trim())).transpose();
    Ok(NewAccount {
        email: email.map_err(|_| HttpErrorCode::EmailInvalid)?,
        role: optional(fields.filled("role"), Role::parse)?.unwrap_or(Role::User),
        username: fields.filled("username").map(str::to_owned),
        name: fields.filled("name").and_then(DisplayName::new),
        password: given_password(request)?,
    })
}

/// Describes one account.
pub(crate) async fn show(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let (account, sessions) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let (sessions, next_page) = request.page_of(&sessions, SESSIONS_PAGE_LEN)?;
    let sessions: Vec<Value> = sessions.iter().map(session_json).collect();
    let account = with_member(account_json(&account), "sessions", sessions.into());
    Ok(reply::json(&with_member(account, "next_page", next_page.into())))
}

/// Deletes an account.
pub(crate) async fn delete(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    state.sign_in.administration().delete(&by, account_id(request)?).await?;
    Ok(request.done(&state.site.at(paths::USERS_PAGE)))
}

/// Changes an account: the last segment of the path says how. A person who is refused sees the account again.
pub(crate) async fn act(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let (id, action) = (account_id(request)?, Action::of(request)?);
    match action.run(state, request, &by, id).await {
        Err(failure) if request.audience == Audience::Person => {
            let (account, sessions) = state.sign_in.administration().details(&by, id).await?;
            state.form_refused(request, failure, |form| {
                let sessions = sessions.get(..SESSIONS_PAGE_LEN).unwrap_or(&sessions);
                let typed = request.fields().text("username").unwrap_or(account.username.as_str());
                account_details(state, &by, &account, typed, (sessions, None), form)
            })
        }
        answer => answer,
    }
}

/// Asks before an account is changed in a way that cannot be taken back. The others need no question.
pub(crate) async fn action_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let (account, _) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let t = &state.site;
    let (question, yes) = match Action::of(request)? {
        Action::Patch(AccountPatch::Status(AccountStatus::Disabled)) => {
            (&t.confirm.disable, &t.account.disable)
        }
        Action::ResetPassword => (&t.confirm.reset_password, &t.account.reset_password),
        Action::Delete => (&t.confirm.delete, &t.account.delete),
        _ => return Ok(see_other(&state.site.at(paths::user_page(account.id)))),
    };
    let action = request.in_path("action");
    state.form_page(request, |form| {
        reply::page(&ConfirmPage { t, account: &account, question, action, yes, form })
    })
}

/// What can be done to an account.
#[derive(Clone, Copy)]
enum Action {
    Patch(AccountPatch),
    Rename,
    SignOut,
    ResetPassword,
    Delete,
}

impl Action {
    /// Returns the action that the path names.
    fn of(request: &ParsedRequest) -> Result<Self, HttpErrorCode> {
        match request.in_path("action") {
            "disable" => Ok(Self::Patch(AccountPatch::Status(AccountStatus::Disabled))),
            "enable" => Ok(Self::Patch(AccountPatch::Status(AccountStatus::Active))),
            "make-admin" => Ok(Self::Patch(AccountPatch::Role(Role::Admin))),
            "make-user" => Ok(Self::Patch(AccountPatch::Role(Role::User))),
            "rename" => Ok(Self::Rename),
            "sign-out" => Ok(Self::SignOut),
            "reset-password" => Ok(Self::ResetPassword),
            "delete" => Ok(Self::Delete),
            _ => Err(HttpErrorCode::NotFound),
        }
    }

    async fn run(
        self,
        state: &AppState,
        request: &ParsedRequest,
        by: &Administrator,
        id: AccountId,
    ) -> Result<Response, Failure> {
        let administration = state.sign_in.administration();
        match self {
            Self::Patch(patch) => administration.patch(by, id, patch).await?,
            Self::Rename => {
                let name = request.fields().text("username").unwrap_or_default();
                drop(administration.rename(by, id, name, is_dry_run(request)?).await?);
            }
            Self::SignOut => administration.sign_out(by, id).await?,
            Self::ResetPassword => {
                let reset = administration.reset_password(by, id, given_password(request)?).await?;
                return Ok(created(state, request, &reset, StatusCode::OK));
            }
            Self::Delete => {
                administration.delete(by, id).await?;
                return Ok(request.done(&state.site.at(paths::USERS_PAGE)));
            }
        }
        Ok(request.done(&state.site.at(paths::user_page(id))))
    }
}

/// Shows the list of accounts.
pub(crate) async fn accounts_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let search = request.parameter("search").unwrap_or_default();
    let page = state.sign_in.administration().list(&by, Some(&search), after(request)?, PAGE_LEN).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| {
        paths::with_parameters(paths::USERS_PAGE, &[("search", &search), ("after", &account.id.to_string())])
    });
    let accounts = &page.accounts;
    state.form_page(request, |form| {
        let typed = TypedAccount::default();
        reply::page(&AccountsPage { t: &state.site, search: &search, accounts, next, typed, form })
    })
}

/// Shows one account.
pub(crate) async fn account_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let (account, sessions) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let (sessions, next) = request.page_of(&sessions, SESSIONS_PAGE_LEN)?;
    let next = next.map(|number| sessions_page(paths::user_page(account.id), number));
    let name = account.username.as_str();
    state.form_page(request, |form| account_details(state, &by, &account, name, (sessions, next), form))
}

fn account_details(
    state: &AppState,
    by: &Administrator,
    account: &Account,
    username: &str,
    (sessions, next): (&[Session], Option<Address>),
    form: Form<'_>,
) -> Response {
    let is_own = by.account().is_some_and(|own| own.id == account.id);
    reply::page(&AccountPage { t: &state.site, account, username, is_own, sessions, next, form })
}

pub(super) async fn administrator(
    state: &AppState,
    request: &ParsedRequest,
) -> Result<Administrator, Failure> {
    Ok(state.sign_in.administration().administrator(&request.visitor()).await?)
}

fn account_id(request: &ParsedRequest) -> Result<AccountId, HttpErrorCode> {
    AccountId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)
}

fn after(request: &ParsedRequest) -> Result<Option<AccountId>, HttpErrorCode> {
    optional(request.parameter("after"), AccountId::parse)
}

/// Returns whether the request only asks what would be done.
pub(super) fn is_dry_run(request: &ParsedRequest) -> Result<bool, HttpErrorCode> {
    Ok(optional(request.fields().filled("dry_run"), str::parse)?.unwrap_or(false))
}

/// Returns the initial password that the administrator chose, if any.
fn given_password(request: &ParsedRequest) -> Result<Option<Password>, HttpErrorCode> {
    optional(request.fields().text("password").filter(|text| !text.is_empty()), Password::typed)
}

fn account_json(account: &Account) -> Value {
    json!({
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "status": account.status.as_str(),
        "created_at": account.created_at,
    })
}

fn with_member(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

fn session_json(session: &Session) -> Value {
    json!({
        "provider": session.external.as_ref().map(|external| external.provider.as_str()),
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at,
    })
}

/// Answers with an account and its initial password, which is shown this once.
fn created(
    state: &AppState,
    request: &ParsedRequest,
    created: &CreatedAccount,
    status: StatusCode,
) -> Response {
    let account = &created.account;
    let mut response = match created.initial_password() {
        Some(password) if request.is_form() => {
            reply::page(&InitialPasswordPage { t: &state.site, account, password })
        }
        None if request.is_form() => return see_other(&state.site.at(paths::user_page(account.id))),
        password => reply::json(&with_member(account_json(account), "initial_password", password.into())),
    };
    *response.status_mut() = status;
    response
}
