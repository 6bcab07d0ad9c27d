use super::*;
use crate::error::ErrorCode;
use crate::identity::LinkedIdentity;
use crate::people::{AccountId, AccountStatus, Role};
use crate::ports::{IdentityProvider as _, MockIdentityProvider};
use crate::protocol::Issuer;
use crate::provider::{AuthorizationServer, EmailTrust};
use crate::session::{Session, SessionId};
use crate::sign_in::testing::{
    ISSUER, NOW, Scene, World, account, credential, identity, presenting, session, stated,
};
use crate::sign_in::{ActDone, AdminAct, CompletedSignIn, OwnAct};

const PASSWORD: &str = "the-password-of-ada";

fn admin() -> Account {
    Account { role: Role::Admin, ..account(AccountStatus::Active) }
}

fn eve() -> AccountId {
    AccountId::parse("01900000-0000-7000-8000-00000000ffff").unwrap()
}

/// An administrator with this credential, whom the provider authenticated this many seconds after now. The
/// identity opens this account.
fn world(
    hash: Option<&str>,
    must_change: bool,
    authenticated: Option<i64>,
    opens: Option<AccountId>,
) -> World {
    let mut world = World::default();
    let mut provider = World::provider(false, EmailTrust::Claim);
    let at = authenticated.map(|seconds| Timestamp::from_unix_seconds(NOW + seconds));
    provider
        .expect_redeem()
        .returning(move |_| Ok(ExternalIdentity { authenticated_at: at, ..identity(stated(true)) }));
    world.providers.push(provider);
    let credential = hash.map(|hash| credential(hash, must_change));
    world
        .credentials
        .expect_credential()
        .withf(|id| *id == admin().id)
        .returning(move |_| Ok(credential.clone()));
    world.accounts.expect_find().returning(|id| Ok(Some(Account { id, ..admin() })));
    world.sessions.expect_find().returning(|id| Ok(Some(Session { id, ..session() })));
    world.sessions.expect_end_all_of().returning(|_, _, _| Ok(Vec::new()));
    world.identities.expect_identities().returning(|_| {
        let now = Timestamp::from_unix_seconds(NOW);
        let (issuer, subject) = (Issuer::parse(ISSUER).unwrap(), identity(stated(true)).subject);
        let (first_sign_in_at, last_sign_in_at) = (now, now);
        Ok(vec![LinkedIdentity { issuer, subject, email: None, first_sign_in_at, last_sign_in_at }])
    });
    world
        .identities
        .expect_find_by_identity()
        .returning(move |_, _| Ok(opens.map(|id| Account { id, ..admin() })));
    world
}

fn with_password() -> World {
    world(Some(&format!("$fake${PASSWORD}")), false, Some(0), Some(admin().id))
}

fn at_provider(authenticated: Option<i64>) -> World {
    world(None, false, authenticated, Some(admin().id))
}

fn password(text: &str) -> Proof {
    Proof::Password(Password::typed(text).ok())
}

/// A token of the administrator's session, and one of another of their sessions.
fn tokens(scene: &Scene) -> [String; 2] {
    let other = Session { id: SessionId::parse("BBBBBBBBBBBBBBBBBBBBBA").unwrap(), ..session() };
    [scene.token(&admin(), &session()), scene.token(&admin(), &other)]
}

/// Signs somebody out with this proof.
async fn sign_out(scene: &Scene, whom: AccountId, proof: Proof, token: &str) -> Option<ErrorCode> {
    let act = AdminAct::SignOut(whom);
    let done = scene.sign_in.administration().perform(act, proof, &presenting(token)).await;
    done.err().map(|refusal| refusal.error.code())
}

