use std::sync::{Arc, Mutex};

use super::*;
use crate::access::testing::services;
use crate::access_token::AccessTokenHash;
use crate::error::ErrorCode;
use crate::people::{Account, AccountStatus, Password};
use crate::protocol::{Issuer, Subject};
use crate::session::{ExternalSession, Session};
use crate::sign_in::testing::{ISSUER, NOW, Scene, World, account, credential, presenting, session};

const PASSWORD: &str = "the-password-of-ada";

type Kept = Arc<Mutex<Vec<(AccessToken, AccessTokenHash)>>>;

/// A world with an account of this role, which has a password and this session.
fn scene(role: Role, session: Session, creation: AccessTokenCreation) -> (Scene, Kept) {
    let mut world = World::default();
    world.services = services();
    world.accounts.expect_find().returning(move |_| Ok(Some(of_role(role))));
    world.sessions.expect_find().returning(move |_| Ok(Some(session.clone())));
    world.sessions.expect_touch().returning(|_, _| Ok(()));
    let hash = format!("$fake${PASSWORD}");
    world.credentials.expect_credential().returning(move |_| Ok(Some(credential(&hash, false))));
    let kept = Kept::default();
    let keep = Arc::clone(&kept);
    world.access_tokens.expect_list_of().returning(|_| Ok(Vec::new()));
    world.access_tokens.expect_create().returning(move |token, hash, in_session, at_most| {
        assert_eq!((in_session, at_most), (crate::sign_in::testing::session().id, AccessToken::MOST));
        keep.lock().unwrap().push((token.clone(), *hash));
        Ok(creation)
    });
    (world.scene(), kept)
}

fn of_role(role: Role) -> Account {
    Account { role, ..account(AccountStatus::Active) }
}

fn new(name: &str, scope: &str, days: &str) -> NewAccessToken {
    NewAccessToken { name: name.to_owned(), scope: scope.to_owned(), days: days.to_owned() }
}

fn password() -> Proof {
    Proof::Password(Password::typed(PASSWORD).ok())
}

async fn make(
    scene: &Scene,
    role: Role,
    new: NewAccessToken,
    proof: Proof,
) -> Result<MadeAccessToken, ErrorCode> {
    let token = scene.token(&of_role(role), &session());
    let made = scene.sign_in.access_tokens().make(new, proof, &presenting(&token)).await;
    made.map_err(|refusal| refusal.error.code())
}

#[tokio::test]
async fn a_token_is_made_on_proof_and_kept_by_its_hash_with_the_identity_of_the_session() {
    let (issuer, subject) = (Issuer::parse(ISSUER).unwrap(), Subject::parse("ada").unwrap());
    let external = ExternalSession {
        provider: crate::provider::ProviderId::parse("external").unwrap(),
        issuer: issuer.clone(),
        subject: subject.clone(),
        id: None,
        id_token_hint: None,
        revalidation: None,
    };
    let (groups, told_at) = (vec!["staff".to_owned()], session().created_at);
    let session = Session { external: Some(external), groups: groups.clone(), ..session() };
    let (scene, kept) = scene(Role::User, session, AccessTokenCreation::Created);
    let made = make(&scene, Role::User, new(" CI ", "runs", "7"), password()).await.unwrap();
    assert_eq!(kept.lock().unwrap().as_slice(), [(made.token.clone(), made.text.hash())]);
    assert_eq!((made.token.name.as_str(), made.token.identity), ("CI", Some((issuer, subject))));
    assert_eq!((made.token.groups, made.token.told_at), (groups, told_at));
    assert_eq!(made.token.expires_at, Timestamp::from_unix_seconds(NOW + 7 * 86_400));
    let told = |event: &SignInEvent| matches!(event, SignInEvent::AccessTokenMade { token, .. } if *token == made.token.id);
    assert!(scene.log.events().iter().any(told));
    assert!(!format!("{:?}", scene.log.events()).contains(made.text.expose()));
}

