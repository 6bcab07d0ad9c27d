//! `/admin` and `/api/auth/users`: administration of accounts. The pages' forms post to the API, and are sent
//! back.

use http::StatusCode;
use labgate_domain::people::{Account, AccountId, AccountStatus, DisplayName, EmailAddress, Password, Role};
use labgate_domain::session::Session;
use labgate_domain::sign_in::{AccountPatch, Administrator, CreatedAccount, NewAccount};
use serde_json::{Value, json};

use super::own_account::{SESSIONS_PAGE_LEN, sessions_page};
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::{AccountPage, AccountsPage, InitialPasswordPage};
use crate::paths;
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
    let fields = request.fields();
    let by = administrator(state, request).await?;
    let new = NewAccount {
        email: optional(fields.filled("email"), |email| EmailAddress::parse(email.trim()))?,
        role: optional(fields.filled("role"), Role::parse)?.unwrap_or(Role::User),
        username: fields.filled("username").map(str::to_owned),
        name: fields.filled("name").and_then(DisplayName::new),
        password: given_password(request)?,
    };
    let created = state.sign_in.administration().create(&by, new).await?;
    Ok(self::created(state, request, &created, StatusCode::CREATED))
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
    Ok(request.done(paths::USERS_PAGE))
}

/// Changes an account: the last segment of the path says how.
pub(crate) async fn act(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let id = account_id(request)?;
    let patch = match request.in_path("action") {
        "disable" => AccountPatch::Status(AccountStatus::Disabled),
        "enable" => AccountPatch::Status(AccountStatus::Active),
        "make-admin" => AccountPatch::Role(Role::Admin),
        "make-user" => AccountPatch::Role(Role::User),
        "sign-out" => {
            state.sign_in.administration().sign_out(&by, id).await?;
            return Ok(request.done(&paths::user_page(id)));
        }
        "reset-password" => {
            let reset =
                state.sign_in.administration().reset_password(&by, id, given_password(request)?).await?;
            return Ok(created(state, request, &reset, StatusCode::OK));
        }
        "delete" => return delete(state, request).await,
        _ => return Err(HttpErrorCode::NotFound.into()),
    };
    state.sign_in.administration().patch(&by, id, patch).await?;
    Ok(request.done(&paths::user_page(id)))
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
        reply::page(&AccountsPage { t: state.texts, search: &search, accounts, next, form })
    })
}

/// Shows one account.
pub(crate) async fn account_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let (account, sessions) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let is_own = by.account().is_some_and(|own| own.id == account.id);
    let (sessions, next) = request.page_of(&sessions, SESSIONS_PAGE_LEN)?;
    let next = next.map(|number| sessions_page(&paths::user_page(account.id), number));
    state.form_page(request, |form| {
        reply::page(&AccountPage { t: state.texts, account: &account, is_own, sessions, next, form })
    })
}

async fn administrator(state: &AppState, request: &ParsedRequest) -> Result<Administrator, Failure> {
    Ok(state.sign_in.administration().administrator(&request.visitor()).await?)
}

fn account_id(request: &ParsedRequest) -> Result<AccountId, HttpErrorCode> {
    AccountId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)
}

fn after(request: &ParsedRequest) -> Result<Option<AccountId>, HttpErrorCode> {
    optional(request.parameter("after"), AccountId::parse)
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
            reply::page(&InitialPasswordPage { t: state.texts, account, password })
        }
        None if request.is_form() => return see_other(&paths::user_page(account.id)),
        password => reply::json(&with_member(account_json(account), "initial_password", password.into())),
    };
    *response.status_mut() = status;
    response
}
