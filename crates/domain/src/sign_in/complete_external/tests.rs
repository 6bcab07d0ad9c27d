use std::sync::{Arc, Mutex};

use super::*;
use crate::admission::{AdmissionRules, Criterion, Rule};
use crate::error::ErrorCode;
use crate::identity::{EmailClaim, LinkedIdentity};
use crate::people::{AccountId, AccountStatus, DisplayName};
use crate::ports::{AccountChange, IdTokenFault, ProviderError, StoreError};
use crate::protocol::{Issuer, Subject};
use crate::provider::EmailTrust;
use crate::sign_in::testing::{ISSUER, NOW, OpenedByIdentity, Scene, World, account, ada, identity, stated};
use crate::sign_in::{Outcome, Trail};
use crate::time::Timestamp;

/// A world in which the provider must never be asked to redeem anything, and nothing may be created.
fn nothing_happens(issuer_in_response: bool) -> World {
    let mut world = World::default();
    let mut provider = World::provider(issuer_in_response, EmailTrust::Claim);
    provider.expect_redeem().never();
    world.providers.push(provider);
    world.identities.expect_create().never();
    world.sessions.expect_create().never();
    world
}

/// A world in which the provider says this, and nothing may be created yet.
fn provider_says(result: Result<ExternalIdentity, ProviderError>, trust: EmailTrust) -> World {
    let mut world = World::default();
    let mut provider = World::provider(false, trust);
    provider.expect_redeem().times(1).return_once(move |_| result);
    world.providers.push(provider);
    world
}

fn nobody_is_known(world: &mut World) {
    world.identities_open_what_is_linked();
    world.accounts.expect_find_by_name().returning(|_| Ok(None));
}

/// The store, creating an account for an identity.
fn creating(
    opened: &OpenedByIdentity,
) -> impl Fn(&Account, &ExternalIdentity) -> Result<AccountCreation, StoreError> + use<> {
    let opened = opened.clone();
    move |account, _| {
        opened.set(account);
        Ok(AccountCreation::Created)
    }
}

/// The store, when an identity claims an account.
fn claiming(
    opened: &OpenedByIdentity,
) -> impl Fn(AccountId, &ExternalIdentity, &EmailAddress, Timestamp) -> Result<IdentityLink, StoreError> + use<>
{
    let opened = opened.clone();
    move |id, _, _, _| {
        opened.set(&Account { id, ..account(AccountStatus::Active) });
        Ok(IdentityLink::Linked)
    }
}

/// Another person has the account with the address.
fn an_account_has_the_address(world: &mut World, account: Account) {
    world.identities_open_what_is_linked();
    world.accounts.expect_find_by_name().returning(move |_| Ok(Some(account.clone())));
    world.identities.expect_create().never();
}

async fn refused(scene: &Scene, query: &str, pending: &[PresentedAttempt]) -> ErrorCode {
    let refusal = scene.sign_in.external().complete(query, pending, &Visitor::default()).await.unwrap_err();
    let recorded = scene.log.stored().iter().any(|trail| trail.reference == refusal.reference);
    assert!(recorded, "the refusal is not in the log under its reference");
    refusal.error.code()
}

async fn completed(scene: &Scene, target: &str) -> Result<CompletedSignIn, Refusal> {
    let (cookie, state) = scene.begin(target).await;
    scene.sign_in.external().complete(&format!("code=c&state={state}"), &[cookie], &Visitor::default()).await
}

#[tokio::test]
async fn c023_a_state_of_another_browser_is_refused_without_a_token_request() {
    let scene = nothing_happens(false).scene();
    let (cookie, state) = scene.begin("/").await;
    let altered = format!("{}x", &state[1..]);
    for query in ["code=c", "code=c&state=", &format!("code=c&state={altered}"), "code=c&state=unknown"] {
        let code = refused(&scene, query, std::slice::from_ref(&cookie)).await;
        assert!(matches!(code, ErrorCode::AttemptUnknown | ErrorCode::CallbackMalformed), "{query}");
    }
}

