use std::collections::BTreeSet;
use std::thread;

use labgate_domain::ports::{TokenFault, TokenIssuer as _};
use labgate_domain::sealed::SealId;
use labgate_domain::sealed::Sealer as _;
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

/// Returns the time at which a key made then begins to sign.
fn in_force(seconds: i64) -> Timestamp {
    at(seconds).plus(KeyDirectory::PUBLICATION_DELAY)
}

/// Returns the time at which the key before one made then leaves.
fn after_overlap(seconds: i64) -> Timestamp {
    in_force(seconds).plus(KeyRing::OVERLAP)
}

fn kid(keys: &Keys) -> String {
    keys.ring.signing_key().kid().to_owned()
}

/// Of the key made last.
fn new_kid(keys: &Keys) -> String {
    keys.ring.newest_key().kid().to_owned()
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
            let id = SealId::parse("AAECAwQFBgcICQoLDA0ODw").unwrap();
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
fn c148_a_new_key_is_published_first_and_signs_later() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let rotated = directory.rotate(at(5000)).unwrap();
    assert_eq!((kid(&rotated), published(&rotated)), (kid(&first), 2));
    let new = new_kid(&rotated);
    assert_ne!(new, kid(&first));
    assert!(rotated.ring.find(&new).is_some());

    let early = directory.read(in_force(4999)).unwrap();
    assert_eq!((kid(&early), published(&early)), (kid(&first), 2));
    let late = directory.read(in_force(5000)).unwrap();
    assert_eq!((kid(&late), published(&late)), (new.clone(), 2));
    assert_eq!(new_kid(&late), new);
    assert!(late.ring.find(&kid(&first)).is_some());
}

#[test]
fn c148_the_first_key_of_a_lab_signs_at_once_however_it_was_made() {
    for make in [KeyDirectory::open_or_create, KeyDirectory::rotate] {
        let home = home();
        let directory = directory(&home, Algorithm::EdDsa);
        let made = make(&directory, at(1000)).unwrap();
        assert_eq!(kid(&made), new_kid(&made));
        for now in [1000, 1001, 0, 1_000_000] {
            assert_eq!(kid(&directory.read(at(now)).unwrap()), kid(&made));
        }
    }
}

#[test]
fn c148_two_rotations_in_a_row_lose_no_key_and_the_last_one_signs() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let first = directory.open_or_create(at(1000)).unwrap();
    let second = new_kid(&directory.rotate(at(5000)).unwrap());
    let third = new_kid(&directory.rotate(at(5000)).unwrap());
    let at_once = directory.read(at(5001)).unwrap();
    assert_eq!((kid(&at_once), published(&at_once)), (kid(&first), 3));
    assert_eq!(new_kid(&at_once), third);
    assert_eq!(kid(&directory.read(in_force(5000)).unwrap()), second);
    let later = directory.read(in_force(5001)).unwrap();
    assert_eq!((kid(&later), published(&later)), (third, 3));
}

#[test]
fn c148_rotating_more_often_than_the_delay_still_changes_the_key() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(0)).unwrap();
    let made: Vec<_> = (1..=5).map(|round| new_kid(&directory.rotate(at(300 * round)).unwrap())).collect();
    assert_eq!(kid(&directory.read(at(1500)).unwrap()), made[2]); // made at 900
}

#[test]
fn c148_the_overlap_is_counted_from_when_the_next_key_began_to_sign() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let first = directory.open_or_create(at(1000)).unwrap();
    directory.rotate(at(5000)).unwrap();
    let still = directory.read(in_force(4999).plus(KeyRing::OVERLAP)).unwrap();
    assert!(still.ring.find(&kid(&first)).is_some());
    let gone = directory.read(in_force(5000).plus(KeyRing::OVERLAP)).unwrap();
    assert!(gone.ring.find(&kid(&first)).is_none());
}

#[test]
fn c148_the_overlap_can_be_longer() {
    let home = home();
    let overlap = KeyRing::OVERLAP * 7;
    let directory = directory(&home, Algorithm::EdDsa).with_overlap(overlap);
    let first = directory.open_or_create(at(1000)).unwrap();
    directory.rotate(at(5000)).unwrap();
    for (now, files_left) in [(4999, 4), (5000, 2)] {
        let now = in_force(now).plus(overlap);
        let keys = directory.read(now).unwrap();
        assert_eq!(keys.ring.find(&kid(&first)).is_some(), files_left == 4);
        directory.open_or_create(now).unwrap();
        assert_eq!(files(&directory).len(), files_left);
    }
}

