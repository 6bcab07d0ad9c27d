use super::*;
use crate::error::ErrorCode;
use crate::people::{GroupName, TooManyGroups};
use crate::ports::{Author, StoreError};
use crate::session::Session;
use crate::sign_in::NotSignedIn;
use crate::sign_in::testing::{World, account, presenting, session};

fn by() -> Administrator {
    Administrator::local_operator()
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
    let created = scene.sign_in.administration().create(&by(), new(Some("Ada"), None)).await.unwrap();
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
    let created =
        scene.sign_in.administration().create(&by(), new(None, Some("ada@example.com"))).await.unwrap();
    assert!(created.initial_password().is_none());
    for (username, email, code) in [
        (Some("ada@example.com"), None, ErrorCode::UsernameMalformed),
        (None, None, ErrorCode::UsernameMalformed),
    ] {
        let refusal = scene.sign_in.administration().create(&by(), new(username, email)).await.unwrap_err();
        assert_eq!(refusal.error.code(), code);
    }
}

#[tokio::test]
async fn a_password_for_an_invited_person_is_refused_and_not_dropped() {
    let mut world = World::default();
    world.accounts.expect_create_local().never();
    let password = Password::typed("tulip anchor velvet").ok();
    let eve = NewAccount { password, ..new(None, Some("eve@example.com")) };
    let refusal = world.scene().sign_in.administration().create(&by(), eve).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::UsernameMalformed);
}

#[tokio::test]
async fn a_store_that_fails_does_not_sign_people_out() {
    let mut world = World::default();
    world.sessions.expect_find().returning(|_| Err(StoreError("down".to_owned())));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    let visitor = presenting(&token);
    assert_eq!(
        scene.sign_in.requests().account_of(&visitor).await.unwrap_err().code(),
        ErrorCode::StoreUnavailable
    );
}

#[tokio::test]
async fn an_account_is_named_by_its_id_before_anybody_who_is_called_like_that() {
    let ada = account(AccountStatus::Active);
    let eve =
        Account { id: AccountId::parse("01890000-0000-7000-8000-0000000000ee").unwrap(), ..ada.clone() };
    let named = async |name: &str, by_id: Option<Account>| {
        let (mut world, eve) = (World::default(), eve.clone());
        world.accounts.expect_find().returning(move |_| Ok(by_id.clone()));
        world.accounts.expect_find_by_name().returning(move |_| Ok(Some(eve.clone())));
        world.scene().sign_in.administration().named(&by(), name).await.unwrap()
    };
    let id = ada.id.to_string();
    assert_eq!(named(&id, Some(ada.clone())).await, ada);
    assert_eq!(named(&id, None).await, eve);
    assert_eq!(named("eve", Some(ada)).await, eve);
}

#[tokio::test]
async fn c150_a_disabled_or_demoted_person_is_signed_out() {
    for patch in [AccountPatch::Status(AccountStatus::Disabled), AccountPatch::Role(Role::User)] {
        let mut world = World::default();
        world.administration.expect_set_status().returning(|_, _, _| Ok(AccountChange::Done));
        world.administration.expect_set_role().returning(|_, _, _| Ok(AccountChange::Done));
        world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
        // The store ends it with the change; memory must not answer for it.
        let ended = Session { ended_at: Some(session().created_at), ..session() };
        let mut answers = [session(), ended].into_iter();
        world.sessions.expect_find().times(2).returning(move |_| Ok(answers.next()));
        let scene = world.scene();
        let token = scene.token(&account(AccountStatus::Active), &session());
        assert!(scene.sign_in.requests().check(&token).await.is_ok());
        let id = account(AccountStatus::Active).id;
        assert!(scene.sign_in.administration().patch(&by(), id, patch).await.is_ok(), "{patch:?}");
        let checked = scene.sign_in.requests().check(&token).await;
        assert_eq!(checked.unwrap_err(), NotSignedIn::SessionEnded, "{patch:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let mut world = World::default();
    world.administration.expect_set_status().returning(|_, _, _| Ok(AccountChange::LastAdministrator));
    world.administration.expect_delete().returning(|_| Ok(AccountChange::LastAdministrator));
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_list_of().returning(|_, _| Ok(Vec::new()));
    world.sessions.expect_end_all_of().never();
    let scene = world.scene();
    let id = account(AccountStatus::Active).id;
    let disable = AccountPatch::Status(AccountStatus::Disabled);
    let refusal = scene.sign_in.administration().patch(&by(), id, disable).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::LastAdministrator);
    let refusal = scene.sign_in.administration().delete(&by(), id).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::LastAdministrator);
}

