use super::*;
use crate::people::AccountStatus;
use crate::protocol::{IdTokenHint, Issuer, Subject};
use crate::provider::EmailTrust;
use crate::session::Session;
use crate::sign_in::testing::{ISSUER, Scene, World, account, presenting, session};

fn external() -> Session {
    Session {
        external: Some(ExternalSession {
            provider: ProviderId::parse("external").unwrap(),
            issuer: Issuer::parse(ISSUER).unwrap(),
            subject: Subject::parse("ada").unwrap(),
            id: None,
            id_token_hint: IdTokenHint::parse("e.y.J").ok(),
            revalidation: None,
        }),
        ..session()
    }
}

fn world(found: Session) -> World {
    let mut world = World::default();
    world.sessions.expect_find().returning(move |_| Ok(Some(found.clone())));
    world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    world
}

async fn sign_out(scene: &Scene) -> SignedOut {
    let token = scene.token(&account(AccountStatus::Active), &session());
    scene.sign_in.sessions().sign_out(&presenting(&token)).await.unwrap()
}

#[tokio::test]
async fn c155_the_sign_out_url_names_the_person_and_the_page_to_come_back_to() {
    let mut world = world(external());
    world.providers.push(World::provider(false, EmailTrust::Claim));
    let scene = world.scene();
    let left = sign_out(&scene).await.provider.unwrap();
    let url = left.end_session_url.unwrap();
    let parameter = |name: &str| url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    assert!(url.as_str().starts_with("https://op.example/logout?"), "{url}");
    assert_eq!(parameter("id_token_hint"), "e.y.J");
    assert_eq!(parameter("client_id"), "lab");
    assert_eq!(parameter("post_logout_redirect_uri"), "https://lab.example/signed-out");
    assert_eq!(parameter("state").len(), 43);
}

#[tokio::test]
async fn a_session_of_another_issuer_is_not_handed_to_the_one_configured_now() {
    let mut found = external();
    if let Some(external) = &mut found.external {
        external.issuer = Issuer::parse("https://former.example").unwrap();
    }
    let mut world = world(found);
    world.providers.push(World::provider(false, EmailTrust::Claim));
    assert_eq!(sign_out(&world.scene()).await.provider.unwrap().end_session_url, None);
}

#[tokio::test]
async fn c155_a_session_of_one_tenant_ends_at_a_template_issuer_too() {
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";
    let of = |issuer: &str| {
        let mut found = external();
        if let Some(external) = &mut found.external {
            external.issuer = Issuer::parse(issuer).unwrap();
        }
        found
    };
    for (issuer, goes_on) in [
        (format!("https://login.example/{TENANT}/v2.0"), true),
        (format!("https://former.example/{TENANT}/v2.0"), false),
        ("https://login.example/common/v2.0".to_owned(), false),
    ] {
        let mut world = world(of(&issuer));
        world.providers.push(World::provider_of("https://login.example/{tenantid}/v2.0"));
        let url = sign_out(&world.scene()).await.provider.unwrap().end_session_url;
        assert_eq!(url.is_some(), goes_on, "{issuer}");
    }
}

#[tokio::test]
async fn a_session_that_began_with_a_password_leaves_no_provider() {
    let mut world = world(session());
    world.providers.push(World::provider(false, EmailTrust::Claim));
    assert_eq!(sign_out(&world.scene()).await, SignedOut { provider: None });
}

#[tokio::test]
async fn c155_the_session_here_ends_even_when_the_store_cannot_say_what_it_was() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Err(crate::ports::StoreError("down".to_owned())));
    world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    assert!(scene.sign_in.sessions().sign_out(&presenting(&token)).await.is_err());
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_end() {
    let scene = World::default().scene();
    assert_eq!(
        scene.sign_in.sessions().sign_out(&Visitor::default()).await.unwrap(),
        SignedOut { provider: None }
    );
    assert_eq!(
        scene.sign_in.sessions().sign_out(&presenting("garbage")).await.unwrap(),
        SignedOut { provider: None }
    );
}
