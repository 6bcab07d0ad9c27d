use super::*;
use crate::error::ErrorCode;
use crate::identity::LinkedIdentity;
use crate::ports::IdentityRemoval;
use crate::session::SessionId;
use crate::sign_in::testing::{World, account, credential, identity, presenting, stated};

fn by() -> Administrator {
    Administrator::at_the_machine()
}

fn new(username: Option<&str>, email: Option<&str>) -> NewAccount {
    NewAccount {
        username: username.map(str::to_owned),
        email: email.map(|email| EmailAddress::parse(email).unwrap()),
        name: None,
        role: Role::User,
        password: None,
    }
}

#[tokio::test]
async fn a_new_account_has_a_made_up_password_that_must_be_changed() {
    let mut world = World::default();
    world
        .accounts
        .expect_create_local()
        .withf(|account, credential| {
            account.username.as_str() == "ada" && credential.is_some_and(|credential| credential.must_change)
        })
        .times(1)
        .returning(|_, _| Ok(AccountCreation::Created));
    let scene = world.scene();
    let created = scene.sign_in.create_account(&by(), new(Some("Ada"), None)).await.unwrap();
    let password = created.initial_password().unwrap();
    assert_eq!(password.len(), 19, "{password}");
    assert!(!format!("{created:?}").contains(password));
}

#[tokio::test]
async fn an_account_for_an_address_is_opened_by_nothing_yet() {
    let mut world = World::default();
    world
        .accounts
        .expect_create_local()
        .withf(|account, credential| account.username.as_str() == "ada@example.com" && credential.is_none())
        .times(1)
        .returning(|_, _| Ok(AccountCreation::Created));
    let scene = world.scene();
    let created = scene.sign_in.create_account(&by(), new(None, Some("ada@example.com"))).await.unwrap();
    assert!(created.initial_password().is_none());
    for (username, email, code) in [
        (Some("ada@example.com"), None, ErrorCode::UsernameMalformed),
        (None, None, ErrorCode::UsernameMalformed),
    ] {
        let refusal = scene.sign_in.create_account(&by(), new(username, email)).await.unwrap_err();
        assert_eq!(refusal.error.code(), code);
    }
}

#[tokio::test]
async fn c150_whoever_is_disabled_or_demoted_is_signed_out() {
    for (patch, ends) in [
        (AccountPatch::Status(AccountStatus::Disabled), 1),
        (AccountPatch::Role(Role::User), 1),
        (AccountPatch::Status(AccountStatus::Active), 0),
        (AccountPatch::Role(Role::Admin), 0),
    ] {
        let mut world = World::default();
        world.accounts.expect_set_status().returning(|_, _| Ok(AccountChange::Done));
        world.accounts.expect_set_role().returning(|_, _| Ok(AccountChange::Done));
        world.sessions.expect_end_all_of().times(ends).returning(|_, _, _| Ok(Vec::<SessionId>::new()));
        let id = account(AccountStatus::Active).id;
        assert!(world.scene().sign_in.patch_account(&by(), id, patch).await.is_ok(), "{patch:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let mut world = World::default();
    world.accounts.expect_set_status().returning(|_, _| Ok(AccountChange::LastAdministrator));
    world.accounts.expect_delete().returning(|_| Ok(AccountChange::LastAdministrator));
    world.sessions.expect_list_of().returning(|_, _| Ok(Vec::new()));
    world.sessions.expect_end_all_of().never();
    let scene = world.scene();
    let id = account(AccountStatus::Active).id;
    let disable = AccountPatch::Status(AccountStatus::Disabled);
    let refusal = scene.sign_in.patch_account(&by(), id, disable).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::LastAdministrator);
    let refusal = scene.sign_in.delete_account(&by(), id).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::LastAdministrator);
}

#[tokio::test]
async fn a_token_of_nobody_administers_nothing() {
    let scene = World::default().scene();
    let refusal = scene.sign_in.administrator(&presenting("garbage")).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::NotSignedIn);
}

#[tokio::test]
async fn c115_a_new_initial_password_drops_what_somebody_who_knew_the_old_one_may_have_added() {
    for (before, dropped) in [(Some(credential("$fake$old", false)), 1), (None, 0)] {
        let mut world = World::default();
        world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
        world.accounts.expect_credential().returning(move |_| Ok(before.clone()));
        world.accounts.expect_set_credential().times(1).returning(|_, _, _| Ok(true));
        world.accounts.expect_identities().returning(|_| {
            let identity = identity(stated(true));
            let at = account(AccountStatus::Active).created_at;
            Ok(vec![LinkedIdentity {
                issuer: identity.issuer,
                subject: identity.subject,
                email: None,
                first_sign_in_at: at,
                last_sign_in_at: at,
            }])
        });
        world.accounts.expect_unlink().times(dropped).returning(|_, _, _| Ok(IdentityRemoval::Removed));
        world.sessions.expect_end_all_of().times(1).returning(|_, _, _| Ok(Vec::new()));
        let id = account(AccountStatus::Active).id;
        assert!(world.scene().sign_in.reset_password(&by(), id, None).await.is_ok());
    }
}
