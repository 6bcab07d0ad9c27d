use super::*;
use crate::error::ErrorCode;
use crate::people::AccountStatus;
use crate::ports::{
    Author, MockAccountStore, MockObserver, MockPasswordHasher, SignInEvent, Source, StoreError,
};
use crate::sign_in::testing::{World, account, credential};
use crate::world::{MockClock, MockEntropy};

fn by() -> Administrator {
    Administrator::local_operator()
}

fn row(line: u64, username: Option<&str>, email: Option<&str>) -> ImportRow {
    ImportRow {
        line,
        username: username.map(str::to_owned),
        email: email.map(|email| EmailAddress::parse(email).unwrap()),
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        hash: None,
    }
}

fn hashed(hash: &str, row: ImportRow) -> ImportRow {
    ImportRow { hash: Some(PasswordHash::parse(hash).unwrap()), ..row }
}

fn judged(scene: &crate::sign_in::testing::Scene, row: ImportRow) -> ValidRow {
    scene.sign_in.imports().judge(&by(), vec![row]).unwrap().remove(0)
}

#[test]
fn all_that_is_wrong_is_told_before_anything_is_written() {
    // The mock of the store panics at any call.
    let scene = World::default().scene();
    let rows = vec![
        row(2, Some("Ada"), Some("ada@example.com")),
        row(3, None, None),
        row(4, Some("grace@example.com"), None),
        hashed("$unknown$x", row(5, Some("grace"), None)),
        row(6, Some("ada"), None),
        row(7, Some("lovelace"), Some("ADA@example.com")),
        row(8, None, Some("ada@example.com")),
        row(9, Some("grace"), None),
        row(10, None, Some("fine@example.com")),
    ];
    let faults = scene.sign_in.imports().judge(&by(), rows).unwrap_err();
    let told: Vec<_> = faults.iter().map(|fault| (fault.line, &fault.problem)).collect();
    let repeated = |name: &str, line| ImportProblem::Repeated { name: Username::parse(name).unwrap(), line };
    assert_eq!(
        told,
        [
            (3, &ImportProblem::NameMissing),
            (4, &ImportProblem::UsernameMalformed),
            (5, &ImportProblem::HashUnusable),
            (6, &repeated("ada", 2)),
            (7, &repeated("ada@example.com", 2)),
            (8, &repeated("ada@example.com", 2)),
            (9, &repeated("grace", 5)),
        ]
    );
    assert!(!format!("{faults:?}").contains("unknown"), "no hash is shown");
}

#[tokio::test]
async fn a_hash_that_is_kept_need_not_be_changed() {
    let mut world = World::default();
    world
        .accounts
        .expect_create_local()
        .withf(|account, kept| {
            account.username.as_str() == "ada"
                && account.role == Role::Admin
                && account.status == AccountStatus::Active
                && kept == &Some(&credential("$weak$planted", false))
        })
        .times(1)
        .returning(|_, _| Ok(AccountCreation::Created));
    let scene = world.scene();
    let row = ImportRow {
        role: Role::Admin,
        ..hashed("$weak$planted", row(1, Some("Ada"), Some("ada@x.example")))
    };
    let judged = judged(&scene, row);
    assert_eq!((judged.line(), judged.username().as_str()), (1, "ada"));
    assert_eq!(scene.sign_in.imports().import(&by(), &judged).await.unwrap(), Imported::Created);
    let events = scene.log.events();
    assert!(matches!(
        &*events,
        [SignInEvent::Administered { change: "imported", by: Author::LocalOperator, .. }]
    ));
    assert!(!format!("{judged:?} {events:?}").contains("planted"));
}

#[tokio::test]
async fn without_a_hash_nothing_opens_the_account_yet() {
    let mut world = World::default();
    world
        .accounts
        .expect_create_local()
        .withf(|account, kept| account.username.as_str() == "ada@example.com" && kept.is_none())
        .times(1)
        .returning(|_, _| Ok(AccountCreation::Created));
    let scene = world.scene();
    let judged = judged(&scene, row(1, None, Some("ada@example.com")));
    assert_eq!(scene.sign_in.imports().import(&by(), &judged).await.unwrap(), Imported::Created);
}

#[tokio::test]
async fn an_account_that_exists_stays_as_it_is() {
    let mut world = World::default();
    world.accounts.expect_create_local().returning(|_, _| Ok(AccountCreation::NameTaken));
    let scene = world.scene();
    let judged = judged(&scene, row(1, Some("ada"), None));
    assert_eq!(scene.sign_in.imports().import(&by(), &judged).await.unwrap(), Imported::ThereAlready);
    assert!(scene.log.events().is_empty());
}

#[tokio::test]
async fn a_dry_run_looks_at_name_and_address_and_writes_nothing() {
    let mut world = World::default();
    world
        .accounts
        .expect_find_by_name()
        .returning(|name| Ok((name.as_str() == "ada@example.com").then(|| account(AccountStatus::Active))));
    world.accounts.expect_create_local().never();
    let scene = world.scene();
    for (username, email, expected) in [
        (Some("lovelace"), Some("ada@example.com"), Imported::ThereAlready),
        (None, Some("ada@example.com"), Imported::ThereAlready),
        (Some("lovelace"), Some("other@example.com"), Imported::Created),
        (Some("lovelace"), None, Imported::Created),
    ] {
        let judged = judged(&scene, row(1, username, email));
        assert_eq!(scene.sign_in.imports().dry_run(&by(), &judged).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told() {
    let mut world = World::default();
    let failed = || StoreError("down".to_owned());
    world.accounts.expect_create_local().returning(move |_, _| Err(failed()));
    let scene = world.scene();
    let judged = judged(&scene, row(1, Some("ada"), None));
    let refusal = scene.sign_in.imports().import(&by(), &judged).await.unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::StoreUnavailable);
}

#[tokio::test]
async fn an_import_is_built_with_the_ports_that_it_needs() {
    let mut accounts = MockAccountStore::new();
    accounts.expect_find_by_name().times(1).returning(|_| Ok(None));
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_can_verify().times(1).return_const(true);
    let (clock, entropy, log) = (MockClock::new(), MockEntropy::new(), MockObserver::new());
    let refusals = Refusals { observer: &log, entropy: &entropy, source: Source::default() };
    let imports =
        Imports { accounts: &accounts, hasher: &hasher, clock: &clock, entropy: &entropy, refusals };
    let by = Administrator::local_operator();
    let hash = PasswordHash::parse("$fake$x").ok();
    let rows = imports.judge(&by, vec![ImportRow { hash, ..row(1, Some("ada"), None) }]).unwrap();
    assert_eq!(imports.dry_run(&by, &rows[0]).await, Ok(Imported::Created));
}
