use std::collections::BTreeSet;
use std::thread;

use labgate_domain::attempt::AttemptId;
use labgate_domain::ports::{AttemptSealer as _, TokenFault, TokenIssuer as _};
use tempfile::TempDir;

use super::*;
use crate::testing::{ALGORITHMS, AUDIENCE, ISSUER, TestKey, at, claims};
use crate::{AttemptSeals, KeyError, SessionTokens};

fn directory(home: &TempDir, algorithm: Algorithm) -> KeyDirectory {
    KeyDirectory::new(&home.path().join("keys"), algorithm)
}

fn home() -> TempDir {
    TempDir::new().unwrap()
}

fn after_overlap(seconds: i64) -> Timestamp {
    at(seconds).plus(KeyRing::OVERLAP)
}

fn kid(keys: &Keys) -> String {
    keys.ring.signing_key().kid().to_owned()
}

fn published(keys: &Keys) -> usize {
    keys.ring.jwks()["keys"].as_array().unwrap().len()
}

/// The key files, sorted.
fn files(directory: &KeyDirectory) -> Vec<String> {
    let mut files = directory.files().unwrap();
    files.retain(|file| file != ".lock");
    files.sort_unstable();
    files
}

fn session_file(directory: &KeyDirectory) -> PathBuf {
    directory.path.join(files(directory).into_iter().find(|file| file.starts_with("session-")).unwrap())
}

fn seal_file(directory: &KeyDirectory) -> PathBuf {
    directory.path.join(files(directory).into_iter().find(|file| file.starts_with("seal-")).unwrap())
}

fn refusal(directory: &KeyDirectory) -> KeyFileError {
    let refused = directory.read(at(1000)).unwrap_err();
    // A server that starts and a rotation must not go on where reading would not.
    assert_eq!(directory.open_or_create(at(1000)).unwrap_err().to_string(), refused.to_string());
    assert_eq!(directory.rotate(at(1000)).unwrap_err().to_string(), refused.to_string());
    refused
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o7777
}

#[cfg(unix)]
fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn the_first_start_makes_keys_and_the_next_finds_them() {
    for algorithm in ALGORITHMS {
        let home = home();
        let first = directory(&home, algorithm).open_or_create(at(1000)).unwrap();
        assert_eq!(first.ring.signing_key().algorithm(), algorithm);
        let made = files(&directory(&home, algorithm));
        assert_eq!(made.len(), 2);

        for found in [
            directory(&home, algorithm).open_or_create(at(2000)).unwrap(),
            directory(&home, algorithm).read(at(3000)).unwrap(),
        ] {
            assert_eq!(kid(&found), kid(&first));
            let id = AttemptId::parse("AAECAwQFBgcICQoLDA0ODw").unwrap();
            let sealed = AttemptSeals::new(first.seals.clone()).seal(id, b"attempt").unwrap();
            assert!(AttemptSeals::new(found.seals).open(id, &sealed).is_some());
        }
        assert_eq!(files(&directory(&home, algorithm)), made);
    }
}

#[test]
fn a_files_name_says_what_is_in_it() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let keys = directory.open_or_create(at(1000)).unwrap();
    let session = format!("session-1000-ES256-{}.pem", kid(&keys));
    assert_eq!(files(&directory), ["seal-1000.key".to_owned(), session]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_has_access() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    assert_eq!(mode(&directory.path), 0o700);
    for file in directory.files().unwrap() {
        assert_eq!(mode(&directory.path.join(&file)), 0o600, "{file}");
    }
}

#[test]
fn c148_after_a_rotation_the_new_key_signs_and_the_old_one_leaves_after_the_overlap() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let tokens = SessionTokens::new(first.ring.clone(), ISSUER, AUDIENCE);
    let before = tokens.issue(&claims()).unwrap();

    let rotated = directory.rotate(at(5000)).unwrap();
    assert_ne!(kid(&rotated), kid(&first));
    let reread = directory.read(at(5001)).unwrap();
    assert_eq!(kid(&reread), kid(&rotated));
    tokens.replace(reread.ring);
    let after = tokens.issue(&claims()).unwrap();
    assert!(tokens.authenticate(before.expose()).is_ok());
    assert!(tokens.authenticate(after.expose()).is_ok());

    tokens.replace(directory.read(after_overlap(4999)).unwrap().ring);
    assert!(tokens.authenticate(before.expose()).is_ok());
    tokens.replace(directory.read(after_overlap(5000)).unwrap().ring);
    assert_eq!(tokens.authenticate(before.expose()), Err(TokenFault::UnknownKey));
    assert!(tokens.authenticate(after.expose()).is_ok());

    // Reading deletes nothing; the next start does.
    assert_eq!(files(&directory).len(), 4);
    let restarted = directory.open_or_create(after_overlap(5000)).unwrap();
    assert_eq!(kid(&restarted), kid(&rotated));
    assert_eq!(files(&directory).iter().filter(|file| file.starts_with("session-")).count(), 1);
}