#[tokio::test]
async fn without_proof_of_this_very_token_none_is_made() {
    let (scene, kept) = scene(Role::Admin, session(), AccessTokenCreation::Created);
    for (new, proof, code) in [
        (new("CI", "runs", ""), Proof::Nothing, ErrorCode::ProofNeeded),
        (
            new("CI", "runs", ""),
            Proof::Password(Password::typed("another").ok()),
            ErrorCode::CredentialsWrong,
        ),
        (new("", "runs", ""), password(), ErrorCode::AccessTokenMalformed),
        (new("CI", "", ""), password(), ErrorCode::AccessTokenMalformed),
        (new("CI", "nowhere", ""), password(), ErrorCode::AccessTokenMalformed),
        (new("CI", "runs", "0"), password(), ErrorCode::AccessTokenMalformed),
        (new("CI", "runs", "366"), password(), ErrorCode::AccessTokenMalformed),
        (new("CI", "runs", "-1"), password(), ErrorCode::AccessTokenMalformed),
    ] {
        assert_eq!(make(&scene, Role::Admin, new.clone(), proof).await.unwrap_err(), code, "{new:?}");
    }
    assert!(kept.lock().unwrap().is_empty());
    let year = make(&scene, Role::Admin, new("CI", "runs", "365"), password()).await.unwrap();
    assert_eq!(year.token.expires_at, Timestamp::from_unix_seconds(NOW + 365 * 86_400));
    let default = make(&scene, Role::Admin, new("CI", "api:admin", " "), password()).await.unwrap();
    assert_eq!(default.token.expires_at, Timestamp::from_unix_seconds(NOW + 90 * 86_400));
}

#[tokio::test]
async fn the_administration_is_for_administrators_and_a_full_or_disabled_account_gets_none() {
    let admin = new("CI", "api:admin", "");
    for (creation, role, code) in [
        (AccessTokenCreation::Created, Role::User, ErrorCode::NotAdministrator),
        (AccessTokenCreation::TooMany, Role::Admin, ErrorCode::TooManyAccessTokens),
        (AccessTokenCreation::Refused, Role::Admin, ErrorCode::NotSignedIn),
    ] {
        let (scene, _) = scene(role, session(), creation);
        assert_eq!(make(&scene, role, admin.clone(), password()).await.unwrap_err(), code, "{role:?}");
    }
}

#[tokio::test]
async fn no_proof_is_spent_on_a_token_that_would_not_be_made() {
    let kept = |number, expires_in| {
        let days = std::time::Duration::from_hours(24) * expires_in;
        let (id, now) = (format!("{}{number:02}A", "A".repeat(19)), Timestamp::from_unix_seconds(NOW));
        AccessToken {
            id: AccessTokenId::parse(&id).unwrap(),
            account: account(AccountStatus::Active).id,
            name: DisplayName::new("CI").unwrap(),
            scope: TokenScope::parse("runs").unwrap(),
            identity: None,
            groups: Vec::new(),
            is_admitted: true,
            told_at: now,
            made_at: now,
            expires_at: now.plus(days),
            last_used_at: None,
        }
    };
    for (role, scope, live, code) in [
        (Role::User, "api:admin", 0, ErrorCode::NotAdministrator),
        (Role::Admin, "api:admin", 50, ErrorCode::TooManyAccessTokens),
        (Role::Admin, "api:admin", 49, ErrorCode::CredentialsWrong),
    ] {
        let mut world = World::default();
        world.accounts.expect_find().returning(move |_| Ok(Some(of_role(role))));
        world.sessions.expect_find().returning(|_| Ok(Some(session())));
        world.sessions.expect_touch().returning(|_, _| Ok(()));
        world.credentials.expect_credential().returning(|_| Ok(Some(credential("$fake$another", false))));
        world
            .access_tokens
            .expect_list_of()
            .returning(move |_| Ok((0..50).map(|number| kept(number, u32::from(number < live))).collect()));
        let scene = world.scene();
        assert_eq!(make(&scene, role, new("CI", scope, ""), password()).await.unwrap_err(), code, "{live}");
        assert_eq!(scene.throttle.counted().is_empty(), code != ErrorCode::CredentialsWrong, "{live}");
    }
}
