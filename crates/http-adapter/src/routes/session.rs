//! `/api/auth/verify`, `/api/auth/me`, `/api/auth/logout`: the session that there is.

use std::sync::Arc;

use labgate_domain::sign_in::{LeftProvider, NotSignedIn};
use serde_json::json;
use url::Url;

use super::methods::{self, get_or_head, post};
use super::{Lab, Route, either, route, see_other};
use crate::app::Response;
use crate::audience::Audience;
use crate::failure::Failure;
use crate::head::Head;
use crate::pages::{self, OnwardPage};
use crate::paths;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    // A proxy asks with the method of the request that it holds: all are answered alike.
    let verify = route(lab, warp::path!("api" / "auth" / "verify" / ..), methods::any(), verify);
    let me = route(lab, warp::path!("api" / "auth" / "me" / ..), get_or_head(), me);
    let logout = route(lab, warp::path!("api" / "auth" / "logout" / ..), post(), logout);
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

/// Ends the session, and then the provider's own, if it says how. Without a session there is nothing to end, and that is
/// no error.
async fn logout(lab: Arc<Lab>, head: Arc<Head>) -> Response {
    if let Err(failure) = lab.posted(&head) {
        return failure.into_response();
    }
    let signed_out = match lab.sign_in.sessions().sign_out(&head.visitor()).await {
        Ok(signed_out) => signed_out,
        Err(refusal) => return Failure::from(refusal).into_response(),
    };
    let left = signed_out.provider.as_ref();
    let response = match (head.audience, left) {
        (Audience::Person, Some(LeftProvider { name, end_session_url: Some(url), .. })) => {
            pages::respond(&OnwardPage {
                title: "You are signed out here",
                provider: name,
                url: url.as_str(),
            })
        }
        (Audience::Person, Some(LeftProvider { id, end_session_url: None, .. })) => {
            see_other(&paths::with_parameters(paths::SIGNED_OUT, &[("kept_by", id.as_str())]))
        }
        (Audience::Person, None) => see_other(paths::SIGNED_OUT),
        (Audience::Program, _) => super::json(&json!({
            "provider": left.map(|left| json!({
                "name": left.name,
                "end_session_url": left.end_session_url.as_ref().map(Url::as_str),
            })),
        })),
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
