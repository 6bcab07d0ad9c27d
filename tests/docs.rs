//! The documents say what the code does.

use std::collections::BTreeMap;

use labgate_domain::error::ErrorCode;
use labgate_http::HttpErrorCode;

/// The cells of each table row of a document that begins with a code in backticks.
fn rows(document: &str) -> BTreeMap<String, Vec<String>> {
    document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            (cells[0].trim_matches('`').to_owned(), cells)
        })
        .collect()
}

#[test]
fn errors_md_lists_every_code_with_its_texts_and_no_other() {
    let mut listed = rows(include_str!("../docs/errors.md"));
    for code in ErrorCode::ALL {
        let row = listed.remove(code.as_str()).unwrap_or_else(|| panic!("{} is missing", code.as_str()));
        assert_eq!(row[3], code.for_person(), "{}: what the person is told", code.as_str());
        assert_eq!(row[4], code.for_operator(), "{}: what the operator can do", code.as_str());
    }
    for code in HttpErrorCode::ALL {
        let row = listed.remove(code.as_str()).unwrap_or_else(|| panic!("{} is missing", code.as_str()));
        assert_eq!(row[2], code.for_person(), "{}: what the person is told", code.as_str());
    }
    assert!(listed.is_empty(), "these codes do not exist: {:?}", listed.keys());
}
