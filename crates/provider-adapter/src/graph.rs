//! The groups of a person at Entra that did not fit into the ID token, by Microsoft Graph.

use http::header::AUTHORIZATION;
use labgate_domain::ports::{CallFailure, ProviderCall};
use serde_json::Value;

use crate::derivation::ProviderMetadata;
use crate::endpoint::Endpoint;
use crate::json;
use crate::kinds::entra::graph_of;
use crate::transport::{JSON, Transport, Unusable, bearer, get};

/// The scope of the access token.
pub(crate) const SCOPE: &str = "User.Read";

/// In which groups the person is, at any depth. The place that the token names for this (`_claim_sources`) is
/// that of an API which is retired, and is never asked.
const PATH: &str = "/v1.0/me/transitiveMemberOf";
const QUERY: &str = "$select=id&$top=100";

/// So many pages are asked for.
const MAX_PAGES: usize = 20;

/// Asks Graph for all of them, or says why they cannot be had. The access token goes into the `Authorization`
/// header and to no other origin.
pub(crate) async fn groups(
    transport: &Transport,
    metadata: &ProviderMetadata,
    access_token: &str,
) -> Result<Vec<String>, Unusable> {
    let first = place(metadata).ok_or_else(|| content("nothing says where Microsoft Graph is"))?;
    let bearer = bearer(access_token).map_err(|_| content("the access token does not fit into a header"))?;

    let mut groups = Vec::new();
    let mut next = first.clone();
    for _ in 0..MAX_PAGES {
        let mut request = get(next.url());
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let answer = transport.send(ProviderCall::Groups, request).await;
        let graph =
            |cause, text: &dyn std::fmt::Display| Unusable { cause, text: format!("Microsoft Graph {text}") };
        let answer = answer.map_err(|error| graph(error.cause(), &error))?;
        let body = answer.ok_body(&[JSON]).map_err(|unusable| graph(unusable.cause, &unusable))?;
        let mut page = json::object(&body).ok_or_else(|| {
            content("Microsoft Graph answers with what is not one JSON object with unique members")
        })?;
        let Some(Value::Array(members)) = page.remove("value") else {
            return Err(content("Microsoft Graph answers without a list of groups"));
        };
        groups.extend(members.iter().filter_map(group).map(str::to_owned));
        next = match page.get("@odata.nextLink") {
            None | Some(Value::Null) => return Ok(groups),
            Some(link) => further(&first, link)
                .ok_or_else(|| content("the list of groups goes on outside of Microsoft Graph"))?,
        };
    }
    Err(content(&format!("the list of groups has more than {MAX_PAGES} pages")))
}

fn content(text: &str) -> Unusable {
    Unusable { cause: CallFailure::Content, text: text.to_owned() }
}

/// The list's first page. A provider outside of Microsoft's clouds, which only the operator makes one of
/// Entra's, has its Graph where its userinfo endpoint is: Entra's is a part of Graph.
fn place(metadata: &ProviderMetadata) -> Option<Endpoint> {
    let list = match graph_of(&metadata.issuer) {
        Some(graph) => {
            Endpoint::parse(&format!("{graph}{PATH}"), &crate::PlainHttpOrigins::default()).ok()?
        }
        None => metadata.userinfo_endpoint.as_ref()?.with_path(PATH),
    };
    Some(list.with_query(QUERY))
}

/// The identifier of a group. A directory role or an administrative unit is none.
fn group(member: &Value) -> Option<&str> {
    let of_type = member.get("@odata.type").and_then(Value::as_str);
    let is_group = of_type.is_none_or(|name| name == "#microsoft.graph.group");
    member.get("id").and_then(Value::as_str).filter(|_| is_group)
}

/// The next page, if it is at the same origin.
fn further(first: &Endpoint, link: &Value) -> Option<Endpoint> {
    first.sibling(link.as_str()?).filter(|next| next.url().path().starts_with("/v1.0/"))
}
