//! Holds `docs/configuration.md` against the list of keys, in both directions.

use std::collections::BTreeSet;

use super::super::keys::{self, KEYS, Key};
use super::super::{Configuration, Sources};
use super::{PROVIDER, read, temporary_file};

const DOCUMENT: &str = include_str!("../../../../../docs/configuration.md");

/// The cells of every row of a table that begins with a key.
fn rows() -> Vec<Vec<&'static str>> {
    DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The code spans of a cell.
fn code(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    DOCUMENT
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn each_key_has_one_row_and_each_row_a_key() {
    let documented: Vec<_> = rows().iter().map(|row| code(row[0])[0]).collect();
    let known: Vec<_> = KEYS.iter().map(|key| key.path).collect();
    assert_eq!(documented, known);
}

#[test]
fn each_row_tells_variables_and_default() {
    for (key, row) in KEYS.iter().zip(rows()) {
        assert_eq!(row.len(), 5, "{}: key, environment, default, meaning, example", key.path);
        let variables: Vec<_> = key.variables().collect();
        assert_eq!(code(row[1]), variables, "{}", key.path);
        assert_eq!(code(row[2]), key.default.into_iter().collect::<Vec<_>>(), "{}", key.path);
        assert!(row[3].len() > 20 && !code(row[4]).is_empty(), "{}", key.path);
    }
}

#[test]
fn the_row_of_the_kind_names_every_kind_of_provider() {
    let row = rows().into_iter().find(|row| code(row[0]) == [keys::PROVIDER_KIND.path]).unwrap();
    let documented: BTreeSet<_> = code(row[3]).into_iter().collect();
    assert_eq!(documented, labgate_provider::KINDS.iter().map(|kind| kind.name).collect());
}

#[test]
fn each_example_is_a_value_of_its_key() {
    for (key, row) in KEYS.iter().zip(rows()) {
        // Files are not there, and the secret for HS256 is left to the reader.
        if key.path.ends_with("_file") || key.path == keys::HS256_SECRET.path {
            continue;
        }
        let mut environment = vec![(key.variable().into(), code(row[4])[0].into())];
        if key.path == keys::PASSWORDS_ENABLED.path {
            // Without passwords there must be a provider.
            environment.extend(PROVIDER.map(|(name, value)| (name.into(), value.into())));
        }
        if key.path == keys::TERMS_MUST_ACCEPT.path {
            environment.push((keys::TERMS_URL.variable().into(), "https://example.org/terms".into()));
        }
        if let Err(problems) = Configuration::read(&Sources { file: None, environment }) {
            assert!(!problems.iter().any(|problem| problem.key == key.path), "{problems}");
        }
    }
}

#[test]
fn every_name_in_the_text_is_a_real_one() {
    let known: BTreeSet<_> = KEYS.iter().flat_map(Key::variables).collect();
    let words = DOCUMENT.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for word in words.filter(|word| keys::VARIABLE_PREFIXES.iter().any(|prefix| word.starts_with(prefix))) {
        // A prefix by itself stands for all names that begin so.
        assert!(
            known.contains(word)
                || keys::IMAGE_VARIABLES.contains(&word)
                || keys::VARIABLE_PREFIXES.iter().any(|it| *it == word || format!("{it}_") == word),
            "{word}"
        );
    }
}

#[test]
fn the_example_file_sets_every_key_and_is_valid_in_both_readings() {
    let [example] = blocks("toml").try_into().unwrap();
    // As it stands: what is commented out is not in force.
    let (_folder, secret) = temporary_file("secret", 0o400);
    read(&example.replace("/run/secrets/labgate-client-secret", &secret), &[]);
    // Each key is there, in force or commented out.
    let mut section = String::new();
    let mut named = BTreeSet::new();
    for line in example.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            named.insert(format!("{section}{key}"));
        }
    }
    assert_eq!(named, KEYS.iter().map(|key| key.path.to_owned()).collect());
}

#[test]
fn the_example_environment_is_valid() {
    let [example] = blocks("sh").try_into().unwrap();
    let environment: Vec<_> = example.lines().filter_map(|line| line.split_once('=')).collect();
    assert!(environment.len() >= 5, "{environment:?}");
    assert_eq!(read("", &environment).providers.len(), 1);
}
