//! `/admin/services` and `/api/auth/services`: the services, and who may go where. Those of the configuration are
//! shown; what changes the others takes proof.

use http::StatusCode;
use http::header::{ETAG, HeaderValue};
use labgate_domain::access::{Service, Target, WrittenService};
use labgate_domain::ports::DefinitionDigest;
use labgate_domain::sign_in::{AddedService, AdminAct, ProofWays, ServiceChange};
use serde_json::{Value, json};

use super::administration::{act_on, reader};
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{ConfirmPage, Form, ListedService, ServicePage, ServicesPage};
use crate::paths::{self, Address};
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::service_fields::ServiceFields;
use crate::state::AppState;

/// Shows the services, and for a URL and an account what a check would decide.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let typed = |name| request.parameter(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (url, account) = (typed("url"), typed("account"));
    let explained = if url.is_empty() {
        None
    } else {
        let target = Target::from_url(&url, "GET").map_err(|_| HttpErrorCode::BadRequest)?;
        let account = Some(account.as_str()).filter(|account| !account.is_empty());
        Some(state.sign_in.access().explain(&by, &target, account).await?)
    };
    let in_force = state.sign_in.administration().services(&by).await?;
    let is_open = in_force.is_lab_without_services();
    let services = ListedService::all(&in_force);
    Ok(reply::page(&ServicesPage {
        t: &state.site,
        services,
        is_open,
        url: &url,
        account: &account,
        explained,
    }))
}

/// Lists the services.
pub(crate) async fn list(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let in_force = state.sign_in.administration().services(&by).await?;
    let services: Vec<Value> = ListedService::all(&in_force)
        .iter()
        .map(|it| {
            let rules = it.rules().into_iter();
            let rules: Vec<_> = rules.map(|(what, who)| json!({ "for": what, "allow": who })).collect();
            json!({
                "id": it.id,
                "name": it.name(),
                "url": it.url(),
                "runs_user_code": it.service.map(|service| service.runs_user_code),
                "allow": it.service.map(Service::allowed),
                "rules": rules,
                "added": it.is_added,
                "left_out": it.left_out,
            })
        })
        .collect();
    Ok(reply::json(&json!({ "services": services })))
}

/// Describes an added service by the fields that it is written with. Its `ETag` is what a change of it names.
pub(crate) async fn show(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let added = stored(state, request).await?.ok_or(HttpErrorCode::NotFound)?;
    let described = reply::json(&ServiceFields::of(&added.written.ok_or(HttpErrorCode::NotFound)?));
    let etag = HeaderValue::try_from(etag(&added.digest)).map_err(|_| HttpErrorCode::NotFound)?;
    Ok(reply::with_header(described, ETAG, etag))
}

/// Shows the form of a new service.
pub(crate) async fn add_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    reader(state, request).await?;
    let typed = ServiceFields::typed(&request.query_fields());
    form(state, request, &typed, Kind::New).await
}

/// Adds a service.
pub(crate) async fn add(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    put(state, request, ServiceFields::typed(request.fields()), Kind::New).await
}

/// Shows the form of an added service.
pub(crate) async fn change_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let added = stored(state, request).await?.ok_or(HttpErrorCode::NotFound)?;
    let written = added.written.ok_or(HttpErrorCode::NotFound)?;
    let query = request.query_fields();
    let is_filled_in = !query.among(ServiceFields::NAMES).is_empty();
    let (typed, seen) = if is_filled_in {
        (ServiceFields::typed(&query), seen_in(&query))
    } else {
        (ServiceFields::of(&written), added.digest)
    };
    form(state, request, &ServiceFields { id: added.id, ..typed }, Kind::Known(seen)).await
}

/// Changes an added service.
pub(crate) async fn change(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let present = stored(state, request).await?;
    let typed = ServiceFields::typed(request.fields());
    let id = request.in_path("id");
    let is_about_it = typed.id.is_empty() || typed.id == id;
    if !is_about_it {
        return Err(HttpErrorCode::BadRequest.into());
    }
    let kind = Kind::Known(seen(request, present.as_ref())?);
    put(state, request, ServiceFields { id: id.to_owned(), ..typed }, kind).await
}

/// Asks before a service is removed, and for proof.
pub(crate) async fn remove_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let added = stored(state, request).await?.ok_or(HttpErrorCode::NotFound)?;
    let query = request.query_fields();
    let seen = query.text(SEEN).map_or(added.digest, |seen| DefinitionDigest(seen.to_owned()));
    let proof = state.proof_ways(request, Some(&removal(&added.id, &seen).digest())).await?;
    state.form_page(request, |form| question(state, &added.id, &seen, &proof, form))
}

/// Removes a service.
pub(crate) async fn remove(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let present = stored(state, request).await?;
    let (id, mut seen) = (request.in_path("id"), seen(request, present.as_ref())?);
    match act_on(state, request, removal(id, &seen), paths::remove_service_page(id), &[SEEN]).await {
        Ok(acted) => acted.answer(state, request, &state.site.at(paths::SERVICES_PAGE)),
        Err(failure) => {
            let failure = precondition(request, failure);
            let Some(added) = stored(state, request).await? else { return Err(failure) };
            if failure.is_definition_changed() {
                seen = added.digest;
            }
            let again = |proof: &ProofWays, form: Form<'_>| question(state, id, &seen, proof, form);
            state.act_refused(request, failure, Some(&removal(id, &seen).digest()), again).await
        }
    }
}

/// Says whether a service is added, or changed from the definition with this digest.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    New,
    Known(DefinitionDigest),
}

impl Kind {
    fn act(&self, written: WrittenService) -> AdminAct {
        AdminAct::ChangeService(Box::new(match self {
            Self::New => ServiceChange::Add(written),
            Self::Known(seen) => ServiceChange::Change { written, seen: seen.clone() },
        }))
    }

