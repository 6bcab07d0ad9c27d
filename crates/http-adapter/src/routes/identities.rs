//! `/admin/identities` and `/api/auth/identities/move`: moves linked identities to another issuer.

use std::time::Duration;

use labgate_domain::ports::{IdentityMove, IdentitySuccession};
use labgate_domain::protocol::Issuer;
use serde_json::{Value, json};

use super::administration::{administrator, is_dry_run};
use crate::audience::Audience;
use crate::failure::{Failure, HttpErrorCode};
use crate::pages::{IdentitiesPage, MovedIdentities, TypedMove};
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
    administrator(state, request).await?;
    let typed = TypedMove::default();
    state.form_page(request, |form| reply::page(&IdentitiesPage { t: &state.site, typed, moved: None, form }))
}

/// Moves all identities of an issuer, or says what would be moved.
pub(crate) async fn move_all(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = administrator(state, request).await?;
    let administration = state.sign_in.administration();
    let moved = async {
        let wanted = Wanted::of(request)?;
        let Wanted { from, to, dry_run, .. } = &wanted;
        Ok(match wanted.within {
            None => Moved::Same(administration.move_identities(&by, from, to, *dry_run).await?, *dry_run),
            Some(within) => {
                let listed = administration.let_identities_give_way(&by, from, to, within, *dry_run).await?;
                Moved::ByEmail(listed, *dry_run)
            }
        })
    };
    let moved: Result<Moved, Failure> = moved.await;
    let text = |name| request.fields().text(name).unwrap_or_default();
    let typed = TypedMove { from: text("from"), to: text("to"), by_email: text("by") == "email" };
    match moved {
        Ok(moved) if request.audience == Audience::Program => Ok(reply::json(&moved.json())),
        Ok(moved) => state.form_page(request, |form| {
            let moved = Some(moved.told(&state.site));
            reply::page(&IdentitiesPage { t: &state.site, typed, moved, form })
        }),
        Err(failure) => state.form_refused(request, failure, |form| {
            reply::page(&IdentitiesPage { t: &state.site, typed, moved: None, form })
        }),
    }
}

/// A move that is asked for.
struct Wanted {
    from: Issuer,
    to: Issuer,
    /// The time for which the identities give way by address; none if the subjects stay the same.
    within: Option<Duration>,
    dry_run: bool,
}

impl Wanted {
    fn of(request: &ParsedRequest) -> Result<Self, HttpErrorCode> {
        let fields = request.fields();
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
        Ok(Self { from, to, within, dry_run: is_dry_run(request)? })
    }
}

/// The result, and whether it was a dry run.
enum Moved {
    Same(Vec<IdentityMove>, bool),
    ByEmail(Vec<IdentitySuccession>, bool),
}

impl Moved {
    /// Returns whether something was changed.
    fn is_done(&self) -> bool {
        match self {
            Self::Same(moves, dry_run) => !dry_run && !moves.iter().any(IdentityMove::is_blocked),
            Self::ByEmail(_, dry_run) => !dry_run,
        }
    }

    fn json(&self) -> Value {
        let accounts: Vec<_> = match self {
            Self::Same(moves, _) => moves
                .iter()
                .map(|it| {
                    let blocked_by = it.there.filter(|_| it.is_blocked());
                    json!({ "id": it.account, "username": it.name, "subject": it.subject.as_str(), "blocked_by": blocked_by })
                })
                .collect(),
            Self::ByEmail(successions, _) => successions
                .iter()
                .map(|it| {
                    let claimable = it.is_claimable();
                    json!({ "id": it.account, "username": it.name, "email": it.email, "claimable": claimable })
                })
                .collect(),
        };
        json!({ "moved": self.is_done(), "accounts": accounts })
    }

    fn told<'a>(&'a self, t: &'a Texts) -> MovedIdentities<'a> {
        let accounts = match self {
            Self::Same(moves, _) => moves
                .iter()
                .map(|it| {
                    (&it.name, if it.is_blocked() { &t.identities.blocked } else { &t.identities.free })
                })
                .collect(),
            Self::ByEmail(successions, _) => successions
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
        };
        MovedIdentities { is_done: self.is_done(), accounts }
    }
}
