//! A commit that fails, as on a full disk, a lock or a cut connection: the call says so and changes nothing,
//! and the next one works.

use std::pin::Pin;

use labgate_domain::people::{AccountStatus, Role, Username};
use labgate_domain::ports::{StoreError, StoredService};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::sealed::Sealed;
use labgate_domain::session::{ExternalSession, NextRevalidation, Session};

use super::lab::{
    Replica, accepted, account, account_id, ada, add_ada, add_local, added, at, attempt, begin_session,
    credential, email, external, identity, local, name, session, session_id, terms,
};
use super::{break_commits, mend_commits, tampered};

const TABLES: [&str; 7] = [
    "accounts",
    "credentials",
    "external_identities",
    "services",
    "sessions",
    "spent_attempts",
    "terms_acceptances",
];

type Call = fn(&Replica) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>>;

/// Every call of a port that writes. Ada has an identity and sessions 1 and 2, Bob a password.
const WRITES: &[(&str, Call)] = &[
    ("AccountStore::create_local", |store| {
        Box::pin(async {
            let password = credential("$new");
            store.accounts.create_local(&local(3, "eve"), Some(&password)).await.map(drop)
        })
    }),
    ("AccountStore::set_name", |store| {
        Box::pin(async { store.accounts.set_name(account_id(2), Some(&name("Bob"))).await })
    }),
    ("AccountStore::accept_terms", |store| {
        Box::pin(async { store.accounts.accept_terms(account_id(2), &accepted("1", 3000)).await.map(drop) })
    }),
    ("IdentityStore::create", |store| {
        Box::pin(async {
            let eve = account(4, "eve@example.com");
            store.identities.create(&eve, &identity("eve")).await.map(drop)
        })
    }),
    ("IdentityStore::record_sign_in", |store| {
        Box::pin(async {
            let (ada, identity) = ada();
            let new = email("lovelace@example.com");
            store.identities.record_sign_in(ada.id, &identity, Some(&new), at(3000)).await.map(drop)
        })
    }),
    ("IdentityStore::claim", |store| {
        Box::pin(async {
            let address = email("carol@example.com");
            store.identities.claim(account_id(5), &identity("carol"), &address, at(3000)).await.map(drop)
        })
    }),
    ("IdentityStore::link", |store| {
        Box::pin(async {
            let password = credential("$bob").hash;
            store.identities.link(account_id(2), &identity("bob"), Some(&password), at(3000)).await.map(drop)
        })
    }),
    ("IdentityStore::unlink", |store| {
        Box::pin(async {
            let (issuer, subject) = ("https://op.example", "bob");
            let (issuer, subject) = (Issuer::parse(issuer).unwrap(), Subject::parse(subject).unwrap());
            store.identities.unlink(account_id(2), &issuer, &subject).await.map(drop)
        })
    }),
    ("CredentialStore::strengthen_credential", |store| {
        Box::pin(async {
            let (new, old) = (credential("$stronger"), credential("$bob").hash);
            store.credentials.strengthen_credential(account_id(2), &new, &old).await.map(drop)
        })
    }),
    ("CredentialStore::change_credential", |store| {
        Box::pin(async {
            let (new, old) = (credential("$newer"), credential("$stronger").hash);
            store.credentials.change_credential(account_id(2), &new, &old, at(3000)).await.map(drop)
        })
    }),
    ("CredentialStore::reset_credential", |store| {
        Box::pin(async {
            store.credentials.reset_credential(account_id(2), &credential("$reset"), at(3000)).await.map(drop)
        })
    }),
    ("SessionStore::create", |store| {
        Box::pin(async {
            store.sessions.create(&session(3, account_id(1)), terms(Role::Admin)).await.map(drop)
        })
    }),
    ("SessionStore::touch", |store| Box::pin(async { store.sessions.touch(session_id(3), at(5000)).await })),
    ("SessionStore::take_due", |store| {
        Box::pin(async {
            let provider = external("ada", "sid-1").provider;
            store.sessions.take_due(&provider, at(2000), at(500), at(4000), 9).await.map(drop)
        })
    }),
    ("SessionStore::keep_answer", |store| {
        Box::pin(async { store.sessions.keep_answer(session_id(1), &["other".to_owned()], None, None).await })
    }),
    ("SessionStore::end", |store| Box::pin(async { store.sessions.end(session_id(1), at(3000)).await })),
    ("SessionStore::end_all_of", |store| {
        Box::pin(async { store.sessions.end_all_of(account_id(1), None, at(3000)).await.map(drop) })
    }),
    ("SessionStore::end_all_from", |store| {
        Box::pin(async {
            let (issuer, subject) = ("https://op.example", "ada");
            let (issuer, subject) = (Issuer::parse(issuer).unwrap(), Subject::parse(subject).unwrap());
            store.sessions.end_all_from(&issuer, None, Some(&subject), at(3000)).await.map(drop)
        })
    }),
    ("SessionStore::delete_expired", |store| {
        Box::pin(async { store.sessions.delete_expired(at(i64::MAX)).await.map(drop) })
    }),
    ("ServiceStore::put", |store| {
        Box::pin(async {
            let wiki = StoredService { id: "wiki".to_owned(), definition: "{}".to_owned() };
            let revision = store.services.list().await?.revision;
            store.services.put(&wiki, &revision).await.map(drop)
        })
    }),
    ("ServiceStore::remove", |store| {
        Box::pin(async {
            let revision = store.services.list().await?.revision;
            store.services.remove("wiki", &revision).await.map(drop)
        })
    }),
    ("SpentAttempts::consume", |store| {
        Box::pin(async { store.spent_attempts.consume(attempt(1), at(2000)).await.map(drop) })
    }),
    ("SpentAttempts::delete_expired", |store| {
        Box::pin(async { store.spent_attempts.delete_expired(at(3000)).await.map(drop) })
    }),
    ("AdministrationStore::set_status", |store| {
        Box::pin(async {
            store.administration.set_status(account_id(2), AccountStatus::Disabled, at(2000)).await.map(drop)
        })
    }),
    ("AdministrationStore::set_role", |store| {
        Box::pin(async {
            store.administration.set_role(account_id(5), Role::Admin, at(2000)).await.map(drop)
        })
    }),
    ("AdministrationStore::rename", |store| {
        Box::pin(async {
            let name = Username::parse("robert").unwrap();
            store.administration.rename(account_id(2), &name).await.map(drop)
        })
    }),
    ("AdministrationStore::change_groups", |store| {
        Box::pin(async { store.administration.change_groups(account_id(2), &added("gpu")).await.map(drop) })
    }),
    ("AdministrationStore::let_give_way", |store| {
        Box::pin(async {
            let [from, to] =
                ["https://op.example", "https://new.example"].map(|it| Issuer::parse(it).unwrap());
            store.administration.let_give_way(&from, &to, at(9000), false).await.map(drop)
        })
    }),
    ("AdministrationStore::delete", |store| {
        Box::pin(async { store.administration.delete(account_id(2)).await.map(drop) })
    }),
];

#[tokio::test]
async fn after_a_commit_that_failed_every_call_works_again() {
    let (store, mut tampering) = tampered().await;
    let ada = add_ada(&store).await.id;
    add_local(&store, &local(2, "bob"), Some(&credential("$bob"))).await;
    add_local(&store, &account(5, "carol@example.com"), None).await;
    let next = NextRevalidation { refresh_token: Sealed::parse("sealed").unwrap(), due_at: at(1500) };
    let due = ExternalSession { revalidation: Some(next), ..external("ada", "sid-1") };
    begin_session(&store, &Session { external: Some(due), ..session(1, ada) }).await;
    begin_session(&store, &session(2, ada)).await;
    begin_session(&store, &session(9, account_id(5))).await;
    for (what, call) in WRITES {
        for table in TABLES {
            tampering.run(&break_commits(table)).await;
        }
        let failed = call(&store).await;
        let checked = store.accounts.check().await;
        for table in TABLES {
            tampering.run(&mend_commits(table)).await;
        }
        assert!(failed.is_err(), "{what} did not notice that its commit failed, or wrote nothing");
        assert!(checked.is_ok(), "{what}: tables that cannot be changed are not the whole database");
        assert_eq!(call(&store).await, Ok(()), "{what}, once more");
    }
}
