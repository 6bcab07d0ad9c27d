use super::*;
use crate::access::testing::services;
use crate::error::ErrorCode;
use crate::people::AccountStatus;
use crate::sign_in::testing::{Scene, World, account, session};

/// A scene in which the person of the one session is in these groups.
pub(in crate::sign_in) fn scene(groups: &[&str]) -> Scene {
    let mut world = World::default();
    world.services = services();
    let groups: Vec<String> = groups.iter().map(|it| (*it).to_owned()).collect();
    world
        .sessions
        .expect_find()
        .returning(move |_| Ok(Some(crate::session::Session { groups: groups.clone(), ..session() })));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    world.sessions.expect_end().returning(|_, _| Ok(()));
    world.scene()
}

fn target(url: &str) -> Target {
    Target::from_url(url, "GET").unwrap()
}

fn cookie(token: Option<&str>) -> Evidence<'_> {
    Evidence { cookie: token, access_token: None }
}

/// Returns the account that passes, or the code of the refusal.
async fn pass(scene: &Scene, url: &str, token: Option<&str>) -> Result<Option<String>, Option<ErrorCode>> {
    match scene.sign_in.access().check(&target(url), cookie(token), Source::default()).await {
        Ok(passage) => Ok(passage.request.map(|request| request.person.username.to_string())),
        Err(NoPassage::Refused(refusal)) => Err(Some(refusal.error.code())),
        Err(NoPassage::NotSignedIn(_) | NoPassage::NoToken(_)) => Err(None),
    }
}

#[tokio::test]
async fn the_rule_decides_about_the_person_of_the_session() {
    let staff = scene(&["staff"]);
    let token = staff.session_token();
    let ada = Ok(Some("ada@example.com".to_owned()));
    assert_eq!(pass(&staff, "https://lab.example/mlflow/", Some(&token)).await, ada);
    assert_eq!(pass(&staff, "https://lab.example/mlflow/", None).await, Err(None));
    assert_eq!(pass(&staff, "https://lab.example/mlflow/health", None).await, Ok(None));
    // Nothing is told about anybody where everybody passes.
    assert_eq!(pass(&staff, "https://lab.example/mlflow/health", Some(&token)).await, Ok(None));
    let refused = pass(&staff, "https://lab.example/mlflow/admin/", Some(&token)).await;
    assert_eq!(refused, Err(Some(ErrorCode::NotPermitted)));
    let guest = scene(&["guests"]);
    let refused = pass(&guest, "https://lab.example/mlflow/", Some(&guest.session_token())).await;
    assert_eq!(refused, Err(Some(ErrorCode::NotPermitted)));
    for nowhere in
        ["https://lab.example/", "https://evil.example/mlflow/", "https://lab.example/mlflow/..%2f"]
    {
        let refused = pass(&staff, nowhere, Some(&token)).await;
        assert_eq!(refused, Err(Some(ErrorCode::TargetRefused)), "{nowhere}");
    }
}

#[tokio::test]
async fn no_token_is_taken_for_one_of_another_kind_or_origin() {
    let scene = scene(&["staff"]);
    let (session, pass_here) = (scene.session_token(), scene.pass("https://notebooks.example"));
    let (lab, notebooks) = ("https://lab.example/mlflow/", "https://notebooks.example/");
    let ada = Ok(Some("ada@example.com".to_owned()));
    assert_eq!(pass(&scene, lab, Some(&session)).await, ada);
    assert_eq!(pass(&scene, notebooks, Some(&pass_here)).await, ada);
    // Each was checked a moment ago, so that the memory knows it.
    assert_eq!(pass(&scene, notebooks, Some(&session)).await, Err(None));
    assert_eq!(pass(&scene, lab, Some(&pass_here)).await, Err(None));
    let elsewhere = scene.pass("https://other.example");
    assert_eq!(pass(&scene, notebooks, Some(&elsewhere)).await, Err(None));
    assert!(scene.sign_in.requests().check(&pass_here).await.is_err());
    let person = pass_person(&scene, &session).await;
    let assertion = scene.sign_in.access().assertion(services().find("mlflow").unwrap(), &person).unwrap();
    assert_eq!(pass(&scene, lab, Some(assertion.expose())).await, Err(None));
    assert_eq!(pass(&scene, notebooks, Some(assertion.expose())).await, Err(None));
}

#[tokio::test]
async fn a_pass_dies_with_its_session_and_is_renewed_while_that_lives() {
    let scene = scene(&["staff"]);
    let pass_here = scene.pass("https://notebooks.example");
    let access = scene.sign_in.access();
    scene.clock.advance(1000);
    let passage = access
        .check(&target("https://notebooks.example/"), cookie(Some(&pass_here)), Source::default())
        .await;
    let renewed = passage.unwrap().request.unwrap().renewed.unwrap();
    let claims = scene.tokens.authenticate_pass("https://notebooks.example", renewed.expose()).unwrap();
    assert_eq!(claims.sid, session().id);
    scene
        .sign_in
        .sessions()
        .sign_out(&crate::sign_in::testing::presenting(&scene.session_token()))
        .await
        .unwrap();
    for pass_here in [pass_here.as_str(), renewed.expose()] {
        assert_eq!(pass(&scene, "https://notebooks.example/", Some(pass_here)).await, Err(None));
    }
}

async fn pass_person(scene: &Scene, token: &str) -> Arc<SessionPerson> {
    scene.sign_in.requests().check(token).await.unwrap().person
}

#[tokio::test]
async fn an_assertion_is_signed_once_in_half_a_minute_and_says_what_the_service_may_know() {
    let scene = scene(&["staff", "secret"]);
    let person = pass_person(&scene, &scene.session_token()).await;
    let (access, services) = (scene.sign_in.access(), services());
    let mlflow = services.find("mlflow").unwrap();
    let first = access.assertion(mlflow, &person).unwrap();
    scene.clock.advance(29);
    assert_eq!(access.assertion(mlflow, &person).unwrap().expose(), first.expose());
    scene.clock.advance(1);
    assert_ne!(access.assertion(mlflow, &person).unwrap().expose(), first.expose());
    let claims: AssertionClaims = serde_json::from_str(first.expose()).unwrap();
    assert_eq!((claims.aud.as_str(), claims.groups), ("mlflow", vec!["staff".to_owned()]));
    assert_eq!(claims.exp, claims.iat.plus(Duration::from_mins(1)));
    // Another finding about the person is told at once.
    let changed = Arc::new(SessionPerson { name: None, ..(*person).clone() });
    assert_ne!(access.assertion(mlflow, &changed).unwrap().expose(), first.expose());
    let runs = services.find("runs").unwrap();
    assert_ne!(access.assertion(runs, &person).unwrap().expose(), first.expose());
}