#[tokio::test]
async fn c024_an_attackers_code_and_state_in_the_victims_browser_are_refused() {
    let scene = nothing_happens(false).scene();
    let (_, attackers_state) = scene.begin("/").await;
    let (victims_cookie, _) = scene.begin("/").await;
    let query = format!("code=attackers&state={attackers_state}");
    assert_eq!(refused(&scene, &query, &[victims_cookie]).await, ErrorCode::AttemptUnknown);
    assert_eq!(refused(&scene, &query, &[]).await, ErrorCode::AttemptUnknown);
}

#[tokio::test]
async fn a_cookie_moved_to_the_name_of_another_attempt_does_not_open() {
    let scene = nothing_happens(false).scene();
    let (one, _) = scene.begin("/").await;
    let (other, state) = scene.begin("/").await;
    let moved = PresentedAttempt { id: other.id, sealed: one.sealed };
    assert_eq!(refused(&scene, &format!("code=c&state={state}"), &[moved]).await, ErrorCode::AttemptUnknown);
}

#[tokio::test]
async fn c026_a_second_callback_makes_no_second_token_request() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    nobody_is_known(&mut world);
    world.identities.expect_create().times(1).returning(creating(&world.opened));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    let scene = world.scene();
    let (cookie, state) = scene.begin("/").await;
    let query = format!("code=c&state={state}");
    let cookies = [cookie];
    assert!(scene.sign_in.external().complete(&query, &cookies, &Visitor::default()).await.is_ok());
    assert_eq!(refused(&scene, &query, &cookies).await, ErrorCode::AttemptSpent);
}

#[tokio::test]
async fn c029_an_expired_attempt_is_refused_and_keeps_its_target() {
    let scene = nothing_happens(false).scene();
    let (cookie, state) = scene.begin("/notebooks").await;
    scene.clock.advance(600);
    let query = format!("code=c&state={state}");
    let refusal =
        scene.sign_in.external().complete(&query, &[cookie], &Visitor::default()).await.unwrap_err();
    assert_eq!(refusal.error, SignInError::from(AttemptError::Expired));
    assert_eq!(refusal.return_to.path(), Some("/notebooks"));
}

