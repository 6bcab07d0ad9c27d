//! The one page of Microsoft Graph that a lab needs: the groups of a person, at any depth.

use http::StatusCode;
use serde_json::{Value, json};

use super::claims;
use super::tenant::Entra;
use crate::persona::{ApiRequest, ids};
use crate::reply::{self, Response};
use crate::site::{Endpoint as At, Site};

/// As many as Graph gives that is not asked for more; it never gives more than 999.
const PAGE: usize = 100;
const MAX_PAGE: usize = 999;

pub(super) fn answer(entra: &Entra, site: &Site, request: &ApiRequest<'_>) -> Response {
    let Some((grant, scopes)) = request.grant(site, &["Bearer"]) else {
        let message = "Access token is empty, expired or not one of ours.";
        return failure(site, StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    };
    let reads = ["User.Read", "GroupMember.Read.All", "Directory.Read.All"];
    let asked = scopes.to_parameter().to_ascii_lowercase();
    let may_read = asked.split(' ').any(|scope| {
        let scope = scope.rsplit('/').next().unwrap_or_default();
        reads.iter().any(|it| it.eq_ignore_ascii_case(scope))
    });
    if !may_read {
        let message = "Insufficient privileges to complete the operation.";
        return failure(site, StatusCode::FORBIDDEN, "Authorization_RequestDenied", message);
    }

    let groups = claims::groups(entra, &grant.session.user);
    let per_page = request.number("$top").unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let skip = request.number("$skiptoken").unwrap_or(0);
    let page = groups.iter().skip(skip).take(per_page);
    let value: Vec<Value> =
        page.map(|id| json!({ "@odata.type": "#microsoft.graph.group", "id": id })).collect();
    let url = site.url(At::Api);
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#directoryObjects(id)", site.second_base),
        "value": value,
    });
    let next = skip.saturating_add(per_page);
    if next < groups.len()
        && let Some(body) = body.as_object_mut()
    {
        let link = format!("{url}?$select=id&$top={per_page}&$skiptoken={next}");
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    reply::json(StatusCode::OK, &body)
}

fn failure(site: &Site, status: StatusCode, code: &str, message: &str) -> Response {
    let request_id = ids::guid(&[&site.random_text()]);
    let inner = json!({ "request-id": request_id, "client-request-id": request_id });
    reply::json(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }))
}
