//! The documents say what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Set by `cargo xtask docs`: writes the generated documents instead of comparing them.
const WRITE: &str = "LABGATE_WRITE_DOCS";

#[test]
fn errors_md_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md"));
    let document = std::fs::read_to_string(path).unwrap();
    let (_, generated) = document.split_once("from here on. -->\n\n").unwrap();
    if std::env::var_os(WRITE).is_some() {
        let head = &document[..document.len() - generated.len()];
        std::fs::write(path, head.to_owned() + &labgate::documentation::errors()).unwrap();
    } else {
        assert!(generated == labgate::documentation::errors(), "stale: run cargo xtask docs");
    }
}

/// The cases that conformance.md has to speak of.
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

/// Every `cNNN_` in the name of a function right under a test attribute.
fn case_numbers_in_test_names(root: &Path) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    let mut folders = vec![root.join("crates"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                numbers.extend(cases_of_file(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    numbers
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
