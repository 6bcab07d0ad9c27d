//! `/api/auth/verify`, `/api/auth/check/…`: the forward-auth check, in the words of each reverse proxy.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use labgate_domain::access::{IdentityHeaders, Target, TokenUse};
use labgate_domain::error::ErrorCode;
use labgate_domain::sign_in::{Evidence, NoPassage, Passage, ServicesInForce};

use super::hand_over;
use crate::audience::Audience;
use crate::authorization::{PresentedToken, TokenChallenge};
use crate::dialects::{Dialect, Refusing, Unclear};
use crate::failure::{Failure, SIGN_IN};
use crate::identity;
use crate::paths::{self, LabPath};
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// The check of nginx, and of every front end that asks for itself. In a lab without services it answers for the
/// session alone, as there are no rules about targets; with a query it would pass over what the query asks.
pub(crate) async fn verify(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if !request.query.is_empty() {
        return Err(Failure::query_refused());
    }
    let in_force = state.services().await;
    if in_force.is_lab_without_services() {
        let checked = state.signed_in(request).await?;
        return state.with_renewal(Response::default(), &checked);
    }
    if in_force.services().is_empty() && !in_force.are_known() {
        // Whether the session alone decides cannot be told.
        return Err(state.signed_in(request).await.err().unwrap_or_else(Failure::store_unavailable));
    }
    state.answer_check(request, Dialect::Nginx).await
}

/// The check of Traefik.
pub(crate) async fn traefik(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.answer_check(request, Dialect::Traefik).await
}

/// The check of Caddy.
pub(crate) async fn caddy(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.answer_check(request, Dialect::Caddy).await
}

/// The check of `HAProxy`.
pub(crate) async fn haproxy(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.answer_check(request, Dialect::HaProxy).await
}

/// The check of Envoy.
pub(crate) async fn envoy(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    state.answer_check(request, Dialect::Envoy).await
}

/// The answer for the client, after a check whose proxy takes the status alone. If the request may pass by now,
/// a person is sent to it once more.
pub(crate) async fn refused(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let target = state.target(request, Dialect::Nginx)?;
    let checked = if state.services().await.is_lab_without_services() {
        state.check_session(request, &target).await
    } else {
        state.check_target(request, &target, Refusing::ForClient).await.map(drop)
    };
    match checked {
        Ok(()) if request.is_navigation(&target) => Ok(reply::see_other(&state.address(&target).await)),
        Ok(()) => Ok(reply::status(StatusCode::SERVICE_UNAVAILABLE)),
        Err(refusal) => refusal,
    }
}

/// The longest way to sign in that stands in a header more than once, in bytes: proxies have 4 to 16 kB for the head
/// of an answer.
const MAX_REPEATED_LEN: usize = 1024;

impl AppState {
    /// Returns the services in force.
    pub(super) async fn services(&self) -> Arc<ServicesInForce> {
        self.sign_in.requests().services().await
    }

    pub(super) async fn answer_check(
        &self,
        request: &ParsedRequest,
        dialect: Dialect,
    ) -> Result<Response, Failure> {
        let target = self.target(request, dialect)?;
        if dialect.refusing() == Refusing::ForClient
            && let Some(visit) = request.to_labgate(&target)
        {
            let answer = hand_over::visit(self, &visit).await?;
            // What is no redirect and no error would let the request pass to the service.
            let passes = answer.status().is_success();
            return Ok(if passes { reply::status(StatusCode::FORBIDDEN) } else { answer });
        }
        match self.check_target(request, &target, dialect.refusing()).await {
            Ok(passage) => {
                let mut passed = self.passed(&passage, dialect.words())?;
                if dialect == Dialect::Envoy {
                    // It leaves the client's own where the answer has none.
                    passed.headers_mut().entry(AUTHORIZATION).or_insert(HeaderValue::from_static(""));
                }
                Ok(passed)
            }
            Err(refusal) => refusal,
        }
    }

    pub(super) fn target(&self, request: &ParsedRequest, dialect: Dialect) -> Result<Target, Failure> {
        dialect.target(request).map_err(|unclear: Unclear| {
            let (code, source) = ("target_refused", request.client_addr.source);
            let reference =
                self.sign_in.refuse_request(code, Some(unclear.to_string()), &request.path, source);
            Failure::target_refused(reference)
        })
    }

    pub(super) async fn check_target(
        &self,
        request: &ParsedRequest,
        target: &Target,
        refusing: Refusing,
    ) -> Result<Passage, Result<Response, Failure>> {
        let evidence = Evidence {
            cookie: request.cookies.session.as_deref(),
            access_token: request.access_token.as_ref().map(PresentedToken::expose),
        };
        let checked = self.sign_in.access().check(target, evidence, request.client_addr.source).await;
        let (failure, tokens) = match checked {
            Ok(passage) => return Ok(passage),
            Err(NoPassage::Refused(refusal)) => {
                let needs_token = refusal.error.code() == ErrorCode::AccessTokenInvalid;
                let failure = Failure::from(refusal);
                // With another account, perhaps.
                let page = if failure.is_terms_due() { paths::TERMS_PAGE } else { paths::LOGIN_PAGE };
                let mut failure = failure.leading_to(&self.site.url(page));
                if needs_token && request.challenge == TokenChallenge::Asks && evidence.access_token.is_none()
                {
                    failure = failure.asking_for_token(request.is_from_browser());
                }
                // nginx passes on no other refusal than 401 and 403.
                if refusing == Refusing::ByStatus && failure.status == StatusCode::TOO_MANY_REQUESTS {
                    failure.status = StatusCode::FORBIDDEN;
                }
                return Err(Err(failure));
            }
            Err(NoPassage::NotSignedIn(reason)) => (Failure::from(reason), TokenUse::No),
            Err(NoPassage::NoToken(tokens)) => (Failure::not_signed_in(None), tokens),
        };
        Err(self.not_passing(request, target, refusing, (failure, tokens)).await)
    }

