//! `/api/auth/verify`, `/api/auth/me`, `/api/auth/logout`: the session that there is.

use std::sync::Arc;

use http::StatusCode;
use labgate_domain::sign_in::NotSignedIn;
use serde_json::json;

use super::{Lab, Route, any_method, either, get_or_head, route, see_other, status};
use crate::app::Response;
use crate::audience::Audience;
use crate::failure::Failure;
use crate::head::Head;
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    // A proxy asks with the method of the request that it holds: all are answered alike.
    let verify = route(lab, warp::path!("api" / "auth" / "verify" / ..), any_method(), verify);
    let me = route(lab, warp::path!("api" / "auth" / "me" / ..), get_or_head(), me);
    let logout = route(lab, warp::path!("api" / "auth" / "logout" / ..), warp::post(), logout);
    either(verify, either(me, logout))
}

/// Whether somebody is signed in: 200 or 401. This runs on every request of the lab.
async fn verify(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    match lab.check(&head).await {
        Some(Ok(checked)) => lab.with_renewal(Response::default(), &checked),
        refused => lab.not_signed_in(refused.and_then(Result::err)),
    }
}

/// Who is signed in.
async fn me(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    let checked = match lab.check(&head).await {
        Some(Ok(checked)) => checked,
        refused => return lab.not_signed_in(refused.and_then(Result::err)),
    };
    let claims = &checked.claims;
    let person = super::json(&json!({
        "id": claims.sub,
        "username": claims.username,
        "email": claims.email,
        "name": claims.name,
        "role": claims.role,
        "groups": claims.groups,
        "auth_time": claims.auth_time,
    }));
    lab.with_renewal(person, &checked)
}

/// Ends the session. Without one there is nothing to end, and the answer is the same.
async fn logout(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if let Err(failure) = lab.posted(&head) {
        return failure.into_response();
    }
    if let Some(token) = &head.cookies.session
        && let Err(refusal) = lab.sign_in.sign_out(token).await
    {
        return Failure::from(refusal).into_response();
    }
    let response = match head.audience {
        Audience::Person => see_other(paths::MAIN),
        Audience::Program => status(StatusCode::NO_CONTENT),
    };
    lab.with_cookies(response, [lab.cookies.clear_session()])
}

impl Lab {
    /// 401, or 503 when we could not find out. Either keeps a proxy from letting the request through.
    fn not_signed_in(&self, reason: Option<NotSignedIn>) -> Response {
        let reference = self.sign_in.fresh_reference();
        let Some(reason) = reason else {
            return Failure::not_signed_in(reference).into_response();
        };
        tracing::debug!(%reference, %reason, "not signed in");
        if reason == NotSignedIn::Unavailable {
            return Failure::internal(reference).into_response();
        }
        Failure::not_signed_in(reference).into_response()
    }
}
