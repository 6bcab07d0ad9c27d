//! The person, by GitHub's API.

use labgate_domain::identity::EmailClaim;
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::ports::ProviderError;
use labgate_domain::protocol::Subject;
use serde_json::{Map, Value};

use crate::ensure::ensure;

/// The beginning of the domain that GitHub writes into commits in place of the real one. It receives no mail,
/// and it names the login, which another person may have later.
const NO_REPLY: &str = "users.noreply.";

/// The number of the account, which is never given to another one: a whole number from 1 on, not a text.
pub(super) fn subject(user: &Map<String, Value>) -> Result<Subject, ProviderError> {
    let id = user.get("id").and_then(Value::as_u64).filter(|id| *id > 0);
    id.and_then(|id| Subject::parse(&id.to_string()).ok())
        .ok_or(ProviderError::UserInfo("the person's id is not a whole number from 1 on"))
}

/// The name that the person chose, or else their login.
pub(super) fn name(user: &Map<String, Value>) -> Option<DisplayName> {
    ["name", "login"].into_iter().find_map(|member| user.get(member)?.as_str().and_then(DisplayName::new))
}

/// The primary address, verified where that is said by the JSON value `true`. No other address is looked at:
/// a person can enter any, and which one counts must not change with their order.
pub(super) fn email(emails: &[Value]) -> Result<EmailClaim, ProviderError> {
    let is_true = |entry: &Value, member| entry.get(member) == Some(&Value::Bool(true));
    let mut primary = emails.iter().filter(|entry| is_true(entry, "primary"));
    let Some(entry) = primary.next() else { return Ok(EmailClaim::Missing) };
    ensure(primary.next().is_none(), ProviderError::UserInfo("it names two primary e-mail addresses"))?;
    let address = entry.get("email").and_then(Value::as_str).map(EmailAddress::parse);
    Ok(match address {
        Some(Ok(address)) if address.domain().starts_with(NO_REPLY) => EmailClaim::Missing,
        Some(Ok(address)) => EmailClaim::Stated { address, verified: is_true(entry, "verified") },
        _ => EmailClaim::Malformed,
    })
}

/// The organisations' logins.
pub(super) fn organizations(organizations: &[Value]) -> Result<Vec<String>, ProviderError> {
    let login = |organization: &Value| word(organization.get("login")).map(str::to_owned);
    let logins: Option<_> = organizations.iter().map(login).collect();
    logins.ok_or(ProviderError::UserInfo("an organisation has no proper login"))
}

/// The teams, as `organisation/team-slug` in lower case: GitHub does not tell `Acme` from `acme`, and a rule
/// does.
pub(super) fn groups(teams: &[Value]) -> Result<Vec<String>, ProviderError> {
    let group = |team: &Value| {
        let organization = word(team.get("organization")?.get("login"))?;
        Some(format!("{organization}/{}", word(team.get("slug"))?).to_lowercase())
    };
    let groups: Option<_> = teams.iter().map(group).collect();
    groups.ok_or(ProviderError::UserInfo("a team has no proper slug or organisation"))
}

/// A name that can stand in a group's: without slashes, so that no team can look like one of another
/// organisation.
fn word(value: Option<&Value>) -> Option<&str> {
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
    value?.as_str().filter(|text| (1..=256).contains(&text.len()) && text.chars().all(fits))
}