    /// Checks the session alone, for the client's answer in a lab without services.
    async fn check_session(
        &self,
        request: &ParsedRequest,
        target: &Target,
    ) -> Result<(), Result<Response, Failure>> {
        let failure = match request.cookies.session.as_deref() {
            Some(token) => match self.sign_in.requests().check(token).await {
                Ok(_) => return Ok(()),
                Err(reason) => Failure::from(reason),
            },
            None => Failure::not_signed_in(None),
        };
        Err(self.not_passing(request, target, Refusing::ForClient, (failure, TokenUse::No)).await)
    }

    /// Answers a request whose person may not pass, where access tokens may do so in this way.
    async fn not_passing(
        &self,
        request: &ParsedRequest,
        target: &Target,
        refusing: Refusing,
        (failure, tokens): (Failure, TokenUse),
    ) -> Result<Response, Failure> {
        let source = request.client_addr.source;
        let is_visited = refusing == Refusing::ForClient && request.is_navigation(target);
        if failure.is_terms_due() {
            let page = self.way(target, paths::TERMS_PAGE).await;
            if is_visited {
                self.logged(&failure, &request.path, source);
                return Ok(reply::see_other(&page));
            }
            return Err(failure.with_terms_page(&page));
        }
        if !failure.is_not_signed_in() {
            return Err(failure);
        }
        let way_in = self.way_in(target).await;
        if is_visited {
            return Ok(reply::see_other(&way_in));
        }
        let failure = failure.with_sign_in(&way_in);
        Err(match tokens {
            TokenUse::Yes | TokenUse::Only if request.challenge == TokenChallenge::Asks => {
                failure.asking_for_token(request.is_from_browser())
            }
            _ => failure,
        })
    }

    /// Returns the whole address of the target: its path alone could lead to another host.
    async fn address(&self, target: &Target) -> String {
        let in_force = self.services().await;
        let lab = self.sign_in.policy().public_url.origin();
        let origin = in_force.services().origin_of(target.host()).unwrap_or(lab);
        format!("{origin}{}", target.path_and_query())
    }

    /// Returns the address at which a person signs in and comes back to the target.
    pub(super) async fn way_in(&self, target: &Target) -> String {
        self.way(target, paths::LOGIN_PAGE).await
    }

    /// Returns the address of this page, from which a person comes back to the target; for the host of a service
    /// that of the hand-over, which leads to whatever page is due.
    pub(super) async fn way(&self, target: &Target, page: LabPath) -> String {
        let to = target.path_and_query();
        if let Some(origin) = self.services().await.services().origin_of(target.host()) {
            return paths::on_host(origin, paths::ENTER, &[("to", &to)]);
        }
        self.site.url(paths::with_parameters(page, &[("return_to", &to)]))
    }

    /// Answers for a request that may pass.
    pub(super) fn passed(
        &self,
        passage: &Passage,
        words: Option<IdentityHeaders>,
    ) -> Result<Response, Failure> {
        let mut response = Response::default();
        let Some(checked) = &passage.request else { return Ok(response) };
        let service = &passage.service;
        let assertion =
            service.identity.assertion.then(|| self.sign_in.access().assertion(service, &checked.person));
        let assertion = assertion.transpose().map_err(|error| self.internal(&error.to_string()))?;
        let words = words.unwrap_or(service.identity.headers);
        identity::tell(response.headers_mut(), service, &checked.person, words, assertion.as_deref());
        if checked.scope.is_some() {
            // The access token is not for the service: something else takes its place, be it nothing.
            response.headers_mut().entry(AUTHORIZATION).or_insert(HeaderValue::from_static(""));
        }
        self.with_renewal(response, checked)
    }
}

impl ParsedRequest {
    /// Returns the browser's request to Labgate's own pages on the host of a service, if the request that is asked
    /// about is one: where the check's answer goes to the client, the proxy needs no route for them.
    fn to_labgate(&self, target: &Target) -> Option<Self> {
        let is_ours = [paths::ENTER, paths::LEAVE].iter().any(|ours| ours.as_str() == target.path())
            && target.method() == "GET";
        is_ours.then(|| {
            let mut visit = self.clone();
            target.host().clone_into(&mut visit.host);
            target.path().clone_into(&mut visit.path);
            target.query().unwrap_or_default().clone_into(&mut visit.query);
            visit
        })
    }

    /// Returns whether a person opens the target in a browser: the one case in which a redirect to sign in leads
    /// anywhere. A script's request, an upload and a WebSocket would get a page for an answer.
    fn is_navigation(&self, target: &Target) -> bool {
        self.audience == Audience::Person
            && !self.original.upgrade
            && [Method::GET.as_str(), Method::HEAD.as_str()].contains(&target.method())
    }
}

impl Failure {
    /// The same, with the way to sign in: for scripts, and for a proxy that takes the status alone.
    fn with_sign_in(self, way_in: &str) -> Self {
        // The way in is visible ASCII by construction.
        let header = |value: &str| HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        let (challenge, sign_in) = if way_in.len() > MAX_REPEATED_LEN {
            ("Labgate".to_owned(), None)
        } else {
            (format!("Labgate sign_in=\"{way_in}\""), Some((SIGN_IN, header(way_in))))
        };
        let headers = [(LOCATION, header(way_in)), (WWW_AUTHENTICATE, header(&challenge))];
        self.with_headers(headers.into_iter().chain(sign_in)).leading_to(way_in)
    }
}