/// Two servers on one directory, each of which reads it again every minute, at other seconds than the other.
#[test]
fn c148_replicas_understand_each_other_throughout_a_rotation() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let started = directory.open_or_create(at(1000)).unwrap();
    // What services that check tokens by themselves may have: a replica told it within a minute of reading
    // it, and it is cached for five more.
    let mut published_sets = vec![(1000, started.ring.clone())];
    let replicas = [0, 40].map(|offset| (offset, SessionTokens::new(started.ring.clone(), ISSUER, AUDIENCE)));
    let mut signers = BTreeSet::new();
    for now in 1000..4000 {
        if now == 1610 {
            directory.rotate(at(now)).unwrap();
        }
        for (offset, replica) in &replicas {
            if now % 60 == *offset {
                let ring = directory.read(at(now)).unwrap().ring;
                published_sets.push((now, ring.clone()));
                replica.replace(ring);
            }
        }
        published_sets.retain(|(since, _)| now - since < 360);
        if now % 7 == 0 {
            for (_, signs) in &replicas {
                let token = signs.issue(&claims()).unwrap();
                for (_, verifies) in &replicas {
                    assert!(verifies.authenticate(token.expose()).is_ok(), "{now}");
                }
                let kid = jsonwebtoken::decode_header(token.expose()).unwrap().kid.unwrap();
                assert!(published_sets.iter().all(|(_, ring)| ring.find(&kid).is_some()), "{now}");
                signers.insert(kid);
            }
        }
    }
    assert_eq!(signers.len(), 2);
}

#[test]
fn c148_a_new_sealing_key_opens_first_and_seals_later() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let id = SealId::parse("AAECAwQFBgcICQoLDA0ODw").unwrap();
    let behind = AttemptSeals::new(directory.open_or_create(at(1000)).unwrap().seals);
    let ahead = AttemptSeals::new(directory.rotate(at(5000)).unwrap().seals);
    assert!(behind.open(id, &ahead.seal(id, b"attempt").unwrap()).is_some());

    let later = AttemptSeals::new(directory.read(in_force(5000)).unwrap().seals);
    let sealed = later.seal(id, b"attempt").unwrap();
    assert!(ahead.open(id, &sealed).is_some());
    assert!(behind.open(id, &sealed).is_none());
    assert!(later.open(id, &behind.seal(id, b"attempt").unwrap()).is_some());
}

#[test]
fn c148_the_new_key_signs_and_the_old_one_leaves_after_the_overlap() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let tokens = SessionTokens::new(first.ring.clone(), ISSUER, AUDIENCE);
    let before = tokens.issue(&claims()).unwrap();

    directory.rotate(at(5000)).unwrap();
    let reread = directory.read(in_force(5000)).unwrap();
    let rotated = kid(&reread);
    assert_ne!(rotated, kid(&first));
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
    assert_eq!(kid(&restarted), rotated);
    assert_eq!(files(&directory).iter().filter(|file| file.starts_with("session-")).count(), 1);
}

#[test]
fn c148_a_rotation_rolled_back_by_deleting_its_key_is_undone() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let first = directory.open_or_create(at(1000)).unwrap();
    let rotated = directory.rotate(at(5000)).unwrap();
    let newest = files(&directory).into_iter().find(|file| file.contains(&new_kid(&rotated))).unwrap();
    fs::remove_file(directory.path.join(newest)).unwrap();

    let back = directory.open_or_create(after_overlap(5000)).unwrap();
    assert_eq!(kid(&back), kid(&first));
    assert_eq!(published(&back), 1);
}

