//! `/account`, `/link` and `/api/auth/account/…`: one's own account, and what opens it.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::error::Refusal;
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::DisplayName;
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::{Session, SessionId, UserAgent};
use labgate_domain::sign_in::{LinkedSignIn, OwnAccount, PendingLink, Ticket};
use serde_json::json;
use warp::Filter as _;

use super::accounts::password;
use super::methods::{get_or_head, post};
use super::{Lab, Route, either, route, see_other, status};
use crate::app::Response;
use crate::audience::Audience;
use crate::device;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Posted;
use crate::head::Head;
use crate::pages::{
    self, IdentityRow, LinkPage, OnwardPage, OwnAccountPage, OwnSessionRow, Problem, ProviderChoice,
};
use crate::paths;
use crate::times::utc;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let page = route(lab, warp::path!("account" / ..), get_or_head(), |lab, head| async move {
        page(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let show =
        route(lab, warp::path!("api" / "auth" / "account" / ..), get_or_head(), |lab, head| async move {
            show(&lab, &head).await.unwrap_or_else(Failure::into_response)
        });
    let rename =
        route(lab, warp::path!("api" / "auth" / "account" / "name" / ..), post(), |lab, head| async move {
            rename(&lab, &head).await.unwrap_or_else(Failure::into_response)
        });
    let everywhere = route(
        lab,
        warp::path!("api" / "auth" / "account" / "sign-out-everywhere" / ..),
        post(),
        |lab, head| async move { sign_out_everywhere(&lab, &head).await.unwrap_or_else(Failure::into_response) },
    );
    let sessions = either(sign_out_there_route(lab), everywhere);
    either(either(page, show), either(either(rename, sessions), linking(lab)))
}

/// The routes that change what opens an account.
fn linking(lab: &Arc<Lab>) -> Route {
    let link_page = route(lab, warp::path!("link" / ..), get_or_head(), |lab, head| async move {
        link_page(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let confirm = route(lab, warp::path!("api" / "auth" / "link" / ..), post(), |lab, head| async move {
        confirm_link(&lab, &head).await.unwrap_or_else(Failure::into_response)
    });
    let begin =
        route(lab, warp::path!("api" / "auth" / "account" / "link" / ..), post(), |lab, head| async move {
            begin_link(&lab, &head).await.unwrap_or_else(Failure::into_response)
        });
    let unlink =
        route(lab, warp::path!("api" / "auth" / "account" / "unlink" / ..), post(), |lab, head| async move {
            unlink(&lab, &head).await.unwrap_or_else(Failure::into_response)
        });
    either(either(link_page, confirm), either(begin, unlink))
}

fn sign_out_there_route(lab: &Arc<Lab>) -> Route {
    let lab = Arc::clone(lab);
    warp::path!("api" / "auth" / "account" / "sessions" / String / "sign-out")
        .and(post())
        .and(warp::ext::get::<Arc<Head>>())
        .then(move |id: String, head: Arc<Head>| {
            let lab = Arc::clone(&lab);
            async move { sign_out_there(&lab, &head, &id).await.unwrap_or_else(Failure::into_response) }
        })
        .boxed()
}

/// One's own account, for a person.
async fn page(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let own = lab.sign_in.accounts().own(&head.visitor()).await?;
    Ok(lab.own_account_page(head, &own, None))
}

/// The same for a program.
async fn show(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let own = lab.sign_in.accounts().own(&head.visitor()).await?;
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
    Ok(super::json(&json!({
        "id": own.account.id,
        "username": own.account.username,
        "email": own.account.email,
        "name": own.account.name,
        "role": own.account.role,
        "has_password": own.has_password,
        "identities": own.identities.iter().map(identity).collect::<Vec<_>>(),
        "sessions": own.sessions.iter().map(session).collect::<Vec<_>>(),
    })))
}

async fn rename(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let name = match fields.filled("name") {
        Some(name) => Some(DisplayName::new(name).ok_or_else(|| lab.failure(HttpErrorCode::BadRequest))?),
        None => None,
    };
    lab.sign_in.accounts().rename(name.as_ref(), &head.visitor()).await?;
    Ok(done(head))
}

async fn sign_out_there(lab: &Lab, head: &Head, id: &str) -> Result<Response, Failure> {
    lab.posted(head)?;
    let id = SessionId::parse(id).map_err(|_| lab.failure(HttpErrorCode::NotFound))?;
    lab.sign_in.accounts().sign_out_session(id, &head.visitor()).await?;
    Ok(done(head))
}

async fn sign_out_everywhere(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    lab.posted(head)?;
    lab.sign_in.accounts().sign_out_everywhere(&head.visitor()).await?;
    let response = match head.audience {
        Audience::Person => see_other(paths::SIGNED_OUT),
        Audience::Program => status(StatusCode::NO_CONTENT),
    };
    Ok(lab.with_cookies(response, [lab.cookies.clear_session()]))
}

/// Asks whoever came with an identity that opens nothing yet whether the account with its address is theirs.
async fn link_page(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let pending = lab.sign_in.linking().pending(&lab.link_ticket(head)?, &head.visitor()).await?;
    Ok(lab.link_page(head, &pending, None))
}

/// Takes the answer.
async fn confirm_link(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let ticket = lab.link_ticket(head)?;
    match lab.sign_in.linking().confirm(&ticket, password(fields, "password"), &head.visitor()).await {
        Ok(LinkedSignIn { token, return_to, provider }) => {
            let response = lab.welcome(head, &token, &return_to, Some(&provider));
            Ok(lab.with_cookies(response, [lab.cookies.clear_link()]))
        }
        Err(refusal) => {
            let pending = lab.sign_in.linking().pending(&ticket, &head.visitor()).await?;
            Ok(refused(head, refusal, |problem| lab.link_page(head, &pending, Some(problem))))
        }
    }
}

/// Sends the browser to a provider whose identity is to open the account, too.
async fn begin_link(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let provider = fields.filled("provider").map(ProviderId::parse).transpose();
    let provider = provider.map_err(|_| lab.failure(HttpErrorCode::BadRequest))?;
    let password = password(fields, "password");
    let (return_to, pending) = (ReturnTo::or_main_page(paths::ACCOUNT), &head.cookies.attempts);
    let begun =
        lab.sign_in.linking().begin(provider.as_ref(), return_to, pending, password, &head.visitor()).await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(refusal) => return lab.own_account_again(head, refusal).await,
    };
    let url = begun.authorization_url.as_str();
    let response = match head.audience {
        Audience::Person => {
            let name = lab
                .sign_in
                .providers()
                .all()
                .into_iter()
                .find(|(known, _)| Some(&known.id) == provider.as_ref());
            let name = name.map_or_else(|| "the provider".to_owned(), |(provider, _)| provider.name);
            pages::respond(&OnwardPage { title: "One moment", provider: &name, url })
        }
        Audience::Program => super::json(&json!({ "authorization_url": url })),
    };
    let dropped = begun.dropped.iter().map(|id| lab.cookies.clear_attempt(*id));
    let pending = lab.cookies.set_attempt(begun.cookie.id, &begun.cookie.sealed);
    Ok(lab.with_cookies(response, dropped.chain([pending])))
}

/// Takes an identity from the account.
async fn unlink(lab: &Lab, head: &Head) -> Result<Response, Failure> {
    let fields = lab.posted(head)?;
    let (Ok(issuer), Ok(subject)) = (
        Issuer::parse(fields.text("issuer").unwrap_or_default()),
        Subject::parse(fields.text("subject").unwrap_or_default()),
    ) else {
        return Err(lab.failure(HttpErrorCode::BadRequest));
    };
    match lab.sign_in.linking().unlink(&issuer, &subject, password(fields, "password"), &head.visitor()).await
    {
        Ok(()) => Ok(done(head)),
        Err(refusal) => lab.own_account_again(head, refusal).await,
    }
}

/// Back to the page, or nothing more to say.
fn done(head: &Head) -> Response {
    if matches!(head.posted, Posted::Form(_)) {
        see_other(paths::ACCOUNT)
    } else {
        status(StatusCode::NO_CONTENT)
    }
}

/// The page once more for a person, with what was wrong; the problem alone for a program.
fn refused(head: &Head, refusal: Refusal, page: impl FnOnce(Problem<'_>) -> Response) -> Response {
    let failure = Failure::from(refusal);
    if head.audience == Audience::Program {
        return failure.into_response();
    }
    let mut response = page(Problem { message: failure.for_person, reference: failure.reference.as_str() });
    *response.status_mut() = failure.status;
    response
}

impl Lab {
    fn link_ticket(&self, head: &Head) -> Result<Ticket, Failure> {
        let ticket = head.cookies.link.as_deref().and_then(Ticket::parse);
        ticket.ok_or_else(|| self.failure(HttpErrorCode::NotFound))
    }

    fn link_page(&self, head: &Head, pending: &PendingLink, problem: Option<Problem<'_>>) -> Response {
        self.form_page(head, |token| {
            pages::respond(&LinkPage {
                provider: &pending.provider.name,
                identity: &pending.identity,
                was_asked_for: pending.was_asked_for,
                session_proves: pending.session_proves,
                password_proves: pending.password_proves,
                form_token: token.as_str(),
                problem,
            })
        })
    }

    async fn own_account_again(&self, head: &Head, refusal: Refusal) -> Result<Response, Failure> {
        let own = self.sign_in.accounts().own(&head.visitor()).await?;
        Ok(refused(head, refusal, |problem| self.own_account_page(head, &own, Some(problem))))
    }

    fn own_account_page(&self, head: &Head, own: &OwnAccount, problem: Option<Problem<'_>>) -> Response {
        let account = &own.account;
        let providers = self.sign_in.providers().all();
        let name_of = |id: &ProviderId| {
            let known = providers.iter().find(|(provider, _)| provider.id == *id);
            known.map_or_else(|| id.as_str().to_owned(), |(provider, _)| provider.name.clone())
        };
        let rows = own.identities.iter().map(|(known, provider)| IdentityRow {
            provider: provider.as_deref().unwrap_or(known.issuer.as_str()),
            issuer: known.issuer.as_str(),
            subject: known.subject.as_str(),
            email: known.email.as_ref().map_or("", |email| email.as_str()),
            last_used: utc(known.last_sign_in_at),
        });
        let session = |session: &Session| OwnSessionRow {
            id: session.id.to_string(),
            device: session.user_agent.as_ref().map_or_else(|| "unknown".to_owned(), device::named),
            place: session.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            began: utc(session.created_at),
            last_seen: utc(session.last_seen_at),
            by: session
                .external
                .as_ref()
                .map_or_else(|| "password".to_owned(), |external| name_of(&external.provider)),
            is_this: session.id == own.this_session,
        };
        self.form_page(head, |token| {
            pages::respond(&OwnAccountPage {
                username: account.username.as_str(),
                email: account.email.as_ref().map_or("", |email| email.as_str()),
                name: account.name.as_ref().map_or("", |name| name.as_str()),
                has_password: own.has_password,
                is_recent: own.is_recent,
                identities: rows.collect(),
                can_remove: own.has_password || own.identities.len() > 1,
                providers: providers
                    .iter()
                    .map(|(provider, _)| ProviderChoice {
                        id: provider.id.as_str().to_owned(),
                        name: provider.name.clone(),
                    })
                    .collect(),
                sessions: own.sessions.iter().map(session).collect(),
                form_token: token.as_str(),
                problem,
            })
        })
    }
}
