//! What the login page sends: who the person chose to be.

use http::header::SET_COOKIE;
use labgate_domain::ForeignText;
use labgate_domain::protocol::{AuthorizationCode, AuthorizationErrorCode, AuthorizationOutcome};
use serde_json::Value;

use crate::User;
use crate::authorize::{Asked, Destination, Refusal, UnanswerableRequest};
use crate::faults::{Fault, Stage};
use crate::issuer::{Endpoint, IssuerCore};
use crate::ledger::{CodeBinding, Grant, Session};
use crate::parameters::Parameters;
use crate::reply::{self, Response};
use crate::{callback, cookie, pages};

/// What a person did on the login page.
pub(crate) enum Answer {
    SignIn(User),
    Deny,
}

/// What was typed into the claims form, as it is shown again when it cannot be used.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    pub(crate) sub: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) name: String,
    pub(crate) groups: String,
    pub(crate) claims: String,
    /// Why it cannot be used.
    pub(crate) problem: String,
}

impl Typed {
    fn read(form: &Parameters) -> Self {
        let text = |name| form.first(name).unwrap_or_default().to_owned();
        Self {
            sub: text("sub"),
            email: text("email"),
            email_verified: form.first("email_verified").is_some(),
            name: text("name"),
            groups: text("groups"),
            claims: text("claims"),
            problem: String::new(),
        }
    }

    fn user(&self) -> Result<User, String> {
        if self.sub.is_empty() {
            return Err("Type a subject, or pick one of the people above.".to_owned());
        }
        let mut user = User::new(&self.sub);
        if !self.email.is_empty() {
            user = if self.email_verified {
                user.email(&self.email)
            } else {
                user.unverified_email(&self.email)
            };
        }
        if !self.name.is_empty() {
            user = user.name(&self.name);
        }
        user = user.groups(self.groups.split(',').map(str::trim).filter(|group| !group.is_empty()));
        if !self.claims.is_empty() {
            let Ok(Value::Object(claims)) = serde_json::from_str(&self.claims) else {
                return Err("Further claims must be one JSON object.".to_owned());
            };
            user = claims.into_iter().fold(user, |user, (name, value)| user.claim(name, value));
        }
        Ok(user)
    }
}

/// Takes what the login page sent. The query is the one of the authorization request, so one POST with `user=…` signs in
/// without looking at the page.
pub(crate) fn submit(issuer: &IssuerCore, query: &str, body: &[u8]) -> Response {
    let form = Parameters::parse(body);
    let fault = match form.first("fault").map(Fault::parse).transpose() {
        Ok(fault) => fault,
        Err(unknown) => return pages::bad_request(&unknown.to_string()),
    };
    let answer = if form.first("deny").is_some() {
        Answer::Deny
    } else if let Some(subject) = form.first("user") {
        match issuer.user(subject) {
            Some(user) => Answer::SignIn(user.clone()),
            None => {
                return pages::unanswerable(
                    issuer,
                    &UnanswerableRequest::UnknownUser(ForeignText::new(subject)),
                );
            }
        }
    } else {
        let typed = Typed::read(&form);
        match typed.user() {
            Ok(user) => Answer::SignIn(user),
            Err(problem) => return again(issuer, query, Typed { problem, ..typed }),
        }
    };
    match complete(issuer, query, answer, fault.into_iter().collect()) {
        Ok(Completed { location, cookie: Some(cookie) }) => {
            let mut response = reply::see_other(&location);
            response.headers_mut().insert(SET_COOKIE, cookie::set(issuer, &cookie));
            response
        }
        Ok(Completed { location, cookie: None }) => reply::see_other(&location),
        Err(problem) => pages::unanswerable(issuer, &problem),
    }
}

/// Shows the page again.
fn again(issuer: &IssuerCore, query: &str, typed: Typed) -> Response {
    let action = format!("{}?{query}", issuer.path_of(Endpoint::Login));
    let to = match Destination::of(issuer, query) {
        Ok(to) => to,
        Err(problem) => return pages::unanswerable(issuer, &problem),
    };
    match Asked::parse(issuer, &to, query) {
        Ok(asked) => pages::login(issuer, &asked, &action, Some(typed)),
        Err(refusal) => pages::bad_request(&refusal.description),
    }
}

/// Where the browser goes, and the session cookie that it gets.
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
    let to = Destination::of(issuer, query)?;
    let refused = |refusal| {
        let location = callback::refused(issuer, &to, refusal, &callback_faults(issuer, &chosen));
        Ok(Completed { location, cookie: None })
    };
    let asked = match Asked::parse(issuer, &to, query) {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let user = match answer {
        Answer::SignIn(user) => user,
        Answer::Deny => {
            return refused(Refusal::new(
                AuthorizationErrorCode::AccessDenied,
                "the person declined on the mock's page",
            ));
        }
    };
    let session = Session { sid: issuer.random_text(), user, auth_time: issuer.now() };
    let cookie = issuer.random_text();
    issuer.ledger().open_session(cookie.clone(), session.clone());
    Ok(Completed { location: grant(issuer, &to, asked, session, chosen), cookie: Some(cookie) })
}

/// Grants what was asked for, and says where the browser goes with the code.
pub(crate) fn grant(
    issuer: &IssuerCore,
    to: &Destination,
    asked: Asked,
    session: Session,
    chosen: Vec<Fault>,
) -> String {
    let faults = callback_faults(issuer, &chosen);
    let code = AuthorizationCode::fresh(&*issuer.entropy);
    let request = asked.request;
    let is_first = !issuer.ledger().has_grant(&request.client_id, session.user.subject());
    let grant = Grant {
        refreshable: issuer.habits.tokens().refresh.are_due(&request, is_first),
        client: request.client_id,
        session,
        scopes: request.scopes,
        nonce: request.nonce,
        chosen,
        shown: Vec::new(),
    };
    let binding = CodeBinding { redirect_uri: to.redirect_uri.clone(), challenge: request.code_challenge };
    issuer.ledger().add_grant(grant, code.as_str().to_owned(), binding, issuer.now());
    callback::url(issuer, to, AuthorizationOutcome::Code(code), &faults)
}

fn callback_faults(issuer: &IssuerCore, chosen: &[Fault]) -> Vec<Fault> {
    let mut faults = issuer.take_faults(Stage::Callback);
    faults.extend(chosen.iter().filter(|fault| fault.stage() == Stage::Callback).cloned());
    faults
}
