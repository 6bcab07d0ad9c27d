use std::sync::atomic::Ordering;

use super::*;
use crate::access::Target;
use crate::access::testing::services;
use crate::error::ErrorCode;
use crate::people::AccountStatus;
use crate::ports::{Author, Changed, SessionChanges, Source};
use crate::sign_in::testing::{Scene, World, account, changes, presenting, session};
use crate::sign_in::{Evidence, NoPassage, NotSignedIn, Policy};

const RUNS: &str = "https://added.example/";

fn by() -> Administrator {
    Administrator::local_operator()
}

fn written(id: &str, url: &str) -> WrittenService {
    let (id, url) = (id.to_owned(), url.to_owned());
    WrittenService { name: id.clone(), id, url, ..WrittenService::default() }
}

fn only(mut written: WrittenService, group: &str) -> WrittenService {
    written.allowed.allow_groups = Some(vec![group.to_owned()]);
    written
}

/// A world in which the person of the one session is signed in.
fn world() -> World {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    world
}

/// The same with services in the configuration.
fn configured() -> Scene {
    let mut world = world();
    world.services = services();
    world.scene()
}

/// Returns the digest of the stored definition, as an administrator sees it.
fn seen(scene: &Scene, id: &str) -> DefinitionDigest {
    let now = scene.stored.now.lock().unwrap();
    now.list.iter().find(|it| it.id == id).map(StoredService::digest).unwrap_or_default()
}

/// A change of the service as it is stored.
fn to(scene: &Scene, written: WrittenService) -> ServiceChange {
    let seen = seen(scene, &written.id);
    ServiceChange::Change { written, seen }
}

/// The removal of the service as it is stored.
fn removal(scene: &Scene, id: &str) -> ServiceChange {
    ServiceChange::Remove { id: id.to_owned(), seen: seen(scene, id) }
}

async fn change(scene: &Scene, change: ServiceChange) -> Result<(), (ErrorCode, String)> {
    let changed = scene.sign_in.administration().change_service(&by(), &change).await;
    changed.map_err(|refusal| (refusal.error.code(), refusal.error.to_string()))
}

/// Returns whether a request with the pass of this host, or the session, may pass.
async fn pass(scene: &Scene, url: &str) -> Result<(), Option<ErrorCode>> {
    let target = Target::from_url(url, "GET").unwrap();
    let token = if target.host() == "lab.example" {
        scene.session_token()
    } else {
        scene.pass(&format!("https://{}", target.host()))
    };
    match scene
        .sign_in
        .access()
        .check(&target, Evidence { cookie: Some(&token), access_token: None }, Source::default())
        .await
    {
        Ok(_) => Ok(()),
        Err(NoPassage::Refused(refusal)) => Err(Some(refusal.error.code())),
        Err(NoPassage::NotSignedIn(_) | NoPassage::NoToken(_)) => Err(None),
    }
}

const NOWHERE: Result<(), Option<ErrorCode>> = Err(Some(ErrorCode::TargetRefused));

#[tokio::test]
async fn a_service_is_in_force_at_once_where_it_is_added_changed_and_removed() {
    let scene = configured();
    assert_eq!(pass(&scene, RUNS).await, NOWHERE);
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    assert_eq!(pass(&scene, RUNS).await, Ok(()));
    change(&scene, to(&scene, only(written("added", RUNS), "physics"))).await.unwrap();
    assert_eq!(pass(&scene, RUNS).await, Err(Some(ErrorCode::NotPermitted)));
    change(&scene, to(&scene, written("added", "https://other.example/"))).await.unwrap();
    assert_eq!((pass(&scene, RUNS).await, pass(&scene, "https://other.example/").await), (NOWHERE, Ok(())));
    change(&scene, removal(&scene, "added")).await.unwrap();
    assert_eq!(pass(&scene, "https://other.example/").await, NOWHERE);
    let told = |event: SignInEvent| match event {
        SignInEvent::ServiceChanged { service, change, url, allows, by: Author::LocalOperator } => {
            let told = url.zip(allows).map(|(url, allows)| format!(" {url} {allows}"));
            Some(format!("{service} {change}{}", told.unwrap_or_default()))
        }
        _ => None,
    };
    let told: Vec<_> = scene.log.events().into_iter().filter_map(told).collect();
    assert_eq!(
        told,
        [
            "added added https://added.example/ every user",
            "added changed https://added.example/ the group physics",
            "added changed https://other.example/ every user",
            "added removed",
        ]
    );
}

