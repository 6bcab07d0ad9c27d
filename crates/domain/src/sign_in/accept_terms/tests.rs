use std::sync::{Arc, Mutex};

use super::*;
use crate::access::Target;
use crate::error::ErrorCode;
use crate::people::{
    AccountStatus, GroupName, GroupPatch, LocalGroups, RequiredTerms, Role, TermsDigest, TermsVersion,
};
use crate::ports::Source;
use crate::sign_in::testing::{NOW, Scene, World, account, presenting, session};
use crate::sign_in::{Evidence, NoPassage, NotSignedIn};
use crate::time::Timestamp;

fn accepted(version: &str) -> AcceptedTerms {
    let at = Timestamp::from_unix_seconds(NOW - 500);
    AcceptedTerms { version: TermsVersion::parse(version).unwrap(), digest: None, at }
}

fn shown() -> TermsDigest {
    TermsDigest::of("Be kind.")
}

/// A lab in which everybody must accept version 2, and the account of an administrator in its store.
fn asking(before: Vec<AcceptedTerms>) -> (Scene, Arc<Mutex<Account>>) {
    let staff = GroupPatch { add: GroupName::typed_list("staff").unwrap(), remove: Vec::new() };
    let groups = LocalGroups::default().patched(&staff).unwrap();
    let account =
        Account { role: Role::Admin, groups, accepted_terms: before, ..account(AccountStatus::Active) };
    let stored = Arc::new(Mutex::new(account));
    let mut world = World::default();
    world.services = crate::access::testing::services();
    world.terms = Some(RequiredTerms { version: TermsVersion::parse("2").unwrap(), digest: shown() });
    let found = Arc::clone(&stored);
    world.accounts.expect_find().returning(move |_| Ok(Some(found.lock().unwrap().clone())));
    let kept = Arc::clone(&stored);
    world.accounts.expect_accept_terms().returning(move |_, terms| {
        let mut account = kept.lock().unwrap();
        let is_new = account.accepted_terms.iter().all(|it| it.version != terms.version);
        if is_new {
            account.accepted_terms.push(terms.clone());
        }
        Ok(is_new)
    });
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    (world.scene(), stored)
}

fn token(scene: &Scene, stored: &Mutex<Account>) -> String {
    scene.token(&stored.lock().unwrap(), &session())
}

fn acceptances(scene: &Scene) -> usize {
    let is_acceptance = |event: &SignInEvent| matches!(event, SignInEvent::TermsAccepted { .. });
    scene.log.events().iter().filter(|event| is_acceptance(event)).count()
}

fn with(cookie: &str) -> Evidence<'_> {
    Evidence { cookie: Some(cookie), access_token: None }
}

#[tokio::test]
async fn a_session_opens_nothing_of_the_lab_until_its_person_accepts() {
    for before in [Vec::new(), vec![accepted("1")]] {
        let (scene, stored) = asking(before);
        let (token, visitor) = (token(&scene, &stored), Source::default());
        let (requests, access) = (scene.sign_in.requests(), scene.sign_in.access());
        // The second time from memory.
        for _ in 0..2 {
            assert_eq!(requests.check(&token).await.unwrap_err(), NotSignedIn::TermsDue);
            assert!(requests.recognize(&token).await.is_ok());
            for (url, token) in [
                ("https://lab.example/mlflow/", token.clone()),
                ("https://notebooks.example/", scene.pass("https://notebooks.example")),
            ] {
                let target = Target::from_url(url, "GET").unwrap();
                let refused = access.check(&target, with(&token), visitor).await.unwrap_err();
                assert!(matches!(refused, NoPassage::NotSignedIn(NotSignedIn::TermsDue)), "{refused:?}");
            }
        }
        let public = Target::from_url("https://lab.example/mlflow/health", "GET").unwrap();
        assert!(access.check(&public, with(&token), visitor).await.is_ok());
        let reader = scene.sign_in.administration().reader(&presenting(&token)).await;
        assert_eq!(reader.unwrap_err().error.code(), ErrorCode::TermsDue);
        assert!(scene.sign_in.accounts().account(&presenting(&token)).await.is_ok());

        let new = scene.sign_in.accounts().accept_terms("2", shown().as_str(), &presenting(&token)).await;
        let new = new.unwrap().unwrap();
        assert_ne!(new.expose(), token, "no replica remembers it");
        assert!(requests.check(new.expose()).await.is_ok() && requests.check(&token).await.is_ok());
        assert!(scene.sign_in.administration().reader(&presenting(&token)).await.is_ok());
    }
}

