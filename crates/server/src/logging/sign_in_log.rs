use async_trait::async_trait;
use labgate_domain::error::ErrorCode;
use labgate_domain::ports::{Observer, SignInEvent, SignInRecords, StoreError};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionId;
use labgate_domain::sign_in::{Outcome, Trail, Way, explain};

use crate::remedies::remedy;

/// Writes what happens to sign-ins and sessions into the log, a line an event, under the target
/// `labgate::sign_in`.
///
/// The fields are stable: `event` (`started`, `signed_in`, `email_conflict`, `refused`, `linked`, `unlinked`,
/// `password_changed`, `administered`, `signed_out`, `signed_out_elsewhere`, `signed_out_by_provider`,
/// `revalidation_rejected`, `revalidation_deferred`, `check_failed`, `changes_lost`, `changes_known`,
/// `renewal_not_stored`, `trail`, `record_lost`) and, where they
/// apply, `reference` (which the person quotes), `code`, `error`, `explanation` (the meaning of the
/// provider's own message, where it is known), `remedy`, `provider` (a password sign-in has none), `account`,
/// `session` (its first characters: enough to follow it, not enough to name it), `created`, `change`,
/// `issuer`, `sessions`, `by` and `steps`. A refusal is a warning; a failure of Labgate's own is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLog;

/// Logs an event of this level and name.
macro_rules! event {
    ($level:ident $event:literal, $($fields:tt)+) => {
        tracing::$level!(target: "labgate::sign_in", event = $event, $($fields)+)
    };
}

impl Observer for TracingLog {
    fn observe(&self, event: &SignInEvent) {
        match event {
            SignInEvent::Started { provider } => event!(
                info "started", provider = provider.as_str(), "a browser was sent to the provider"
            ),
            SignInEvent::EmailConflict { account } => event!(
                warn "email_conflict", %account,
                "the provider's new e-mail address is another account's, so the old one was kept"
            ),
            SignInEvent::Refused { reference, code, error } => {
                refused(reference.as_str(), None, *code, error, None);
            }
            SignInEvent::Linked { account, provider, change } => event!(
                info "linked", %account, provider = provider.as_str(), change = change.as_str(),
                "an identity was linked to the account"
            ),
            SignInEvent::Unlinked { account, issuer } => event!(
                info "unlinked", %account, issuer = issuer.as_str(), "an identity was unlinked from the account"
            ),
            SignInEvent::SignedOutByProvider { account, session, provider } => event!(
                info "signed_out_by_provider", %account, session = shortened(*session),
                provider = provider.as_str(), "the provider ended a session"
            ),
            SignInEvent::RevalidationRejected { account, session, provider, code, error, explanation } => {
                event!(
                    info "revalidation_rejected", %account, session = shortened(*session),
                    provider = provider.as_str(), code = code.as_str(), error, explanation,
                    "session revalidation ended a session"
                );
            }
            SignInEvent::RevalidationDeferred { provider, code, error, explanation } => event!(
                warn "revalidation_deferred", provider = provider.as_str(), code = code.as_str(), error,
                explanation, remedy = remedy(*code),
                "the provider cannot be asked about people who are signed in; their sessions go on"
            ),
            SignInEvent::SignedOutElsewhere { account, sessions } => event!(
                info "signed_out_elsewhere", %account, sessions, "a person ended sessions of their own"
            ),
            SignInEvent::PasswordChanged { account } => event!(
                info "password_changed", %account, "a person chose another password"
            ),
            SignInEvent::Administered { account, change, by } => {
                let by = by.map(|by| by.to_string());
                event!(info "administered", %account, change, by, "an account was administered");
            }
            SignInEvent::SignedOut { account, session } => event!(
                info "signed_out", %account, session = shortened(*session), "a person signed out"
            ),
            SignInEvent::ChangesLost { error } => event!(
                error "changes_lost", error, remedy = remedy(ErrorCode::StoreUnavailable),
                "the database does not answer; sessions that were live go on for the grace"
            ),
            SignInEvent::ChangesKnown => event!(info "changes_known", "the database answers again"),
            SignInEvent::RenewalNotStored { account, session, error } => event!(
                error "renewal_not_stored", %account, session = shortened(*session), error,
                "a session was renewed, but its idle limit counts from the renewal before"
            ),
            SignInEvent::RecordLost { reference, error } => event!(
                error "record_lost", reference = reference.as_str(), error,
                "the trail of a sign-in could not be stored"
            ),
        }
    }

    fn finished(&self, trail: &Trail) {
        let provider = trail.provider.as_ref().map(ProviderId::as_str);
        match &trail.outcome {
            Outcome::SignedIn { account, session, created } => event!(
                info "signed_in", provider, %account, session = shortened(*session), created,
                "a person signed in"
            ),
            Outcome::Refused { code, error, .. } if trail.way == Way::Check => event!(
                error "check_failed", code = code.as_str(), error, remedy = remedy(*code),
                "a request could not be checked and counts as not signed in"
            ),
            Outcome::Refused { code, error, explanation } => {
                refused(trail.reference.as_str(), provider, *code, error, *explanation);
            }
            Outcome::ProofDue { .. }
            | Outcome::PasswordChangeDue { .. }
            | Outcome::Renewed { .. }
            | Outcome::NotSignedIn { .. } => {}
        }
    }
}

/// The log is the record: each trail is one line, with its steps, for an operator who has the level `debug`
/// on.
#[async_trait]
impl SignInRecords for TracingLog {
    async fn store(&self, trail: &Trail) -> Result<(), StoreError> {
        event!(
            debug "trail", reference = trail.reference.as_str(),
            provider = trail.provider.as_ref().map(ProviderId::as_str),
            account = trail.account().map(|account| account.to_string()), steps = explain(trail),
            "the steps of a sign-in"
        );
        Ok(())
    }
}

fn refused(reference: &str, provider: Option<&str>, code: ErrorCode, error: &str, explanation: Option<&str>) {
    let remedy = remedy(code);
    if matches!(code, ErrorCode::Internal | ErrorCode::StoreUnavailable) {
        event!(error "refused", reference, code = code.as_str(), provider, error, remedy, "refused");
    } else {
        event!(
            warn "refused", reference, code = code.as_str(), provider, error, explanation, remedy, "refused"
        );
    }
}

fn shortened(session: SessionId) -> String {
    session.to_string().chars().take(6).chain(['…']).collect()
}
