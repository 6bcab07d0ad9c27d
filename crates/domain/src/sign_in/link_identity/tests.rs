use std::sync::{Arc, Mutex};

use super::*;
use crate::error::ErrorCode;
use crate::people::AccountId;
use crate::people::{AccountStatus, Credential};
use crate::ports::StoreError;
use crate::provider::EmailTrust;
use crate::sign_in::CompletedSignIn;
use crate::sign_in::testing::{
    NOW, OpenedByIdentity, Scene, World, account, ada, credential, identity, presenting, session, stated,
};
use crate::time::Timestamp;

const PASSWORD: &str = "the-password-of-ada";

/// A person comes with an identity with the address of an account with this credential.
fn world(opened_by: Option<Credential>) -> World {
    let mut world = World::default();
    let mut provider = World::provider(false, EmailTrust::Claim);
    provider.expect_redeem().returning(|_| Ok(identity(stated(true))));
    world.providers.push(provider);
    world.identities_open_what_is_linked();
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.identities.expect_claim().returning(|_, _, _, _| Ok(IdentityLink::Refused));
    world.identities.expect_identities().returning(|_| Ok(Vec::new()));
    world.credentials.expect_credential().returning(move |_| Ok(opened_by.clone()));
    world
}

/// The store, when it links.
fn linking(
    opened: &OpenedByIdentity,
) -> impl Fn(AccountId, &ExternalIdentity, Option<&PasswordHash>, Timestamp) -> Result<IdentityLink, StoreError>
+ use<> {
    let opened = opened.clone();
    move |id, _, _, _| {
        opened.set(&Account { id, ..account(AccountStatus::Active) });
        Ok(IdentityLink::Linked)
    }
}

fn with_password() -> World {
    world(Some(credential(&format!("$fake${PASSWORD}"), false)))
}

/// A session of the account that began with the identity.
fn begun_with_it(id: &str) -> Session {
    let identity = identity(stated(true));
    Session {
        id: crate::session::SessionId::parse(id).unwrap(),
        external: Some(crate::session::ExternalSession {
            provider: ProviderId::parse("external").unwrap(),
            issuer: identity.issuer,
            subject: identity.subject,
            id: None,
            id_token_hint: None,
            revalidation: None,
        }),
        ..session()
    }
}

fn password(text: &str) -> Option<Password> {
    Password::typed(text).ok()
}

fn proof(text: &str) -> Proof {
    Proof::Password(password(text))
}

