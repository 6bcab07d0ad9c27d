//! Logout that a relying party asks for (OpenID Connect RP-Initiated Logout 1.0), which every other one is
//! told of.

use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::protocol::ClientId;
use serde_json::Value;

use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::issuer::{IssuerCore, locked};
use crate::logout_notice::{self, Notices};
use crate::persona::LogoutRule;
use crate::protocol::{Claims, Duplicate, Grant, Parameters, with_query};
use crate::reply::{self, Response};
use crate::{cookie, pages};

/// A logout request that is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogoutProblem {
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    #[error("The id_token_hint is not an ID token of this issuer.")]
    HintNotOurs,
    #[error("The id_token_hint was given to another client than client_id.")]
    HintOfAnotherClient,
    #[error("The client {0} is not registered here.")]
    UnknownClient(ForeignText),
    #[error("A post_logout_redirect_uri needs an id_token_hint or a client_id, which name its client.")]
    RedirectWithoutClient,
    #[error(
        "The post-logout redirect URI {0} is not registered for this client; it is compared byte for byte."
    )]
    UnregisteredRedirectUri(ForeignText),
}

/// A request to sign out that may be followed.
struct LogoutRequest {
    /// The session in the hint.
    sid: Option<String>,
    /// The client that asks.
    client: Option<ClientId>,
    /// The browser's next page, and the state that goes with it.
    destination: Option<(String, Option<String>)>,
}

impl LogoutRequest {
    fn parse(issuer: &IssuerCore, parameters: &Parameters) -> Result<Self, LogoutProblem> {
        let hint = parameters.one("id_token_hint")?.map(|hint| claims_of_hint(issuer, hint)).transpose()?;
        let client = client(issuer, parameters.one("client_id")?, hint.as_ref())?;
        let destination = match parameters.one("post_logout_redirect_uri")? {
            None => None,
            Some(uri) => {
                let known = &client.ok_or(LogoutProblem::RedirectWithoutClient)?.post_logout_redirect_uris;
                if !known.iter().any(|known| known.as_str() == uri) {
                    return Err(LogoutProblem::UnregisteredRedirectUri(ForeignText::new(uri)));
                }
                Some((uri.to_owned(), parameters.one("state")?.map(str::to_owned)))
            }
        };
        let sid = hint.as_ref().and_then(|hint| hint.get("sid")?.as_str()).map(str::to_owned);
        Ok(Self { sid, client: client.map(|client| client.id.clone()), destination })
    }
}