#[tokio::test]
async fn a_change_elsewhere_is_in_force_within_a_second_for_one_question() {
    let scene = configured();
    assert_eq!(pass(&scene, RUNS).await, NOWHERE);
    let definition = serde_json::to_string(&written("added", RUNS)).unwrap();
    scene.stored.write("added", &definition);
    scene.clock.advance(1);
    for _ in 0..3 {
        assert_eq!(pass(&scene, RUNS).await, Ok(()));
        scene.clock.advance(1);
    }
    assert_eq!(scene.stored.asked.load(Ordering::Relaxed), 1, "asked although nothing had changed");
    let state = scene.sign_in.hand_over();
    let target = Target::from_url(RUNS, "GET").unwrap();
    let entering = state.begin(&target, Source::default()).await.unwrap();
    let token = scene.session_token();
    let handed = state.hand_over(&presenting(&token), &target, entering.state).await.unwrap();

    let now = scene.stored.now.lock().unwrap().revision.clone();
    crate::ports::ServiceStore::remove(&*scene.stored, "added", &now).await.unwrap();
    scene.clock.advance(1);
    assert_eq!(pass(&scene, RUNS).await, NOWHERE, "the pass of a service that is gone");
    let secret = Some(entering.secret.as_str());
    let code = handed.code.to_text();
    let entered = state.enter(&target, &code, entering.state, secret, Source::default()).await;
    assert_eq!(entered.unwrap_err().error.code(), ErrorCode::AttemptUnknown, "its code");
    let begun = state.begin(&target, Source::default()).await;
    assert_eq!(begun.unwrap_err().error.code(), ErrorCode::TargetRefused);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_a_whole_as_in_the_configuration() {
    let scene = configured();
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    let before = scene.stored.now.lock().unwrap().clone();
    let code_on_lab_host =
        WrittenService { runs_user_code: Some(true), ..written("x", "https://lab.example/x") };
    for (attempt, code, said) in [
        (ServiceChange::Add(written("added", "https://x.example")), ErrorCode::ServiceInvalid, "id of two"),
        (ServiceChange::Add(written("mlflow", "https://x.example")), ErrorCode::ServiceInvalid, "id of two"),
        (ServiceChange::Add(written("x", RUNS)), ErrorCode::ServiceInvalid, "one address"),
        (
            ServiceChange::Add(written("x", "https://added.example:8443")),
            ErrorCode::ServiceInvalid,
            "cookies",
        ),
        (ServiceChange::Add(written("x", "http://x.example")), ErrorCode::ServiceInvalid, "scheme"),
        (
            ServiceChange::Add(written("x", "https://lab.example/x")),
            ErrorCode::ServiceInvalid,
            "runs_user_code",
        ),
        (ServiceChange::Add(code_on_lab_host), ErrorCode::ServiceInvalid, "Labgate's own origin"),
        (
            ServiceChange::Add(written("x", "https://notebooks.example/x")),
            ErrorCode::ServiceInvalid,
            "the origin of",
        ),
        (ServiceChange::Add(written("X", "https://x.example")), ErrorCode::ServiceInvalid, "id \"X\""),
        (to(&scene, written("mlflow", RUNS)), ErrorCode::ServiceConfigured, "configuration"),
        (to(&scene, written("x", "https://x.example")), ErrorCode::ServiceUnknown, "no service"),
        (removal(&scene, "notebooks"), ErrorCode::ServiceConfigured, "configuration"),
        (removal(&scene, "x"), ErrorCode::ServiceUnknown, "no service"),
    ] {
        let (refused, text) = change(&scene, attempt.clone()).await.unwrap_err();
        assert_eq!(refused, code, "{attempt:?}: {text}");
        assert!(text.contains(said), "{attempt:?}: {text}");
    }
    let groups = vec!["g".repeat(60); 600];
    let mut long = written("x", "https://x.example");
    long.allowed.allow_groups = Some(groups);
    let rule = vec![crate::access::WrittenRule::default(); 101];
    for large in [long, WrittenService { rule, ..written("x", "https://x.example") }] {
        let (_, text) = change(&scene, ServiceChange::Add(large)).await.unwrap_err();
        assert!(text.contains("at most 100 rules, 32 KiB"), "{text}");
    }
    let within =
        WrittenService { runs_user_code: Some(false), ..written("x", "https://lab.example/mlflow/x") };
    let (_, text) = change(&scene, ServiceChange::Add(within)).await.unwrap_err();
    assert!(text.contains("lies within mlflow"), "{text}");
    assert_eq!(*scene.stored.now.lock().unwrap(), before, "nothing was changed");
}

#[tokio::test]
async fn what_another_administrator_changed_meanwhile_is_neither_overwritten_nor_removed() {
    let scene = configured();
    let outdated = || Err((ErrorCode::DefinitionChanged, ServiceError::DefinitionChanged.to_string()));
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    let [first, second] = ["ml", "staff"].map(|group| to(&scene, only(written("added", RUNS), group)));
    let removed = removal(&scene, "added");
    change(&scene, first).await.unwrap();
    let after_first = scene.stored.now.lock().unwrap().clone();
    assert_eq!(change(&scene, second).await, outdated());
    assert_eq!(change(&scene, removed.clone()).await, outdated());
    let unseen = ServiceChange::Remove { id: "added".to_owned(), seen: DefinitionDigest::default() };
    assert_eq!(change(&scene, unseen).await, outdated());
    assert_eq!(*scene.stored.now.lock().unwrap(), after_first, "the first change stayed");

    // Back to what was seen: nothing of it is lost by the other change.
    change(&scene, to(&scene, written("added", RUNS))).await.unwrap();
    change(&scene, removed.clone()).await.unwrap();
    assert_eq!(change(&scene, removed).await.unwrap_err().0, ErrorCode::ServiceUnknown);
}

#[tokio::test]
async fn a_change_between_reading_and_writing_is_seen_and_not_overwritten() {
    let scene = configured();
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    let mine = to(&scene, only(written("added", RUNS), "ml"));
    let theirs = serde_json::to_string(&only(written("added", RUNS), "staff")).unwrap();
    *scene.stored.before_put.lock().unwrap() =
        Some(StoredService { id: "added".to_owned(), definition: theirs.clone() });
    assert_eq!(change(&scene, mine).await.unwrap_err().0, ErrorCode::DefinitionChanged);
    assert_eq!(scene.stored.now.lock().unwrap().list[0].definition, theirs);

    // One of another service is no reason to refuse.
    let mine = to(&scene, only(written("added", RUNS), "ml"));
    *scene.stored.before_put.lock().unwrap() =
        Some(StoredService { id: "other".to_owned(), definition: "{}".to_owned() });
    change(&scene, mine).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_or_conflicts_is_left_out_and_refused_and_said_once() {
    let scene = configured();
    let open = written("open", "https://apps.example/");
    change(&scene, ServiceChange::Add(open)).await.unwrap();
    for (id, definition) in [
        ("newer", r#"{"id":"newer","name":"x","url":"https://apps.example/secret","allow_quantum":["a"]}"#),
        ("twin", r#"{"id":"twin","name":"x","url":"https://notebooks.example/"}"#),
        ("within", r#"{"id":"within","name":"x","url":"https://lab.example/mlflow/x","allow":"public"}"#),
        ("other", r#"{"id":"else","name":"x","url":"https://apps.example/other"}"#),
        ("broken", "{}"),
    ] {
        scene.stored.write(id, definition);
    }
    scene.clock.advance(1);
    assert_eq!(pass(&scene, "https://apps.example/").await, Ok(()));
    for closed in ["secret", "secret/x", "other"] {
        assert_eq!(pass(&scene, &format!("https://apps.example/{closed}")).await, NOWHERE, "{closed}");
    }
    assert_eq!(pass(&scene, "https://apps.example/secrets").await, Ok(()), "another path");
    for closed in ["x", "x/y", "x/public"] {
        assert_eq!(pass(&scene, &format!("https://lab.example/mlflow/{closed}")).await, NOWHERE, "{closed}");
    }
    let mlflow = pass(&scene, "https://lab.example/mlflow/xy").await;
    assert_eq!(mlflow, Err(Some(ErrorCode::NotPermitted)), "the configuration's own condition");
    let notebooks = pass(&scene, "https://notebooks.example/").await;
    assert_eq!(notebooks, Err(Some(ErrorCode::NotPermitted)), "the very address of the configuration's");
    for url in ["https://apps.example/secret", "https://apps.example/secret/x"] {
        let (code, text) = change(&scene, ServiceChange::Add(written("new", url))).await.unwrap_err();
        assert!(code == ErrorCode::ServiceInvalid && text.contains("https://apps.example/secret/"), "{text}");
    }

    let by = by();
    let listed = scene.sign_in.administration().services(&by).await.unwrap();
    let left_out: Vec<_> =
        listed.added().iter().filter(|it| it.service.is_err()).map(|it| it.id.as_str()).collect();
    assert_eq!(left_out, ["broken", "newer", "other", "twin", "within"]);
    scene.clock.advance(1);
    assert_eq!(pass(&scene, "https://apps.example/").await, Ok(()));
    let said = scene.log.events().into_iter().filter_map(|event| match event {
        SignInEvent::ServiceLeftOut { service, reason } => Some((service.to_string(), reason.to_string())),
        _ => None,
    });
    let said: Vec<_> = said.collect();
    assert_eq!(said.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), left_out, "once each");
    assert!(said[1].1.contains("allow_quantum"), "{said:?}");

    // Nothing of it is lost, and it can be removed.
    assert_eq!(scene.stored.now.lock().unwrap().list.len(), 6);
    change(&scene, removal(&scene, "newer")).await.unwrap();
    assert_eq!(pass(&scene, "https://apps.example/secret").await, Ok(()));
}

#[tokio::test]
async fn while_the_services_cannot_be_read_nothing_is_taken_for_known() {
    let scene = configured();
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    assert_eq!(pass(&scene, RUNS).await, Ok(()));
    scene.stored.write("added", &serde_json::to_string(&only(written("added", RUNS), "none")).unwrap());
    scene.stored.is_failing.store(true, Ordering::Relaxed);
    scene.clock.advance(1);
    // As when the database does not answer: by what was known, and for the grace alone.
    assert_eq!(pass(&scene, RUNS).await, Ok(()));
    assert!(scene.log.events().iter().any(|event| matches!(event, SignInEvent::ChangesLost { .. })));
    scene.stored.is_failing.store(false, Ordering::Relaxed);
    scene.clock.advance(1);
    assert_eq!(pass(&scene, RUNS).await, Err(Some(ErrorCode::NotPermitted)));
}

#[tokio::test]
async fn while_the_services_cannot_be_read_a_session_that_ends_is_ended_all_the_same() {
    let mut world = World::default();
    let mut looks = 0;
    world.sessions.expect_find().returning(move |_| {
        looks += 1;
        Ok((looks == 1).then(session))
    });
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    let stored = Arc::clone(&world.stored);
    let mut asked = 0;
    world.sessions.expect_changes_since().returning(move |_| {
        asked += 1;
        let changed: &[Changed] = if asked == 2 { &[Changed::Session(session().id)] } else { &[] };
        Ok(SessionChanges { services: stored.now.lock().unwrap().revision.clone(), ..changes(changed) })
    });
    let scene = world.scene();
    let token = scene.session_token();
    let check = || async { scene.sign_in.requests().check(&token).await.map(drop) };
    assert_eq!(check().await, Ok(()));
    scene.stored.write("added", "{}");
    scene.stored.is_failing.store(true, Ordering::Relaxed);
    scene.clock.advance(1);
    assert_eq!(check().await, Err(NotSignedIn::SessionEnded));
    assert!(scene.log.events().iter().any(|event| matches!(event, SignInEvent::ChangesLost { .. })));
}

#[tokio::test]
async fn what_was_told_of_services_too_long_ago_is_known_no_longer() {
    let scene = configured();
    let mut open = written("open", "https://open.example/");
    open.allowed.allow = Some("public".to_owned());
    change(&scene, ServiceChange::Add(open)).await.unwrap();
    let public = Target::from_url("https://open.example/", "GET").unwrap();
    let unknown = Target::from_url("https://none.example/", "GET").unwrap();
    let health = Target::from_url("https://lab.example/mlflow/health", "GET").unwrap();
    let check = async |target: &Target| match scene
        .sign_in
        .access()
        .check(target, Evidence::default(), Source::default())
        .await
    {
        Ok(_) => Ok(()),
        Err(NoPassage::Refused(refusal)) => Err(Some(refusal.error.code())),
        Err(_) => Err(None),
    };
    let unavailable = Err(Some(ErrorCode::StoreUnavailable));
    assert_eq!((check(&public).await, check(&unknown).await), (Ok(()), NOWHERE));
    scene.stored.write("newer", "{}");
    scene.stored.is_failing.store(true, Ordering::Relaxed);
    let grace = i64::try_from(Policy::DATABASE_GRACE.as_secs()).unwrap();
    scene.clock.advance(grace);
    assert_eq!((check(&public).await, check(&unknown).await), (Ok(()), NOWHERE));
    scene.clock.advance(1);
    assert_eq!((check(&public).await, check(&unknown).await), (unavailable, unavailable));
    assert_eq!(check(&health).await, Ok(()), "the configuration is known");
    scene.stored.is_failing.store(false, Ordering::Relaxed);
    scene.clock.advance(1);
    assert_eq!((check(&public).await, check(&unknown).await), (Ok(()), NOWHERE));
}

#[tokio::test]
async fn a_lab_that_had_a_service_is_never_one_without_again() {
    let scene = world().scene();
    assert!(scene.sign_in.requests().services().await.is_lab_without_services());
    change(&scene, ServiceChange::Add(written("added", RUNS))).await.unwrap();
    change(&scene, removal(&scene, "added")).await.unwrap();
    let in_force = scene.sign_in.requests().services().await;
    assert!(!in_force.is_lab_without_services() && in_force.services().is_empty());

    let mut world = world();
    world.sessions.expect_changes_since().returning(|_| Err(crate::ports::StoreError("down".to_owned())));
    let unknown = world.scene();
    assert!(!unknown.sign_in.requests().services().await.is_lab_without_services(), "nothing is known yet");
}