#[test]
fn c148_a_rotation_rolled_back_by_deleting_its_key_is_undone() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let rotated = directory.rotate(at(5000)).unwrap();
    let newest = files(&directory).into_iter().find(|file| file.contains(&kid(&rotated))).unwrap();
    fs::remove_file(directory.path.join(newest)).unwrap();

    let back = directory.open_or_create(after_overlap(5000)).unwrap();
    assert_eq!(kid(&back), kid(&first));
    assert_eq!(published(&back), 1);
}

#[test]
fn c148_replicas_whose_clocks_differ_understand_each_other() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(100_000)).unwrap();
    directory.rotate(at(200_000)).unwrap();
    let replica = |now| SessionTokens::new(directory.read(at(now)).unwrap().ring, ISSUER, AUDIENCE);
    let (slow, fast) = (replica(200_000 - 3600), replica(200_000 + 3600));
    for (signs, verifies) in [(&slow, &fast), (&fast, &slow)] {
        let token = signs.issue(&claims()).unwrap();
        assert_eq!(verifies.authenticate(token.expose()), Ok(claims()));
    }
}

#[test]
fn c148_the_newest_key_signs_even_when_the_clock_was_set_back() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(5000)).unwrap();
    let rotated = directory.rotate(at(1000)).unwrap();
    assert_eq!(kid(&directory.read(at(1001)).unwrap()), kid(&rotated));
    let again = directory.rotate(at(1000)).unwrap();
    assert_eq!(kid(&directory.read(at(1001)).unwrap()), kid(&again));
    assert_eq!(published(&again), 3);
}

#[test]
fn another_algorithm_gets_a_key_of_its_own_and_the_old_key_stays_for_the_overlap() {
    let home = home();
    let old = directory(&home, Algorithm::Rs256).open_or_create(at(1000)).unwrap();
    let new = directory(&home, Algorithm::Es256).open_or_create(at(2000)).unwrap();
    assert_eq!(new.ring.signing_key().algorithm(), Algorithm::Es256);
    assert_eq!(published(&new), 2);
    assert!(new.ring.find(&kid(&old)).is_some());
    let later = directory(&home, Algorithm::Es256).open_or_create(after_overlap(2000)).unwrap();
    assert_eq!((kid(&later), published(&later)), (kid(&new), 1));
}

#[test]
fn two_sealing_keys_are_kept() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(1)).unwrap();
    for now in 2..6 {
        directory.rotate(at(now)).unwrap();
    }
    let seals = files(&directory).into_iter().filter(|file| file.starts_with("seal-"));
    assert_eq!(seals.count(), 2);
}

#[test]
fn processes_that_start_at_once_use_the_same_keys() {
    let home = home();
    let barrier = std::sync::Barrier::new(16);
    let kids: BTreeSet<String> = thread::scope(|scope| {
        let starting: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    kid(&directory(&home, Algorithm::Es256).open_or_create(at(1000)).unwrap())
                })
            })
            .collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(kids.len(), 1);
    assert_eq!(files(&directory(&home, Algorithm::Es256)).len(), 2);
}

#[test]
fn servers_may_read_and_start_while_keys_are_rotated_and_deleted() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(0)).unwrap();
    thread::scope(|scope| {
        // Each rotation lies past the overlap of the last, so it also deletes.
        scope.spawn(|| {
            for round in 1..40 {
                directory.rotate(after_overlap(0).plus(KeyRing::OVERLAP * round)).unwrap();
            }
        });
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..40 {
                    directory.read(at(0)).unwrap();
                    directory.open_or_create(at(0)).unwrap();
                }
            });
        }
    });
}

#[test]
fn what_a_crash_left_behind_is_cleared_away() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let half = directory.path.join(".unfinished-session-2000-ES256-kid.pem");
    fs::write(&half, "-----BEGIN PRIV").unwrap();
    assert_eq!(kid(&directory.read(at(2000)).unwrap()), kid(&first));
    assert_eq!(kid(&directory.open_or_create(at(2000)).unwrap()), kid(&first));
    assert!(!half.exists());
}

#[test]
fn files_of_others_are_left_alone() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    for other in ["README", ".gitignore", "lost+found", "own.pem"] {
        fs::write(directory.path.join(other), "x").unwrap();
    }
    directory.rotate(at(2000)).unwrap();
    assert!(directory.path.join("own.pem").exists());
}

#[test]
fn reading_makes_nothing() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let missing = directory.read(at(1000)).unwrap_err().to_string();
    assert!(missing.contains("keys/.lock"), "{missing}");
    assert!(!directory.path.exists());
}