#[tokio::test]
async fn a_token_without_an_account_administers_nothing() {
    let scene = World::default().scene();
    let refusal = scene.sign_in.administration().reader(&presenting("garbage")).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::NotSignedIn);
}

#[tokio::test]
async fn groups_change_with_an_event_and_memory_answers_no_more() {
    let groups = |list: &str| {
        let add = GroupName::typed_list(list).unwrap();
        LocalGroups::default().patched(&GroupPatch { add, remove: Vec::new() }).unwrap()
    };
    let (before, after) = (groups("a, b"), groups("b, c"));
    let mut answers = [(before.clone(), after.clone()), (after.clone(), after.clone())].into_iter();
    let mut world = World::default();
    world.administration.expect_change_groups().times(3).returning(move |_, _| {
        Ok(match answers.next() {
            Some((before, after)) => GroupChange::Done { before, after },
            None => GroupChange::TooMany(TooManyGroups),
        })
    });
    let ada = Account { groups: before, ..account(AccountStatus::Active) };
    let (id, name) = (ada.id, ada.username.clone());
    world.accounts.expect_find().returning(move |_| Ok(Some(ada.clone())));
    world.sessions.expect_find().times(2).returning(|_| Ok(Some(session())));
    let scene = world.scene();
    let (administration, patch) = (scene.sign_in.administration(), GroupPatch::default());
    let token =
        scene.token(&Account { groups: groups("a, b"), ..account(AccountStatus::Active) }, &session());
    for _ in 0..2 {
        assert!(scene.sign_in.requests().check(&token).await.is_ok());
        let changed = administration.change_groups(&by(), id, &patch).await.unwrap();
        assert_eq!(changed.groups, after);
    }
    let refusal = administration.change_groups(&by(), id, &patch).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::TooManyGroups);
    let [added, removed] = ["c", "a"].map(|name| GroupName::typed_list(name).unwrap());
    let by = Author::LocalOperator;
    let changed = SignInEvent::GroupsChanged { account: id, name, added, removed, by };
    let told: Vec<_> =
        scene.log.events().into_iter().filter(|it| !matches!(it, SignInEvent::Refused { .. })).collect();
    assert_eq!(told, [changed], "what is so already is no event");
}

#[tokio::test]
async fn c150_a_new_initial_password_is_effective_at_once() {
    let mut world = World::default();
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.sessions.expect_find().returning(|_| Ok(Some(session())));
    world
        .credentials
        .expect_reset_credential()
        .withf(|_, credential, _| credential.must_change)
        .times(1)
        .returning(|_, _, _| Ok(Some(vec![session().id])));
    let scene = world.scene();
    let token = scene.token(&account(AccountStatus::Active), &session());
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    scene.sign_in.administration().reset_password(&by(), session().account, None).await.unwrap();
    assert!(scene.sign_in.requests().check(&token).await.is_err());
}

/// An account called `ada`, with an address; another one is called `eve`.
fn ada_and_eve() -> World {
    let mut world = World::default();
    world.accounts.expect_find().returning(|_| Ok(Some(account(AccountStatus::Active))));
    world.accounts.expect_find_by_name().returning(|name| {
        let eve = AccountId::parse("01890000-0000-7000-8000-0000000000ee").unwrap();
        let is_eve = name.as_str() == "eve";
        Ok(is_eve.then(|| Account { id: eve, username: name.clone(), ..account(AccountStatus::Active) }))
    });
    world
}

