//! The documents agree with the code, and use the field's words.

mod errors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Set by `cargo xtask docs`: writes the generated documents instead of comparing them.
const WRITE: &str = "LABGATE_WRITE_DOCS";

#[test]
fn errors_md_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md"));
    let document = std::fs::read_to_string(path).unwrap();
    let (_, generated) = document.split_once("from here on. -->\n\n").unwrap();
    if std::env::var_os(WRITE).is_some() {
        let head = &document[..document.len() - generated.len()];
        std::fs::write(path, head.to_owned() + &errors::generated()).unwrap();
    } else {
        assert!(generated == errors::generated(), "stale: run cargo xtask docs");
    }
}

/// Returns the cases that conformance.md must list.
fn cases() -> impl Iterator<Item = u32> {
    (1..=66).chain(69..=110).chain(111..=181).chain(188..=192)
}

#[test]
fn conformance_md_speaks_of_every_case_and_what_it_calls_tested_is() {
    let tested = case_numbers_in_test_names(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
    let mut listed = BTreeMap::new();
    for line in include_str!("../docs/conformance.md").lines().filter(|line| line.starts_with("| C")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [case, _, tests] = cells[..] else { panic!("not three cells: {line}") };
        let number: u32 = case[1..].parse().unwrap();
        assert!(listed.insert(number, tests == "yes").is_none(), "C{number} is there twice");
    }
    for (number, is_tested) in &listed {
        assert_eq!(*is_tested, tested.contains(number), "C{number}: the page and the tests do not agree");
    }
    let missing: Vec<u32> = cases().filter(|number| !listed.contains_key(number)).collect();
    assert!(missing.is_empty(), "the page does not speak of {missing:?}");
    let unlisted: Vec<_> = tested.iter().filter(|number| !listed.contains_key(number)).collect();
    assert!(unlisted.is_empty(), "there are tests for cases that the page does not list: {unlisted:?}");
}

/// Returns each `cNNN_` at the beginning of a function's name.
fn case_numbers_in_test_names(root: &Path) -> BTreeSet<u32> {
    let files =
        [root.join("crates"), root.join("tests")].into_iter().flat_map(|folder| files(&folder, &["rs"]));
    files.flat_map(|file| cases_of_file(&std::fs::read_to_string(file).unwrap())).collect()
}

/// Returns the files below a folder with one of these extensions, without generated ones.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", ".git", "node_modules"].contains(&name) {
                found.extend(files(&path, extensions));
            }
        } else if extensions.iter().any(|extension| path.extension().is_some_and(|it| it == *extension)) {
            found.push(path);
        }
    }
    found
}

fn cases_of_file(source: &str) -> Vec<u32> {
    source
        .lines()
        .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "))
        .flat_map(|name| name.split(['(', '_']).map_while(|part| part.strip_prefix('c')?.parse().ok()))
        .collect()
}

#[test]
fn case_numbers_are_read_from_the_beginning_of_a_name() {
    let source =
        "fn c001_a() {}\n    async fn c002_c003_b() {}\nfn helper_c004() {}\nfn c5x_c() {}\nfn cookie() {}";
    assert_eq!(cases_of_file(source), [1, 2, 3]);
}

/// The words by which an operator searches.
const GLOSSARY: &[&str] = &[
    "account linking",
    "audit log",
    "back-channel logout",
    "brute force",
    "clock skew",
    "CSRF",
    "forward auth",
    "health check",
    "ID token",
    "identity headers",
    "JIT provisioning",
    "open redirect",
    "rate limit",
    "readiness",
    "reverse proxy",
    "session fixation",
    "trusted proxy",
];

#[test]
fn each_word_of_the_glossary_occurs_in_the_documents() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let documents = files(&root.join("docs"), &["md"]).into_iter().chain([root.join("README.md")]);
    let text: String = documents.map(|file| one_line(&std::fs::read_to_string(file).unwrap())).collect();
    let missing: Vec<_> = GLOSSARY.iter().filter(|word| !text.contains(&word.to_lowercase())).collect();
    assert!(missing.is_empty(), "no document says {missing:?}");
}

#[test]
fn an_id_token_has_one_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let extensions = ["md", "rs", "toml", "html", "yml"];
    let wrong = concat!("identity", " token");
    let found: Vec<_> = files(&root, &extensions)
        .into_iter()
        .filter(|file| one_line(&std::fs::read_to_string(file).unwrap()).contains(wrong))
        .collect();
    assert!(found.is_empty(), "OpenID Connect says ID token: {found:?}");
}

/// Returns a text in lower case without line breaks and comment signs.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!', '#', '>']).trim());
    lines.collect::<Vec<_>>().join(" ").to_lowercase()
}

#[test]
fn the_oldest_compiler_is_the_same_everywhere() {
    let version = concat!(env!("CARGO_PKG_RUST_VERSION"), " or newer");
    for document in [include_str!("../README.md"), include_str!("../CONTRIBUTING.md")] {
        assert!(document.contains(version), "{version}");
    }
}

#[test]
fn each_link_of_a_document_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in files(&root, &["md"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            let is_there = link.contains("://") || file.parent().unwrap().join(link).exists();
            assert!(is_there, "{}: {link}", file.display());
        }
    }
}
