//! `/account`, `/link` and `/api/auth/account/…`: the person's own account, and account linking.

use http::StatusCode;
use labgate_domain::error::Refusal;
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::DisplayName;
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Session, SessionId, UserAgent};
use labgate_domain::sign_in::{LinkedSignIn, OwnAccount, PendingLink, Ticket};
use serde_json::json;

use super::passwords::password;
use crate::audience::Audience;
use crate::cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::{Form, LinkPage, OnwardPage, OwnAccountPage};
use crate::paths::{self, Address, InLab};
use crate::reply::{self, Response, see_other};
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;

/// The number of sessions on a page.
pub(super) const SESSIONS_PAGE_LEN: usize = 25;

/// Shows the person's own account.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let own = state.sign_in.accounts().own(&request.visitor()).await?;
    let sessions = request.page_of(&own.sessions, SESSIONS_PAGE_LEN)?;
    state.form_page(request, |form| own_account_page(state, form, &own, sessions))
}

/// Returns the address of a further page of sessions.
pub(super) fn sessions_page(page: impl InLab, number: usize) -> Address {
    paths::with_parameters(page, &[("page", &number.to_string())])
}

/// Describes the person's own account.
pub(crate) async fn show(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let own = state.sign_in.accounts().own(&request.visitor()).await?;
    let (sessions, next_page) = request.page_of(&own.sessions, SESSIONS_PAGE_LEN)?;
    let identity = |(identity, provider): &(LinkedIdentity, Option<String>)| {
        json!({
            "provider": provider,
            "issuer": identity.issuer.as_str(),
            "subject": identity.subject.as_str(),
            "email": identity.email,
            "first_sign_in_at": identity.first_sign_in_at,
            "last_sign_in_at": identity.last_sign_in_at,
        })
    };
    let session = |session: &Session| {
        json!({
            "id": session.id,
            "is_this": session.id == own.this_session,
            "user_agent": session.user_agent.as_ref().map(UserAgent::as_str),
            "address": session.address,
            "provider": session.external.as_ref().map(|external| external.provider.as_str()),
            "created_at": session.created_at,
            "last_seen_at": session.last_seen_at,
            "expires_at": session.expires_at,
        })
    };
    Ok(reply::json(&json!({
        "id": own.account.id,
        "username": own.account.username,
        "email": own.account.email,
        "name": own.account.name,
        "role": own.account.role,
        "has_password": own.has_password,
        "identities": own.identities.iter().map(identity).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(session).collect::<Vec<_>>(),
        "next_page": next_page,
    })))
}

/// Takes the forms of the page, which say what they do.
pub(crate) async fn act(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    match request.fields().text("do") {
        Some("rename") => rename(state, request).await,
        Some("link") => begin_link(state, request).await,
        Some("unlink") => unlink(state, request).await,
        _ => Err(HttpErrorCode::BadRequest.into()),
    }
}

/// Changes the person's name.
pub(crate) async fn rename(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let name = optional(request.fields().filled("name"), |name| DisplayName::new(name).ok_or(()))?;
    state.sign_in.accounts().rename(name.as_ref(), &request.visitor()).await?;
    Ok(request.done(&state.site.at(paths::ACCOUNT_PAGE)))
}

/// Ends one session of the person.
pub(crate) async fn sign_out_session(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let id = SessionId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)?;
    state.sign_in.accounts().sign_out_session(id, &request.visitor()).await?;
    Ok(request.done(&state.site.at(paths::ACCOUNT_PAGE)))
}

/// Ends all sessions of the person.
pub(crate) async fn sign_out_everywhere(
    state: &AppState,
    request: &ParsedRequest,
) -> Result<Response, Failure> {
    state.sign_in.accounts().sign_out_everywhere(&request.visitor()).await?;
    let response = match request.audience {
        Audience::Person => see_other(&state.site.at(paths::SIGNED_OUT_PAGE)),
        Audience::Program => reply::status(StatusCode::NO_CONTENT),
    };
    state.with_cookies(reply::without_cache(response), [state.cookies.clear(cookies::SESSION)])
}

/// Asks a person with an identity that opens nothing yet to confirm that the account with its address is
/// theirs.
pub(crate) async fn link_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let pending = state.sign_in.linking().pending(&link_ticket(request)?, &request.visitor()).await?;
    state.form_page(request, |form| confirmation(state, form, &pending))
}

