use super::*;
use crate::access::testing::services;
use crate::access::{Service, Target, TokenUse};
use crate::access_token::AccessTokenId;
use crate::error::ErrorCode;
use crate::people::{
    AcceptedTerms, AccountId, AccountStatus, DisplayName, GroupPatch, Password, RequiredTerms, TermsDigest,
    TermsVersion,
};
use crate::ports::{Author, Changed, SignInEvent};
use crate::protocol::{Issuer, Subject};
use crate::sign_in::testing::{ISSUER, NOW, Scene, World, account, changes, session};
use crate::sign_in::{AccountPatch, AdminAct, Evidence, NoPassage, Policy, Proof, Visitor};

/// The one service that takes tokens, and one that does not.
const RUNS: &str = "https://lab.example/mlflow/runs/1";
const MLFLOW: &str = "https://lab.example/mlflow/";

fn text() -> String {
    format!("lgt_{}", "A".repeat(43))
}

fn token(scope: &str) -> AccessToken {
    AccessToken {
        id: AccessTokenId::parse("BBBBBBBBBBBBBBBBBBBBBA").unwrap(),
        account: account(AccountStatus::Active).id,
        name: DisplayName::new("CI").unwrap(),
        scope: TokenScope::parse(scope).unwrap(),
        identity: None,
        groups: vec!["staff".to_owned()],
        is_admitted: true,
        told_at: Timestamp::from_unix_seconds(NOW),
        made_at: Timestamp::from_unix_seconds(NOW),
        expires_at: Timestamp::from_unix_seconds(NOW + 7200),
        last_used_at: None,
    }
}

/// A world with one token, of an account of this status, and with the session of that account.
fn world(token: AccessToken, account: Account) -> World {
    let mut world = World::default();
    world.services = services();
    let known = AccessTokenText::parse(&text()).unwrap().hash();
    world.access_tokens.expect_find().returning(move |hash| Ok((*hash == known).then(|| token.clone())));
    world.accounts.expect_find().returning(move |_| Ok(Some(account.clone())));
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world
}

fn active() -> Account {
    account(AccountStatus::Active)
}

fn scene(scope: &str) -> Scene {
    let mut world = world(token(scope), active());
    world.access_tokens.expect_touch().returning(|_, _| Ok(()));
    world.scene()
}

/// Returns who passes, or the code of the refusal.
async fn pass(scene: &Scene, url: &str, evidence: Evidence<'_>) -> Result<String, Option<ErrorCode>> {
    let target = Target::from_url(url, "GET").unwrap();
    match scene.sign_in.access().check(&target, evidence, Source::default()).await {
        Ok(passage) => Ok(passage.request.unwrap().person.username.to_string()),
        Err(NoPassage::Refused(refusal)) => Err(Some(refusal.error.code())),
        Err(NoPassage::NotSignedIn(_) | NoPassage::NoToken(_)) => Err(None),
    }
}

fn bearing(text: &str) -> Evidence<'_> {
    Evidence { access_token: Some(text), cookie: None }
}

#[tokio::test]
async fn a_token_opens_the_services_of_its_scope_that_take_tokens() {
    let ada = Ok("ada@example.com".to_owned());
    let refused = Err(Some(ErrorCode::InsufficientScope));
    assert_eq!(pass(&scene("runs"), RUNS, bearing(&text())).await, ada);
    assert_eq!(pass(&scene("mlflow api:admin"), RUNS, bearing(&text())).await, refused);
    assert_eq!(pass(&scene("runs mlflow"), MLFLOW, bearing(&text())).await, refused);
    // The rule of the service is asked besides.
    let groupless = AccessToken { groups: Vec::new(), ..token("runs") };
    let mut world = world(groupless, active());
    world.access_tokens.expect_touch().returning(|_, _| Ok(()));
    assert_eq!(pass(&world.scene(), RUNS, bearing(&text())).await, Err(Some(ErrorCode::NotPermitted)));
}

#[tokio::test]
async fn a_token_is_never_passed_over_for_a_session() {
    let scene = scene("runs");
    let cookie = scene.session_token();
    for (url, text, code) in [
        (RUNS, "lgt_unknown".to_owned(), ErrorCode::AccessTokenInvalid),
        (MLFLOW, text(), ErrorCode::InsufficientScope),
    ] {
        let both = Evidence { cookie: Some(&cookie), access_token: Some(&text) };
        assert_eq!(pass(&scene, url, both).await, Err(Some(code)), "{url}");
    }
}