/// Answers a logout request: with a hint at once, and otherwise with a page that asks, for the request may
/// come from anybody.
pub(crate) fn answer(
    issuer: &IssuerCore,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, LogoutProblem> {
    let parameters = Parameters::parse(query);
    match &issuer.profile.logout {
        LogoutRule::NeedsHint(words) if parameters.first("id_token_hint").is_none() => {
            return Ok(pages::bad_request(words));
        }
        LogoutRule::Standard | LogoutRule::NeedsHint(_) => {}
        LogoutRule::LogoutUri(words) => return Ok(by_logout_uri(issuer, &parameters, headers, words)),
    }
    let request = LogoutRequest::parse(issuer, &parameters)?;
    if request.sid.is_some() {
        return Ok(sign_out(issuer, &request, headers));
    }
    let ledger = issuer.ledger();
    let session = cookie::read(headers).and_then(|cookie| ledger.session(cookie));
    Ok(pages::confirm_logout(issuer, query, session.map(|session| &session.user)))
}

/// Ends the browser's session and leads to the `logout_uri` of the client.
fn by_logout_uri(issuer: &IssuerCore, parameters: &Parameters, headers: &HeaderMap, words: &str) -> Response {
    let client = parameters.first("client_id").and_then(|id| issuer.client(id));
    let uri = parameters.first("logout_uri").unwrap_or_default();
    let mut registered = client.iter().flat_map(|client| &client.post_logout_redirect_uris);
    if !registered.any(|known| known.as_str() == uri) {
        return pages::bad_request(words);
    }
    let of_browser = cookie::read(headers);
    issuer.ledger().end_sessions(|cookie, _| Some(cookie) == of_browser);
    let mut response = reply::redirect(StatusCode::FOUND, uri);
    response.headers_mut().insert(SET_COOKIE, cookie::set(issuer, ""));
    response
}

/// Takes the answer of the page.
pub(crate) fn confirmed(
    issuer: &IssuerCore,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, LogoutProblem> {
    let request = LogoutRequest::parse(issuer, &Parameters::parse(query))?;
    Ok(sign_out(issuer, &request, headers))
}

/// Ends the session that the hint names, or without a hint the browser's.
fn sign_out(issuer: &IssuerCore, request: &LogoutRequest, headers: &HeaderMap) -> Response {
    let of_browser = cookie::read(headers);
    let ended = issuer.ledger().end_sessions(|cookie, session| match &request.sid {
        Some(sid) => session.sid == *sid,
        None => Some(cookie) == of_browser,
    });
    let Ok(notices) = logout_notice::of(issuer, &ended) else {
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, "The logout tokens could not be signed.");
    };
    let mut response = match &request.destination {
        Some((uri, state)) => {
            let state = returned_state(issuer, request, state.clone(), &ended);
            reply::see_other(&with_query(uri, state.map(|state| ("state", state))))
        }
        None => pages::message_page(StatusCode::OK, "Signed out", "You are signed out at the mock."),
    };
    if of_browser.is_some_and(|cookie| issuer.ledger().session(cookie).is_none()) {
        response.headers_mut().insert(SET_COOKIE, cookie::set(issuer, ""));
    }
    response.extensions_mut().insert(Notices(notices));
    response
}

/// The claims of an ID token that this issuer signed, however long ago (section 2).
fn claims_of_hint(issuer: &IssuerCore, hint: &str) -> Result<Claims, LogoutProblem> {
    let claims = locked(&issuer.keys).verified(hint, issuer.now()).ok_or(LogoutProblem::HintNotOurs)?;
    let ours = claims.get("iss").and_then(Value::as_str).is_some_and(|iss| issuer.issued(iss));
    if ours { Ok(claims) } else { Err(LogoutProblem::HintNotOurs) }
}

/// Returns the client of the request, by its id or by the audience of the hint.
fn client<'a>(
    issuer: &'a IssuerCore,
    id: Option<&str>,
    hint: Option<&Claims>,
) -> Result<Option<&'a RegisteredClient>, LogoutProblem> {
    // Of a token with several audiences, `azp` names the client that it was given to.
    let hinted =
        hint.map(|hint| ["aud", "azp"].iter().find_map(|name| hint.get(*name)?.as_str()).unwrap_or_default());
    if let (Some(id), Some(hinted)) = (id, hinted)
        && id != hinted
    {
        return Err(LogoutProblem::HintOfAnotherClient);
    }
    let Some(id) = id.or(hinted) else { return Ok(None) };
    let unknown = || LogoutProblem::UnknownClient(ForeignText::new(id));
    issuer.client(id).ok_or_else(unknown).map(Some)
}

/// The state that goes back (section 3), unless a fault says otherwise.
fn returned_state(
    issuer: &IssuerCore,
    request: &LogoutRequest,
    mut state: Option<String>,
    ended: &[Grant],
) -> Option<String> {
    let mut faults = issuer.take_faults(Stage::PostLogout);
    let of_client = ended.iter().filter(|grant| request.client.as_ref() == Some(&grant.client));
    faults.extend(of_client.flat_map(|grant| &grant.chosen).cloned());
    for fault in faults {
        match fault {
            Fault::PostLogoutMissingState => state = None,
            Fault::PostLogoutOtherState => state = Some(issuer.random_text()),
            _ => {}
        }
    }
    state
}
