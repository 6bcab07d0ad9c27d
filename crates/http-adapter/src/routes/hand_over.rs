//! `/hand-over` on Labgate's host and `/.labgate/…` on the hosts of services: a browser's way from one to the
//! other, and back out.

use http::StatusCode;
use http::header::HeaderValue;
use labgate_domain::access::Target;
use labgate_domain::error::ErrorCode;
use labgate_domain::sealed::SealId;
use labgate_domain::sign_in::HandedOver;

use crate::cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::paths;
use crate::reply::{self, Response, see_other};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// A request to Labgate on the host of a service that came as the target of a check.
pub(super) async fn visit(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if request.path == paths::LEAVE.as_str() {
        leave(state, request).await
    } else {
        enter(state, request).await
    }
}

/// On the host of a service: sends the browser to Labgate's host, and takes it back with `code`. `to` is the path to
/// come to: it is no part of the code, so that the longest address fits.
pub(crate) async fn enter(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if let Some(refused) = not_a_visit(request)? {
        return Ok(refused);
    }
    let to = request.parameter("to").ok_or(HttpErrorCode::BadRequest)?;
    let target = Target::new(&request.host, &to, "GET").map_err(|_| HttpErrorCode::BadRequest)?;
    match request.parameter("code") {
        Some(code) => take_code(state, request, &target, &code).await,
        None => begin(state, request, &target).await,
    }
}

async fn begin(state: &AppState, request: &ParsedRequest, target: &Target) -> Result<Response, Failure> {
    let entering = state.sign_in.hand_over().begin(target, request.client_addr.source).await?;
    let flow = entering.state.to_string();
    let onward = paths::with_parameters(paths::HAND_OVER, &[("state", &flow), ("to", &entering.to)]);
    let onward = see_other(&state.site.url(onward));
    state.with_cookies(onward, [state.cookies.set_entering(entering.state, &entering.secret)])
}

async fn take_code(
    state: &AppState,
    request: &ParsedRequest,
    target: &Target,
    code: &str,
) -> Result<Response, Failure> {
    let flow = flow_of(request)?;
    let secret =
        request.cookies.entering.iter().find(|(state, _)| *state == flow).map(|(_, secret)| &**secret);
    let source = request.client_addr.source;
    let entered = state.sign_in.hand_over().enter(target, code, flow, secret, source).await;
    let over = state.cookies.clear_entering(flow);
    let entered = match entered {
        Ok(entered) => entered,
        Err(refusal) if refusal.error.code() == ErrorCode::NotSignedIn => {
            let sign_in = state.site.url(paths::LOGIN_PAGE);
            return state.with_cookies(see_other(&sign_in), [over]);
        }
        Err(refusal) if refusal.error.code() == ErrorCode::TermsDue => {
            // By the hand-over once more, which leads to the terms of service and then here.
            let onward = state.way(target, paths::TERMS_PAGE).await;
            return state.with_cookies(see_other(&onward), [over]);
        }
        Err(refusal) => return Err(Failure::from(refusal).with_cookies([over])),
    };
    let cookies = [state.cookies.set_session(&entered.pass), state.cookies.clear_entering(flow)];
    state.with_cookies(see_other(&entered.to), cookies)
}

/// On Labgate's host: hands the session over to the host of `to`, if its person may open it. Without a session
/// the person signs in first.
pub(crate) async fn hand_over(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    if let Some(refused) = not_a_visit(request)? {
        return Ok(refused);
    }
    let flow = flow_of(request)?;
    let to = request.parameter("to").ok_or(HttpErrorCode::BadRequest)?;
    let target = Target::from_url(&to, "GET").map_err(|_| HttpErrorCode::BadRequest)?;
    match state.sign_in.hand_over().hand_over(&request.visitor(), &target, flow).await {
        Ok(HandedOver { origin, code }) => {
            let (code, flow, to) = (code.to_text(), flow.to_string(), target.path_and_query());
            let fields = [("code", &*code), ("state", &*flow), ("to", &*to)];
            let onward = paths::on_host(&origin, paths::ENTER, &fields);
            let entered = state.cookies.set_entered(&request.cookies.entered, &origin);
            state.with_cookies(see_other(&onward), [entered])
        }
        Err(refusal) if refusal.error.code() == ErrorCode::NotSignedIn => {
            let page = paths::with_parameters(paths::LOGIN_PAGE, &[("return_to", &request.here())]);
            Ok(see_other(&state.site.at(page)))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// On the host of a service: removes what it keeps in the browser, and goes on.
pub(crate) async fn leave(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let onward = see_other(&state.site.url(paths::LEAVING));
    let evidence = request.parameter("ticket").unwrap_or_default();
    if !state.sign_in.hand_over().is_sent_off(&request.host, &evidence).await {
        return Ok(onward);
    }
    // Browsers clear cookies for the whole registrable domain, with all other hosts in it: only on request.
    let in_force = state.services().await;
    let with_cookies = in_force.services().on_host(&request.host).any(|service| service.clears_cookies);
    let cleared = if with_cookies { "\"cache\", \"storage\", \"cookies\"" } else { "\"cache\", \"storage\"" };
    let mut response = state.with_cookies(onward, [state.cookies.clear(cookies::SESSION)])?;
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static(cleared));
    Ok(response)
}

/// A guess of the browser uses up no code, and a script's request leads nobody anywhere.
fn not_a_visit(request: &ParsedRequest) -> Result<Option<Response>, Failure> {
    if request.prefetch {
        return Ok(Some(reply::status(StatusCode::NO_CONTENT)));
    }
    if request.is_top_level { Ok(None) } else { Err(HttpErrorCode::BadRequest.into()) }
}

fn flow_of(request: &ParsedRequest) -> Result<SealId, Failure> {
    let state = request.parameter("state").and_then(|state| SealId::parse(&state).ok());
    state.ok_or(HttpErrorCode::BadRequest.into())
}
