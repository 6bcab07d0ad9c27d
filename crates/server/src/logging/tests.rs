use std::time::Duration;

use labgate_domain::access_token::AccessTokenId;
use labgate_domain::error::{AccessError, AttemptError, PasswordError, Reference, SignInError};
use labgate_domain::people::{AccountId, GroupName, Username};
use labgate_domain::ports::{
    Author, CallFailure, Observer as _, Person, ProviderCall, ProviderError, SignInEvent, SignInRecords as _,
    Source, StoreError,
};
use labgate_domain::protocol::Issuer;
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionId;
use labgate_domain::sign_in::{Outcome, Trail, Way};
use labgate_domain::time::Timestamp;
use labgate_domain::world::Entropy;
use regex::Regex;
use serde_json::Value;

use super::testing::log_of;
use super::{LogFormat, TracingLog};
use crate::remedies::remedy;

const HOSTILE: &str = "a\r\nERROR forged\u{1b}[31m\u{9b}1m\u{202e}\u{2028}b\0";

fn json_lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one line that an event writes.
fn line_of(event: &SignInEvent) -> Value {
    let log = log_of("info", LogFormat::Json, || TracingLog::default().observe(event));
    let [line] = json_lines(&log).try_into().unwrap();
    line
}

/// The one line that a sign-in with this outcome writes.
fn line_of_trail(way: Way, provider: Option<ProviderId>, outcome: Outcome) -> Value {
    let trail = trail(way, provider, outcome);
    let log = log_of("info", LogFormat::Json, || TracingLog::default().finished(&trail));
    let [line] = json_lines(&log).try_into().unwrap();
    line
}

fn trail(way: Way, provider: Option<ProviderId>, outcome: Outcome) -> Trail {
    let at = Timestamp::from_unix_seconds(0);
    let reference = Reference::fresh(&Sevens);
    Trail {
        reference,
        way,
        provider,
        name: Some("ada".to_owned()),
        source: source(),
        began_at: at,
        ended_at: at,
        steps: Vec::new(),
        outcome,
    }
}

