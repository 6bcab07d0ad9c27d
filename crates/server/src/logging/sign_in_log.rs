use labgate_domain::error::{ErrorCode, SignInError};
use labgate_domain::ports::{SignInEvent, SignInLog};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionId;

use crate::remedies::remedy;

/// Writes what happens to sign-ins and sessions into the log, a line an event, under the target `labgate::sign_in`.
///
/// The fields are stable: `event` (`started`, `signed_in`, `email_kept`, `refused`, `linked`, `unlinked`,
/// `password_changed`, `administered`, `signed_out`, `signed_out_elsewhere`, `signed_out_by_provider`, `not_admitted_again`,
/// `recheck_put_off`, `check_failed`) and, where they apply, `reference` (what the person quotes), `code`, `error`, `explanation`
/// (what the provider's own words mean, where they are known), `remedy`, `provider` (of a sign-in, none is a password), `account`,
/// `session` (its first characters: enough to follow it, not enough to name it), `created`, `change`, `issuer`, `sessions` and
/// `by`. A refusal is a warning; a failure of our own is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLog;

impl SignInLog for TracingLog {
    fn record(&self, event: SignInEvent) {
        match event {
            SignInEvent::Started { provider } => {
                tracing::info!(
                    target: TARGET, event = "started", provider = provider.as_str(),
                    "a browser was sent to the provider"
                );
            }
            SignInEvent::SignedIn { account, session, provider, created } => {
                let provider = provider.as_ref().map(ProviderId::as_str);
                tracing::info!(
                    target: TARGET, event = "signed_in", provider, %account,
                    session = shortened(session), created, "somebody signed in"
                );
            }
            SignInEvent::EmailKept { account } => {
                tracing::warn!(
                    target: TARGET, event = "email_kept", %account,
                    "the provider's new e-mail address is another account's, so the old one was kept"
                );
            }
            SignInEvent::Refused { reference, provider, error, explanation } => {
                let provider = provider.as_ref().map(ProviderId::as_str);
                refused(reference.as_str(), provider, &error, explanation);
            }
            SignInEvent::Linked { account, provider, change } => {
                tracing::info!(
                    target: TARGET, event = "linked", %account, provider = provider.as_str(),
                    change = change.as_str(), "another identity opens the account"
                );
            }
            SignInEvent::Unlinked { account, issuer } => {
                tracing::info!(
                    target: TARGET, event = "unlinked", %account, issuer = issuer.as_str(),
                    "an identity opens the account no more"
                );
            }
            SignInEvent::SignedOutByProvider { account, session, provider } => {
                tracing::info!(
                    target: TARGET, event = "signed_out_by_provider", %account, session = shortened(session),
                    provider = provider.as_str(), "the provider ended a session"
                );
            }
            SignInEvent::NotAdmittedAgain { account, session, provider, error, explanation } => {
                tracing::info!(
                    target: TARGET, event = "not_admitted_again", %account, session = shortened(session),
                    provider = provider.as_str(), code = error.code().as_str(), error = error.to_string(), explanation,
                    "the provider was asked again about somebody, and their session ended"
                );
            }
            SignInEvent::RecheckPutOff { provider, error, explanation } => {
                tracing::warn!(
                    target: TARGET, event = "recheck_put_off", provider = provider.as_str(),
                    code = error.code().as_str(), error = error.to_string(), explanation,
                    remedy = remedy(error.code()),
                    "the provider cannot be asked again about people who are signed in; their sessions go on"
                );
            }
            SignInEvent::SignedOutElsewhere { account, sessions } => {
                tracing::info!(
                    target: TARGET, event = "signed_out_elsewhere", %account, sessions,
                    "somebody ended sessions of theirs"
                );
            }
            SignInEvent::PasswordChanged { account } => {
                tracing::info!(
                    target: TARGET, event = "password_changed", %account, "somebody chose another password"
                );
            }
            SignInEvent::Administered { account, change, by } => {
                let by = by.map(|by| by.to_string());
                tracing::info!(
                    target: TARGET, event = "administered", %account, change, by, "an account was administered"
                );
            }
            SignInEvent::SignedOut { account, session } => {
                tracing::info!(
                    target: TARGET, event = "signed_out", %account, session = shortened(session),
                    "somebody signed out"
                );
            }
            SignInEvent::CheckFailed { error } => {
                let code = error.code();
                tracing::error!(
                    target: TARGET, event = "check_failed", code = code.as_str(), error = error.to_string(),
                    remedy = remedy(code), "a request could not be checked and counts as not signed in"
                );
            }
        }
    }
}

const TARGET: &str = "labgate::sign_in";

fn refused(reference: &str, provider: Option<&str>, error: &SignInError, explanation: Option<&str>) {
    let code = error.code();
    let (remedy, ours) = (remedy(code), code == ErrorCode::Internal);
    let code = code.as_str();
    let error = error.to_string();
    if ours {
        tracing::error!(target: TARGET, event = "refused", reference, code, provider, error, remedy, "{REFUSED}");
    } else {
        tracing::warn!(
            target: TARGET, event = "refused", reference, code, provider, error, explanation, remedy, "{REFUSED}"
        );
    }
}

const REFUSED: &str = "refused";

fn shortened(session: SessionId) -> String {
    session.to_string().chars().take(6).chain(['…']).collect()
}
