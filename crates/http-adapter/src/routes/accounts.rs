//! `/api/auth/login`, `/register`, `/setup`, `/password`: with a name and a password.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::error::Refusal;
use labgate_domain::people::{DisplayName, Password};
use labgate_domain::provider::ProviderId;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::{PasswordSignIn, PasswordSignedIn, Registration, Ticket};
use serde_json::json;

use super::methods::{get_or_head, post};
use super::{Lab, Route, either, route, see_other};
use crate::app::Response;
use crate::audience::Audience;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::{Fields, FormToken};
use crate::head::Head;
use crate::pages::{self, ChangePage, Problem, RegisterPage};
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let login = route(lab, warp::path!("api" / "auth" / "login" / ..), post(), |lab, head| async move {
        login(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let register_page = route(lab, warp::path!("register" / ..), get_or_head(), register_page);
    let register =
        route(lab, warp::path!("api" / "auth" / "register" / ..), post(), |lab, head| async move {
            register(&lab, &head).await.unwrap_or_else(Failure::into_response)
        });
    let setup_page = route(lab, warp::path!("setup" / ..), get_or_head(), |lab, head| async move {
        setup_page(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let setup = route(lab, warp::path!("api" / "auth" / "setup" / ..), post(), |lab, head| async move {
        setup(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let change_page = route(lab, warp::path!("password" / ..), get_or_head(), change_page);
    let change = route(lab, warp::path!("api" / "auth" / "password" / ..), post(), |lab, head| async move {
        change(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let pages = either(register_page, either(setup_page, change_page));
    either(login, either(either(register, setup), either(change, pages)))
}

/// Signs somebody in with a password.
async fn login(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let return_to = return_to(fields);
    let attempt = PasswordSignIn {
        name: fields.text("username").unwrap_or_default().to_owned(),
        password: password(fields, "password"),
        return_to: return_to.clone(),
    };
    match lab.sign_in.passwords().sign_in(attempt, &head.visitor()).await {
        Ok(PasswordSignedIn::SignedIn { token, return_to }) => {
            Ok(lab.welcome(head, &token, &return_to, None))
        }
        Ok(PasswordSignedIn::ChangeDue { ticket, return_to }) => {
            let next = paths::with_parameters(paths::PASSWORD, &[("return_to", return_to.as_str())]);
            let response = match head.audience {
                Audience::Person => see_other(&next),
                Audience::Program => super::json(&json!({ "status": "change_due", "change_url": next })),
            };
            Ok(lab.with_cookies(response, [lab.cookies.set_change(&ticket)]))
        }
        Err(refusal) => Ok(lab.form_again(head, refusal, |token, problem| {
            lab.login_page(
                None,
                lab.sign_in.providers().offer(None, head.cookies.provider.as_ref()),
                &return_to,
                token,
                Some((problem, fields.text("username").unwrap_or_default())),
            )
        })),
    }
}

async fn register_page(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if !lab.sign_in.registration().is_open() {
        return lab.failure(HttpErrorCode::NotFound).into_response();
    }
    lab.form_page(&head, |token| lab.register_page(paths::REGISTER_ACTION, None, token, None, ""))
}

/// Makes an account for whoever asks.
async fn register(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    match lab.sign_in.registration().register(registration(fields), &head.visitor()).await {
        Ok(token) => Ok(lab.welcome(head, &token, &return_to(fields), None)),
        Err(refusal) => Ok(lab.form_again(head, refusal, |token, problem| {
            let username = fields.text("username").unwrap_or_default();
            lab.register_page(paths::REGISTER_ACTION, None, token, Some(problem), username)
        })),
    }
}

async fn setup_page(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let setup_token = head.parameter("token").unwrap_or_default();
    lab.sign_in.setup().check_token(&setup_token).await?;
    Ok(lab
        .form_page(head, |token| lab.register_page(paths::SETUP_ACTION, Some(&setup_token), token, None, "")))
}

/// Makes the lab's first administrator.
async fn setup(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let setup_token = fields.text("setup_token").unwrap_or_default();
    lab.sign_in.setup().check_token(setup_token).await?;
    match lab.sign_in.setup().complete(setup_token, registration(fields), &head.visitor()).await {
        Ok(token) => Ok(lab.welcome(head, &token, &ReturnTo::main_page(), None)),
        Err(refusal) => Ok(lab.form_again(head, refusal, |token, problem| {
            let username = fields.text("username").unwrap_or_default();
            lab.register_page(paths::SETUP_ACTION, Some(setup_token), token, Some(problem), username)
        })),
    }
}

async fn change_page(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let username = lab.username(&head).await;
    if head.cookies.change.is_none() && username.is_empty() {
        return Failure::not_signed_in(lab.sign_in.fresh_reference()).into_response();
    }
    let return_to = head.return_to();
    lab.form_page(&head, |token| lab.change_page(&head, &username, &return_to, token, None))
}

/// Chooses another password: with a ticket after an initial one, otherwise knowing the present one.
async fn change(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let next = password(fields, "next");
    let changed = match head.cookies.change.as_deref().and_then(Ticket::parse) {
        Some(ticket) => lab.sign_in.passwords().change_with_ticket(&ticket, next, &head.visitor()).await,
        None => lab.sign_in.passwords().change(password(fields, "present"), next, &head.visitor()).await,
    };
    let return_to = return_to(fields);
    match changed {
        Ok(token) => Ok(lab.welcome(head, &token, &return_to, None)),
        // Whoever is signed in can go on with the password that they have.
        Err(refusal) if refusal.error.ends_attempt() => {
            Ok(lab.with_cookies(Failure::from(refusal).into_response(), [lab.cookies.clear_change()]))
        }
        Err(refusal) => {
            let username = lab.username(head).await;
            Ok(lab.form_again(head, refusal, |token, problem| {
                lab.change_page(head, &username, &return_to, token, Some(problem))
            }))
        }
    }
}

fn return_to(fields: &Fields) -> ReturnTo {
    fields.text("return_to").map(ReturnTo::or_main_page).unwrap_or_default()
}

pub(super) fn password(fields: &Fields, name: &str) -> Option<Password> {
    fields.text(name).and_then(|text| Password::typed(text).ok())
}

fn registration(fields: &Fields) -> Registration {
    Registration {
        username: fields.text("username").unwrap_or_default().to_owned(),
        name: fields.filled("name").and_then(DisplayName::new),
        password: password(fields, "password"),
    }
}

impl Lab {
    /// The answer to somebody who has just signed in.
    pub(super) fn welcome(
        &self,
        head: &Head,
        token: &SessionToken,
        return_to: &ReturnTo,
        provider: Option<&ProviderId>,
    ) -> Response {
        let response = match head.audience {
            Audience::Person => see_other(return_to.as_str()),
            Audience::Program => {
                super::json(&json!({ "status": "signed_in", "return_to": return_to.as_str() }))
            }
        };
        self.with_new_session(response, head, token, provider)
    }

    /// A page with a form, and the cookie that its token needs.
    pub(super) fn form_page(&self, head: &Head, page: impl FnOnce(&FormToken) -> Response) -> Response {
        let (token, cookie) = self.form_token(head);
        self.with_cookies(page(&token), cookie)
    }

    /// The form once more for a person, with what was wrong; the problem alone for a program.
    fn form_again(
        &self,
        head: &Head,
        refusal: Refusal,
        page: impl FnOnce(&FormToken, Problem<'_>) -> Response,
    ) -> Response {
        let failure = Failure::from(refusal);
        if head.audience == Audience::Program || failure.status == StatusCode::FORBIDDEN {
            return failure.into_response();
        }
        let problem = Problem { message: failure.for_person, reference: failure.reference.as_str() };
        let mut response = self.form_page(head, |token| page(token, problem));
        *response.status_mut() = failure.status;
        response
    }

    fn register_page(
        &self,
        action: &str,
        setup_token: Option<&str>,
        form_token: &FormToken,
        problem: Option<Problem<'_>>,
        username: &str,
    ) -> Response {
        let length = self.sign_in.policy().password_length;
        pages::respond(&RegisterPage {
            action,
            setup_token,
            form_token: form_token.as_str(),
            problem,
            username,
            min_length: length.min(),
            max_length: length.max(),
        })
    }

    /// What whoever is signed in is called when signing in; empty for nobody.
    async fn username(&self, head: &Head) -> String {
        let checked = self.check(head).await.and_then(Result::ok);
        checked.map(|checked| checked.claims.username.to_string()).unwrap_or_default()
    }

    fn change_page(
        &self,
        head: &Head,
        username: &str,
        return_to: &ReturnTo,
        form_token: &FormToken,
        problem: Option<Problem<'_>>,
    ) -> Response {
        let length = self.sign_in.policy().password_length;
        pages::respond(&ChangePage {
            username,
            is_due: head.cookies.change.is_some(),
            form_token: form_token.as_str(),
            return_to: return_to.as_str(),
            problem,
            min_length: length.min(),
            max_length: length.max(),
        })
    }
}