fn refused(error: &SignInError) -> Outcome {
    Outcome::Refused { code: error.code(), error: error.to_string(), explanation: None }
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

fn source() -> Source {
    Source::of([192, 0, 2, 7].into())
}

fn person() -> Person {
    Person { account: account(), name: Username::local("ada").unwrap(), source: source(), access_token: None }
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
    let trail = trail(Way::External, None, refused(&error));
    let log = log_of("info", LogFormat::Text, || TracingLog::default().finished(&trail));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert_eq!(log.matches(r#" event=""#).count(), 1, "{log}");
}

#[test]
fn a_refusal_tells_the_operator_all_in_one_line() {
    let reference = Reference::fresh(&Sevens);
    let line =
        line_of_trail(Way::External, Some(provider()), refused(&SignInError::from(AttemptError::Expired)));
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
    let line = line_of_trail(Way::Password, None, refused(&error));
    assert_eq!((&line["level"], &line["code"]), (&"ERROR".into(), &"store_unavailable".into()));
    assert!(line.get("provider").is_none(), "{line}");
    let check = line_of_trail(Way::Check, None, refused(&error));
    assert_eq!((&check["level"], &check["event"]), (&"ERROR".into(), &"check_failed".into()));
    assert_eq!(check["error"], "the store failed: disk full");
}

#[test]
fn c190_a_session_is_not_named_in_full() {
    let session = SessionId::fresh(&Sevens);
    let signed_in = Outcome::SignedIn { account: account(), session, created: true };
    for line in [
        line_of_trail(Way::External, Some(provider()), signed_in),
        line_of(&SignInEvent::SignedOut { person: person(), session }),
    ] {
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["account"], account().to_string());
        assert!(session.to_string().starts_with(line["session"].as_str().unwrap().trim_end_matches('…')));
        assert!(!line.to_string().contains(&session.to_string()));
    }
}

#[test]
fn the_other_events_have_a_line_each() {
    let started = line_of(&SignInEvent::Started { provider: provider() });
    assert_eq!((&started["event"], &started["level"]), (&"started".into(), &"INFO".into()));
    let kept = line_of(&SignInEvent::EmailConflict { person: person() });
    assert_eq!((&kept["event"], &kept["level"]), (&"email_conflict".into(), &"WARN".into()));
    let changed = line_of(&SignInEvent::PasswordChanged { person: person() });
    assert_eq!(
        (&changed["event"], &changed["account"]),
        (&"password_changed".into(), &account().to_string().into())
    );
}

#[test]
fn a_sign_in_without_a_provider_is_one_with_a_password() {
    let session = SessionId::fresh(&Sevens);
    let by = |provider| {
        let outcome = Outcome::SignedIn { account: account(), session, created: false };
        line_of_trail(Way::Password, provider, outcome)
    };
    assert_eq!(by(Some(provider()))["provider"], "external");
    let with_a_password = by(None);
    assert_eq!(with_a_password["event"], "signed_in");
    assert!(with_a_password.get("provider").is_none(), "{with_a_password}");
}

#[test]
fn a_change_of_an_account_is_logged_with_its_author() {
    let done = |by| {
        line_of(&SignInEvent::Administered {
            account: account(),
            name: Some(person().name),
            change: "disabled",
            by,
        })
    };
    let by_somebody = done(Author::Person(person()));
    assert_eq!((&by_somebody["event"], &by_somebody["change"]), (&"administered".into(), &"disabled".into()));
    assert_eq!(by_somebody["by"], account().to_string());
    assert_eq!(by_somebody["by_name"], "ada");
    assert_eq!((&by_somebody["source"], by_somebody.get("by_token")), (&"192.0.2.7".into(), None));
    let token = AccessTokenId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let by_program = done(Author::Person(Person { access_token: Some(token), ..person() }));
    assert_eq!(by_program["by_token"], token.to_string());
    assert_eq!(done(Author::LocalOperator)["by"], "local operator");
    assert_eq!(done(Author::Groups)["by"], "groups of the provider");
}

#[test]
fn f22_a_new_username_is_logged_with_the_former_one_and_the_author() {
    let [former, name] = ["ada", "lovelace"].map(|name| Username::parse(name).unwrap());
    let renamed =
        line_of(&SignInEvent::Renamed { account: account(), former, name, by: Author::Person(person()) });
    assert_eq!((&renamed["event"], &renamed["level"]), (&"renamed".into(), &"INFO".into()));
    assert_eq!((&renamed["former"], &renamed["name"]), (&"ada".into(), &"lovelace".into()));
    assert_eq!((&renamed["by"], &renamed["source"]), (&account().to_string().into(), &"192.0.2.7".into()));
}

#[test]
fn a_change_of_local_groups_is_logged_with_the_groups_and_the_author() {
    let groups = |list: &str| GroupName::typed_list(list).unwrap();
    let name = Username::local("ada").unwrap();
    let (added, removed) = (groups("gpu, a \" event=\"signed_in"), Vec::new());
    let by = Author::Person(person());
    let changed = line_of(&SignInEvent::GroupsChanged { account: account(), name, added, removed, by });
    assert_eq!((&changed["event"], &changed["name"]), (&"groups_changed".into(), &"ada".into()));
    assert_eq!(changed["added"], "gpu, a \" event=\"signed_in");
    assert_eq!(changed.get("removed"), None);
    assert_eq!((&changed["by"], &changed["source"]), (&account().to_string().into(), &"192.0.2.7".into()));
}

#[test]
fn a_trail_is_one_line_at_debug_with_its_steps() {
    let error = SignInError::from(AccessError::NotSignedIn);
    let trail = trail(Way::Password, None, refused(&error));
    let log = log_of("debug", LogFormat::Json, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(TracingLog::default().store(&trail)).unwrap();
    });
    let [line] = json_lines(&log).try_into().unwrap();
    assert_eq!((&line["event"], &line["level"]), (&"trail".into(), &"DEBUG".into()));
    assert_eq!(line["reference"], trail.reference.as_str());
    assert_eq!(line["steps"], format!("password sign-in; refused with not_signed_in: {error}"));
}

#[test]
fn configuration_md_names_every_event_and_no_other() {
    let code = include_str!("sign_in_log.rs");
    let events = ["debug \"", "info \"", "warn \"", "error \""].map(|level| code.split(level).skip(1));
    let written: std::collections::BTreeSet<&str> =
        events.into_iter().flatten().map(|rest| rest.split('"').next().unwrap()).collect();
    let document = include_str!("../../../../docs/configuration.md");
    let (_, rest) = document.split_once("The field `event` says what happened: ").unwrap();
    let (sentence, _) = rest.split_once(". Where they apply").unwrap();
    let named: std::collections::BTreeSet<&str> = sentence.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, written);
}

/// A failed or successful sign-in with a password, as its trail.
fn password_trail(outcome: Outcome, source: Source) -> Trail {
    Trail { source, ..trail(Way::Password, None, outcome) }
}

