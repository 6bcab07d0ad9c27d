//! Rows of comma-separated values (RFC 4180) below a line that names the columns.

use csv::{Position, ReaderBuilder, StringRecord, Trim};
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::sign_in::ImportRow;

use super::rows::{Parsed, local_groups, password_hash, role};

/// The names of the columns that there can be.
const COLUMNS: [&str; 6] = ["username", "email", "name", "role", "groups", "password_hash"];

fn column_named(name: &str) -> Option<&'static str> {
    COLUMNS.into_iter().find(|column| column.eq_ignore_ascii_case(name))
}

/// Parses all rows.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut lines = Lines { rest: text, passed: 0, line: 1 };
    let mut columns: Option<Vec<&str>> = None;
    for record in reader.records() {
        let Ok(record) = record else {
            parsed.add(lines.line, Err("the rest is not CSV".to_owned()));
            return parsed;
        };
        let line = lines.of(record.position());
        match &columns {
            Some(columns) => parsed.add(line, row(line, &record, columns)),
            None => match header(&record) {
                Ok(found) => columns = Some(found),
                // The rows cannot be read without it.
                Err(found) => {
                    for problem in found {
                        parsed.add(line, Err(problem));
                    }
                    return parsed;
                }
            },
        }
    }
    if columns.is_none() {
        parsed.add(1, Err("the line that names the columns is missing".to_owned()));
    }
    parsed
}

/// Finds the line on which a row begins. The reader counts empty lines, and half of a line ending, to the
/// next row.
struct Lines<'a> {
    rest: &'a str,
    /// The bytes before the rest.
    passed: usize,
    /// The line on which the rest begins.
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&Position>) -> u64 {
        let byte = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let from = self.rest.get(byte.saturating_sub(self.passed)..).unwrap_or_default();
        let row = from.trim_start_matches(['\r', '\n']);
        let (before, row) = self.rest.split_at_checked(self.rest.len() - row.len()).unwrap_or_default();
        let ends = before.matches('\n').count();
        self.passed += before.len();
        self.rest = row;
        self.line += u64::try_from(ends).unwrap_or_default();
        self.line
    }
}

fn header(record: &StringRecord) -> Result<Vec<&'static str>, Vec<String>> {
    let known = COLUMNS.join(", ");
    // Without one known name it is a row of data, which can contain a password: the error does not repeat it.
    if !record.iter().any(|name| column_named(name).is_some() || is_password(name)) {
        return Err(vec![format!(
            "the first line does not name the columns: they are {known}, separated by commas"
        )]);
    }
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    for (number, name) in (1..).zip(record) {
        match column_named(name) {
            Some(column) if columns.contains(&column) => {
                problems.push(format!("the column {column} is there twice"));
            }
            Some(column) => columns.push(column),
            None if is_password(name) => problems.push(
                "the column password is rejected, because plain passwords are: \
                 use password_hash, or leave it out, and people sign in at the provider or after a password reset"
                    .to_owned(),
            ),
            None => problems.push(format!("the column {} is unknown: known are {known}", shown(name, number))),
        }
    }
    if problems.is_empty() && !columns.contains(&"username") && !columns.contains(&"email") {
        problems.push("there is neither a column username nor a column email".to_owned());
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

fn is_password(name: &str) -> bool {
    name.eq_ignore_ascii_case("password")
}

/// Returns the name of a column if it looks like one, otherwise its position.
fn shown(name: &str, number: usize) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_- ".contains(c);
    if !name.is_empty() && name.len() <= 40 && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("in place {number}")
    }
}

fn row(line: u64, record: &StringRecord, columns: &[&str]) -> Result<ImportRow, String> {
    if record.len() != columns.len() {
        return Err(format!("there are {} fields for {} columns", record.len(), columns.len()));
    }
    let field = |wanted: &str| {
        let mut fields = columns.iter().zip(record);
        fields.find(|(column, text)| **column == wanted && !text.is_empty()).map(|(_, text)| text)
    };
    if let Some((column, _)) = columns.iter().zip(record).find(|(_, text)| text.contains(char::is_control)) {
        return Err(format!(
            "a line break or another control character stands in {column}: is a quotation mark missing?"
        ));
    }
    let email = field("email").map(EmailAddress::parse).transpose();
    Ok(ImportRow {
        line,
        username: field("username").map(str::to_owned),
        email: email.map_err(|_| "the e-mail address is not one")?,
        name: field("name").and_then(DisplayName::new),
        role: role(field("role").unwrap_or_default())?,
        groups: field("groups").map(local_groups).transpose()?.unwrap_or_default(),
        hash: field("password_hash").map(password_hash).transpose()?,
    })
}
