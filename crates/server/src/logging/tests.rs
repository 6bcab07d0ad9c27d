use labgate_domain::error::{AttemptError, Reference, SignInError};
use labgate_domain::people::AccountId;
use labgate_domain::ports::{
    CallFailure, ProviderCall, ProviderError, SignInEvent, SignInLog as _, StoreError,
};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionId;
use labgate_domain::world::Entropy;
use serde_json::Value;

use super::testing::log_of;
use super::{LogFormat, TracingLog};
use crate::remedies::remedy;

const HOSTILE: &str = "a\r\nERROR forged\u{1b}[31m\u{9b}1m\u{202e}\u{2028}b\0";

fn json_lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one line that recording the event writes.
fn recorded(event: SignInEvent) -> Value {
    let log = log_of("info", LogFormat::Json, || TracingLog.record(event));
    let [line] = json_lines(&log).try_into().unwrap();
    line
}

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn provider() -> ProviderId {
    ProviderId::parse("external").unwrap()
}

fn account() -> AccountId {
    AccountId::parse("00000000-0000-7000-8000-000000000000").unwrap()
}

#[test]
fn c191_hostile_text_cannot_forge_a_line() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let log = log_of("info", format, || {
            let hostile = HOSTILE;
            tracing::info!(%hostile, "{hostile}");
            tracing::info!(hostile, "recorded as text");
            tracing::info!(?hostile, "recorded by Debug");
            let _span = tracing::info_span!("span", %hostile).entered();
            tracing::info!("in a span");
        });
        assert_eq!(log.lines().count(), 4, "{log}");
        let text = log.replace('\n', "");
        assert!(!text.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}')), "{text:?}");
    }
}

#[test]
fn c191_escaped_json_means_the_same() {
    let log = log_of("info", LogFormat::Json, || {
        let hostile = HOSTILE;
        tracing::info!(%hostile, "message");
    });
    assert_eq!(json_lines(&log)[0]["hostile"], HOSTILE);
}

#[test]
fn c191_a_provider_cannot_forge_a_refusal() {
    let reason = "x\n2026 WARN labgate::sign_in: event=\"signed_in\" \" event=\"signed_in".to_owned();
    let error = SignInError::Provider(ProviderError::unavailable(
        ProviderCall::Token,
        CallFailure::Connection,
        reason,
    ));
    let log = log_of("info", LogFormat::Text, || {
        TracingLog.record(SignInEvent::Refused {
            reference: Reference::fresh(&Sevens),
            provider: None,
            error: error.clone(),
            explanation: None,
        });
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    assert_eq!(log.matches(r#" event=""#).count(), 1, "{log}");
}

#[test]
fn a_refusal_tells_the_operator_all_in_one_line() {
    let reference = Reference::fresh(&Sevens);
    let line = recorded(SignInEvent::Refused {
        reference: reference.clone(),
        provider: Some(provider()),
        error: AttemptError::Expired.into(),
        explanation: None,
    });
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "labgate::sign_in");
    assert_eq!(line["event"], "refused");
    assert_eq!(line["reference"], reference.as_str());
    assert_eq!(line["code"], "attempt_expired");
    assert_eq!(line["provider"], "external");
    assert_eq!(line["error"], AttemptError::Expired.to_string());
    assert_eq!(line["remedy"], remedy(AttemptError::Expired.code()));
}

#[test]
fn a_failure_of_our_own_is_an_error() {
    let error = SignInError::Store(StoreError("disk full".to_owned()));
    let refused = recorded(SignInEvent::Refused {
        reference: Reference::fresh(&Sevens),
        provider: None,
        error: error.clone(),
        explanation: None,
    });
    assert_eq!((&refused["level"], &refused["code"]), (&"ERROR".into(), &"internal".into()));
    assert!(refused.get("provider").is_none(), "{refused}");
    let check = recorded(SignInEvent::CheckFailed { error });
    assert_eq!((&check["level"], &check["event"]), (&"ERROR".into(), &"check_failed".into()));
    assert_eq!(check["error"], "the store failed: disk full");
}

#[test]
fn c190_a_session_is_not_named_in_full() {
    let session = SessionId::fresh(&Sevens);
    for event in [
        SignInEvent::SignedIn { account: account(), session, provider: Some(provider()), created: true },
        SignInEvent::SignedOut { account: account(), session },
    ] {
        let line = recorded(event);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["account"], account().to_string());
        assert!(session.to_string().starts_with(line["session"].as_str().unwrap().trim_end_matches('…')));
        assert!(!line.to_string().contains(&session.to_string()));
    }
}

#[test]
fn the_other_events_have_a_line_each() {
    let started = recorded(SignInEvent::Started { provider: provider() });
    assert_eq!((&started["event"], &started["level"]), (&"started".into(), &"INFO".into()));
    let kept = recorded(SignInEvent::EmailKept { account: account() });
    assert_eq!((&kept["event"], &kept["level"]), (&"email_kept".into(), &"WARN".into()));
    let changed = recorded(SignInEvent::PasswordChanged { account: account() });
    assert_eq!(
        (&changed["event"], &changed["account"]),
        (&"password_changed".into(), &account().to_string().into())
    );
}

#[test]
fn a_sign_in_without_a_provider_is_one_with_a_password() {
    let session = SessionId::fresh(&Sevens);
    let by =
        |provider| recorded(SignInEvent::SignedIn { account: account(), session, provider, created: false });
    assert_eq!(by(Some(provider()))["provider"], "external");
    let with_a_password = by(None);
    assert_eq!(with_a_password["event"], "signed_in");
    assert!(with_a_password.get("provider").is_none(), "{with_a_password}");
}

#[test]
fn what_was_done_to_an_account_is_told_with_who_did_it() {
    let done = |by| recorded(SignInEvent::Administered { account: account(), change: "disabled", by });
    let by_somebody = done(Some(account()));
    assert_eq!((&by_somebody["event"], &by_somebody["change"]), (&"administered".into(), &"disabled".into()));
    assert_eq!(by_somebody["by"], account().to_string());
    assert!(done(None).get("by").is_none());
}

#[test]
fn configuration_md_names_every_event_and_no_other() {
    let code = include_str!("sign_in_log.rs");
    let events = code.split("event = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let written: std::collections::BTreeSet<&str> = events.collect();
    let document = include_str!("../../../../docs/configuration.md");
    let (_, rest) = document.split_once("The field `event` says what happened: ").unwrap();
    let (sentence, _) = rest.split_once(". Where they apply").unwrap();
    let named: std::collections::BTreeSet<&str> = sentence.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, written);
}
