//! `/account`, `/link` and `/api/auth/account/…`: the person's own account, and account linking.

use http::StatusCode;
use labgate_domain::error::Refusal;
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{DisplayName, Role};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::SealId;
use labgate_domain::session::{Session, UserAgent};
use labgate_domain::sign_in::{BegunSignIn, LinkedSignIn, OwnAccount, OwnAct, PendingLink, Ticket};
use serde_json::json;

use super::own_act::{asked_again, confirmed_elsewhere, provider_name, question};
use super::passwords::password;
use super::tokens;
use crate::audience::Audience;
use crate::cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{Form, LinkPage, OnwardPage, OwnAccountPage, TokensPart};
use crate::paths::{self, Address, InLab};
use crate::reply::{self, Response, see_other};
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;

/// The number of sessions on a page.
pub(super) const SESSIONS_PAGE_LEN: usize = 25;

/// Shows the person's own account, or asks before a change of what opens it.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.query_fields();
    let act = match fields.text("do") {
        Some("link") => Some(OwnAct::Link(provider(&fields)?)),
        Some("make-token") => {
            let new = tokens::asked_for(&fields);
            if let Err(refusal) = state.sign_in.access_tokens().check(&new, request.client_addr.source).await
            {
                return own_page(state, request, Some(refusal)).await;
            }
            Some(OwnAct::MakeToken(new))
        }
        Some("unlink") => identity(&fields).map(|(issuer, subject)| Some(OwnAct::Unlink(issuer, subject)))?,
        _ => None,
    };
    if let Some(act) = act {
        let proof = state.proof_ways(request, Some(&act.digest())).await?;
        return state.form_page(request, |form| question(state, &fields, &act, &proof, form));
    }
    own_page(state, request, None).await
}

/// Shows the person's own account, with the problem of what was asked for there.
async fn own_page(
    state: &AppState,
    request: &ParsedRequest,
    problem: Option<Refusal>,
) -> Result<Response, Failure> {
    let own = state.sign_in.accounts().own(&request.visitor()).await?;
    let (list, services) = state.sign_in.access_tokens().own(&request.visitor()).await?;
    let is_admin = own.account.role == Role::Admin;
    let most_days = state.sign_in.policy().access_token_days;
    let tokens = TokensPart { list, services, is_admin, most_days };
    let sessions = request.page_of(&own.sessions, SESSIONS_PAGE_LEN)?;
    let page = |form: Form<'_>| own_account_page(state, form, &own, sessions, &tokens);
    match problem {
        Some(refusal) => state.form_again(request, refusal, page),
        None => state.form_page(request, page),
    }
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
            "id": session.id.handle(),
            "is_this": session.id == own.this_session,
            "user_agent": session.user_agent.as_ref().map(UserAgent::as_str),
            "address": session.address,
            "provider": session.external.as_ref().map(|external| external.provider.as_str()),
            "groups": session.groups,
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
        "local_groups": own.account.groups,
        "accepted_terms": own.account.accepted_terms,
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
        Some("make-token") => tokens::make(state, request).await,
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
    let handle = SealId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)?.to_string();
    state.sign_in.accounts().sign_out_session(&handle, &request.visitor()).await?;
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
            let response = state.welcome(request, &token, &return_to, Some(&provider)).await?;
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
    let provider = provider(request.fields())?;
    let act = OwnAct::Link(provider.clone());
    if let Some(elsewhere) = confirmed_elsewhere(state, request, &act).await? {
        return Ok(elsewhere);
    }
    let (return_to, pending) = (state.site.return_to_page(paths::ACCOUNT_PAGE), &request.cookies.attempts);
    let (proof, visitor) = (request.proof(), request.visitor());
    match state.sign_in.linking().begin(provider.as_ref(), return_to, pending, proof, &visitor).await {
        Ok(begun) => state.without_proof(onward(state, request, provider.as_ref(), &begun)?, request),
        Err(refusal) => asked_again(state, request, refusal, &act).await,
    }
}

/// Sends the browser on to a provider.
pub(super) fn onward(
    state: &AppState,
    request: &ParsedRequest,
    provider: Option<&ProviderId>,
    begun: &BegunSignIn,
) -> Result<Response, Failure> {
    let (t, url) = (&state.site, begun.authorization_url.as_str());
    let response = match request.audience {
        Audience::Person => {
            let provider = &provider_name(state, provider);
            reply::page(&OnwardPage { t, title: &t.onward.title, provider: Some(provider), url })
        }
        Audience::Program => reply::json(&json!({ "authorization_url": url })),
    };
    state.with_attempt(response, begun)
}

/// Removes a linked identity from the account.
pub(crate) async fn unlink(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let (issuer, subject) = identity(request.fields())?;
    let act = OwnAct::Unlink(issuer.clone(), subject.clone());
    if let Some(elsewhere) = confirmed_elsewhere(state, request, &act).await? {
        return Ok(elsewhere);
    }
    match state.sign_in.linking().unlink(&issuer, &subject, request.proof(), &request.visitor()).await {
        Ok(()) => state.without_proof(request.done(&state.site.at(paths::ACCOUNT_PAGE)), request),
        Err(refusal) => asked_again(state, request, refusal, &act).await,
    }
}

fn provider(fields: &Fields) -> Result<Option<ProviderId>, HttpErrorCode> {
    optional(fields.filled("provider"), ProviderId::parse)
}

fn identity(fields: &Fields) -> Result<(Issuer, Subject), HttpErrorCode> {
    let text = |name| fields.text(name).unwrap_or_default();
    let issuer = Issuer::parse(text("issuer")).map_err(|_| HttpErrorCode::BadRequest)?;
    let subject = Subject::parse(text("subject")).map_err(|_| HttpErrorCode::BadRequest)?;
    Ok((issuer, subject))
}

fn link_ticket(request: &ParsedRequest) -> Result<Ticket, HttpErrorCode> {
    request.cookies.link.as_deref().and_then(Ticket::parse).ok_or(HttpErrorCode::NotFound)
}

fn confirmation(state: &AppState, form: Form<'_>, pending: &PendingLink) -> Response {
    reply::page(&LinkPage { t: &state.site, pending, form })
}

fn own_account_page(
    state: &AppState,
    form: Form<'_>,
    own: &OwnAccount,
    (sessions, next): (&[Session], Option<usize>),
    tokens: &TokensPart,
) -> Response {
    let next = next.map(|number| sessions_page(paths::ACCOUNT_PAGE, number));
    let providers = state.sign_in.providers().all().into_iter().map(|(provider, _)| provider).collect();
    reply::page(&OwnAccountPage { t: &state.site, own, sessions, next, providers, tokens, form })
}