#[tokio::test]
async fn c033_c034_c035_c036_a_providers_errors_make_no_token_request() {
    let scene = nothing_happens(false).scene();
    for (error, code) in [
        ("access_denied", ErrorCode::AccessDenied),
        ("user_cancelled", ErrorCode::AccessDenied),
        ("user_cancelled_login", ErrorCode::AccessDenied),
        ("login_required", ErrorCode::InteractionRequired),
        ("interaction_required", ErrorCode::InteractionRequired),
        ("consent_required", ErrorCode::InteractionRequired),
        ("account_selection_required", ErrorCode::InteractionRequired),
        ("temporarily_unavailable", ErrorCode::ProviderBusy),
        ("server_error", ErrorCode::ProviderBusy),
        ("invalid_request", ErrorCode::RequestRefused),
        ("unauthorized_client", ErrorCode::RequestRefused),
        ("unsupported_response_type", ErrorCode::RequestRefused),
        ("invalid_scope", ErrorCode::RequestRefused),
        ("invalid_request_uri", ErrorCode::RequestRefused),
        ("invalid_request_object", ErrorCode::RequestRefused),
        ("request_not_supported", ErrorCode::RequestRefused),
        ("something_new", ErrorCode::RequestRefused),
    ] {
        let (cookie, state) = scene.begin("/").await;
        assert_eq!(
            refused(&scene, &format!("error={error}&state={state}"), &[cookie]).await,
            code,
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_providers_message_is_explained_to_the_person_and_in_the_log() {
    let scene = nothing_happens(false).scene();
    for (description, explained) in [("KNOWN-1", Some("what to do")), ("KNOWN", None)] {
        let (cookie, state) = scene.begin("/").await;
        let query = format!("error=access_denied&error_description={description}&state={state}");
        let refusal =
            scene.sign_in.external().complete(&query, &[cookie], &Visitor::default()).await.unwrap_err();
        assert_eq!(refusal.explanation, explained, "{description}");
        let Trail { reference, outcome, .. } = scene.log.last_trail();
        let Outcome::Refused { explanation, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((reference, explanation), (refusal.reference, explained), "{description}");
    }
}

#[tokio::test]
async fn an_error_of_our_own_is_not_explained_as_a_providers() {
    for error in [ProviderError::Misconfigured("KNOWN-1".to_owned()), IdTokenFault::Nonce.into()] {
        assert_eq!(SignInError::from(error).provider_message(), None);
    }
}

#[tokio::test]
async fn c037_an_error_without_a_state_of_ours_changes_nothing() {
    let scene = nothing_happens(false).scene();
    let (cookie, state) = scene.begin("/").await;
    let cookies = [cookie];
    let forged = "error=access_denied&error_description=%3Cscript%3E&state=forged";
    assert_eq!(refused(&scene, forged, &cookies).await, ErrorCode::AttemptUnknown);
    // The attempt is still good: the provider's own answer to it counts.
    let query = format!("error=access_denied&state={state}");
    assert_eq!(refused(&scene, &query, &cookies).await, ErrorCode::AccessDenied);
}

#[tokio::test]
async fn c039_iss_of_another_provider_aborts_before_the_code_is_sent() {
    let scene = nothing_happens(false).scene();
    for iss in ["https://evil.example", "https://op.example/", "https://OP.example", ""] {
        let (cookie, state) = scene.begin("/").await;
        let query = format!("code=c&state={state}&iss={iss}");
        assert_eq!(refused(&scene, &query, &[cookie]).await, ErrorCode::IssuerMismatch, "{iss:?}");
    }
}

#[tokio::test]
async fn c040_a_promised_iss_that_is_absent_aborts_before_the_code_is_sent() {
    let scene = nothing_happens(true).scene();
    let (cookie, state) = scene.begin("/").await;
    assert_eq!(refused(&scene, &format!("code=c&state={state}"), &[cookie]).await, ErrorCode::IssuerMissing);
}

#[tokio::test]
async fn c041_an_error_of_another_issuer_is_not_believed() {
    let scene = nothing_happens(true).scene();
    for (iss, code) in [
        ("&iss=https://evil.example", ErrorCode::IssuerMismatch),
        ("", ErrorCode::IssuerMissing),
        ("&iss=https://op.example", ErrorCode::AccessDenied),
    ] {
        let (cookie, state) = scene.begin("/").await;
        let query = format!("error=access_denied&state={state}{iss}");
        assert_eq!(refused(&scene, &query, &[cookie]).await, code, "{iss}");
    }
}

#[tokio::test]
async fn the_sealed_attempt_redeems_the_code() {
    let mut world = World::default();
    let mut provider = World::provider(true, EmailTrust::Claim);
    provider.expect_redeem().times(1).returning(|redemption| {
        assert_eq!(redemption.code.as_str(), "the-code");
        assert_eq!(redemption.issuer.as_str(), ISSUER);
        assert_eq!(redemption.redirect_uri.as_str(), "https://lab.example/api/auth/oidc/callback");
        assert_eq!(redemption.started_at, Timestamp::from_unix_seconds(NOW));
        assert_ne!(redemption.nonce.as_str(), redemption.verifier.as_str());
        Err(ProviderError::CodeRejected(None))
    });
    world.providers.push(provider);
    let scene = world.scene();
    let (cookie, state) = scene.begin("/").await;
    let query = format!("code=the-code&state={state}&iss={ISSUER}");
    assert_eq!(refused(&scene, &query, &[cookie]).await, ErrorCode::CodeRejected);
}

#[tokio::test]
async fn a_first_sign_in_makes_an_account_a_session_and_a_token() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    nobody_is_known(&mut world);
    world
        .identities
        .expect_create()
        .times(1)
        .withf(|account, identity| {
            account.username.as_str() == "ada@example.com"
                && account.email == Some(ada())
                && account.role == Role::User
                && identity.subject.as_str() == "subject-of-ada"
        })
        .returning(creating(&world.opened));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    let scene = world.scene();

    let CompletedSignIn::SignedIn { token, return_to, .. } =
        completed(&scene, "/notebooks?x=1").await.unwrap()
    else {
        panic!("not signed in")
    };
    assert_eq!(return_to.path(), Some("/notebooks?x=1"));
    let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
    assert_eq!(claims.email, Some(ada()));
    assert_eq!(claims.groups, ["lab-users"]);
    assert_eq!(claims.exp, Timestamp::from_unix_seconds(NOW + 900));
    assert!(matches!(scene.log.last_trail().outcome, Outcome::SignedIn { created: true, .. }));
}

#[tokio::test]
async fn f17_a_new_account_has_the_stated_username_unless_it_is_taken() {
    for (taken, expected) in [(false, "ada"), (true, "ada@example.com")] {
        let stated = ExternalIdentity { username: Username::local("Ada").ok(), ..identity(stated(true)) };
        let mut world = provider_says(Ok(stated), EmailTrust::Claim);
        nobody_is_known(&mut world);
        let create = creating(&world.opened);
        world.identities.expect_create().times(1..=2).returning(move |account, identity| {
            match account.username.as_str() {
                "ada" if taken => Ok(AccountCreation::NameTaken),
                _ => create(account, identity),
            }
        });
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        let scene = world.scene();
        let CompletedSignIn::SignedIn { token, .. } = completed(&scene, "/").await.unwrap() else {
            panic!("not signed in")
        };
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        assert_eq!(claims.username.as_str(), expected);
        assert_eq!(claims.email, Some(ada()));
    }
}

#[tokio::test]
async fn c099_a_returning_person_is_found_by_issuer_and_subject() {
    let mut moved = identity(stated(true));
    let new_address = EmailAddress::parse("ada@new.example").unwrap();
    moved.email = EmailClaim::Stated { address: new_address.clone(), verified: true };
    let mut world = provider_says(Ok(moved), EmailTrust::Claim);
    world
        .identities
        .expect_find_by_identity()
        .withf(|issuer, subject| issuer.as_str() == ISSUER && subject.as_str() == "subject-of-ada")
        .returning(|_, _| Ok(Some(account(AccountStatus::Active))));
    world
        .identities
        .expect_record_sign_in()
        .withf(move |_, _, email, _| *email == Some(&new_address))
        .times(1)
        .returning(|_, _, _, _| Ok(ProfileUpdate::Done));
    world.identities.expect_create().never();
    let id = account(AccountStatus::Active).id;
    world
        .sessions
        .expect_create()
        .withf(move |session, _| session.account == id)
        .times(1)
        .returning(|_, _| Ok(true));
    assert!(completed(&world.scene(), "/").await.is_ok());
}

#[tokio::test]
async fn f22_a_username_that_is_the_former_address_follows_a_trusted_new_one() {
    let new = EmailAddress::parse("ada@new.example").unwrap();
    let says = |verified| EmailClaim::Stated { address: new.clone(), verified };
    for (says, update, follows) in [
        (says(true), ProfileUpdate::Done, true),
        (says(true), ProfileUpdate::EmailTaken, false),
        (says(false), ProfileUpdate::Done, false),
    ] {
        let mut world = provider_says(Ok(identity(says)), EmailTrust::Claim);
        let born = Account {
            username: Username::from(&ada()),
            email: Some(ada()),
            ..account(AccountStatus::Active)
        };
        world.identities.expect_find_by_identity().returning(move |_, _| Ok(Some(born.clone())));
        world.identities.expect_record_sign_in().returning(move |_, _, _, _| Ok(update));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        let scene = world.scene();
        let CompletedSignIn::SignedIn { token, .. } = completed(&scene, "/").await.unwrap() else {
            panic!("not signed in")
        };
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        let expected = if follows { &new } else { &ada() };
        assert_eq!((claims.username, claims.email.as_ref()), (Username::from(expected), Some(expected)));
        let told = scene.log.events().into_iter().find_map(|event| match event {
            SignInEvent::Renamed { former, name, .. } => Some((former, name)),
            _ => None,
        });
        assert_eq!(told, follows.then(|| (Username::from(&ada()), Username::from(&new))));
        let conflict = |event: &SignInEvent| matches!(event, SignInEvent::EmailConflict { .. });
        let conflicts = scene.log.events().iter().filter(|event| conflict(event)).count();
        assert_eq!(conflicts, usize::from(update == ProfileUpdate::EmailTaken));
    }
}

#[tokio::test]
async fn c099_a_known_person_keeps_the_address_that_was_trusted() {
    for email in [EmailClaim::Missing, EmailClaim::Malformed, stated(false)] {
        let mut world = provider_says(Ok(identity(email)), EmailTrust::Claim);
        world.identities.expect_find_by_identity().returning(|_, _| Ok(Some(account(AccountStatus::Active))));
        world
            .identities
            .expect_record_sign_in()
            .withf(|_, _, email, _| email.is_none())
            .times(1)
            .returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        let scene = world.scene();
        let CompletedSignIn::SignedIn { token, .. } = completed(&scene, "/").await.unwrap() else {
            panic!("not signed in")
        };
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        assert_eq!(claims.email, Some(ada()));
    }
}

#[tokio::test]
async fn c113_an_untrusted_address_is_refused_and_nothing_is_created_or_linked() {
    for (email, trust, code) in [
        (EmailClaim::Missing, EmailTrust::Claim, ErrorCode::EmailMissing),
        (EmailClaim::Missing, EmailTrust::Provider, ErrorCode::EmailMissing),
        (EmailClaim::Malformed, EmailTrust::Provider, ErrorCode::EmailMalformed),
        (stated(false), EmailTrust::Claim, ErrorCode::EmailUnverified),
    ] {
        let mut world = provider_says(Ok(identity(email)), trust);
        world.identities.expect_find_by_identity().returning(|_, _| Ok(None));
        world.identities.expect_claim().never();
        world.identities.expect_create().never();
        world.sessions.expect_create().never();
        assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), code);
    }
}

#[tokio::test]
async fn a_provider_that_owns_its_addresses_need_not_state_them_verified() {
    let mut world = provider_says(Ok(identity(stated(false))), EmailTrust::Provider);
    nobody_is_known(&mut world);
    world.identities.expect_create().times(1).returning(creating(&world.opened));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(completed(&world.scene(), "/").await.is_ok());
}

#[tokio::test]
async fn an_invited_account_is_claimed_by_its_trusted_address() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    let invited = Account { name: None, ..account(AccountStatus::Active) };
    let id = invited.id;
    an_account_has_the_address(&mut world, invited);
    world.closed = true;
    world
        .identities
        .expect_claim()
        .withf(move |claimed, identity, email, _| {
            *claimed == id && *email == ada() && identity.subject.as_str() == "subject-of-ada"
        })
        .times(1)
        .returning(claiming(&world.opened));
    world
        .sessions
        .expect_create()
        .withf(move |session, _| session.account == id)
        .times(1)
        .returning(|_, _| Ok(true));
    let scene = world.scene();
    assert!(matches!(completed(&scene, "/").await, Ok(CompletedSignIn::SignedIn { .. })));
    assert!(
        scene
            .log
            .events()
            .iter()
            .any(|event| { matches!(event, SignInEvent::Linked { change: IdentityChange::Claimed, .. }) })
    );
}

