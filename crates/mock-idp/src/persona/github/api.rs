//! The parts of GitHub's REST API that identify a person.

use std::collections::BTreeSet;

use http::header::{HeaderName, LINK, USER_AGENT};
use http::{HeaderValue, StatusCode};
use labgate_domain::protocol::Scopes;
use serde_json::{Value, json};

use crate::faults::{Fault, Stage};
use crate::persona::{ApiRequest, ids};
use crate::protocol::{Claims, set, unset};
use crate::reply::{self, Response};
use crate::site::Site;
use crate::user::User;

const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];
const PAGE: usize = 30;
const MAX_PAGE: usize = 100;

pub(super) fn answer(site: &Site, request: &ApiRequest<'_>) -> Response {
    if request.header(USER_AGENT.as_str()).is_none_or(str::is_empty) {
        return reply::text(
            StatusCode::FORBIDDEN,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
        );
    }
    let version = request.header("x-github-api-version").unwrap_or(VERSIONS[0]);
    if !VERSIONS.contains(&version) {
        return problem(StatusCode::BAD_REQUEST, "The API version in X-GitHub-Api-Version does not exist.");
    }
    let Some((grant, scopes)) = request.grant(site, &["Bearer", "token"]) else {
        return problem(StatusCode::UNAUTHORIZED, "Bad credentials");
    };
    let user = &grant.session.user;
    let mut faults = (request.faults)(Stage::UserInfo);
    faults.extend(grant.chosen.iter().chain(&grant.shown).cloned());

    let asked = scopes.to_parameter();
    let granted = granted(&asked);
    let has = |names: &[&str]| granted.iter().any(|scope| names.contains(scope));
    let of_orgs = ["user", "read:org", "write:org", "admin:org", "repo"];
    let resource = request.path.rsplit_once("/user").map_or("", |(_, rest)| rest);
    let mut response = match resource {
        "" => reply::json(StatusCode::OK, &Value::Object(self::user(user, scopes, &faults))),
        "/emails" if has(&["user", "user:email"]) => listed(site, request, &emails(user, &faults)),
        "/orgs" if has(&of_orgs) => listed(site, request, &organizations(user)),
        "/teams" if has(&of_orgs) => listed(site, request, &teams(user)),
        "/emails" => problem(StatusCode::NOT_FOUND, "Not Found"),
        _ => problem(StatusCode::FORBIDDEN, "You need at least the scope read:org or user for this."),
    };
    header(&mut response, "x-oauth-scopes", &granted.join(", "));
    header(&mut response, "x-github-api-version-selected", version);
    response
}

/// The scopes of a response, sorted, without the one that the mock adds to every request.
pub(super) fn granted(scopes: &str) -> Vec<&str> {
    let known = ["user", "user:email", "read:user", "read:org", "write:org", "admin:org", "repo"];
    let mut granted: Vec<&str> = scopes.split(' ').filter(|scope| known.contains(scope)).collect();
    granted.sort_unstable();
    granted
}

/// `/user`. The address here is the one that people show to everybody, mostly none; a user's own claim
/// `email` is one.
fn user(user: &User, scopes: &Scopes, faults: &[Fault]) -> Claims {
    let mut document = Claims::new();
    set(&mut document, "login", user.subject());
    set(&mut document, "id", ids::number(&["github", user.subject()]));
    set(&mut document, "node_id", format!("U_{}", ids::hex(&["user", user.subject()], 16)));
    set(&mut document, "url", format!("https://api.github.com/users/{}", user.subject()));
    set(&mut document, "html_url", format!("https://github.com/{}", user.subject()));
    set(&mut document, "type", "User");
    set(&mut document, "site_admin", false);
    set(&mut document, "name", user.name.as_deref());
    set(&mut document, "email", Value::Null);
    if scopes.contains("user") || scopes.contains("read:user") {
        set(&mut document, "two_factor_authentication", true);
    }
    document.extend(user.claims.clone());
    if faults.contains(&Fault::UserinfoSubMismatch) {
        set(&mut document, "id", ids::number(&["somebody-else"]));
    }
    if faults.contains(&Fault::MissingSub) {
        unset(&mut document, "id");
    }
    document
}

/// The address, and the one that everybody has at GitHub, which is verified and not the primary one.
fn emails(user: &User, faults: &[Fault]) -> Vec<Value> {
    let id = ids::number(&["github", user.subject()]);
    let hidden = format!("{id}+{}@users.noreply.github.com", user.subject());
    let mut emails = vec![json!({ "email": hidden, "primary": false, "verified": true, "visibility": null })];
    if let Some((address, verified)) = user.email_address().filter(|_| !faults.contains(&Fault::MissingEmail))
    {
        let verified = match faults {
            _ if faults.contains(&Fault::EmailVerifiedAbsent) => Value::Null,
            _ if faults.contains(&Fault::EmailVerifiedString) => "true".into(),
            _ => (verified && !faults.contains(&Fault::UnverifiedEmail)).into(),
        };
        emails.push(
            json!({ "email": address, "primary": true, "verified": verified, "visibility": "private" }),
        );
    }
    emails
}

/// The organizations of the groups `org` and `org/team`, each once.
fn organizations(user: &User) -> Vec<Value> {
    let names: BTreeSet<&str> = user.groups.iter().map(|group| organization_of(group)).collect();
    names.into_iter().map(organization).collect()
}

fn teams(user: &User) -> Vec<Value> {
    let team = |group: &String| {
        let (_, slug) = group.split_once('/')?;
        let id = ids::number(&["team", group]);
        let organization = organization(organization_of(group));
        Some(
            json!({ "id": id, "name": slug, "slug": slug, "privacy": "closed", "organization": organization }),
        )
    };
    user.groups.iter().filter_map(team).collect()
}

fn organization_of(group: &str) -> &str {
    group.split_once('/').map_or(group, |(organization, _)| organization)
}

fn organization(login: &str) -> Value {
    let id = ids::number(&["org", login]);
    json!({ "login": login, "id": id, "url": format!("https://api.github.com/orgs/{login}"), "description": null })
}

/// One page of a list, with links to the others.
fn listed(site: &Site, request: &ApiRequest<'_>, all: &[Value]) -> Response {
    let per_page = request.number("per_page").unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let page = request.number("page").unwrap_or(1).max(1);
    let last = all.len().div_ceil(per_page).max(1);
    let shown: Vec<&Value> = all.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let mut response = reply::json(StatusCode::OK, &json!(shown));

    let link = |number: usize, relation: &str| {
        let url = site.place_at(request.path).map_or("", |place| &place.url);
        format!("<{url}?per_page={per_page}&page={number}>; rel=\"{relation}\"")
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    if page < last {
        links.extend([link(page + 1, "next"), link(last, "last")]);
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    if !links.is_empty() {
        header(&mut response, LINK.as_str(), &links.join(", "));
    }
    response
}

fn problem(status: StatusCode, message: &str) -> Response {
    let documentation = "https://docs.github.com/rest";
    let body = json!({ "message": message, "documentation_url": documentation, "status": status.as_str() });
    reply::json(status, &body)
}

fn header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