/// Makes a round trip to the provider for this act, and comes back with this token.
async fn round_trip(
    scene: &Scene,
    act: ActDigest,
    token: &str,
    back_with: Option<&str>,
) -> Result<Proof, ErrorCode> {
    let code = |refusal: Refusal| refusal.error.code();
    let (provider, back) = (ProviderId::parse("external").unwrap(), ReturnTo::or_main_page("/admin?x=1"));
    let visitor = presenting(token);
    let begun = scene.sign_in.acts().begin(act, &provider, back, &[], &visitor).await.map_err(code)?;
    let sent: Vec<_> = begun.authorization_url.query_pairs().into_owned().collect();
    let value = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((value("max_age"), value("prompt")), (Some("0"), Some("login")));
    let query = format!("code=c&state={}", value("state").unwrap());
    let cookie = PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed };
    let visitor = Visitor { session_token: back_with, ..Visitor::default() };
    match scene.sign_in.external().complete(&query, &[cookie], &visitor).await.map_err(code)? {
        CompletedSignIn::Proven { ticket, return_to, .. } => {
            assert_eq!(return_to.path(), Some("/admin?x=1"));
            Ok(Proof::Ticket(ticket))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f27_without_the_own_password_an_administrator_changes_nothing() {
    let mut world = with_password();
    world.sessions.checkpoint();
    world.sessions.expect_find().returning(|id| Ok(Some(Session { id, ..session() })));
    world
        .sessions
        .expect_end_all_of()
        .withf(|id, _, _| *id == eve())
        .times(1)
        .returning(|_, _, _| Ok(Vec::new()));
    let scene = world.scene();
    let [token, _] = tokens(&scene);
    for (proof, code) in [
        (Proof::Nothing, Some(ErrorCode::ProofNeeded)),
        (password("the-password-of-eve"), Some(ErrorCode::CredentialsWrong)),
        (Proof::Password(None), Some(ErrorCode::CredentialsWrong)),
        (password(PASSWORD), None),
    ] {
        assert_eq!(sign_out(&scene, eve(), proof, &token).await, code);
    }
}

#[tokio::test]
async fn f27_an_initial_password_proves_nothing() {
    let scene = world(Some(&format!("$fake${PASSWORD}")), true, None, None).scene();
    let [token, _] = tokens(&scene);
    assert_eq!(sign_out(&scene, eve(), password(PASSWORD), &token).await, Some(ErrorCode::ProofNeeded));
    let ways = scene.sign_in.acts().ways(None, None, &presenting(&token)).await.unwrap();
    assert!(!ways.by_password && !ways.is_proven);
}

#[tokio::test]
async fn f27_the_password_is_guessed_at_the_rate_of_a_session() {
    let scene = with_password().scene();
    let [token, _] = tokens(&scene);
    for _ in 0..3 {
        let refused = sign_out(&scene, eve(), password("a guess"), &token).await;
        assert_eq!(refused, Some(ErrorCode::CredentialsWrong));
    }
    assert_eq!(sign_out(&scene, eve(), password(PASSWORD), &token).await, Some(ErrorCode::RateLimited));
    assert_eq!(scene.hasher.verified(), 3);
}

#[tokio::test]
async fn f27_a_user_proves_nothing_that_administrators_do() {
    let mut world = World::default();
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    assert_eq!(sign_out(&scene, eve(), password(PASSWORD), &token).await, Some(ErrorCode::NotAdministrator));
}

#[tokio::test]
async fn f27_a_ticket_is_for_one_act_in_one_session_and_one_time() {
    let scene = at_provider(Some(0)).scene();
    let [token, other] = tokens(&scene);
    let act = AdminAct::SignOut(eve()).digest();
    let proof = round_trip(&scene, act.clone(), &token, Some(&token)).await.unwrap();
    let needed = Some(ErrorCode::ProofNeeded);
    assert_eq!(sign_out(&scene, admin().id, proof.clone(), &token).await, needed, "another account");
    let deletion = AdminAct::Delete(eve());
    let deleted = scene.sign_in.administration().perform(deletion, proof.clone(), &presenting(&token)).await;
    assert_eq!(deleted.unwrap_err().error.code(), ErrorCode::ProofNeeded, "another act");
    assert_eq!(sign_out(&scene, eve(), proof.clone(), &other).await, needed, "another session");

    let Proof::Ticket(ticket) = &proof else { panic!("no ticket") };
    let is_proven = async |act: &ActDigest, token: &str| {
        scene.sign_in.acts().ways(Some(act), Some(ticket), &presenting(token)).await.unwrap().is_proven
    };
    assert!(is_proven(&act, &token).await);
    assert!(!is_proven(&OwnAct::Link(None).digest(), &token).await && !is_proven(&act, &other).await);

    assert_eq!(sign_out(&scene, eve(), proof.clone(), &token).await, None);
    assert_eq!(sign_out(&scene, eve(), proof.clone(), &token).await, needed, "spent");
    assert!(!is_proven(&act, &token).await);
}

#[tokio::test]
async fn f27_a_ticket_lives_five_minutes() {
    for (age, code) in [(299, None), (300, Some(ErrorCode::ProofNeeded))] {
        let scene = at_provider(Some(0)).scene();
        let [token, _] = tokens(&scene);
        let act = AdminAct::SignOut(eve()).digest();
        let proof = round_trip(&scene, act, &token, Some(&token)).await.unwrap();
        scene.clock.advance(age);
        assert_eq!(sign_out(&scene, eve(), proof, &token).await, code, "{age}");
    }
}

#[tokio::test]
async fn f27_the_provider_authenticates_the_person_for_this_act() {
    for (authenticated, is_fresh) in [
        (Some(0), true),
        (Some(-60), true),
        (Some(60), true),
        (Some(-61), false),
        (Some(61), false),
        (None, false),
    ] {
        let scene = at_provider(authenticated).scene();
        let [token, _] = tokens(&scene);
        let back = round_trip(&scene, OwnAct::Link(None).digest(), &token, Some(&token)).await;
        let code = (!is_fresh).then_some(ErrorCode::NotAuthenticatedAnew);
        assert_eq!(back.err(), code, "{authenticated:?}");
    }
}

#[tokio::test]
async fn f27_the_same_person_comes_back_in_the_same_session() {
    let scene = at_provider(Some(0)).scene();
    let [token, other] = tokens(&scene);
    let act = || AdminAct::SignOut(eve()).digest();
    let back = round_trip(&scene, act(), &token, Some(&other)).await;
    assert_eq!(back.unwrap_err(), ErrorCode::AnotherSession);
    assert_eq!(round_trip(&scene, act(), &token, None).await.unwrap_err(), ErrorCode::NotSignedIn);
    for opens in [None, Some(eve())] {
        let scene = world(None, false, Some(0), opens).scene();
        let [token, _] = tokens(&scene);
        let back = round_trip(&scene, act(), &token, Some(&token)).await;
        assert_eq!(back.unwrap_err(), ErrorCode::AnotherPerson);
    }
}

/// A provider that can or cannot authenticate people anew, with these parameters of the operator.
async fn provider(reauthenticates: bool, fixed: &[(&str, &str)]) -> MockIdentityProvider {
    let ordinary = World::provider(false, EmailTrust::Claim);
    let server = ordinary.authorization_server().await.unwrap();
    let fixed = fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = AuthorizationServer { reauthenticates, extra_parameters: fixed, ..server };
    let mut provider = MockIdentityProvider::new();
    provider.expect_description().return_const(ordinary.description());
    provider.expect_health().return_const(ProviderHealth::Ready);
    provider.expect_explain().returning(|_| None);
    provider.expect_authorization_server().returning(move || Ok(server.clone()));
    provider
}

#[tokio::test]
async fn f27_a_provider_that_cannot_authenticate_anew_is_not_offered() {
    for reauthenticates in [true, false] {
        let mut world = at_provider(None);
        world.providers = vec![provider(reauthenticates, &[]).await];
        let scene = world.scene();
        let [token, _] = tokens(&scene);
        let ways = scene.sign_in.acts().ways(None, None, &presenting(&token)).await.unwrap();
        assert_eq!(ways.providers.len(), usize::from(reauthenticates));
        if !reauthenticates {
            let back = round_trip(&scene, OwnAct::Link(None).digest(), &token, Some(&token)).await;
            assert_eq!(back.unwrap_err(), ErrorCode::NotAuthenticatedAnew);
        }
    }
}

#[tokio::test]
async fn f27_the_operators_prompt_and_max_age_give_way_to_those_of_a_proof() {
    let mut world = at_provider(None);
    world.providers = vec![provider(true, &[("prompt", "consent"), ("max_age", "3600"), ("x", "y")]).await];
    let scene = world.scene();
    let [token, _] = tokens(&scene);
    let (external, act) = (ProviderId::parse("external").unwrap(), OwnAct::Link(None).digest());
    let begun =
        scene.sign_in.acts().begin(act, &external, ReturnTo::main_page(), &[], &presenting(&token)).await;
    let url = begun.unwrap().authorization_url;
    let sent = |wanted: &str| -> Vec<String> {
        url.query_pairs().filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(
        (sent("prompt"), sent("max_age"), sent("x")),
        (vec!["login".into()], vec!["0".into()], vec!["y".into()])
    );
}

#[tokio::test]
async fn f27_a_dry_run_needs_a_session_alone() {
    let mut world = with_password();
    world.accounts.expect_find_by_name().returning(|_| Ok(None));
    world.administration.expect_rename().never();
    let scene = world.scene();
    let [token, _] = tokens(&scene);
    let rename = |dry_run| AdminAct::Rename { account: eve(), name: "lovelace".to_owned(), dry_run };
    let administration = scene.sign_in.administration();
    let done = administration.perform(rename(true), Proof::Nothing, &presenting(&token)).await;
    assert!(matches!(done, Ok(ActDone::Changed)), "{done:?}");
    let refused = administration.perform(rename(false), Proof::Nothing, &presenting(&token)).await;
    assert_eq!(refused.unwrap_err().error.code(), ErrorCode::ProofNeeded);
}