fn linked_at(issuer: &str) -> LinkedIdentity {
    let at = Timestamp::from_unix_seconds(0);
    LinkedIdentity {
        issuer: Issuer::parse(issuer).unwrap(),
        subject: Subject::parse("ada").unwrap(),
        email: None,
        first_sign_in_at: at,
        last_sign_in_at: at,
    }
}

#[tokio::test]
async fn c101_c112_f22_an_account_that_something_opens_is_never_joined_silently() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    an_account_has_the_address(&mut world, account(AccountStatus::Active));
    world.identities.expect_claim().times(1).returning(|_, _, _, _| Ok(IdentityLink::Refused));
    world.identities.expect_identities().returning(|_| Ok(vec![linked_at("https://old.example.org")]));
    world.identities.expect_link().never();
    world.sessions.expect_create().never();
    let scene = world.scene();
    assert!(matches!(completed(&scene, "/").await, Ok(CompletedSignIn::LinkDue { .. })));
    // Where a lab's issuer has changed, everybody ends here: the log says so, with both.
    let required = scene.log.events().into_iter().find_map(|event| match event {
        SignInEvent::LinkRequired { person, issuer, linked, .. } => Some((person.name, issuer, linked)),
        _ => None,
    });
    let (name, issuer, linked) = required.unwrap();
    assert_eq!((name, issuer), (account(AccountStatus::Active).username, identity(stated(true)).issuer));
    assert_eq!(linked.iter().map(Issuer::as_str).collect::<Vec<_>>(), ["https://old.example.org"]);
}

