//! Replicas with other settings than the rest of their lab are found, on both databases.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use labgate::configuration::{Configuration, Sources};
use labgate::doctor::{Outcome, Step, examine};
use labgate::wiring::Server;
use labgate::world::SystemClock;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_store::{Backup, Location, RunningReplica, Store, back_up, copy, running_replicas};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::store::postgres::{Database, fresh};

/// The data directory and the database of a lab.
struct Shared {
    folder: TempDir,
    location: Location,
    _database: Option<Database>,
}

impl Shared {
    async fn on_both() -> [Self; 2] {
        let folder = || tempfile::tempdir().unwrap();
        let (file, server, database) = (folder(), folder(), fresh().await);
        let path = file.path().join("labgate.db");
        [
            Self { folder: file, location: Location::Sqlite(path), _database: None },
            Self { folder: server, location: database.location(), _database: Some(database) },
        ]
    }

    fn configuration(&self, more: &[(&str, &str)]) -> Configuration {
        let location = match &self.location {
            Location::Sqlite(path) => path.to_str().unwrap().to_owned(),
            Location::Postgres(url) => url.expose_secret().to_owned(),
        };
        let own = [
            ("LABGATE_LISTEN", "127.0.0.1:0"),
            ("LABGATE_PUBLIC_URL", "http://127.0.0.1:9"),
            ("LABGATE_DATA_DIR", self.folder.path().to_str().unwrap()),
            ("LABGATE_DATABASE", &location),
        ];
        let environment = own.iter().chain(more).map(|(name, value)| (OsString::from(name), value.into()));
        Configuration::read(&Sources { file: None, environment: environment.collect() }).unwrap()
    }

    /// Returns the doctor's finding about the replicas that run, with these settings.
    async fn diagnosed(&self, more: &[(&str, &str)]) -> Outcome {
        let (configuration, clock) = (self.configuration(more), Arc::new(SystemClock) as Arc<dyn Clock>);
        let mut findings = Vec::new();
        examine(Ok(&configuration), &clock, None, |finding| findings.push(finding)).await.unwrap();
        findings.into_iter().find(|finding| finding.step == Step::Replicas).unwrap().outcome
    }
}

fn replica(id: &str, fingerprint: &str) -> RunningReplica {
    let settings = BTreeMap::from([("session.idle_limit".to_owned(), fingerprint.to_owned())]);
    RunningReplica { id: id.to_owned(), settings }
}

#[tokio::test]
async fn replicas_see_each_other_until_they_stop_or_fall_silent() {
    for Shared { location, folder, _database } in Shared::on_both().await {
        let (one, other) = (Store::open(&location).await.unwrap(), Store::open(&location).await.unwrap());
        let (a, b) = (replica("a", "1"), replica("b", "2"));
        let at = Timestamp::from_unix_seconds;
        assert_eq!(one.note_replica(&a, at(1000)).await, Ok(vec![]));
        assert_eq!(other.note_replica(&b, at(1060)).await, Ok(vec![a.clone()]));
        let changed = replica("a", "3");
        assert_eq!(one.note_replica(&changed, at(1120)).await, Ok(vec![b.clone()]));
        let silent = at(1060).plus(RunningReplica::SEEN_FOR);
        assert_eq!(running_replicas(&location, silent).await.unwrap(), [changed.clone(), b]);
        let later = silent.plus(Duration::from_secs(1));
        assert_eq!(
            running_replicas(&location, later).await.unwrap(),
            std::slice::from_ref(&changed),
            "not seen any more"
        );
        assert_eq!(one.note_replica(&changed, later).await, Ok(vec![]));
        assert_eq!(
            running_replicas(&location, silent).await.unwrap(),
            std::slice::from_ref(&changed),
            "deleted"
        );

        let elsewhere = Location::Sqlite(folder.path().join("copy.db"));
        let target = Store::open(&elsewhere).await.unwrap();
        copy(&one, &target, |_, _| ()).await.unwrap();
        assert_eq!(running_replicas(&elsewhere, later).await.unwrap(), [], "they run here, not there");
        if let Location::Sqlite(database) = &location {
            let (backup, to) = (
                Backup { made_at: later, made_by: String::new(), keys: Vec::new() },
                folder.path().join("backup"),
            );
            back_up(database, &to, &backup).await.unwrap();
            assert_eq!(running_replicas(&Location::Sqlite(to), later).await.unwrap(), [], "nor in a backup");
        }

        other.forget_replica(&changed).await.unwrap();
        assert_eq!(running_replicas(&location, later).await.unwrap(), []);
        for store in [one, other, target] {
            store.close().await;
        }
    }
}

#[tokio::test]
async fn the_doctor_names_what_differs_from_the_replicas_that_run() {
    let other = ("LABGATE_SESSION__IDLE_LIMIT", "1h");
    for lab in Shared::on_both().await {
        let one = Server::start(lab.configuration(&[])).await.unwrap();
        assert!(matches!(lab.diagnosed(&[]).await, Outcome::Good(text) if text.contains("(1)")));
        let two = Server::start(lab.configuration(&[other])).await.unwrap();
        let Outcome::Bad { problem, .. } = lab.diagnosed(&[]).await else { panic!("not found") };
        assert!(problem.contains("1 of 2") && problem.ends_with(": session.idle_limit"), "{problem}");
        let Outcome::Bad { problem, .. } = lab.diagnosed(&[("LABGATE_SESSION__TOKEN_LIFETIME", "5m")]).await
        else {
            panic!("not found")
        };
        let named = "2 of 2 running replicas: session.idle_limit, session.token_lifetime";
        assert!(problem.ends_with(named), "{problem}");

        // A server that stops takes its statement away.
        let (stop, stopped) = oneshot::channel::<()>();
        stop.send(()).unwrap();
        two.run(async { stopped.await.unwrap_or_default() }).await;
        assert!(matches!(lab.diagnosed(&[]).await, Outcome::Good(text) if text.contains("(1)")));
        drop(one);
    }
}