#[test]
fn c148_deleting_the_file_of_a_leaked_key_withdraws_it_at_once() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let leaked = directory.open_or_create(at(1000)).unwrap();
    let file = session_file(&directory);
    let new = new_kid(&directory.rotate(at(5000)).unwrap());
    fs::remove_file(file).unwrap();
    let keys = directory.read(at(5001)).unwrap();
    assert_eq!((kid(&keys), published(&keys)), (new, 1));
    assert!(keys.ring.find(&kid(&leaked)).is_none());
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
fn c148_a_rotation_after_the_clock_was_set_back_takes_no_longer() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let first = directory.open_or_create(at(50_000)).unwrap();
    let second = new_kid(&directory.rotate(at(1000)).unwrap());
    let third = new_kid(&directory.rotate(at(1000)).unwrap());
    let keys = directory.read(at(1001)).unwrap();
    assert_eq!((kid(&keys), published(&keys)), (kid(&first), 3));
    assert_eq!(kid(&directory.read(in_force(1001)).unwrap()), second);
    assert_eq!(kid(&directory.read(in_force(1002)).unwrap()), third);
    directory.open_or_create(after_overlap(1002)).unwrap();
    assert_eq!(files(&directory).iter().filter(|file| file.starts_with("session-")).count(), 1);
}

const YEARS_AHEAD: i64 = 4_000_000_000;

#[test]
fn c148_a_lab_whose_first_keys_were_made_years_ahead_works_and_rotates() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let ahead = directory.open_or_create(at(YEARS_AHEAD)).unwrap();
    for keys in [directory.read(at(1000)).unwrap(), directory.open_or_create(at(1000)).unwrap()] {
        assert_eq!(kid(&keys), kid(&ahead));
    }
    let new = new_kid(&directory.rotate(at(2000)).unwrap());
    let keys = directory.read(in_force(2001)).unwrap();
    assert_eq!((kid(&keys), published(&keys)), (new.clone(), 2));
    let keys = directory.open_or_create(after_overlap(2001)).unwrap();
    assert_eq!((kid(&keys), published(&keys)), (new, 1));
    // The sealing keys went the same way.
    assert_eq!(files(&directory).len(), 2);
}

#[test]
fn c148_a_key_rotated_in_years_ahead_waits_and_is_not_kept_for_ever() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    let first = directory.open_or_create(at(1000)).unwrap();
    let ahead = new_kid(&directory.rotate(at(YEARS_AHEAD)).unwrap());
    for keys in [directory.read(at(90_000)).unwrap(), directory.open_or_create(at(90_000)).unwrap()] {
        assert_eq!((kid(&keys), published(&keys)), (kid(&first), 2));
    }
    let new = new_kid(&directory.rotate(at(100_000)).unwrap());
    assert_eq!(kid(&directory.read(in_force(100_000)).unwrap()), ahead);
    assert_eq!(kid(&directory.read(in_force(100_001)).unwrap()), new);
    let keys = directory.open_or_create(after_overlap(100_001)).unwrap();
    assert_eq!((kid(&keys), published(&keys)), (new, 1));
    assert_eq!(files(&directory).len(), 2);
}

#[test]
fn c148_a_start_before_the_clock_is_set_changes_nothing() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(1_000_000)).unwrap();
    let new = new_kid(&directory.rotate(at(2_000_000)).unwrap());
    let made = files(&directory);
    let early = directory.open_or_create(at(0)).unwrap();
    assert!(early.ring.find(&new).is_some());
    assert_eq!(files(&directory), made);
    assert_eq!(kid(&directory.read(in_force(2_000_000)).unwrap()), new);
}

#[test]
fn c148_times_at_the_ends_of_time_harm_nothing() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(1000)).unwrap();
    for (now, time) in [(i64::MIN, 2000), (i64::MAX, 3000)] {
        directory.rotate(at(now)).unwrap();
        directory.read(at(time)).unwrap();
        let new = new_kid(&directory.rotate(at(time)).unwrap());
        assert_eq!(kid(&directory.read(in_force(time + 10)).unwrap()), new);
    }
}

#[test]
fn another_algorithm_gets_its_own_key_and_the_old_one_stays() {
    let home = home();
    let old = directory(&home, Algorithm::Rs256).open_or_create(at(1000)).unwrap();
    let made = directory(&home, Algorithm::Es256).open_or_create(at(2000)).unwrap();
    assert_eq!((kid(&made), published(&made)), (kid(&old), 2));
    let new = directory(&home, Algorithm::Es256).open_or_create(in_force(2000)).unwrap();
    assert_eq!(new.ring.signing_key().algorithm(), Algorithm::Es256);
    assert_eq!(published(&new), 2);
    assert!(new.ring.find(&kid(&old)).is_some());
    let later = directory(&home, Algorithm::Es256).open_or_create(after_overlap(2000)).unwrap();
    assert_eq!((kid(&later), published(&later)), (kid(&new), 1));
}