#[tokio::test]
async fn c101_an_address_that_changed_hands_claims_no_account() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    // The username is the old address; its person has another one by now.
    let email = EmailAddress::parse("ada@new.example").ok();
    an_account_has_the_address(&mut world, Account { email, ..account(AccountStatus::Active) });
    world.identities.expect_claim().never();
    world.identities.expect_identities().returning(|_| Ok(Vec::new()));
    world.sessions.expect_create().never();
    assert!(matches!(completed(&world.scene(), "/").await, Ok(CompletedSignIn::LinkDue { .. })));
}

#[tokio::test]
async fn c121_a_disabled_account_is_neither_claimed_nor_made_anew() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    an_account_has_the_address(&mut world, account(AccountStatus::Disabled));
    world.identities.expect_claim().never();
    world.sessions.expect_create().never();
    assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::AccountDisabled);
}

#[tokio::test]
async fn c121_a_disabled_account_stays_out() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    world.identities.expect_find_by_identity().returning(|_, _| Ok(Some(account(AccountStatus::Disabled))));
    world.identities.expect_create().never();
    world.sessions.expect_create().never();
    assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::AccountDisabled);
}

#[tokio::test]
async fn c122_of_two_first_sign_ins_the_slower_finds_the_new_account() {
    for taken in [AccountCreation::IdentityTaken, AccountCreation::NameTaken] {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        let mut asked = 0;
        world.identities.expect_find_by_identity().times(3).returning(move |_, _| {
            asked += 1;
            Ok((asked >= 2).then(|| account(AccountStatus::Active)))
        });
        world.accounts.expect_find_by_name().times(1).returning(|_| Ok(None));
        world.identities.expect_create().times(1).returning(move |_, _| Ok(taken));
        world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        assert!(completed(&world.scene(), "/").await.is_ok());
    }
}