#[tokio::test]
async fn terms_are_accepted_once_and_the_first_time_stays() {
    let (scene, stored) = asking(vec![accepted("1")]);
    let token = token(&scene, &stored);
    for _ in 0..2 {
        scene.sign_in.accounts().accept_terms("2", shown().as_str(), &presenting(&token)).await.unwrap();
        let at = Timestamp::from_unix_seconds(NOW);
        let second = AcceptedTerms { at, digest: Some(shown()), ..accepted("2") };
        assert_eq!(stored.lock().unwrap().accepted_terms, [accepted("1"), second]);
        scene.clock.advance(60);
    }
    assert_eq!(acceptances(&scene), 1);
}

#[tokio::test]
async fn who_accepted_a_version_is_not_asked_again_by_a_replica_that_still_asks_for_it() {
    // As during a rolling restart, in either order.
    for before in [vec![accepted("1"), accepted("2")], vec![accepted("2"), accepted("1")]] {
        let (scene, stored) = asking(before);
        let token = token(&scene, &stored);
        assert!(scene.sign_in.requests().check(&token).await.is_ok());
    }
}

#[tokio::test]
async fn another_version_or_text_than_the_present_one_is_not_accepted() {
    let (scene, stored) = asking(vec![accepted("1")]);
    let token = token(&scene, &stored);
    let (shown, another) = (shown(), TermsDigest::of("Be kinder."));
    let (shown, another) = (shown.as_str(), another.as_str());
    for (other, digest) in [("1", shown), ("3", shown), ("", shown), ("2 ", shown), ("2", another), ("2", "")]
    {
        let refused = scene.sign_in.accounts().accept_terms(other, digest, &presenting(&token)).await;
        assert_eq!(refused.unwrap_err().error.code(), ErrorCode::TermsChanged, "{other}");
    }
    let refused = scene.sign_in.accounts().accept_terms("2", shown, &Visitor::default()).await;
    assert_eq!(refused.unwrap_err().error.code(), ErrorCode::NotSignedIn);
    assert_eq!(stored.lock().unwrap().accepted_terms, [accepted("1")]);
    assert_eq!(acceptances(&scene), 0);
}

#[tokio::test]
async fn whom_the_terms_are_due_for_gets_no_code_and_no_pass() {
    let (scene, stored) = asking(vec![accepted("2")]);
    let hand_over = scene.sign_in.hand_over();
    let target = Target::from_url("https://notebooks.example/lab", "GET").unwrap();
    let entering = hand_over.begin(&target, Source::default()).await.unwrap();
    let session_token = token(&scene, &stored);
    let visitor = presenting(&session_token);
    let code = hand_over.hand_over(&visitor, &target, entering.state).await.unwrap().code.to_text();

    // As if the lab had started anew with another version in between.
    stored.lock().unwrap().accepted_terms = vec![accepted("1")];
    scene.sign_in.requests().forget_checks();
    let refused = hand_over.hand_over(&visitor, &target, entering.state).await;
    assert_eq!(refused.unwrap_err().error.code(), ErrorCode::TermsDue);
    let (secret, source) = (Some(entering.secret.as_str()), Source::default());
    let entered = hand_over.enter(&target, &code, entering.state, secret, source).await;
    assert_eq!(entered.unwrap_err().error.code(), ErrorCode::TermsDue);
}
