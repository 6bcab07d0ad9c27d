//! Password files of web servers: a line `name:hash` for each person.

use labgate_domain::people::{EmailAddress, LocalGroups, Role};
use labgate_domain::sign_in::ImportRow;

use super::rows::{Parsed, password_hash};

/// Parses all lines. A name that is an e-mail address becomes the account's address.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            parsed.add(number, row(number, line));
        }
    }
    parsed
}

fn row(number: u64, line: &str) -> Result<ImportRow, String> {
    let (name, hash) = line.split_once(':').ok_or("a line is NAME:HASH, and this one has no colon")?;
    let hash = password_hash(hash)?;
    let (username, email) = match EmailAddress::parse(name) {
        _ if !name.contains('@') => (Some(name.to_owned()), None),
        Ok(email) => (None, Some(email)),
        Err(_) => return Err("the name is neither a username nor an e-mail address".to_owned()),
    };
    Ok(ImportRow {
        line: number,
        username,
        email,
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        hash: Some(hash),
    })
}
