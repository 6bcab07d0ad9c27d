//! `/terms`: the terms of service, and their acceptance.

use labgate_domain::error::ErrorCode;
use labgate_domain::people::Account;
use labgate_domain::return_to::ReturnTo;

use super::passwords::return_to;
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::{Form, TermsPage};
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;
use crate::terms::Terms;

/// Shows the terms of service, and asks a signed-in person who has yet to accept them.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let terms = state.info.terms.as_ref().ok_or(HttpErrorCode::NotFound)?;
    let session = match state.sign_in.policy().terms {
        Some(_) => state.session(request).await?,
        None => None,
    };
    let Some(checked) = session else {
        return match terms {
            Terms::Text(_) => Ok(show(state, terms, None, &ReturnTo::main_page(), Form::default())),
            Terms::Link(_) if state.sign_in.policy().terms.is_some() => Err(Failure::not_signed_in(None)),
            Terms::Link(_) => Err(HttpErrorCode::NotFound.into()),
        };
    };
    let account = state.sign_in.accounts().account(&request.visitor()).await?;
    let page = state.form_page(request, |form| {
        show(state, terms, Some(&account), &request.return_to(&state.site), form)
    })?;
    state.with_renewal(page, &checked)
}

/// Accepts the terms of service for the signed-in person.
pub(crate) async fn accept(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let (fields, visitor) = (request.fields(), request.visitor());
    let [version, digest] = ["version", "digest"].map(|name| fields.text(name).unwrap_or_default());
    let return_to = return_to(state, fields);
    match state.sign_in.accounts().accept_terms(version, digest, &visitor).await {
        Ok(token) => {
            let accepted = request.done(&state.site.target(&return_to));
            state.with_cookies(accepted, token.map(|token| state.cookies.set_session(&token)))
        }
        Err(refusal) if refusal.error.code() == ErrorCode::TermsChanged => {
            let terms = state.info.terms.as_ref().ok_or(HttpErrorCode::NotFound)?;
            let account = state.sign_in.accounts().account(&visitor).await?;
            state.form_again(request, refusal, |form| show(state, terms, Some(&account), &return_to, form))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn show(
    state: &AppState,
    terms: &Terms,
    account: Option<&Account>,
    return_to: &ReturnTo,
    form: Form<'_>,
) -> Response {
    let policy = state.sign_in.policy();
    let due = account.and_then(|account| policy.terms_due(&account.accepted_terms));
    reply::page(&TermsPage { t: &state.site, terms, account, due, return_to, form })
}