#[tokio::test]
async fn c122_of_two_first_sign_ins_the_slower_needs_no_proof() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    let mut asked = 0;
    world.identities.expect_find_by_identity().times(3).returning(move |_, _| {
        asked += 1;
        Ok((asked >= 2).then(|| account(AccountStatus::Active)))
    });
    // The quicker one made it after the slower one had looked for the identity.
    world.accounts.expect_find_by_name().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.identities.expect_claim().returning(|_, _, _, _| Ok(IdentityLink::Refused));
    world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(matches!(completed(&world.scene(), "/").await, Ok(CompletedSignIn::SignedIn { .. })));
}

#[tokio::test]
async fn an_address_that_changes_hands_all_the_time_ends_in_a_refusal() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    nobody_is_known(&mut world);
    world.identities.expect_create().times(2).returning(|_, _| Ok(AccountCreation::NameTaken));
    world.sessions.expect_create().never();
    assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::EmailTaken);
}

/// A world in which the provider says this, and lets in as these rules say.
fn with_rules(admission: AdmissionRules, groups: &[&str]) -> World {
    let mut world = World::default();
    let mut provider = World::provider_that_admits(admission);
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    provider
        .expect_redeem()
        .returning(move |_| Ok(ExternalIdentity { groups: groups.clone(), ..identity(stated(true)) }));
    world.providers.push(provider);
    world
}