#[test]
fn a_sealing_key_leaves_after_the_overlap_as_well() {
    let home = home();
    let directory = directory(&home, Algorithm::EdDsa);
    directory.open_or_create(at(1)).unwrap();
    for now in 2..6 {
        directory.rotate(at(now)).unwrap();
    }
    let seals = || files(&directory).into_iter().filter(|file| file.starts_with("seal-")).count();
    assert_eq!(seals(), 5);
    directory.open_or_create(after_overlap(5)).unwrap();
    assert_eq!(seals(), 1);
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
                directory.rotate(after_overlap(0).plus(KeyRing::OVERLAP * 2 * round)).unwrap();
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
fn files_that_a_crash_left_behind_are_deleted() {
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
fn c153_a_key_that_others_can_read_or_write_is_refused() {
    for bits in [0o604, 0o644, 0o602, 0o601, 0o666, 0o777] {
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
            assert!(refused.to_string().contains(&format!("`chmod o= {}`", file.display())), "{refused}");
            // A group of its own is how containers share a volume.
            chmod(&file, 0o660);
        }
        directory.read(at(1000)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn c153_a_directory_that_others_can_enter_or_write_to_is_refused() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    directory.open_or_create(at(1000)).unwrap();
    for bits in [0o705, 0o702, 0o775, 0o1777] {
        chmod(&directory.path, bits);
        let refused = refusal(&directory);
        assert!(
            matches!(&refused, KeyFileError::ExposedDirectory { path, mode } if *path == directory.path && *mode == bits),
            "{refused}"
        );
        let remedy = format!("`chmod o= {}`", directory.path.display());
        let (told, mode) = (refused.to_string(), format!("mode {bits:04o}"));
        assert!(told.contains(&remedy) && told.contains(&mode), "{told}");
    }
    chmod(&directory.path, 0o2770);
    directory.read(at(1000)).unwrap();
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
fn f46_a_key_of_a_newer_version_is_passed_over_and_stays() {
    let home = home();
    let directory = directory(&home, Algorithm::Es256);
    let before = kid(&directory.open_or_create(at(1000)).unwrap());
    let newer = directory.path.join("session-2000-ES384-kid.pem");
    fs::write(&newer, "a key in a form of its own").unwrap();
    assert_eq!(kid(&directory.read(at(3000)).unwrap()), before);
    assert_eq!(kid(&directory.open_or_create(after_overlap(3000)).unwrap()), before);
    directory.rotate(after_overlap(3000)).unwrap();
    assert!(newer.exists());
}

#[test]
fn f32_exported_keys_are_the_same_ones_where_they_are_imported() {
    let home = home();
    let old = directory(&home, Algorithm::Es256);
    old.open_or_create(at(1000)).unwrap();
    old.rotate(at(2000)).unwrap();
    let new = KeyDirectory::new(&home.path().join("new"), Algorithm::Es256);
    assert!(matches!(new.export(), Err(KeyFileError::Unreadable { .. })), "nothing is made by reading");
    assert!(!new.path.exists());

    new.import(&old.export().unwrap()).unwrap();
    assert_eq!(files(&new), files(&old));
    let jwks = |directory: &KeyDirectory| directory.read(at(3000)).unwrap().ring.jwks();
    assert_eq!(jwks(&new), jwks(&old));
    assert!(matches!(new.import(&old.export().unwrap()), Err(KeyFileError::Unwritable { .. })));
}

#[test]
fn f32_a_name_that_leads_elsewhere_is_not_imported() {
    let text = TestKey::of(Algorithm::Es256).text.clone();
    for name in [
        "../seal-12.key",
        "seal-12/../../x.key",
        "/tmp/seal-12.key",
        ".lock",
        "other",
        "",
        "session-12-ES256-../x.pem",
        "session-12-ES256-kid.pem",
    ] {
        let home = home();
        let directory = directory(&home, Algorithm::Es256);
        let refused = directory.import(&[(name.to_owned(), text.clone())]).unwrap_err();
        assert!(matches!(refused, KeyFileError::Misnamed { .. }), "{name}: {refused}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "{name}");
    }
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