async fn link_due(scene: &Scene) -> Ticket {
    let (cookie, state) = scene.begin("/notebooks").await;
    let query = format!("code=c&state={state}");
    match scene.sign_in.external().complete(&query, &[cookie], &Visitor::default()).await.unwrap() {
        CompletedSignIn::LinkDue { ticket, .. } => Ticket::parse(&ticket.to_text()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn c112_c114_the_password_proves_the_account_and_all_its_older_sessions_end() {
    let mut world = with_password();
    let mut order = mockall::Sequence::new();
    world
        .identities
        .expect_link()
        .withf(|id, identity, _, _| {
            *id == account(AccountStatus::Active).id && identity.subject.as_str() == "subject-of-ada"
        })
        .times(1)
        .in_sequence(&mut order)
        .returning(linking(&world.opened));
    world
        .sessions
        .expect_end_all_of()
        .withf(|_, except, _| except.is_none())
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _, _| Ok(Vec::new()));
    world
        .sessions
        .expect_create()
        .withf(|session, _| {
            session.external.as_ref().is_some_and(|external| external.subject.as_str() == "subject-of-ada")
        })
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Ok(true));
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let pending = scene.sign_in.linking().pending(&ticket, &Visitor::default()).await.unwrap();
    assert_eq!(pending.identity, ada().as_str());
    assert!(!pending.was_asked_for);
    assert!(pending.password_proves && !pending.session_proves);

    let confirmed = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    let confirmed = confirmed.unwrap();
    assert_eq!((confirmed.return_to.path(), confirmed.provider.as_str()), (Some("/notebooks"), "external"));
    assert!(scene.log.events().iter().any(|event| {
        matches!(event, SignInEvent::Linked { change: IdentityChange::ProvedByPassword, .. })
    }));

    let again = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(again.unwrap_err().error.code(), ErrorCode::AttemptSpent, "a ticket links once");
}

#[tokio::test]
async fn c112_without_proof_nothing_is_linked() {
    let mut world = with_password();
    world.identities.expect_link().never();
    world.sessions.expect_create().never();
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    for (typed, code) in [
        (password("a wrong password"), ErrorCode::CredentialsWrong),
        (None, ErrorCode::ReauthenticationNeeded),
    ] {
        let refusal = scene.sign_in.linking().confirm(&ticket, typed, &Visitor::default()).await.unwrap_err();
        assert_eq!(refusal.error.code(), code);
    }
}

#[tokio::test]
async fn c112_a_password_that_is_not_the_persons_own_yet_proves_nothing() {
    let mut world = world(Some(credential(&format!("$fake${PASSWORD}"), true)));
    world.identities.expect_link().never();
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let refusal = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(refusal.unwrap_err().error.code(), ErrorCode::ReauthenticationNeeded);
}

#[tokio::test]
async fn c114_a_password_that_changes_while_a_link_is_made_leaves_no_link() {
    let mut world = with_password();
    world
        .identities
        .expect_link()
        .withf(|_, _, proven, _| proven.is_some_and(|hash| hash.expose() == format!("$fake${PASSWORD}")))
        .times(1)
        .returning(|_, _, _, _| Ok(IdentityLink::CredentialChanged));
    world.sessions.expect_create().never();
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let refusal = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(refusal.unwrap_err().error.code(), ErrorCode::ReauthenticationNeeded);
}

#[tokio::test]
async fn c114_an_identity_that_is_taken_away_while_its_session_begins_opens_none() {
    let mut world = with_password();
    // Linked, and taken away by a reset before the session is there.
    world.identities.expect_link().times(1).returning(|_, _, _, _| Ok(IdentityLink::Linked));
    world.sessions.expect_end_all_of().returning(|_, _, _| Ok(Vec::new()));
    let created = Arc::new(Mutex::new(None));
    let there = Arc::clone(&created);
    world.sessions.expect_create().times(1).returning(move |session, _| {
        *there.lock().unwrap() = Some(session.id);
        Ok(true)
    });
    world
        .sessions
        .expect_end()
        .withf(move |id, _| *created.lock().unwrap() == Some(*id))
        .times(1)
        .returning(|_, _| Ok(()));
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let refusal = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(refusal.unwrap_err().error.code(), ErrorCode::AccountDisabled);
}

#[tokio::test]
async fn c117_f27_a_session_that_began_after_the_question_proves_its_own_account() {
    for (later, owner, code) in [
        (1, true, None),
        (0, true, None),
        (-1, true, Some(ErrorCode::ReauthenticationNeeded)),
        (1, false, Some(ErrorCode::ReauthenticationNeeded)),
    ] {
        let mut world = world(None);
        let began = Timestamp::from_unix_seconds(NOW + later);
        let other = AccountId::parse("01900000-0000-7000-8000-00000000ffff").unwrap();
        let session_account = if owner { session().account } else { other };
        let there = Session { account: session_account, created_at: began, ..session() };
        let found = there.clone();
        world.sessions.expect_find().returning(move |_| Ok(Some(found.clone())));
        world.identities.expect_link().times(usize::from(code.is_none())).returning(linking(&world.opened));
        world.sessions.expect_end_all_of().returning(|_, _, _| Ok(Vec::new()));
        world.sessions.expect_create().returning(|_, _| Ok(true));
        world.sessions.expect_end().returning(|_, _| Ok(()));
        let scene = world.scene();
        let ticket = link_due(&scene).await;
        let who = Account { id: session_account, ..account(AccountStatus::Active) };
        let token = scene.token(&who, &there);
        let pending = scene.sign_in.linking().pending(&ticket, &presenting(&token)).await.unwrap();
        assert_eq!(pending.session_proves, code.is_none(), "{later}");
        let confirmed = scene.sign_in.linking().confirm(&ticket, None, &presenting(&token)).await;
        assert_eq!(confirmed.err().map(|refusal| refusal.error.code()), code, "{later} {owner}");
    }
}

#[tokio::test]
async fn c117_a_ticket_is_for_one_thing_and_ten_minutes() {
    let mut world = with_password();
    world.identities.expect_link().never();
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let misused =
        scene.sign_in.passwords().change_with_ticket(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(misused.unwrap_err().error.code(), ErrorCode::AttemptUnknown);
    scene.clock.advance(600);
    let late = scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await;
    assert_eq!(late.unwrap_err().error.code(), ErrorCode::AttemptExpired);
    assert!(Ticket::parse("x.y").is_none() && Ticket::parse("").is_none());
}

#[tokio::test]
async fn c119_an_identity_of_another_account_is_refused_without_naming_it() {
    let mut world = with_password();
    world.identities.expect_link().returning(|_, _, _, _| Ok(IdentityLink::IdentityTaken));
    world.sessions.expect_end_all_of().never();
    world.sessions.expect_create().never();
    let scene = world.scene();
    let ticket = link_due(&scene).await;
    let refusal =
        scene.sign_in.linking().confirm(&ticket, password(PASSWORD), &Visitor::default()).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::IdentityTaken);
}

/// Begins to link from one's own account with this proof, and comes back with this session token.
async fn asked_for(
    scene: &Scene,
    begun_by: &str,
    proof: Proof,
    back_with: Option<&str>,
) -> Result<Ticket, ErrorCode> {
    let begun = scene
        .sign_in
        .linking()
        .begin(None, ReturnTo::or_main_page("/account"), &[], proof, &presenting(begun_by))
        .await
        .map_err(|refusal| refusal.error.code())?;
    let state =
        begun.authorization_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed };
    let visitor = Visitor { session_token: back_with, ..Visitor::default() };
    let query = format!("code=c&state={state}");
    match scene.sign_in.external().complete(&query, &[cookie], &visitor).await {
        Ok(CompletedSignIn::LinkDue { ticket, .. }) => Ok(ticket),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.error.code()),
    }
}

