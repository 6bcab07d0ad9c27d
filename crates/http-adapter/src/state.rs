//! The state that every handler works with: the sign-in, the cookies, and the facts about this lab.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderValue;
use http::header::SET_COOKIE;
use labgate_domain::device::DeviceToken;
use labgate_domain::error::{PasswordError, Reference, Refusal, SignInError};
use labgate_domain::people::AccountId;
use labgate_domain::ports::Source;
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::{CheckedRequest, CsrfSecret, SignIn};

use crate::audience::Audience;
use crate::client_addr::ProxyNetwork;
use crate::cookies::{self, CookieName, Cookies, UnfitCookie};
use crate::dialects::DropIn;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::{CSRF_TOKEN, Fields, Posted};
use crate::pages::{Form, Problem};
use crate::paths;
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::site::Site;
use crate::terms::Terms;
use crate::texts::Texts;
use crate::turns::{Turn, Turns};

/// Facts about this lab for pages and API, beside those that the core knows.
#[derive(Clone, Debug, Default)]
pub struct AppInfo {
    /// The names of the settings that external sign-in still lacks; empty when it is set up.
    pub missing_settings: Vec<String>,
    /// The trusted proxies: their `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// The name of the session cookie.
    pub cookie_name: CookieName,
    /// The products whose paths are served, too.
    pub drop_ins: Vec<DropIn>,
    /// The terms of service.
    pub terms: Option<Terms>,
}

/// The state of the application.
pub(crate) struct AppState {
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) cookies: Cookies,
    pub(crate) info: AppInfo,
    pub(crate) site: Site,
    /// The changes of each account. All accounts share the one writer of the database.
    pub(crate) changes: Turns<AccountId>,
    /// The sign-ins at a provider, of each address. All addresses share what a provider answers at once.
    pub(crate) sign_ins: Turns<Source>,
    /// Whether this server is about to stop.
    pub(crate) is_leaving: AtomicBool,
}

/// The changes of one account that run at once, and those that run or wait.
const CHANGES: (usize, usize) = (2, 16);

/// The sign-ins of one address that run at once, and those that run or wait.
const SIGN_INS: (usize, usize) = (4, 64);

impl AppState {
    pub(crate) fn new(sign_in: Arc<SignIn>, cookies: Cookies, info: AppInfo) -> Self {
        let changes = Turns::new(CHANGES.0, CHANGES.1);
        let sign_ins = Turns::new(SIGN_INS.0, SIGN_INS.1);
        let site = Site::new(Texts::english(), &sign_in.policy().public_url);
        let is_leaving = AtomicBool::new(false);
        Self { sign_in, cookies, info, site, changes, sign_ins, is_leaving }
    }