/// The documented expressions for the text and the JSON format, as fail2ban compiles them.
fn failregexes() -> [(LogFormat, Regex); 2] {
    let document = include_str!("../../../../docs/security.md");
    let mut written = document.lines().filter_map(|line| line.strip_prefix("failregex = "));
    [LogFormat::Text, LogFormat::Json].map(|format| {
        let subnet = r"(?P<host>[0-9a-fA-F:.]+(?:/\d+)?)";
        let written = written.next().unwrap().replace("<SUBNET>", subnet);
        (format, Regex::new(&written).unwrap())
    })
}

#[test]
fn f35_the_documented_filter_finds_each_failed_sign_in_and_no_other_line() {
    let wrong = || refused(&SignInError::from(PasswordError::Wrong));
    let too_fast = PasswordError::TooManyAttempts { retry_after: Duration::from_secs(3), turn: None };
    let too_fast = refused(&SignInError::from(too_fast));
    let v6 = Source::of("2001:db8:1:2::9".parse().unwrap());
    let proxy = Source::behind([10, 0, 0, 1].into());
    let forged = r#"x" source="198.51.100.9" WARN labgate::sign_in: refused event="refused" reference="A" code="credentials_wrong" source="198.51.100.9""#;
    let stamp = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    for (format, failregex) in failregexes() {
        let log = log_of("info", format, || {
            let log = TracingLog::default();
            log.finished(&password_trail(wrong(), source()));
            log.finished(&password_trail(wrong(), v6));
            let forging = Trail { name: Some(forged.to_owned()), ..password_trail(wrong(), source()) };
            log.finished(&forging);
            // From here on no line is a wrong password with an address. Others can make its owner wait, so a
            // wait bans nobody.
            log.finished(&password_trail(too_fast.clone(), source()));
            log.finished(&password_trail(wrong(), proxy));
            log.finished(&trail(Way::External, Some(provider()), refused(&AttemptError::Expired.into())));
            let session = SessionId::fresh(&Sevens);
            let signed_in = Outcome::SignedIn { account: account(), session, created: false };
            log.finished(&Trail { name: Some(forged.to_owned()), ..password_trail(signed_in, source()) });
            log.observe(&SignInEvent::SignedOut { person: person(), session });
            let (error, reference) = (forged.to_owned(), Reference::fresh(&Sevens));
            let code = AccessError::CsrfFailed.code();
            log.observe(&SignInEvent::Refused { reference, code, error, source: source() });
        });
        // fail2ban takes the time out of a line first; in JSON it leaves the quotes.
        let found: Vec<_> = log
            .lines()
            .map(|line| {
                let bare = stamp.replace(line, "");
                let host = |line| failregex.captures(line).map(|found| found["host"].to_owned());
                assert_eq!(host(line), host(&bare), "{line}");
                host(line)
            })
            .collect();
        let [v4, v6] = ["192.0.2.7", "2001:db8:1:2::/64"].map(|host| Some(host.to_owned()));
        assert_eq!(found, [v4.clone(), v6, v4, None, None, None, None, None, None], "{log}");
    }
}

#[test]
fn f35_a_line_states_name_source_and_way() {
    let session = SessionId::fresh(&Sevens);
    for outcome in [
        Outcome::SignedIn { account: account(), session, created: false },
        refused(&SignInError::from(PasswordError::Wrong)),
    ] {
        let line = line_of_trail(Way::Password, Some(provider()), outcome);
        assert_eq!((&line["name"], &line["source"]), (&"ada".into(), &"192.0.2.7".into()));
        assert_eq!((&line["way"], &line["provider"]), (&"password sign-in".into(), &"external".into()));
    }
    let required = line_of(&SignInEvent::LinkRequired {
        person: person(),
        provider: provider(),
        issuer: Issuer::parse("https://new.example.org").unwrap(),
        linked: vec![Issuer::parse("https://old.example.org").unwrap()],
    });
    assert_eq!((&required["event"], &required["level"]), (&"link_required".into(), &"WARN".into()));
    assert_eq!(required["issuer"], "https://new.example.org");
    assert_eq!(required["linked"], "https://old.example.org");
}

#[test]
fn f35_with_hash_addresses_no_address_is_in_the_log() {
    let log = log_of("info", LogFormat::Text, || {
        let log = TracingLog::hashing_addresses([7; 32]);
        log.finished(&password_trail(refused(&SignInError::from(PasswordError::Wrong)), source()));
        log.observe(&SignInEvent::PasswordChanged { person: person() });
    });
    assert!(!log.contains("192.0.2.7"), "{log}");
    assert_eq!(log.matches(&source().pseudonym(&[7; 32]).unwrap()).count(), 2, "{log}");
}