#[tokio::test]
async fn c118_a_requested_link_is_for_that_account_alone_and_is_confirmed() {
    let other = AccountId::parse("01900000-0000-7000-8000-00000000ffff").unwrap();
    let mut world = with_password();
    world.sessions.expect_find().returning(move |id| {
        let account = if id == session().id { session().account } else { other };
        Ok(Some(Session { id, account, ..session() }))
    });
    world.accounts.checkpoint();
    world.identities_open_what_is_linked();
    world.accounts.expect_find().returning(|id| Ok(Some(Account { id, ..account(AccountStatus::Active) })));
    world.identities.expect_link().times(1).returning(linking(&world.opened));
    world.sessions.expect_end_all_of().times(1).returning(|_, _, _| Ok(Vec::new()));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    world.sessions.expect_end().returning(|_, _| Ok(()));
    let scene = world.scene();
    let own = scene.token(&account(AccountStatus::Active), &session());
    let strangers = Session {
        id: crate::session::SessionId::parse("BBBBBBBBBBBBBBBBBBBBBA").unwrap(),
        account: other,
        ..session()
    };
    let strangers = scene.token(&Account { id: other, ..account(AccountStatus::Active) }, &strangers);
    for (back_with, expected) in
        [(None, ErrorCode::NotSignedIn), (Some(&*strangers), ErrorCode::AnotherSession)]
    {
        assert_eq!(asked_for(&scene, &own, proof(PASSWORD), back_with).await.unwrap_err(), expected);
    }
    let ticket = asked_for(&scene, &own, proof(PASSWORD), Some(&own)).await.unwrap();
    // However long the person has been signed in: they proved who they are when they asked.
    scene.clock.advance(599);
    let pending = scene.sign_in.linking().pending(&ticket, &presenting(&own)).await.unwrap();
    assert!(pending.was_asked_for && pending.session_proves);
    let elsewhere = scene.sign_in.linking().confirm(&ticket, None, &presenting(&strangers)).await;
    assert_eq!(elsewhere.unwrap_err().error.code(), ErrorCode::ReauthenticationNeeded);
    assert!(scene.sign_in.linking().confirm(&ticket, None, &presenting(&own)).await.is_ok());
}

#[tokio::test]
async fn c117_f27_a_session_alone_begins_no_link_and_removes_nothing() {
    let mut world = with_password();
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world
        .sessions
        .expect_list_of()
        .returning(|_, _| Ok(vec![session(), begun_with_it("CCCCCCCCCCCCCCCCCCCCCA")]));
    world
        .sessions
        .expect_end()
        .withf(|id, _| *id == begun_with_it("CCCCCCCCCCCCCCCCCCCCCA").id)
        .times(1)
        .returning(|_, _| Ok(()));
    world.identities.expect_unlink().times(1).returning(|_, _, _| Ok(IdentityRemoval::Removed));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    let refusal = asked_for(&scene, &token, Proof::Nothing, Some(&token)).await.unwrap_err();
    assert_eq!(refusal, ErrorCode::ProofNeeded);
    let (issuer, subject) = (identity(stated(true)).issuer, identity(stated(true)).subject);
    for (typed, code) in [
        (Proof::Nothing, Some(ErrorCode::ProofNeeded)),
        (proof("a wrong password"), Some(ErrorCode::CredentialsWrong)),
        (proof(PASSWORD), None),
    ] {
        let unlinked = scene.sign_in.linking().unlink(&issuer, &subject, typed, &presenting(&token)).await;
        assert_eq!(unlinked.err().map(|refusal| refusal.error.code()), code);
    }
}

#[tokio::test]
async fn c120_the_last_thing_that_opens_an_account_stays() {
    for (removal, code) in [
        (IdentityRemoval::LastCredential, ErrorCode::LastCredential),
        (IdentityRemoval::NotFound, ErrorCode::IdentityUnknown),
    ] {
        let mut world = with_password();
        world.sessions.expect_find().returning(|_| Ok(Some(session())));
        world.identities.expect_unlink().returning(move |_, _, _| Ok(removal));
        world.sessions.expect_end().never();
        let scene = world.scene();
        let token = scene.token(&account(AccountStatus::Active), &session());
        let (issuer, subject) = (identity(stated(true)).issuer, identity(stated(true)).subject);
        let refusal = scene
            .sign_in
            .linking()
            .unlink(&issuer, &subject, proof(PASSWORD), &presenting(&token))
            .await
            .unwrap_err();
        assert_eq!(refusal.error.code(), code);
    }
}
