//! `/admin/services` and `/api/auth/services`: the services, and who may go where. Those of the configuration are
//! shown; what changes the others takes proof.

use labgate_domain::access::{Service, Target, WrittenService};
use labgate_domain::sign_in::{AddedService, AdminAct, ProofWays, ServiceChange};
use serde_json::{Value, json};

use super::administration::{act_on, reader};
use crate::failure::{Failure, HttpErrorCode};
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

/// Describes an added service by the fields that it is written with.
pub(crate) async fn show(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    Ok(reply::json(&ServiceFields::of(&written(state, request).await?)))
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
    let stored = written(state, request).await?;
    let query = request.query_fields();
    let is_filled_in = !query.among(ServiceFields::NAMES).is_empty();
    let typed = if is_filled_in { ServiceFields::typed(&query) } else { ServiceFields::of(&stored) };
    form(state, request, &ServiceFields { id: stored.id, ..typed }, Kind::Known).await
}

/// Changes an added service.
pub(crate) async fn change(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let typed = ServiceFields::typed(request.fields());
    let id = request.in_path("id");
    let is_about_it = typed.id.is_empty() || typed.id == id;
    if !is_about_it {
        reader(state, request).await?;
        return Err(HttpErrorCode::BadRequest.into());
    }
    put(state, request, ServiceFields { id: id.to_owned(), ..typed }, Kind::Known).await
}

/// Asks before a service is removed, and for proof.
pub(crate) async fn remove_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let id = request.in_path("id");
    let in_force = state.sign_in.administration().services(&by).await?;
    let added = in_force.added().iter().find(|it| it.id == id).ok_or(HttpErrorCode::NotFound)?;
    let proof = state.proof_ways(request, Some(&removal(id).digest())).await?;
    state.form_page(request, |form| question(state, added, &proof, form))
}

/// Removes a service.
pub(crate) async fn remove(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let id = request.in_path("id");
    let act = removal(id);
    let digest = act.digest();
    match act_on(state, request, act, paths::remove_service_page(id), &[]).await {
        Ok(acted) => acted.answer(state, request, &state.site.at(paths::SERVICES_PAGE)),
        Err(failure) => {
            let in_force = state.sign_in.administration().services(&by).await?;
            let Some(added) = in_force.added().iter().find(|it| it.id == id) else { return Err(failure) };
            let again = |proof: &ProofWays, form: Form<'_>| question(state, added, proof, form);
            state.act_refused(request, failure, Some(&digest), again).await
        }
    }
}

/// Says whether a service is added or changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    New,
    Known,
}

impl Kind {
    fn act(self, written: WrittenService) -> AdminAct {
        AdminAct::ChangeService(Box::new(match self {
            Self::New => ServiceChange::Add(written),
            Self::Known => ServiceChange::Change(written),
        }))
    }

    /// Returns the address of the page with the form.
    fn page(self, id: &str) -> Address {
        match self {
            Self::New => paths::add_service_page(),
            Self::Known => paths::service_page(id),
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
    let act =
        typed.written(request.fields()).map(|written| kind.act(written)).map_err(Failure::service_invalid);
    let digest = act.as_ref().ok().map(AdminAct::digest);
    let page = kind.page(&typed.id);
    let acted = match act {
        Ok(_) if cannot_come_back(state, request, &page) => Err(Failure::service_invalid(
            "it is too long to be confirmed at a provider: confirm it with a password, or give it fewer rules".to_owned(),
        )),
        Ok(act) => act_on(state, request, act, page, ServiceFields::NAMES).await,
        Err(failure) => Err(failure),
    };
    match acted {
        Ok(acted) => acted.answer(state, request, &state.site.at(paths::SERVICES_PAGE)),
        Err(failure) => {
            let again = |proof: &ProofWays, form: Form<'_>| drawn(state, &typed, kind, proof, form);
            state.act_refused(request, failure, digest.as_ref(), again).await
        }
    }
}

/// Returns whether the page could not be filled in again after a round trip to a provider.
fn cannot_come_back(state: &AppState, request: &ParsedRequest, page: &Address) -> bool {
    let fields = request.fields();
    let back = paths::with_parameters(page, &fields.among(ServiceFields::NAMES));
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
    state.form_page(request, |form| drawn(state, typed, kind, &proof, form))
}

fn drawn(state: &AppState, typed: &ServiceFields, kind: Kind, proof: &ProofWays, form: Form<'_>) -> Response {
    let (t, is_new) = (&state.site, kind == Kind::New);
    reply::page(&ServicePage { t, typed, is_new, action: &t.at(kind.page(&typed.id)), proof, form })
}

fn question(state: &AppState, added: &AddedService, proof: &ProofWays, form: Form<'_>) -> Response {
    let t = &state.site;
    reply::page(&ConfirmPage {
        t,
        heading: &added.id,
        question: &t.confirm.remove_service,
        action: &t.at(paths::remove_service_page(&added.id)),
        fields: Vec::new(),
        yes: &t.services.remove,
        no: &t.at(paths::SERVICES_PAGE),
        is_grave: true,
        proof,
        form,
    })
}

fn removal(id: &str) -> AdminAct {
    AdminAct::ChangeService(Box::new(ServiceChange::Remove(id.to_owned())))
}

/// Returns the added service of the path as it is written.
async fn written(state: &AppState, request: &ParsedRequest) -> Result<WrittenService, Failure> {
    let by = reader(state, request).await?;
    let in_force = state.sign_in.administration().services(&by).await?;
    let added = in_force.added().iter().find(|it| it.id == request.in_path("id"));
    added.and_then(|it| it.written.clone()).ok_or(HttpErrorCode::NotFound.into())
}