#[tokio::test]
async fn where_tokens_alone_pass_no_session_does() {
    let mut world = world(token("runs"), active());
    world.access_tokens.expect_touch().returning(|_, _| Ok(()));
    let mut list: Vec<_> = services().iter().map(|it| Service::clone(it)).collect();
    for service in &mut list {
        service.tokens = TokenUse::Only;
    }
    world.services = crate::access::Services::new(list, &crate::access::testing::lab()).unwrap();
    let scene = world.scene();
    let cookie = scene.session_token();
    let with_session = Evidence { cookie: Some(&cookie), access_token: None };
    assert_eq!(pass(&scene, RUNS, with_session).await, Err(Some(ErrorCode::AccessTokenInvalid)));
    assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok());
}

#[tokio::test]
async fn no_kind_of_token_is_taken_for_an_access_token_or_the_other_way() {
    let scene = scene("runs notebooks");
    let (here, notebooks) = (RUNS, "https://notebooks.example/");
    assert!(pass(&scene, here, bearing(&text())).await.is_ok(), "so that the memory knows it");
    let person = scene.sign_in.requests().check(&scene.session_token()).await.unwrap().person;
    let assertion = scene.sign_in.access().assertion(services().find("runs").unwrap(), &person).unwrap();
    for other in
        [scene.session_token(), scene.pass("https://notebooks.example"), assertion.expose().to_owned()]
    {
        let invalid = Err(Some(ErrorCode::AccessTokenInvalid));
        assert_eq!(pass(&scene, here, bearing(&other)).await, invalid, "{other}");
    }
    for url in [here, notebooks] {
        let cookie = Evidence { cookie: Some(&text()), access_token: None };
        assert_eq!(pass(&scene, url, cookie).await, Err(None), "{url}");
    }
    assert!(scene.sign_in.requests().check(&text()).await.is_err());
    let admin = Visitor { session_token: Some(&text()), ..Visitor::default() };
    assert!(scene.sign_in.administration().reader(&admin).await.is_err());
}

#[tokio::test]
async fn what_is_over_opens_nothing_and_is_not_counted() {
    let valid = token("runs");
    for (token, account) in [
        (AccessToken { expires_at: Timestamp::from_unix_seconds(NOW), ..valid.clone() }, active()),
        (AccessToken { is_admitted: false, ..valid.clone() }, active()),
        (valid, account(AccountStatus::Disabled)),
    ] {
        let scene = world(token, account).scene();
        let invalid = Err(Some(ErrorCode::AccessTokenInvalid));
        assert_eq!(pass(&scene, RUNS, bearing(&text())).await, invalid);
        assert_eq!(scene.throttle.counted().len(), 0);
    }
}

#[tokio::test]
async fn an_unknown_token_costs_its_source_and_a_valid_one_passes_all_the_same() {
    let scene = scene("runs");
    let other = format!("lgt_{}", "B".repeat(43));
    for _ in 0..3 {
        assert_eq!(pass(&scene, RUNS, bearing(&other)).await, Err(Some(ErrorCode::AccessTokenInvalid)));
    }
    assert_eq!(pass(&scene, RUNS, bearing(&other)).await, Err(Some(ErrorCode::RateLimited)));
    assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok());
}

