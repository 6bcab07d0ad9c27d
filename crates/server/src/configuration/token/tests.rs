use super::super::tests::{HS256_SECRET, problem, read, temporary_file};
use super::*;

#[test]
fn c153_a_signing_key_is_checked_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let directory = labgate_token::KeyDirectory::new(&folder.path().join("keys"), Algorithm::Es256);
    directory.open_or_create(labgate_domain::time::Timestamp::from_unix_seconds(1)).unwrap();
    let key = std::fs::read_dir(folder.path().join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "pem"))
        .unwrap();
    let pem = std::fs::read_to_string(&key).unwrap();
    let variable = "LABGATE_TOKEN__SIGNING_KEY_FILE";

    let (_folder, path) = temporary_file(&pem, 0o440);
    assert!(matches!(read("", &[(variable, &path)]).token_key, TokenKey::Given(_)));
    let told = problem("[token]\nalgorithm = \"EdDSA\"", &[(variable, &path)]);
    assert!(told.starts_with("token.signing_key_file (environment variable"), "{told}");
    assert!(told.contains("EdDSA"), "{told}");
    assert!(problem("[token]\nalgorithm = \"HS256\"", &[(variable, &path)]).contains("is not for HS256"));

    let (_folder, path) = temporary_file(&pem, 0o444);
    assert!(problem("", &[(variable, &path)]).contains("can be read by everybody"));
    let (_folder, path) = temporary_file("no key", 0o400);
    assert!(problem("", &[(variable, &path)]).contains("PEM"));
    assert!(
        problem("", &[(variable, "/nowhere/key.pem")]).contains("/nowhere/key.pem: the file cannot be read")
    );
    assert!(problem("", &[(variable, "/")]).contains("is not a file"));
}

#[test]
fn c142_an_hs256_secret_is_long_and_not_a_published_one() {
    let hs256 = |secret| [("LABGATE_TOKEN__ALGORITHM", "HS256"), ("LABGATE_TOKEN__HS256_SECRET", secret)];
    assert!(matches!(read("", &hs256(HS256_SECRET)).token_key, TokenKey::Given(_)));
    let short = problem("", &hs256("short-secret"));
    assert!(short.contains("token.hs256_secret") && short.contains("32 bytes"), "{short}");
    assert!(!short.contains("short-secret"), "{short}");
    assert!(
        problem("", &hs256("please-change-this-secret-please-change-this-secret"))
            .contains("token.hs256_secret")
    );

    let (_folder, path) = temporary_file(&format!("{HS256_SECRET}\n"), 0o400);
    let from_file =
        |path| [("LABGATE_TOKEN__ALGORITHM", "HS256"), ("LABGATE_TOKEN__HS256_SECRET_FILE", path)];
    assert!(matches!(read("", &from_file(&path)).token_key, TokenKey::Given(_)));
    let (_folder, path) = temporary_file(HS256_SECRET, 0o444);
    assert!(problem("", &from_file(&path)).contains("can be read by everybody"));
    let (_folder, path) = temporary_file("short", 0o400);
    assert!(problem("", &from_file(&path)).starts_with("token.hs256_secret_file"));
}