#[test]
fn c153_a_directory_without_keys_says_so() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    fs::remove_file(seal_file(&directory)).unwrap();
    let refused = directory.read(at(1000)).unwrap_err();
    assert!(matches!(&refused, KeyFileError::Incomplete { path } if *path == directory.path), "{refused}");
    // Starting makes it anew, and leaves the other key alone.
    let session = session_file(&directory);
    directory.open_or_create(at(1000)).unwrap();
    assert!(session.exists());
}

#[cfg(unix)]
#[test]
fn c153_a_key_that_others_can_read_is_refused() {
    for bits in [0o640, 0o604, 0o644, 0o620, 0o601, 0o777] {
        let home = home();
        let directory = directory(&home, Algorithm::Es256);
        directory.open_or_create(at(1000)).unwrap();
        for file in [session_file(&directory), seal_file(&directory)] {
            chmod(&file, bits);
            let refused = refusal(&directory);
            assert!(
                matches!(&refused, KeyFileError::Exposed { path, mode } if *path == file && *mode == bits)
            );
            assert!(refused.to_string().starts_with(file.to_str().unwrap()), "{refused}");
            assert!(refused.to_string().contains(&format!("mode {bits:04o}")), "{refused}");
            chmod(&file, 0o600);
        }
        directory.read(at(1000)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn c153_a_directory_that_others_can_enter_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    for bits in [0o750, 0o705, 0o770, 0o1777] {
        chmod(&directory.path, bits);
        let refused = directory.open_or_create(at(1000)).unwrap_err();
        assert!(
            matches!(&refused, KeyFileError::Exposed { path, .. } if *path == directory.path),
            "{refused}"
        );
    }
}

#[test]
fn c153_a_key_of_another_type_too_short_or_damaged_is_refused() {
    for (text, expected) in [
        ("", KeyError::NotAPrivateKey),
        ("garbage", KeyError::NotAPrivateKey),
        (include_str!("../../fixtures/p256-sec1.pem"), KeyError::NotAPrivateKey),
        (include_str!("../../fixtures/p384.pem"), KeyError::WrongType(Algorithm::Es256)),
        (include_str!("../../fixtures/rsa2048.pem"), KeyError::WrongType(Algorithm::Es256)),
    ] {
        let home = home();
        let directory = directory(&home, Algorithm::Es256);
        directory.open_or_create(at(1000)).unwrap();
        let file = session_file(&directory);
        fs::write(&file, text).unwrap();
        let refused = refusal(&directory);
        assert!(
            matches!(&refused, KeyFileError::Unusable { path, source } if *path == file && *source == expected),
            "{refused}"
        );
    }
}

#[test]
fn c153_a_secret_or_a_sealing_key_that_is_too_short_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Hs256);
    directory.open_or_create(at(1000)).unwrap();
    let file = session_file(&directory);
    fs::write(&file, "please-change-this-secret\n").unwrap();
    let refused = refusal(&directory);
    let expected = KeyError::SecretTooShort(25);
    assert!(
        matches!(&refused, KeyFileError::Unusable { path, source } if *path == file && *source == expected)
    );

    fs::remove_file(file).unwrap();
    let file = seal_file(&directory);
    fs::write(&file, "AAAA\n").unwrap();
    let refused = directory.open_or_create(at(1000)).unwrap_err();
    let expected = KeyError::NotASealKey;
    assert!(
        matches!(&refused, KeyFileError::Unusable { path, source } if *path == file && *source == expected)
    );
}

#[test]
fn c153_a_key_that_is_not_text_or_not_a_file_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    let file = session_file(&directory);
    fs::write(&file, [0xff; 100]).unwrap();
    assert!(matches!(refusal(&directory), KeyFileError::Unreadable { path, .. } if path == file));

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(refusal(&directory), KeyFileError::Unreadable { path, .. } if path == file));
}

#[test]
fn c153_a_key_under_another_keys_name_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    let file = session_file(&directory);
    fs::write(&file, secrecy::ExposeSecret::expose_secret(&TestKey::of(Algorithm::Es256).text)).unwrap();
    assert!(matches!(refusal(&directory), KeyFileError::Misnamed { path } if path == file));
}

#[test]
fn c153_a_key_file_renamed_out_of_our_reach_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    let renamed = directory.path.join("session-old.pem");
    fs::rename(session_file(&directory), &renamed).unwrap();
    assert!(matches!(refusal(&directory), KeyFileError::Misnamed { path } if path == renamed));
}

#[test]
fn c153_a_directory_that_cannot_be_made_is_named() {
    let home = home();
    fs::write(home.path().join("keys"), "a file").unwrap();
    let directory = directory(&home, Algorithm::Es256);
    let refused = directory.open_or_create(at(1000)).unwrap_err();
    assert!(
        matches!(&refused, KeyFileError::Unwritable { path, .. } if *path == directory.path),
        "{refused}"
    );
}