#[tokio::test]
async fn the_second_check_asks_no_store_and_its_use_is_noted_once_an_hour() {
    let mut world = World::default();
    world.services = services();
    world.access_tokens.expect_find().times(2).returning(|_| Ok(Some(token("runs"))));
    let noted = |at: i64| move |_: &AccessTokenId, noted: &Timestamp| noted.as_unix_seconds() == NOW + at;
    world.access_tokens.expect_touch().withf(noted(0)).times(1).returning(|_, _| Ok(()));
    let failed = |_, _| Err(StoreError("read-only".to_owned()));
    world.access_tokens.expect_touch().withf(noted(3600)).times(1).returning(failed);
    world.accounts.expect_find().times(2).returning(|_| Ok(Some(active())));
    let scene = world.scene();
    for seconds in [0, 1, 3598, 1, 1] {
        scene.clock.advance(seconds);
        assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok(), "{seconds}");
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_elsewhere_is_dead_within_a_second() {
    for changed in [Changed::Session(token("runs").id.in_checks()), Changed::Account(active().id)] {
        let mut world = World::default();
        world.services = services();
        world.sessions.expect_changes_since().times(1).returning(|_| Ok(changes(&[])));
        world.sessions.expect_changes_since().times(1).returning(move |_| Ok(changes(&[changed])));
        world.access_tokens.expect_find().times(1).returning(|_| Ok(Some(token("runs"))));
        world.access_tokens.expect_find().times(1).returning(|_| Ok(None));
        world.access_tokens.expect_touch().returning(|_, _| Ok(()));
        world.accounts.expect_find().returning(|_| Ok(Some(active())));
        let scene = world.scene();
        assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok());
        scene.clock.advance(1);
        let invalid = Err(Some(ErrorCode::AccessTokenInvalid));
        assert_eq!(pass(&scene, RUNS, bearing(&text())).await, invalid);
    }
}

fn visitor(text: &str) -> Visitor<'_> {
    Visitor { access_token: Some(text), ..Visitor::default() }
}

#[tokio::test]
async fn the_administration_takes_the_token_of_an_administrator_for_that_and_no_proof() {
    let admin = || Account { role: Role::Admin, ..active() };
    let another = AccountId::parse("01890000-0000-7000-8000-0000000000ff").unwrap();
    for (scope, account, code) in [
        ("runs api:admin", admin(), None),
        ("runs", admin(), Some(ErrorCode::InsufficientScope)),
        ("api:admin", active(), Some(ErrorCode::NotAdministrator)),
        (
            "api:admin",
            Account { status: AccountStatus::Disabled, ..admin() },
            Some(ErrorCode::AccessTokenInvalid),
        ),
    ] {
        let mut world = world(token(scope), account);
        world.access_tokens.expect_touch().returning(|_, _| Ok(()));
        world.sessions.expect_end_all_of().returning(|_, _, _| Ok(Vec::new()));
        let scene = world.scene();
        let text = text();
        let done = scene.sign_in.administration();
        let done = done.perform(AdminAct::SignOut(another), Proof::Nothing, &visitor(&text)).await;
        assert_eq!(done.err().map(|refusal| refusal.error.code()), code, "{scope}");
        let named = scene.log.events().iter().any(|event| match event {
            SignInEvent::Administered { by: Author::Person(by), .. } => {
                by.access_token == Some(token(scope).id)
            }
            _ => false,
        });
        assert_eq!(named, code.is_none(), "{scope}");
    }
    // A session needs a proof as before, and a token reads no account as a session does.
    let scene = world(token("api:admin"), admin()).scene();
    let act = AdminAct::SignOut(active().id);
    let token = scene.token(&admin(), &session());
    let with_session = Visitor { session_token: Some(&token), ..Visitor::default() };
    let done = scene.sign_in.administration().perform(act, Proof::Nothing, &with_session).await;
    assert_eq!(done.unwrap_err().error.code(), ErrorCode::ProofNeeded);
    let text = text();
    assert!(scene.sign_in.access_tokens().own(&visitor(&text)).await.is_err());
}

#[tokio::test]
async fn without_the_database_a_checked_token_lives_for_the_grace_and_no_longer() {
    let mut world = World::default();
    world.services = services();
    let down = || StoreError("down".to_owned());
    world.sessions.expect_changes_since().times(1).returning(|_| Ok(changes(&[])));
    world.sessions.expect_changes_since().returning(move |_| Err(down()));
    world.access_tokens.expect_find().times(1).returning(|_| Ok(Some(token("runs"))));
    world.access_tokens.expect_find().returning(move |_| Err(down()));
    world.access_tokens.expect_touch().returning(|_, _| Ok(()));
    world.accounts.expect_find().returning(|_| Ok(Some(active())));
    let scene = world.scene();
    assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok());
    scene.clock.advance(300);
    assert!(pass(&scene, RUNS, bearing(&text())).await.is_ok());
    scene.clock.advance(1);
    assert_eq!(pass(&scene, RUNS, bearing(&text())).await, Err(Some(ErrorCode::StoreUnavailable)));
}

