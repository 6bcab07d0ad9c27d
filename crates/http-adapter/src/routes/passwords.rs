//! `/api/auth/login`, `/register`, `/setup`, `/password`: with a name and a password.

use labgate_domain::people::{DisplayName, Password};
use labgate_domain::provider::ProviderId;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::{
    NotSignedIn, PasswordSession, PasswordSignIn, PasswordSignedIn, Registration, Ticket,
};
use serde_json::json;

use crate::audience::Audience;
use crate::cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{ChangePage, Form, RegisterPage};
use crate::paths;
use crate::reply::{self, Response, see_other};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Signs a person in with a password.
pub(crate) async fn login(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let return_to = return_to(state, fields);
    let attempt = PasswordSignIn {
        name: fields.text("username").unwrap_or_default().to_owned(),
        password: password(fields, "password"),
        return_to: return_to.clone(),
    };
    match state.sign_in.passwords().sign_in(attempt, &request.visitor()).await {
        Ok(PasswordSignedIn::SignedIn { session, return_to }) => {
            state.welcome_known(request, &session, &return_to).await
        }
        Ok(PasswordSignedIn::ChangeDue { ticket, return_to }) => {
            let next = state.site.at(paths::leading_to(paths::PASSWORD_PAGE, &return_to));
            let response = match request.audience {
                Audience::Person => see_other(&next),
                Audience::Program => reply::json(&json!({ "status": "change_due", "change_url": next })),
            };
            state.with_cookies(response, [state.cookies.set_ticket(cookies::CHANGE, &ticket)])
        }
        Err(refusal) => state.form_again(request, refusal, |form| {
            let offer = state.sign_in.providers().offer(None, request.cookies.provider.as_ref());
            state.login_page(form, None, offer, &return_to, typed_name(request))
        }),
    }
}

pub(crate) async fn register_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if !state.sign_in.registration().is_open() {
        return Err(HttpErrorCode::NotFound.into());
    }
    state.form_page(request, |form| state.register_page(request, form, None))
}

/// Creates an account for the person who asks.
pub(crate) async fn register(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    match state.sign_in.registration().register(registration(fields), &request.visitor()).await {
        Ok(session) => state.welcome_known(request, &session, &return_to(state, fields)).await,
        Err(refusal) => state.form_again(request, refusal, |form| state.register_page(request, form, None)),
    }
}

pub(crate) async fn setup_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let setup_token = request.parameter("token").unwrap_or_default();
    state.sign_in.setup().check_token(&setup_token, &request.visitor()).await?;
    state.form_page(request, |form| state.register_page(request, form, Some(&setup_token)))
}

/// Creates the lab's first administrator.
pub(crate) async fn setup(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let setup_token = fields.text("setup_token").unwrap_or_default();
    state.sign_in.setup().check_token(setup_token, &request.visitor()).await?;
    match state.sign_in.setup().complete(setup_token, registration(fields), &request.visitor()).await {
        Ok(session) => state.welcome_known(request, &session, &ReturnTo::main_page()).await,
        Err(refusal) => {
            state.form_again(request, refusal, |form| state.register_page(request, form, Some(setup_token)))
        }
    }
}

pub(crate) async fn change_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let username = state.username(request).await?;
    if request.cookies.change.is_none() && username.is_empty() {
        return Err(Failure::not_signed_in(None));
    }
    let return_to = request.return_to(&state.site);
    state.form_page(request, |form| state.change_page(request, form, &username, &return_to))
}

/// Chooses another password: with a ticket after an initial one, otherwise knowing the present one.
pub(crate) async fn change(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let next = password(fields, "next");
    let changed = match request.cookies.change.as_deref().and_then(Ticket::parse) {
        Some(ticket) => state.sign_in.passwords().change_with_ticket(&ticket, next, &request.visitor()).await,
        None => state.sign_in.passwords().change(password(fields, "present"), next, &request.visitor()).await,
    };
    let return_to = return_to(state, fields);
    match changed {
        Ok(session) => state.welcome_known(request, &session, &return_to).await,
        // A signed-in person can go on with the present password.
        Err(refusal) if refusal.error.ends_attempt() => {
            Err(Failure::from(refusal).with_cookies([state.cookies.clear(cookies::CHANGE)]))
        }
        Err(refusal) => {
            let username = state.username(request).await?;
            state.form_again(request, refusal, |form| state.change_page(request, form, &username, &return_to))
        }
    }
}

/// Returns the username of a form that is shown again.
fn typed_name(request: &ParsedRequest) -> &str {
    request.fields().text("username").unwrap_or_default()
}

pub(super) fn return_to(state: &AppState, fields: &Fields) -> ReturnTo {
    state.site.return_to(fields.text("return_to"))
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

impl AppState {
    /// Returns where a person goes who has just signed in: to the target, or to the terms of service first.
    pub(super) async fn onward(&self, token: &SessionToken, return_to: &ReturnTo) -> String {
        if self.sign_in.policy().terms.is_some()
            && let Err(NotSignedIn::TermsDue) = self.sign_in.requests().check(token.expose()).await
        {
            return self.site.at(paths::leading_to(paths::TERMS_PAGE, return_to));
        }
        self.site.target(return_to)
    }

    /// Answers a person who has just signed in.
    pub(super) async fn welcome(
        &self,
        request: &ParsedRequest,
        token: &SessionToken,
        return_to: &ReturnTo,
        provider: Option<&ProviderId>,
    ) -> Result<Response, Failure> {
        let onward = self.onward(token, return_to).await;
        let response = match request.audience {
            Audience::Person => see_other(&onward),
            Audience::Program => reply::json(&json!({ "status": "signed_in", "return_to": onward })),
        };
        self.with_new_session(response, request, token, provider)
    }

    /// Answers a person who has just signed in with a password: their browser is a known device from now on.
    async fn welcome_known(
        &self,
        request: &ParsedRequest,
        session: &PasswordSession,
        return_to: &ReturnTo,
    ) -> Result<Response, Failure> {
        let response = self.welcome(request, &session.token, return_to, None).await?;
        self.with_device(response, request, &session.device)
    }

    /// Renders the page that creates an account: the first administrator's with a setup token.
    fn register_page(&self, request: &ParsedRequest, form: Form<'_>, setup_token: Option<&str>) -> Response {
        reply::page(&RegisterPage {
            t: &self.site,
            setup_token,
            username: typed_name(request),
            name: request.fields().text("name").unwrap_or_default(),
            length: self.sign_in.policy().password_length,
            terms: self.terms().as_deref(),
            form,
        })
    }

    /// Returns the signed-in person's username; empty without a session.
    async fn username(&self, request: &ParsedRequest) -> Result<String, Failure> {
        let checked = self.session(request).await?;
        Ok(checked.map(|checked| checked.person.username.to_string()).unwrap_or_default())
    }

    fn change_page(
        &self,
        request: &ParsedRequest,
        form: Form<'_>,
        username: &str,
        return_to: &ReturnTo,
    ) -> Response {
        reply::page(&ChangePage {
            t: &self.site,
            username,
            is_due: request.cookies.change.is_some(),
            return_to,
            length: self.sign_in.policy().password_length,
            form,
        })
    }
}