/// Takes the answer to the question whether to link an account.
pub(crate) async fn confirm_link(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let ticket = link_ticket(request)?;
    if request.fields().text("answer") == Some("no") {
        return decline_link(state, request, &ticket).await;
    }
    let password = password(request.fields(), "password");
    match state.sign_in.linking().confirm(&ticket, password, &request.visitor()).await {
        Ok(LinkedSignIn { token, return_to, provider }) => {
            let response = state.welcome(request, &token, &return_to, Some(&provider))?;
            state.with_cookies(response, [state.cookies.clear(cookies::LINK)])
        }
        Err(refusal) => {
            let pending = state.sign_in.linking().pending(&ticket, &request.visitor()).await?;
            state.form_again(request, refusal, |form| confirmation(state, form, &pending))
        }
    }
}

/// Ends the ticket of a link that is not wanted.
async fn decline_link(
    state: &AppState,
    request: &ParsedRequest,
    ticket: &Ticket,
) -> Result<Response, Failure> {
    match state.sign_in.linking().decline(ticket, &request.visitor()).await {
        // A ticket that had ended before links nothing either.
        Err(refusal) if !refusal.error.ends_attempt() => return Err(refusal.into()),
        _ => {}
    }
    let next = if state.session(request).await?.is_some() { paths::ACCOUNT_PAGE } else { paths::LOGIN_PAGE };
    state.with_cookies(request.done(&state.site.at(next)), [state.cookies.clear(cookies::LINK)])
}

/// Sends the browser to a provider, to link an identity there to the account.
pub(crate) async fn begin_link(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let provider = optional(fields.filled("provider"), ProviderId::parse)?;
    let (password, visitor) = (password(fields, "password"), request.visitor());
    let (return_to, pending) = (state.site.return_to_page(paths::ACCOUNT_PAGE), &request.cookies.attempts);
    let begun =
        state.sign_in.linking().begin(provider.as_ref(), return_to, pending, password, &visitor).await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(refusal) => return own_account_again(state, request, refusal).await,
    };
    let url = begun.authorization_url.as_str();
    let response = match request.audience {
        Audience::Person => {
            let t = &state.site;
            let mut known = state.sign_in.providers().all().into_iter();
            let name = known.find(|(known, _)| Some(&known.id) == provider.as_ref());
            let name = name.map_or_else(|| t.common.the_provider.to_string(), |(provider, _)| provider.name);
            reply::page(&OnwardPage { t, title: &t.onward.title, provider: &name, url })
        }
        Audience::Program => reply::json(&json!({ "authorization_url": url })),
    };
    state.with_attempt(response, &begun)
}

/// Removes a linked identity from the account.
pub(crate) async fn unlink(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let text = |name| fields.text(name).unwrap_or_default();
    let issuer = Issuer::parse(text("issuer")).map_err(|_| HttpErrorCode::BadRequest)?;
    let subject = Subject::parse(text("subject")).map_err(|_| HttpErrorCode::BadRequest)?;
    match state
        .sign_in
        .linking()
        .unlink(&issuer, &subject, password(fields, "password"), &request.visitor())
        .await
    {
        Ok(()) => Ok(request.done(&state.site.at(paths::ACCOUNT_PAGE))),
        Err(refusal) => own_account_again(state, request, refusal).await,
    }
}

fn link_ticket(request: &ParsedRequest) -> Result<Ticket, HttpErrorCode> {
    request.cookies.link.as_deref().and_then(Ticket::parse).ok_or(HttpErrorCode::NotFound)
}

fn confirmation(state: &AppState, form: Form<'_>, pending: &PendingLink) -> Response {
    reply::page(&LinkPage { t: &state.site, pending, form })
}

async fn own_account_again(
    state: &AppState,
    request: &ParsedRequest,
    refusal: Refusal,
) -> Result<Response, Failure> {
    let own = state.sign_in.accounts().own(&request.visitor()).await?;
    let sessions = request.page_of(&own.sessions, SESSIONS_PAGE_LEN)?;
    state.form_again(request, refusal, |form| own_account_page(state, form, &own, sessions))
}

fn own_account_page(
    state: &AppState,
    form: Form<'_>,
    own: &OwnAccount,
    (sessions, next): (&[Session], Option<usize>),
) -> Response {
    let next = next.map(|number| sessions_page(paths::ACCOUNT_PAGE, number));
    let providers = state.sign_in.providers().all().into_iter().map(|(provider, _)| provider).collect();
    reply::page(&OwnAccountPage { t: &state.site, own, sessions, next, providers, form })
}