fn only(group: &str) -> AdmissionRules {
    AdmissionRules::new(vec![Rule::new(Criterion::Group, [group]).unwrap()], None)
}

#[tokio::test]
async fn a_person_the_rules_refuse_does_not_even_find_their_own_account() {
    let mut world = with_rules(only("lab"), &["other"]);
    world.identities.expect_find_by_identity().never();
    world.identities.expect_claim().never();
    world.sessions.expect_create().never();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    world.access_tokens.expect_keep_admission().returning(move |issuer, subject, groups, at| {
        let identity = (issuer.to_string(), subject.to_string());
        telling.lock().unwrap().push((identity, groups.is_some(), at.as_unix_seconds()));
        Ok(())
    });
    let error = completed(&world.scene(), "/").await.unwrap_err().error;
    assert_eq!(error.code(), ErrorCode::NotAdmitted);
    let identity = (ISSUER.to_owned(), "subject-of-ada".to_owned());
    assert_eq!(*told.lock().unwrap(), [(identity, false, NOW)], "access tokens open nothing from now on");
    assert_eq!(
        error.to_string(),
        "the rule about groups does not admit ada@example.com; the provider states other"
    );

    let mut world = with_rules(only("lab"), &["lab"]);
    nobody_is_known(&mut world);
    world.identities.expect_create().times(1).returning(creating(&world.opened));
    world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
    assert!(completed(&world.scene(), "/").await.is_ok());
}

#[tokio::test]
async fn the_providers_groups_make_and_unmake_administrators_at_each_sign_in() {
    for (groups, before, change, after) in [
        (["lab-admins"], Role::User, Some(AccountChange::Done), Role::Admin),
        (["lab-admins"], Role::Admin, None, Role::Admin),
        (["others"], Role::Admin, Some(AccountChange::Done), Role::User),
        (["others"], Role::Admin, Some(AccountChange::LastAdministrator), Role::Admin),
        (["others"], Role::User, None, Role::User),
    ] {
        let mapped = AdmissionRules::new(Vec::new(), Some(vec!["lab-admins".to_owned()]));
        let mut world = with_rules(mapped, &groups);
        let known = Account { role: before, ..account(AccountStatus::Active) };
        world.identities.expect_find_by_identity().returning(move |_, _| Ok(Some(known.clone())));
        world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        let calls = usize::from(change.is_some());
        world.administration.expect_set_role().times(calls).returning(move |_, _, _| Ok(change.unwrap()));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        let scene = world.scene();
        let CompletedSignIn::SignedIn { token, .. } = completed(&scene, "/").await.unwrap() else {
            panic!("not signed in")
        };
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        assert_eq!(claims.role, after, "{groups:?} {before:?}");
    }
}

#[tokio::test]
async fn f34_that_the_last_administrator_keeps_the_role_without_the_group_is_observed() {
    let mapped = AdmissionRules::new(Vec::new(), Some(vec!["lab-admins".to_owned()]));
    let mut world = with_rules(mapped, &["others"]);
    let known = Account { role: Role::Admin, ..account(AccountStatus::Active) };
    world.identities.expect_find_by_identity().returning(move |_, _| Ok(Some(known.clone())));
    world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
    world.administration.expect_set_role().returning(|_, _, _| Ok(AccountChange::LastAdministrator));
    world.sessions.expect_create().returning(|_, _| Ok(true));
    let scene = world.scene();
    assert!(completed(&scene, "/").await.is_ok());
    assert!(scene.log.events().iter().any(|event| matches!(event, SignInEvent::AdministratorKept { .. })));
}