    /// Returns the address of the terms of service.
    pub(crate) fn terms(&self) -> Option<Cow<'_, str>> {
        self.info.terms.as_ref().map(|terms| terms.href(&self.site))
    }

    /// Logs an error of ours under a fresh reference.
    pub(crate) fn internal(&self, message: &str) -> Failure {
        let reference = self.sign_in.fresh_reference();
        tracing::error!(%reference, "{message}");
        Failure::internal(reference)
    }

    /// The CSRF check: a state-changing request comes from a page of this lab, as its origin says, and a form
    /// brings the CSRF token that only our pages know. An access token takes the place of both, and of forms.
    pub(crate) fn check_csrf(&self, request: &ParsedRequest) -> Result<(), Failure> {
        let brings_token = |fields: &Fields| {
            let (secret, token) = (request.csrf_secret(), fields.text(CSRF_TOKEN).unwrap_or_default());
            secret.is_some_and(|secret| self.sign_in.is_csrf_token(&secret, token))
        };
        match &request.posted {
            // No other site knows the token, and no browser adds it by itself.
            Posted::Nothing | Posted::Json(_) if request.access_token.is_some() => Ok(()),
            _ if request.access_token.is_some() => Err(HttpErrorCode::BadRequest.into()),
            _ if !request.is_same_origin => Err(self.sign_in.refuse_csrf(request.client_addr.source).into()),
            Posted::Nothing | Posted::Json(_) => Ok(()),
            Posted::Form(fields) if brings_token(fields) => Ok(()),
            Posted::Form(_) => Err(self.sign_in.refuse_csrf(request.client_addr.source).into()),
            Posted::Unreadable => Err(HttpErrorCode::BadRequest.into()),
        }
    }

    /// Waits until the client may have the lab ask a provider: a few sign-ins of one address run at once, unless
    /// many clients share it.
    pub(crate) async fn turn_at_provider(
        &self,
        request: &ParsedRequest,
    ) -> Result<Option<Turn<Source>>, Failure> {
        let source = request.client_addr.source;
        if source.is_shared() {
            return Ok(None);
        }
        match self.sign_ins.wait(source.site()).await {
            None => Err(HttpErrorCode::TooManySignIns.into()),
            turn => Ok(turn),
        }
    }

    /// Waits until the person of the request may change something: a few changes of one account run at once.
    /// Without a session there is nothing to wait for; other limits hold.
    pub(crate) async fn turn(&self, request: &ParsedRequest) -> Result<Option<Turn<AccountId>>, Failure> {
        let Some(checked) = self.session(request).await? else { return Ok(None) };
        match self.changes.wait(checked.person.account).await {
            None => Err(HttpErrorCode::TooManyChanges.into()),
            turn => Ok(turn),
        }
    }

    /// Returns the request's session, if it is alive, also one whose person has yet to accept the terms of service;
    /// the answer is 503 when that cannot be found out: not knowing is never "no session".
    pub(crate) async fn session(&self, request: &ParsedRequest) -> Result<Option<CheckedRequest>, Failure> {
        match self.recognized(request).await {
            Err(failure) if failure.is_not_signed_in() => Ok(None),
            checked => checked.map(Some),
        }
    }

    /// The same; without a session the answer is 401.
    pub(crate) async fn recognized(&self, request: &ParsedRequest) -> Result<CheckedRequest, Failure> {
        let token = request.cookies.session.as_deref().ok_or_else(|| Failure::not_signed_in(None))?;
        Ok(self.sign_in.requests().recognize(token).await?)
    }

    /// Returns the request's session; without one the answer is 401, 403 when the terms of service are due, or 503
    /// when it could not be found out. Each keeps a proxy from letting the request through.
    pub(crate) async fn signed_in(&self, request: &ParsedRequest) -> Result<CheckedRequest, Failure> {
        let token = request.cookies.session.as_deref().ok_or_else(|| Failure::not_signed_in(None))?;
        Ok(self.sign_in.requests().check(token).await?)
    }

    /// Adds cookies. One that cannot be set is an error of ours, and nothing of the answer is sent.
    pub(crate) fn with_cookies(
        &self,
        mut response: Response,
        cookies: impl IntoIterator<Item = Result<HeaderValue, UnfitCookie>>,
    ) -> Result<Response, Failure> {
        for cookie in cookies {
            let cookie = cookie.map_err(|UnfitCookie| self.internal("a cookie is too large to be set"))?;
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// Replaces the session cookie when the check renewed it.
    pub(crate) fn with_renewal(
        &self,
        response: Response,
        checked: &CheckedRequest,
    ) -> Result<Response, Failure> {
        self.with_cookies(response, checked.renewed.iter().map(|token| self.cookies.set_session(token)))
    }

    /// Sets the cookie of a new session, removes those that led there, and has the browser remember the
    /// provider; `None` is a password.
    pub(crate) fn with_new_session(
        &self,
        response: Response,
        request: &ParsedRequest,
        token: &SessionToken,
        provider: Option<&ProviderId>,
    ) -> Result<Response, Failure> {
        let (jar, presented) = (&self.cookies, &request.cookies);
        let form = presented.form.iter().map(|_| jar.clear(cookies::FORM));
        let change = presented.change.iter().map(|_| jar.clear(cookies::CHANGE));
        let remembered = match self.sign_in.providers().worth_remembering(provider) {
            Some(provider) => Some(jar.set_provider(provider)),
            None => presented.provider.as_ref().map(|_| jar.clear(cookies::PROVIDER)),
        };
        let session = [jar.set_session(token)];
        self.with_cookies(response, session.into_iter().chain(form).chain(change).chain(remembered))
    }

    /// Has the browser remember that it is a known device. A turn to sign in has served.
    pub(crate) fn with_device(
        &self,
        response: Response,
        request: &ParsedRequest,
        device: &DeviceToken,
    ) -> Result<Response, Failure> {
        let turn = request.cookies.turn.iter().map(|_| self.cookies.clear(cookies::TURN));
        self.with_cookies(response, std::iter::once(self.cookies.set_device(device)).chain(turn))
    }

    /// Answers with a page that has forms, and sets the cookie that their CSRF token needs.
    pub(crate) fn form_page(
        &self,
        request: &ParsedRequest,
        page: impl FnOnce(Form<'_>) -> Response,
    ) -> Result<Response, Failure> {
        self.form_with(request, None, page)
    }

    /// Answers a form that was refused: a person gets the page once more, with the problem, a program the
    /// problem alone. When no other input would help, both get the error.
    pub(crate) fn form_again(
        &self,
        request: &ParsedRequest,
        refusal: Refusal,
        page: impl FnOnce(Form<'_>) -> Response,
    ) -> Result<Response, Failure> {
        let turn = match &refusal.error {
            SignInError::Password(PasswordError::TooManyAttempts { turn, .. }) => turn.as_ref(),
            _ => None,
        };
        let turn = turn.map(|turn| self.cookies.set_ticket(cookies::TURN, turn));
        self.form_refused(request, Failure::from(refusal).with_cookies(turn), page)
    }

    /// The same for a failure.
    pub(crate) fn form_refused(
        &self,
        request: &ParsedRequest,
        failure: Failure,
        page: impl FnOnce(Form<'_>) -> Response,
    ) -> Result<Response, Failure> {
        if request.audience == Audience::Program || failure.is_final() {
            return Err(failure);
        }
        let reference = self.logged(&failure, &request.path, request.client_addr.source);
        let problem = Problem { message: &failure.message(&self.site), reference: reference.as_str() };
        let mut response = self.form_with(request, Some(problem), page)?;
        failure.head(&mut response);
        Ok(response)
    }

    /// Sends a person without a session to sign in, and then back to where they are.
    pub(crate) fn to_sign_in(&self, request: &ParsedRequest, failure: &Failure) -> Response {
        self.logged(failure, &request.path, request.client_addr.source);
        let here = self.site.return_to(Some(&request.here()));
        reply::see_other(&self.site.at(paths::leading_to(paths::LOGIN_PAGE, &here)))
    }

    /// Sends a person who has yet to accept the terms of service to them, and then back to where they are.
    pub(crate) fn to_terms(&self, request: &ParsedRequest, failure: &Failure) -> Response {
        self.logged(failure, &request.path, request.client_addr.source);
        let here = self.site.return_to(Some(&request.here()));
        reply::see_other(&self.site.at(paths::leading_to(paths::TERMS_PAGE, &here)))
    }

    /// Returns the whole address of the page with the terms of service.
    pub(crate) fn terms_page(&self) -> String {
        self.site.url(paths::TERMS_PAGE)
    }

    /// Returns the reference of a failure, which is in the log from now on.
    pub(crate) fn logged(&self, failure: &Failure, path: &str, source: Source) -> Reference {
        failure.reference.clone().unwrap_or_else(|| {
            let (code, reason) = failure.cause();
            self.sign_in.refuse_request(code, reason, path, source)
        })
    }

    fn form_with(
        &self,
        request: &ParsedRequest,
        problem: Option<Problem<'_>>,
        page: impl FnOnce(Form<'_>) -> Response,
    ) -> Result<Response, Failure> {
        let token = |secret: &CsrfSecret<'_>| {
            self.sign_in.csrf_token(secret).map_err(|error| self.internal(&format!("no CSRF token: {error}")))
        };
        if let Some(secret) = request.csrf_secret() {
            return Ok(page(Form { csrf_token: token(&secret)?.as_str(), problem }));
        }
        let secret = self.sign_in.fresh_form_secret();
        let response = page(Form { csrf_token: token(&CsrfSecret::Browser(&secret))?.as_str(), problem });
        self.with_cookies(response, [self.cookies.set_form(&secret)])
    }
}
