//! The one page of Microsoft Graph that a lab needs: in which groups somebody is, at any depth.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Entra, claims};
use crate::issuer::{Endpoint as At, IssuerCore};
use crate::persona::habits::api_answer;
use crate::persona::{ApiRequest, ids};
use crate::reply::Response;
use crate::userinfo;

pub(super) const PATH: &str = "/v1.0/me/transitiveMemberOf";

/// As many as Graph gives that is not asked for more; it never gives more than 999.
const PAGE: usize = 100;
const MAX_PAGE: usize = 999;

pub(super) fn answer(entra: &Entra, issuer: &IssuerCore, request: &ApiRequest<'_>) -> Response {
    let ledger = issuer.ledger();
    let token = userinfo::bearer(request.headers);
    let Some((grant, scopes)) = token.and_then(|token| ledger.bearer(token, issuer.now())) else {
        let message = "Access token is empty, expired or not one of ours.";
        return failure(issuer, StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    };
    let reads = ["User.Read", "GroupMember.Read.All", "Directory.Read.All"];
    let asked = scopes.to_parameter().to_ascii_lowercase();
    let may_read = asked.split(' ').any(|scope| {
        let scope = scope.rsplit('/').next().unwrap_or_default();
        reads.iter().any(|it| it.eq_ignore_ascii_case(scope))
    });
    if !may_read {
        let message = "Insufficient privileges to complete the operation.";
        return failure(issuer, StatusCode::FORBIDDEN, "Authorization_RequestDenied", message);
    }

    let groups = claims::groups(entra, &grant.session.user);
    let size = request.number("$top").unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let skip = request.number("$skiptoken").unwrap_or(0);
    let page = groups.iter().skip(skip).take(size);
    let value: Vec<Value> =
        page.map(|id| json!({ "@odata.type": "#microsoft.graph.group", "id": id })).collect();
    let url = issuer.url(At::Api);
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#directoryObjects(id)", issuer.second_base),
        "value": value,
    });
    let next = skip.saturating_add(size);
    if next < groups.len()
        && let Some(body) = body.as_object_mut()
    {
        let link = format!("{url}?$select=id&$top={size}&$skiptoken={next}");
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    api_answer(StatusCode::OK, &body)
}

fn failure(issuer: &IssuerCore, status: StatusCode, code: &str, message: &str) -> Response {
    let request_id = ids::guid(&[&issuer.random_text()]);
    let inner = json!({ "request-id": request_id, "client-request-id": request_id });
    api_answer(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }))
}