#[tokio::test]
async fn f50_a_change_of_role_is_observed_once_and_by_its_name() {
    for (groups, before, word) in [
        (["lab-admins"], Role::User, Some("made administrator")),
        (["lab-admins"], Role::Admin, None),
        (["others"], Role::Admin, Some("made user")),
        (["others"], Role::User, None),
    ] {
        let mapped = AdmissionRules::new(Vec::new(), Some(vec!["lab-admins".to_owned()]));
        let mut world = with_rules(mapped, &groups);
        let known = Account { role: before, ..account(AccountStatus::Active) };
        world.identities.expect_find_by_identity().returning(move |_, _| Ok(Some(known.clone())));
        world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.administration.expect_set_role().returning(|_, _, _| Ok(AccountChange::Done));
        world.sessions.expect_create().returning(|_, _| Ok(true));
        let scene = world.scene();
        assert!(completed(&scene, "/").await.is_ok());
        let mut words = Vec::new();
        for event in scene.log.events() {
            if let SignInEvent::Administered { change, by: Author::Groups, .. } = event {
                words.push(change);
            }
        }
        assert_eq!(words, Vec::from_iter(word), "{groups:?} {before:?}");
    }
}

#[tokio::test]
async fn f50_a_session_ends_if_the_identity_no_longer_opens_its_account() {
    let other = AccountId::parse("01900000-0000-7000-8000-000000000009").unwrap();
    for meanwhile in [
        None,
        Some(account(AccountStatus::Disabled)),
        Some(Account { id: other, ..account(AccountStatus::Active) }),
    ] {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        let mut answers = [Some(account(AccountStatus::Active)), meanwhile].into_iter();
        let answer = move |_: &_, _: &_| Ok(answers.next().unwrap());
        world.identities.expect_find_by_identity().times(2).returning(answer);
        world.identities.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
        let refused = completed(&world.scene(), "/").await.unwrap_err();
        assert_eq!(refused.error.code(), ErrorCode::AccountDisabled);
    }
}

#[tokio::test]
async fn f50_a_claimed_account_keeps_its_name_or_gets_the_providers() {
    for (own, expected) in [(None, "Ada"), (DisplayName::new("Countess"), "Countess")] {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        an_account_has_the_address(&mut world, Account { name: own, ..account(AccountStatus::Active) });
        world.identities.expect_claim().times(1).returning(claiming(&world.opened));
        world.sessions.expect_create().times(1).returning(|_, _| Ok(true));
        let scene = world.scene();
        let CompletedSignIn::SignedIn { token, .. } = completed(&scene, "/").await.unwrap() else {
            panic!("not signed in")
        };
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        assert_eq!(claims.name, DisplayName::new(expected));
    }
}

#[tokio::test]
async fn f50_an_attempt_holds_for_ten_minutes_either_side_of_its_start() {
    for (seconds, holds) in
        [(599, true), (600, false), (0, true), (-600, true), (-601, false), (-9000, false)]
    {
        let mut world = World::default();
        let mut provider = World::provider(false, EmailTrust::Claim);
        provider.expect_redeem().times(usize::from(holds)).returning(|_| Ok(identity(stated(false))));
        world.providers.push(provider);
        world.identities.expect_find_by_identity().returning(|_, _| Ok(None));
        let scene = world.scene();
        let (cookie, state) = scene.begin("/").await;
        scene.clock.advance(seconds);
        let code = refused(&scene, &format!("code=c&state={state}"), &[cookie]).await;
        let expected = if holds { ErrorCode::EmailUnverified } else { ErrorCode::AttemptExpired };
        assert_eq!(code, expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn with_self_registration_off_no_account_is_created() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    world.closed = true;
    nobody_is_known(&mut world);
    world.identities.expect_create().never();
    world.sessions.expect_create().never();
    assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::RegistrationClosed);
}

#[tokio::test]
async fn a_store_that_fails_refuses_the_sign_in() {
    let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
    world.identities.expect_find_by_identity().returning(|_, _| Err(StoreError("disk full".to_owned())));
    world.sessions.expect_create().never();
    assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::StoreUnavailable);
}
