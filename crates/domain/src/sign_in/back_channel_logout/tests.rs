use super::*;
use crate::error::ErrorCode;
use crate::people::AccountStatus;
use crate::ports::{
    IdTokenFault, LogoutTokenFault, MockIdentityProvider, ProviderCall, ProviderError, StoreError,
};
use crate::protocol::{Issuer, ProviderSessionId, Subject};
use crate::provider::EmailTrust;
use crate::sign_in::NotSignedIn;
use crate::sign_in::testing::{ISSUER, NOW, Scene, World, account, session};
use crate::time::Timestamp;

fn token(session: Option<&str>, subject: Option<&str>) -> LogoutToken {
    LogoutToken {
        issuer: Issuer::parse(ISSUER).unwrap(),
        subject: subject.map(|subject| Subject::parse(subject).unwrap()),
        session: session.map(|session| ProviderSessionId::parse(session).unwrap()),
        id: "jti".to_owned(),
        refused_from: Timestamp::from_unix_seconds(NOW + 360),
    }
}

fn answering(answer: Result<LogoutToken, LogoutTokenError>) -> MockIdentityProvider {
    let mut provider = World::provider(false, EmailTrust::Claim);
    provider.expect_verify_logout_token().returning(move |_| answer.clone());
    provider
}

async fn refused(scene: &Scene) -> ErrorCode {
    scene.sign_in.back_channel().end_sessions("token").await.unwrap_err().error.code()
}

#[tokio::test]
async fn c165_the_sessions_that_the_token_names_end_here_at_once() {
    let mut world = World::default();
    world.providers.push(answering(Ok(token(Some("sid"), Some("ada")))));
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world
        .sessions
        .expect_end_all_from()
        .withf(|issuer, session, subject, _| {
            issuer.as_str() == ISSUER
                && session.is_some_and(|session| session.as_str() == "sid")
                && subject.is_some_and(|subject| subject.as_str() == "ada")
        })
        .times(1)
        .returning(|_, _, _, _| Ok(vec![(session().id, session().account)]));
    let scene = world.scene();
    let cookie = scene.token(&account(AccountStatus::Active), &session());
    assert!(scene.sign_in.requests().check(&cookie).await.is_ok());
    scene.sign_in.back_channel().end_sessions("token").await.unwrap();
    assert_eq!(scene.sign_in.requests().check(&cookie).await.unwrap_err(), NotSignedIn::SessionEnded);
    assert!(matches!(scene.log.events().last(), Some(SignInEvent::SignedOutByProvider { .. })));
}

#[tokio::test]
async fn c164_a_token_that_was_used_before_ends_nothing_more() {
    let mut world = World::default();
    world.providers.push(answering(Ok(token(None, Some("ada")))));
    world.sessions.expect_end_all_from().times(1).returning(|_, _, _, _| Ok(Vec::new()));
    let scene = world.scene();
    for _ in 0..3 {
        scene.sign_in.back_channel().end_sessions("token").await.unwrap();
    }
}

#[tokio::test]
async fn c164_a_token_that_could_not_be_obeyed_is_still_good() {
    let mut world = World::default();
    world.providers.push(answering(Ok(token(None, Some("ada")))));
    let mut answers = [Err(StoreError("down".to_owned())), Ok(Vec::new())].into_iter();
    world.sessions.expect_end_all_from().times(2).returning(move |_, _, _, _| answers.next().unwrap());
    let scene = world.scene();
    assert_eq!(refused(&scene).await, ErrorCode::StoreUnavailable);
    scene.sign_in.back_channel().end_sessions("token").await.unwrap();
    scene.sign_in.back_channel().end_sessions("token").await.unwrap();
}

#[tokio::test]
async fn c159_a_token_that_is_not_good_ends_nothing() {
    let down = ProviderError::unavailable(ProviderCall::Jwks, crate::ports::CallFailure::Connection, "down");
    for error in [
        LogoutTokenError::OfAnotherIssuer,
        LogoutTokenError::Invalid(LogoutTokenFault::Nonce),
        LogoutTokenError::Provider(down),
    ] {
        let mut world = World::default();
        world.providers.push(answering(Err(error)));
        world.sessions.expect_end_all_from().never();
        assert_eq!(refused(&world.scene()).await, ErrorCode::LogoutTokenInvalid);
    }
    assert_eq!(refused(&World::default().scene()).await, ErrorCode::LogoutTokenInvalid);
}

#[tokio::test]
async fn each_provider_is_asked_until_one_knows_the_token() {
    let down =
        ProviderError::unavailable(ProviderCall::Discovery, crate::ports::CallFailure::Connection, "down");
    let mut world = World::default();
    world.providers.push(answering(Err(LogoutTokenError::OfAnotherIssuer)));
    world.providers.push(answering(Err(LogoutTokenError::Provider(down))));
    // Of the same issuer, with another client id.
    world.providers.push(answering(Err(LogoutTokenError::Invalid(IdTokenFault::Audience.into()))));
    world.providers.push(answering(Ok(token(Some("sid"), None))));
    world.sessions.expect_end_all_from().times(1).returning(|_, _, _, _| Ok(Vec::new()));
    assert!(world.scene().sign_in.back_channel().end_sessions("token").await.is_ok());
}

#[tokio::test]
async fn f50_the_refusal_tells_whether_the_provider_may_come_again() {
    let down = LogoutTokenError::Provider(ProviderError::unavailable(
        ProviderCall::Jwks,
        crate::ports::CallFailure::Connection,
        "down",
    ));
    let invalid = LogoutTokenError::Invalid(LogoutTokenFault::Nonce);
    let foreign = LogoutTokenError::OfAnotherIssuer;
    for (answers, expected) in [
        (vec![&down, &invalid], &down),
        (vec![&invalid, &down], &down),
        (vec![&invalid, &down, &foreign, &invalid], &down),
        (vec![&foreign, &invalid], &invalid),
        (vec![&invalid, &foreign], &invalid),
        (vec![&foreign, &foreign], &foreign),
    ] {
        let mut world = World::default();
        world.providers.extend(answers.into_iter().map(|answer| answering(Err(answer.clone()))));
        let refusal = world.scene().sign_in.back_channel().end_sessions("token").await.unwrap_err();
        assert_eq!(refusal.error.to_string(), expected.to_string());
    }
}
