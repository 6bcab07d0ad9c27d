//! `/account` and `/api/auth/account/tokens`: the person's own access tokens.

use http::StatusCode;
use labgate_domain::access_token::{AccessToken, AccessTokenId, NewAccessToken, TokenScope};
use labgate_domain::sign_in::{MadeAccessToken, OwnAct};
use serde_json::{Value, json};

use super::own_act::{asked_again, confirmed_elsewhere};
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{AccessTokenPage, BOX};
use crate::paths;
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Lists the person's tokens.
pub(crate) async fn list(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let (tokens, _) = state.sign_in.access_tokens().own(&request.visitor()).await?;
    let tokens: Vec<Value> = tokens.iter().map(token_json).collect();
    Ok(reply::json(&json!({ "access_tokens": tokens })))
}

/// Makes a token, which is shown this once.
pub(crate) async fn make(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let new = asked_for(request.fields());
    let act = OwnAct::MakeToken(new.clone());
    if let Some(elsewhere) = confirmed_elsewhere(state, request, &act).await? {
        return Ok(elsewhere);
    }
    match state.sign_in.access_tokens().make(new, request.proof(), &request.visitor()).await {
        Ok(made) => state.without_proof(shown(state, request, &made), request),
        Err(refusal) => asked_again(state, request, refusal, &act).await,
    }
}

/// Revokes a token.
pub(crate) async fn revoke(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let id = AccessTokenId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)?;
    state.sign_in.access_tokens().revoke(id, &request.visitor()).await?;
    Ok(request.done(&state.site.at(paths::ACCOUNT_PAGE)))
}

/// Returns the token that these fields ask for: the scope in words, or a box for each part of it.
pub(super) fn asked_for(fields: &Fields) -> NewAccessToken {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let ticked = fields.names().filter(|name| fields.filled(name).is_some());
    let mut boxes: Vec<_> = ticked.filter_map(|name| name.strip_prefix(BOX)).collect();
    boxes.sort_unstable_by_key(|word| (*word == TokenScope::ADMIN, *word));
    let scope = fields.text("scope").map_or_else(|| boxes.join(" "), str::to_owned);
    NewAccessToken { name: text("name"), scope, days: text("days") }
}

fn shown(state: &AppState, request: &ParsedRequest, made: &MadeAccessToken) -> Response {
    let (token, text) = (&made.token, made.text.expose());
    let mut response = if request.is_form() {
        reply::page(&AccessTokenPage { t: &state.site, token, text })
    } else {
        let mut described = token_json(token);
        if let Some(members) = described.as_object_mut() {
            members.insert("token".to_owned(), text.into());
        }
        reply::json(&described)
    };
    *response.status_mut() = StatusCode::CREATED;
    response
}

pub(super) fn token_json(token: &AccessToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "scope": token.scope.to_string(),
        "admitted": token.is_admitted,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}