#[tokio::test]
async fn what_no_token_can_be_is_neither_looked_up_nor_counted() {
    let mut world = World::default();
    world.services = services();
    world.access_tokens.expect_find().never();
    let scene = world.scene();
    let long = format!("lgt_{}", "A".repeat(44));
    for text in ["", "lgt_", "lgt_unknown", &long] {
        assert_eq!(pass(&scene, RUNS, bearing(text)).await, Err(Some(ErrorCode::AccessTokenInvalid)));
    }
    assert_eq!(scene.throttle.counted().len(), 0);
}

#[tokio::test]
async fn a_token_whose_identity_nobody_vouched_for_lately_opens_nothing() {
    let limit = i64::try_from(Policy::SESSION_ABSOLUTE_LIMIT.as_secs()).unwrap();
    let identity = (Issuer::parse(ISSUER).unwrap(), Subject::parse("ada").unwrap());
    for (identity, ago, opens) in
        [(Some(identity.clone()), limit, false), (Some(identity), limit - 1, true), (None, limit, true)]
    {
        let told_at = Timestamp::from_unix_seconds(NOW - ago);
        let expires_at = Timestamp::from_unix_seconds(NOW + 7200);
        let vouched = identity.is_some() && opens;
        let token = AccessToken { identity, told_at, expires_at, ..token("runs") };
        let mut world = world(token, active());
        world.access_tokens.expect_touch().returning(|_, _| Ok(()));
        let scene = world.scene();
        assert_eq!(pass(&scene, RUNS, bearing(&text())).await.is_ok(), opens, "{ago}");
        // What is remembered ends then, too.
        scene.clock.advance(1);
        assert_eq!(pass(&scene, RUNS, bearing(&text())).await.is_ok(), opens && !vouched, "{ago}");
    }
}

#[tokio::test]
async fn a_token_does_not_act_on_the_account_of_its_owner() {
    let own = || active().id;
    for act in [
        AdminAct::ResetPassword(own(), None),
        AdminAct::Patch(own(), AccountPatch::Role(Role::Admin)),
        AdminAct::Rename { account: own(), name: "eve".to_owned(), dry_run: false },
        AdminAct::ChangeGroups(own(), GroupPatch::default()),
        AdminAct::SignOut(own()),
        AdminAct::RevokeToken(own(), token("runs").id),
        AdminAct::Delete(own()),
    ] {
        let mut world = world(token("api:admin"), Account { role: Role::Admin, ..active() });
        world.access_tokens.expect_touch().returning(|_, _| Ok(()));
        let (scene, text) = (world.scene(), text());
        let proof = Proof::Password(Password::typed("the-password-of-ada").ok());
        let refused = scene.sign_in.administration().perform(act, proof, &visitor(&text)).await.unwrap_err();
        assert_eq!(refused.error.code(), ErrorCode::ProofNeeded);
    }
}

#[tokio::test]
async fn a_token_opens_nothing_while_its_owner_has_terms_to_accept() {
    let admin = Account { role: Role::Admin, ..active() };
    let accepted =
        AcceptedTerms { version: terms("1").version, digest: None, at: Timestamp::from_unix_seconds(NOW) };
    for accepted_terms in [Vec::new(), vec![accepted.clone()]] {
        let mut world = world(token("runs api:admin"), Account { accepted_terms, ..admin.clone() });
        world.access_tokens.expect_touch().returning(|_, _| Ok(()));
        world.terms = Some(terms("2"));
        let scene = world.scene();
        // The second time from memory.
        for _ in 0..2 {
            assert_eq!(pass(&scene, RUNS, bearing(&text())).await, Err(Some(ErrorCode::TermsDue)));
        }
        let visitor = Visitor { access_token: Some(&text()), ..Visitor::default() };
        let refused = scene.sign_in.administration().reader(&visitor).await;
        assert_eq!(refused.unwrap_err().error.code(), ErrorCode::TermsDue);
    }
    let mut world = world(token("runs"), Account { accepted_terms: vec![accepted], ..admin });
    world.access_tokens.expect_touch().returning(|_, _| Ok(()));
    world.terms = Some(terms("1"));
    assert!(pass(&world.scene(), RUNS, bearing(&text())).await.is_ok());
}

fn terms(version: &str) -> RequiredTerms {
    RequiredTerms { version: TermsVersion::parse(version).unwrap(), digest: TermsDigest::of("Be kind.") }
}
