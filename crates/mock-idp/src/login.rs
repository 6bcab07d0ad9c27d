//! The login endpoint: the login page sends the person's choice.

use http::header::SET_COOKIE;
use labgate_domain::protocol::{AuthorizationCode, AuthorizationErrorCode};

use crate::authorization_request::{Asked, Destination};
use crate::faults::{Fault, Stage};
use crate::issuer::IssuerCore;
use crate::ledger::CodeBinding;
use crate::protocol::{Grant, Parameters, Refusal, Session, UnanswerableRequest};
use crate::reply::{self, Response};
use crate::typed_user::TypedUser;
use crate::user::User;
use crate::{authorization_request, callback, cookie, pages};

/// A person's choice on the login page.
pub(crate) enum Answer {
    SignIn(User),
    Deny,
}

/// Takes the form of the login page. The query is the one of the authorization request, so one POST with
/// `user=…` signs in without looking at the page.
pub(crate) fn submit(issuer: &IssuerCore, query: &str, body: &[u8]) -> Result<Response, UnanswerableRequest> {
    let form = Parameters::parse(body);
    let fault = match form.first("fault").map(Fault::parse).transpose() {
        Ok(fault) => fault,
        Err(unknown) => return Ok(pages::bad_request(&unknown.to_string())),
    };
    let answer = if form.first("deny").is_some() {
        Answer::Deny
    } else if let Some(subject) = form.first("user") {
        Answer::SignIn(issuer.user(subject)?.clone())
    } else {
        let typed = TypedUser::read(&form);
        match typed.user() {
            Ok(user) => Answer::SignIn(user),
            Err(problem) => return again(issuer, query, TypedUser { problem, ..typed }),
        }
    };
    let Completed { location, cookie } = complete(issuer, query, answer, fault.into_iter().collect())?;
    let mut response = reply::see_other(&location);
    let cookie = cookie.map(|cookie| (SET_COOKIE, cookie::set(issuer, &cookie)));
    response.headers_mut().extend(cookie);
    Ok(response)
}

/// Shows the page again.
fn again(issuer: &IssuerCore, query: &str, typed: TypedUser) -> Result<Response, UnanswerableRequest> {
    Ok(match authorization_request::parse(issuer, query)? {
        (_, Ok(asked)) => pages::login(issuer, &asked, query, Some(typed)),
        (_, Err(refusal)) => pages::bad_request(&refusal.description),
    })
}

/// The browser's next URL, and the session cookie that it gets.
pub(crate) struct Completed {
    pub(crate) location: String,
    pub(crate) cookie: Option<String>,
}

/// Answers an authorization request as the person decided.
pub(crate) fn complete(
    issuer: &IssuerCore,
    query: &str,
    answer: Answer,
    chosen: Vec<Fault>,
) -> Result<Completed, UnanswerableRequest> {
    let (to, asked) = authorization_request::parse(issuer, query)?;
    let refused = |refusal| {
        let location = callback::refused(issuer, &to, refusal, &issuer.faults(Stage::Callback, &chosen));
        Ok(Completed { location, cookie: None })
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let user = match answer {
        Answer::SignIn(user) => user,
        Answer::Deny => {
            let description = "the person declined on the mock's page";
            return refused(Refusal::new(AuthorizationErrorCode::AccessDenied, description));
        }
    };
    let session = Session { sid: issuer.random_text(), user, auth_time: issuer.now() };
    let cookie = issuer.random_text();
    issuer.ledger().open_session(cookie.clone(), session.clone());
    Ok(Completed { location: grant(issuer, &to, asked, session, chosen), cookie: Some(cookie) })
}

/// Grants the request. Returns the URL that brings the code to the client.
pub(crate) fn grant(
    issuer: &IssuerCore,
    to: &Destination,
    asked: Asked,
    session: Session,
    chosen: Vec<Fault>,
) -> String {
    let faults = issuer.faults(Stage::Callback, &chosen);
    let code = AuthorizationCode::fresh(&*issuer.entropy);
    let request = asked.request;
    let is_first = !issuer.ledger().has_grant(&request.client_id, session.user.subject());
    let grant = Grant {
        refreshable: issuer.profile.tokens.refresh.are_due(&request, is_first),
        client: request.client_id,
        session,
        scopes: request.scopes,
        nonce: request.nonce,
        chosen,
        shown: Vec::new(),
    };
    let binding = CodeBinding { redirect_uri: to.redirect_uri.clone(), challenge: request.code_challenge };
    issuer.ledger().add_grant(grant, code.as_str().to_owned(), binding, issuer.now());
    callback::granted(issuer, to, &code, &faults)
}