    /// Returns the address of the page with the form.
    fn page(&self, id: &str) -> Address {
        match self {
            Self::New => paths::add_service_page(),
            Self::Known(_) => paths::service_page(id),
        }
    }
}

async fn put(
    state: &AppState,
    request: &ParsedRequest,
    typed: ServiceFields,
    kind: Kind,
) -> Result<Response, Failure> {
    reader(state, request).await?;
    let act = |kind: &Kind| typed.written(request.fields()).map(|written| kind.act(written));
    let page = kind.page(&typed.id);
    let acted = match act(&kind) {
        Ok(_) if cannot_come_back(state, request, &page) => Err(Failure::service_invalid(
            "it is too long to be confirmed at a provider: confirm it with a password, or give it fewer rules".to_owned(),
        )),
        Ok(act) => act_on(state, request, act, page, &kept()).await,
        Err(reason) => Err(Failure::service_invalid(reason)),
    };
    match acted {
        Ok(acted) => acted.answer(state, request, &state.site.at(paths::SERVICES_PAGE)),
        Err(failure) => {
            let failure = precondition(request, failure);
            let newest = if failure.is_definition_changed() { stored(state, request).await? } else { None };
            let newer = newest.as_ref().and_then(|it| it.written.as_ref()).map(|it| typed.unlike_written(it));
            let kind = newest.map_or(kind, |it| Kind::Known(it.digest));
            let digest = act(&kind).ok().map(|act| act.digest());
            let again = |proof: &ProofWays, form: Form<'_>| {
                drawn(state, &typed, &kind, newer.unwrap_or_default(), proof, form)
            };
            state.act_refused(request, failure, digest.as_ref(), again).await
        }
    }
}

/// Returns whether the page could not be filled in again after a round trip to a provider.
fn cannot_come_back(state: &AppState, request: &ParsedRequest, page: &Address) -> bool {
    let fields = request.fields();
    let back = paths::with_parameters(page, &fields.among(&kept()));
    fields.filled("confirm_at").is_some() && state.site.return_to_page(back).path().is_none()
}

async fn form(
    state: &AppState,
    request: &ParsedRequest,
    typed: &ServiceFields,
    kind: Kind,
) -> Result<Response, Failure> {
    let written = typed.written(&request.query_fields()).ok();
    let digest = written.map(|written| kind.act(written).digest());
    let proof = state.proof_ways(request, digest.as_ref()).await?;
    state.form_page(request, |form| drawn(state, typed, &kind, Vec::new(), &proof, form))
}

fn drawn(
    state: &AppState,
    typed: &ServiceFields,
    kind: &Kind,
    newer: Vec<(&'static str, String)>,
    proof: &ProofWays,
    form: Form<'_>,
) -> Response {
    let t = &state.site;
    let seen = match kind {
        Kind::New => None,
        Kind::Known(seen) => Some(seen.0.as_str()),
    };
    reply::page(&ServicePage { t, typed, seen, newer, action: &t.at(kind.page(&typed.id)), proof, form })
}

fn question(
    state: &AppState,
    id: &str,
    seen: &DefinitionDigest,
    proof: &ProofWays,
    form: Form<'_>,
) -> Response {
    let t = &state.site;
    reply::page(&ConfirmPage {
        t,
        heading: id,
        question: &t.confirm.remove_service,
        action: &t.at(paths::remove_service_page(id)),
        fields: vec![(SEEN, &seen.0)],
        yes: &t.services.remove,
        no: &t.at(paths::SERVICES_PAGE),
        is_grave: true,
        proof,
        form,
    })
}

fn removal(id: &str, seen: &DefinitionDigest) -> AdminAct {
    let (id, seen) = (id.to_owned(), seen.clone());
    AdminAct::ChangeService(Box::new(ServiceChange::Remove { id, seen }))
}

/// Returns the added service of the path, as the store has it.
async fn stored(state: &AppState, request: &ParsedRequest) -> Result<Option<AddedService>, Failure> {
    let by = reader(state, request).await?;
    let in_force = state.sign_in.administration().services(&by).await?;
    Ok(in_force.added().iter().find(|it| it.id == request.in_path("id")).cloned())
}

/// The field with the digest of the definition that a form was filled in with.
const SEEN: &str = "seen";

/// Returns the names of the fields that a page keeps.
fn kept() -> Vec<&'static str> {
    [ServiceFields::NAMES, &[SEEN]].concat()
}

fn seen_in(fields: &Fields) -> DefinitionDigest {
    DefinitionDigest(fields.text(SEEN).unwrap_or_default().to_owned())
}

/// Returns the digest of the definition that a change is made from: a form has it, and a program sends it in `If-Match`
/// (RFC 9110 section 13.1.1).
fn seen(request: &ParsedRequest, present: Option<&AddedService>) -> Result<DefinitionDigest, HttpErrorCode> {
    if request.is_form() {
        return Ok(seen_in(request.fields()));
    }
    let tags = request.if_match.as_deref().ok_or(HttpErrorCode::IfMatchNeeded)?;
    let is_among = |digest: &&DefinitionDigest| {
        tags.trim() == "*" || tags.split(',').any(|tag| tag.trim() == etag(digest))
    };
    Ok(present.map(|it| &it.digest).filter(is_among).cloned().unwrap_or_default())
}

fn etag(digest: &DefinitionDigest) -> String {
    format!("\"{}\"", digest.0)
}

/// Answers a program whose definition is not the present one with the status for that (RFC 9110 section 15.5.13).
fn precondition(request: &ParsedRequest, mut failure: Failure) -> Failure {
    if failure.is_definition_changed() && !request.is_form() {
        failure.status = StatusCode::PRECONDITION_FAILED;
    }
    failure
}
