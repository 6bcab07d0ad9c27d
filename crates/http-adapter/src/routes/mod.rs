//! The routes, in small families, the hottest first. A handler parses nothing that [`Head`] has not parsed, calls one use
//! case, and renders.

mod accounts;
mod administration;
mod external;
mod methods;
mod operations;
mod own_account;
mod pages;
mod session;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use http::header::{ALLOW, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionToken;
use labgate_domain::sign_in::{CheckedRequest, NotSignedIn, SignIn};
use serde_json::Value;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use crate::app::{AppInfo, Response};
use crate::cookies::{Cookies, UnfitCookie};
use crate::failure::{Failure, HttpErrorCode};
use crate::form::{Fields, FormSecret, FormToken, Posted};
use crate::head::Head;

/// What every handler works with.
pub(crate) struct Lab {
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) cookies: Arc<Cookies>,
    pub(crate) info: AppInfo,
}

type Route = BoxedFilter<(Response,)>;

/// All routes; what none of them answers becomes an error that looks like every other.
pub(crate) fn all(lab: &Arc<Lab>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let recovery = Arc::clone(lab);
    session::routes(lab)
        .or(external::routes(lab))
        .unify()
        .boxed()
        .or(accounts::routes(lab))
        .unify()
        .boxed()
        .or(own_account::routes(lab))
        .unify()
        .boxed()
        .or(administration::routes(lab))
        .unify()
        .boxed()
        .or(operations::routes(lab))
        .unify()
        .boxed()
        .or(pages::routes(lab))
        .unify()
        .boxed()
        .or_else(move |rejection| {
            let response = recovery.unrouted(&rejection);
            async move { Ok::<_, Infallible>((response,)) }
        })
}

/// Either of two families; boxed, so that types stay small.
fn either(one: Route, other: Route) -> Route {
    one.or(other).unify().boxed()
}

/// One route: this method filter, this path filter, and a handler that gets the lab and the request's head.
fn route<H, F>(
    lab: &Arc<Lab>,
    path: impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
    method: impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
    handler: H,
) -> Route
where
    H: Fn(Arc<Lab>, Arc<Head>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    let lab = Arc::clone(lab);
    path.and(warp::path::end())
        .and(method)
        .and(warp::ext::get::<Arc<Head>>())
        .then(move |head| handler(Arc::clone(&lab), head))
        .boxed()
}

impl Lab {
    fn failure(&self, code: HttpErrorCode) -> Failure {
        Failure::http(code, self.sign_in.fresh_reference())
    }

    /// What a state-changing request posts, if one of our own pages made the browser send it: it has same-origin evidence,
    /// and a form brings the token that only our pages know.
    fn posted<'a>(&self, head: &'a Head) -> Result<&'a Fields, Failure> {
        static NOTHING: LazyLock<Fields> = LazyLock::new(Fields::default);
        if !head.from_our_page {
            return Err(self.sign_in.refuse_cross_site().into());
        }
        match &head.posted {
            Posted::Nothing => Ok(&NOTHING),
            Posted::Json(fields) => Ok(fields),
            Posted::Form(fields) => {
                let token = head.form_secret().map(|secret| FormToken::of(&secret));
                if token.is_some_and(|token| token.is_in(fields)) {
                    Ok(fields)
                } else {
                    Err(self.sign_in.refuse_cross_site().into())
                }
            }
            Posted::Unreadable => Err(self.failure(HttpErrorCode::BadRequest)),
        }
    }

    /// The form token for a page, and the cookie that has to be set for it.
    fn form_token(&self, head: &Head) -> (FormToken, Option<Result<HeaderValue, UnfitCookie>>) {
        if let Some(secret) = head.form_secret() {
            return (FormToken::of(&secret), None);
        }
        let secret = self.sign_in.fresh_form_secret();
        (FormToken::of(&FormSecret::Browser(&secret)), Some(self.cookies.set_form(&secret)))
    }

    /// Sets the session cookie of somebody who has just signed in, removes what led there, and has the browser remember at
    /// which provider it was; `None` is a password.
    fn with_new_session(
        &self,
        response: Response,
        head: &Head,
        token: &SessionToken,
        provider: Option<&ProviderId>,
    ) -> Response {
        let session = [self.cookies.set_session(token)];
        let form = head.cookies.form.iter().map(|_| self.cookies.clear_form());
        let change = head.cookies.change.iter().map(|_| self.cookies.clear_change());
        let remembered = match self.sign_in.providers().worth_remembering(provider) {
            Some(provider) => Some(self.cookies.set_provider(provider)),
            None => head.cookies.provider.as_ref().map(|_| self.cookies.clear_provider()),
        };
        self.with_cookies(response, session.into_iter().chain(form).chain(change).chain(remembered))
    }

    /// What warp itself could not route. Handlers never reject, so this is only about paths and methods.
    fn unrouted(&self, rejection: &Rejection) -> Response {
        let Some(allow) = methods::allow(rejection) else {
            return self.failure(HttpErrorCode::NotFound).into_response();
        };
        let mut response = self.failure(HttpErrorCode::MethodNotAllowed).into_response();
        response.headers_mut().insert(ALLOW, allow);
        response
    }

    /// Who is asking, if anybody is signed in.
    async fn check(&self, head: &Head) -> Option<Result<CheckedRequest, NotSignedIn>> {
        let token = head.cookies.session.as_deref()?;
        Some(self.sign_in.requests().check(token).await)
    }

    /// Adds these cookies; one that cannot be set is an error of ours, and nothing of the response is sent.
    fn with_cookies(
        &self,
        mut response: Response,
        cookies: impl IntoIterator<Item = Result<HeaderValue, UnfitCookie>>,
    ) -> Response {
        for cookie in cookies {
            let Ok(cookie) = cookie else {
                let reference = self.sign_in.fresh_reference();
                tracing::error!(%reference, "a cookie is too large to be set");
                return Failure::internal(reference).into_response();
            };
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// Replaces the session cookie when the check renewed it.
    fn with_renewal(&self, response: Response, checked: &CheckedRequest) -> Response {
        self.with_cookies(response, checked.renewed.iter().map(|token| self.cookies.set_session(token)))
    }
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn json(value: &Value) -> Response {
    let mut response = Response::new(value.to_string().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `303 See Other`: whatever the request was, the next one is a `GET` (RFC 9110 section 15.4.4). The address left behind,
/// which may hold a code, is told to nobody.
fn see_other(location: &str) -> Response {
    let mut response = status(StatusCode::SEE_OTHER);
    // Every location is visible ASCII by construction; an empty one would lead to this very page.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
