//! `/admin` and `/api/auth/users`: other people's accounts. The pages' forms post to the API, and are sent back.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::people::{Account, AccountId, AccountStatus, DisplayName, EmailAddress, Password, Role};
use labgate_domain::session::Session;
use labgate_domain::sign_in::{AccountPatch, Administrator, CreatedAccount, NewAccount};
use serde_json::{Value, json};
use warp::Filter as _;

use super::methods::{delete, get_or_head, post};
use super::{Lab, Route, either, route, see_other, status};
use crate::app::Response;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::{Fields, Posted};
use crate::head::Head;
use crate::pages::{self, AccountPage, AccountRow, AccountsPage, InitialPasswordPage, SessionRow};
use crate::paths;
use crate::times::utc;

/// How many accounts a page shows.
const PAGE_LEN: u32 = 50;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let users = || warp::path!("api" / "auth" / "users" / ..);
    let list = route(lab, users(), get_or_head(), |lab, head| async move {
        list(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let create = route(lab, users(), post(), |lab, head| async move {
        create(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let accounts_page = route(lab, warp::path!("admin" / ..), get_or_head(), |lab, head| async move {
        accounts_page(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    either(either(list, create), either(one_account(lab), accounts_page))
}

/// The routes whose path names an account.
fn one_account(lab: &Arc<Lab>) -> Route {
    let with = |lab: &Arc<Lab>| {
        let lab = Arc::clone(lab);
        warp::ext::get::<Arc<Head>>().map(move |head| (Arc::clone(&lab), head))
    };
    let show = warp::path!("api" / "auth" / "users" / String)
        .and(get_or_head())
        .and(with(lab))
        .then(|id: String, (lab, head): (Arc<Lab>, Arc<Head>)| async move {
            show(&lab, &head, &id).await.unwrap_or_else(Failure::into_response)
        })
        .boxed();
    let delete = warp::path!("api" / "auth" / "users" / String)
        .and(delete())
        .and(with(lab))
        .then(|id: String, (lab, head): (Arc<Lab>, Arc<Head>)| async move {
            act(&lab, &head, &id, "delete").await.unwrap_or_else(Failure::into_response)
        })
        .boxed();
    let act = warp::path!("api" / "auth" / "users" / String / String)
        .and(post())
        .and(with(lab))
        .then(|id: String, action: String, (lab, head): (Arc<Lab>, Arc<Head>)| async move {
            act(&lab, &head, &id, &action).await.unwrap_or_else(Failure::into_response)
        })
        .boxed();
    let page = warp::path!("admin" / "accounts" / String)
        .and(get_or_head())
        .and(with(lab))
        .then(|id: String, (lab, head): (Arc<Lab>, Arc<Head>)| async move {
            account_page(&lab, &head, &id).await.unwrap_or_else(Failure::into_response)
        })
        .boxed();
    either(either(show, delete), either(act, page))
}

/// Accounts, a page at a time.
async fn list(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let by = lab.administrator(head).await?;
    let limit = match head.parameter("limit") {
        Some(limit) => limit.parse().map_err(|_| lab.failure(HttpErrorCode::BadRequest))?,
        None => PAGE_LEN,
    };
    let after = lab.after(head)?;
    let page =
        lab.sign_in.administration().list(&by, head.parameter("search").as_deref(), after, limit).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| account.id);
    let accounts: Vec<Value> = page.accounts.iter().map(account_json).collect();
    Ok(super::json(&json!({ "accounts": accounts, "next": next })))
}

/// Makes an account.
async fn create(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let by = lab.administrator(head).await?;
    let email = match fields.filled("email") {
        Some(email) => {
            Some(EmailAddress::parse(email.trim()).map_err(|_| lab.failure(HttpErrorCode::BadRequest))?)
        }
        None => None,
    };
    let role = match fields.filled("role") {
        Some(role) => Role::parse(role).map_err(|_| lab.failure(HttpErrorCode::BadRequest))?,
        None => Role::User,
    };
    let new = NewAccount {
        username: fields.filled("username").map(str::to_owned),
        email,
        name: fields.filled("name").and_then(DisplayName::new),
        role,
        password: lab.given_password(fields)?,
    };
    let created = lab.sign_in.administration().create(&by, new).await?;
    Ok(self::created(head, &created, StatusCode::CREATED))
}

/// One account.
async fn show(lab: &Lab, head: &Head, id: &str) -> Result<Response, Failure> {
    let by = lab.administrator(head).await?;
    let (account, sessions) = lab.sign_in.administration().details(&by, lab.account_id(id)?).await?;
    let sessions: Vec<Value> = sessions.iter().map(session_json).collect();
    Ok(super::json(&with_member(account_json(&account), "sessions", sessions.into())))
}

/// Does something to an account.
async fn act(lab: &Lab, head: &Head, id: &str, action: &str) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let by = lab.administrator(head).await?;
    let id = lab.account_id(id)?;
    let patch = match action {
        "disable" => Some(AccountPatch::Status(AccountStatus::Disabled)),
        "enable" => Some(AccountPatch::Status(AccountStatus::Active)),
        "make-admin" => Some(AccountPatch::Role(Role::Admin)),
        "make-user" => Some(AccountPatch::Role(Role::User)),
        _ => None,
    };
    match (action, patch) {
        (_, Some(patch)) => lab.sign_in.administration().patch(&by, id, patch).await?,
        ("sign-out", None) => lab.sign_in.administration().sign_out(&by, id).await?,
        ("delete", None) => lab.sign_in.administration().delete(&by, id).await?,
        ("reset-password", None) => {
            let reset =
                lab.sign_in.administration().reset_password(&by, id, lab.given_password(fields)?).await?;
            return Ok(created(head, &reset, StatusCode::OK));
        }
        _ => return Err(lab.failure(HttpErrorCode::NotFound)),
    }
    let back = if action == "delete" { paths::ADMIN.to_owned() } else { paths::account(id) };
    Ok(if matches!(head.posted, Posted::Form(_)) { see_other(&back) } else { status(StatusCode::NO_CONTENT) })
}

/// The list of accounts, for a person.
async fn accounts_page(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let by = lab.administrator(head).await?;
    let search = head.parameter("search").unwrap_or_default();
    let page = lab.sign_in.administration().list(&by, Some(&search), lab.after(head)?, PAGE_LEN).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| {
        paths::with_parameters(paths::ADMIN, &[("search", &search), ("after", &account.id.to_string())])
    });
    Ok(lab.form_page(head, |token| {
        pages::respond(&AccountsPage {
            search: &search,
            accounts: page.accounts.iter().map(row).collect(),
            next,
            form_token: token.as_str(),
        })
    }))
}

/// One account, for a person.
async fn account_page(lab: &Lab, head: &Head, id: &str) -> Result<Response, Failure> {
    let by = lab.administrator(head).await?;
    let (account, sessions) = lab.sign_in.administration().details(&by, lab.account_id(id)?).await?;
    let is_own = by.account().is_some_and(|own| own.id == account.id);
    Ok(lab.form_page(head, |token| {
        pages::respond(&AccountPage {
            account: row(&account),
            is_own,
            sessions: sessions
                .iter()
                .map(|session| SessionRow {
                    began: utc(session.created_at),
                    last_seen: utc(session.last_seen_at),
                    by: session.external.as_ref().map_or("password", |external| external.provider.as_str()),
                })
                .collect(),
            form_token: token.as_str(),
        })
    }))
}

fn row(account: &Account) -> AccountRow<'_> {
    AccountRow {
        href: paths::account(account.id),
        id: account.id.to_string(),
        username: account.username.as_str(),
        name: account.name.as_ref().map_or("", |name| name.as_str()),
        email: account.email.as_ref().map_or("", |email| email.as_str()),
        is_admin: account.role == Role::Admin,
        is_active: account.status == AccountStatus::Active,
    }
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

/// An account with its initial password, which is shown this once.
fn created(head: &Head, created: &CreatedAccount, status: StatusCode) -> Response {
    let mut response = if matches!(head.posted, Posted::Form(_)) {
        match created.initial_password() {
            Some(password) => {
                pages::respond(&InitialPasswordPage { account: row(&created.account), password })
            }
            None => return see_other(&paths::account(created.account.id)),
        }
    } else {
        let password = created.initial_password().into();
        super::json(&with_member(account_json(&created.account), "initial_password", password))
    };
    *response.status_mut() = status;
    response
}

impl Lab {
    async fn administrator(&self, head: &Head) -> Result<Administrator, Failure> {
        Ok(self.sign_in.administration().administrator(&head.visitor()).await?)
    }

    fn account_id(&self, id: &str) -> Result<AccountId, Failure> {
        AccountId::parse(id).map_err(|_| self.failure(HttpErrorCode::NotFound))
    }

    fn after(&self, head: &Head) -> Result<Option<AccountId>, Failure> {
        let after = head.parameter("after").map(|id| AccountId::parse(&id));
        after.transpose().map_err(|_| self.failure(HttpErrorCode::BadRequest))
    }

    /// The initial password that an administrator chose, if one was.
    fn given_password(&self, fields: &Fields) -> Result<Option<Password>, Failure> {
        let given = fields.text("password").filter(|text| !text.is_empty()).map(Password::typed);
        given.transpose().map_err(|_| self.failure(HttpErrorCode::BadRequest))
    }
}
