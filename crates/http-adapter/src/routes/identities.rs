//! `/admin/identities` and `/api/auth/identities/move`: moves linked identities to another issuer.

use std::time::Duration;

use labgate_domain::ports::IdentityMove;
use labgate_domain::protocol::Issuer;
use labgate_domain::sign_in::{ActDone, AdminAct, ProofWays};
use serde_json::{Value, json};

use super::administration::{Acted, act_on, is_dry_run, reader};
use crate::audience::Audience;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{Form, IdentitiesPage, MovedIdentities, TypedMove};
use crate::paths;
use crate::reply::{self, Response};
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;
use crate::texts::Texts;

/// The longest time for which identities give way, in days.
const MAX_DAYS: u64 = 365;
/// The time if none is stated, in days.
const DAYS: u64 = 30;

/// Shows the form.
pub(crate) async fn page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    reader(state, request).await?;
    let fields = request.query_fields();
    let digest = wanted(&fields).ok().map(|wanted| wanted.digest());
    let proof = &state.proof_ways(request, digest.as_ref()).await?;
    let (t, typed) = (&state.site, TypedMove::of(&fields));
    state.form_page(request, |form| reply::page(&IdentitiesPage { t, typed, moved: None, proof, form }))
}

/// Moves all identities of an issuer, or says what would be moved.
pub(crate) async fn move_all(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    reader(state, request).await?;
    let fields = request.fields();
    let (act, dry_run) = (wanted(fields), is_dry_run(fields));
    let digest = act.as_ref().ok().map(AdminAct::digest);
    let acted = match act {
        Ok(act) => act_on(state, request, act, paths::IDENTITIES_PAGE, KEPT).await,
        Err(code) => Err(code.into()),
    };
    let (t, typed) = (&state.site, TypedMove::of(fields));
    let failure = match acted {
        Ok(Acted::Elsewhere(response)) => return Ok(response),
        Ok(Acted::Done(done)) => {
            let moved = Moved { done, dry_run: dry_run? };
            let response = if request.audience == Audience::Program {
                reply::json(&moved.json())
            } else {
                let proof = &state.proof_ways(request, digest.as_ref()).await?;
                let moved = Some(moved.told(t));
                state.form_page(request, |form| {
                    reply::page(&IdentitiesPage { t, typed, moved, proof, form })
                })?
            };
            return state.without_proof(response, request);
        }
        Err(failure) => failure,
    };
    let again = |proof: &ProofWays, form: Form<'_>| {
        reply::page(&IdentitiesPage { t, typed, moved: None, proof, form })
    };
    state.act_refused(request, failure, digest.as_ref(), again).await
}

/// The fields that the page keeps.
const KEPT: &[&str] = &["from", "to", "by", "dry_run"];

impl<'a> TypedMove<'a> {
    fn of(fields: &'a Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default();
        let (by_email, really) = (text("by") == "email", text("dry_run") == "false");
        Self { from: text("from"), to: text("to"), by_email, really }
    }
}

fn wanted(fields: &Fields) -> Result<AdminAct, HttpErrorCode> {
    let issuer = |name| Issuer::parse(fields.text(name).unwrap_or_default().trim());
    let (Ok(from), Ok(to)) = (issuer("from"), issuer("to")) else {
        return Err(HttpErrorCode::IssuersInvalid);
    };
    if from == to {
        return Err(HttpErrorCode::IssuersInvalid);
    }
    let days: u64 = optional(fields.filled("days"), str::parse)?.unwrap_or(DAYS);
    let within = match fields.filled("by") {
        None | Some("subject") => None,
        Some("email") if days <= MAX_DAYS => Some(Duration::from_hours(24 * days)),
        Some(_) => return Err(HttpErrorCode::BadRequest),
    };
    Ok(AdminAct::MoveIdentities { from, to, within, dry_run: is_dry_run(fields)? })
}

/// The result.
struct Moved {
    done: ActDone,
    dry_run: bool,
}

impl Moved {
    /// Returns whether something was changed.
    fn is_done(&self) -> bool {
        let is_blocked = match &self.done {
            ActDone::Moved(moves) => moves.iter().any(IdentityMove::is_blocked),
            _ => false,
        };
        !self.dry_run && !is_blocked
    }

    fn json(&self) -> Value {
        let accounts: Vec<_> = match &self.done {
            ActDone::Moved(moves) => moves
                .iter()
                .map(|it| {
                    let blocked_by = it.there.filter(|_| it.is_blocked());
                    json!({ "id": it.account, "username": it.name, "subject": it.subject.as_str(), "blocked_by": blocked_by })
                })
                .collect(),
            ActDone::GivingWay(successions) => successions
                .iter()
                .map(|it| {
                    let claimable = it.is_claimable();
                    json!({ "id": it.account, "username": it.name, "email": it.email, "claimable": claimable })
                })
                .collect(),
            ActDone::Created(_) | ActDone::Changed => Vec::new(),
        };
        json!({ "moved": self.is_done(), "accounts": accounts })
    }

    fn told<'a>(&'a self, t: &'a Texts) -> MovedIdentities<'a> {
        let accounts = match &self.done {
            ActDone::Moved(moves) => moves
                .iter()
                .map(|it| {
                    (&it.name, if it.is_blocked() { &t.identities.blocked } else { &t.identities.free })
                })
                .collect(),
            ActDone::GivingWay(successions) => successions
                .iter()
                .map(|it| {
                    let text = match (it.needs_proof, &it.email) {
                        (true, _) => &t.identities.by_proof,
                        (false, Some(_)) => &t.identities.by_email,
                        (false, None) => &t.identities.shut_out,
                    };
                    (&it.name, text)
                })
                .collect(),
            ActDone::Created(_) | ActDone::Changed => Vec::new(),
        };
        MovedIdentities { is_done: self.is_done(), accounts }
    }
}