#[tokio::test]
async fn f22_an_account_is_renamed_and_its_sessions_go_on() {
    let mut world = ada_and_eve();
    world
        .administration
        .expect_rename()
        .withf(|_, name| name.as_str() == "lovelace")
        .times(1)
        .returning(|_, _| Ok(AccountRenaming::Renamed));
    world.sessions.expect_find().times(2).returning(|_| Ok(Some(session())));
    let scene = world.scene();
    let before = account(AccountStatus::Active);
    let token = scene.token(&before, &session());
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    let renamed = scene.sign_in.administration().rename(&by(), before.id, "Lovelace", false).await.unwrap();
    let name = Username::local("lovelace").unwrap();
    assert_eq!(renamed, Account { username: name.clone(), ..before.clone() });
    // Memory no longer answers for it, and the session is still there.
    assert!(scene.sign_in.requests().check(&token).await.is_ok());
    let told =
        SignInEvent::Renamed { account: before.id, former: before.username, name, by: Author::LocalOperator };
    assert_eq!(scene.log.events(), [told]);
}

#[tokio::test]
async fn f22_a_name_that_is_taken_or_malformed_renames_nothing() {
    let account = account(AccountStatus::Active);
    let own_address = account.email.clone().unwrap().to_string();
    for (name, code) in [
        ("eve", ErrorCode::NameTaken),
        ("a b", ErrorCode::UsernameMalformed),
        ("", ErrorCode::UsernameMalformed),
        // Nobody has proved to whom that address belongs.
        ("somebody@example.com", ErrorCode::UsernameMalformed),
    ] {
        for dry_run in [true, false] {
            let mut world = ada_and_eve();
            world.administration.expect_rename().returning(|_, _| Ok(AccountRenaming::NameTaken));
            let scene = world.scene();
            let refusal = scene.sign_in.administration().rename(&by(), account.id, name, dry_run).await;
            assert_eq!(refusal.unwrap_err().error.code(), code, "{name:?}");
        }
    }
    for name in ["lovelace", &own_address, account.username.as_str()] {
        let mut world = ada_and_eve();
        world.administration.expect_rename().never();
        let scene = world.scene();
        let renamed = scene.sign_in.administration().rename(&by(), account.id, name, true).await.unwrap();
        assert_eq!(renamed.username.as_str(), name, "a dry run says what would be");
        assert_eq!(scene.log.events().len(), 0);
    }
}

#[tokio::test]
async fn f22_what_gives_way_is_recorded_with_its_time_and_a_dry_run_is_not() {
    let [from, to] = ["https://old.example", "https://new.example"].map(|it| Issuer::parse(it).unwrap());
    let account = account(AccountStatus::Active);
    let succession = IdentitySuccession {
        account: account.id,
        name: account.username,
        email: account.email,
        needs_proof: false,
    };
    for (dry_run, days, words) in
        [(false, 30, &["identity gives way"][..]), (false, 0, &["identity gives no way"]), (true, 30, &[])]
    {
        let (mut world, succession) = (World::default(), succession.clone());
        let within = Duration::from_hours(24 * days);
        let until = Timestamp::from_unix_seconds(crate::sign_in::testing::NOW).plus(within);
        world
            .administration
            .expect_let_give_way()
            .withf(move |_, _, at, dry| *at == until && *dry == dry_run)
            .times(1)
            .returning(move |_, _, _, _| Ok(vec![succession.clone()]));
        let scene = world.scene();
        let administration = scene.sign_in.administration();
        let listed =
            administration.let_identities_give_way(&by(), &from, &to, within, dry_run).await.unwrap();
        assert_eq!(listed.len(), 1);
        let told: Vec<_> = scene
            .log
            .events()
            .into_iter()
            .filter_map(|event| match event {
                SignInEvent::Administered { change, .. } => Some(change),
                _ => None,
            })
            .collect();
        assert_eq!(told, words);
    }
}
