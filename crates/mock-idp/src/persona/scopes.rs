use labgate_domain::protocol::AuthorizationErrorCode;

use super::behaviour::ProviderBehaviour;
use super::errors::ErrorRow;
use super::profile::Profile;
use crate::protocol::{Refusal, ScopeRefusal};

/// Judges the scopes of an authorization request.
pub(crate) fn judge_scopes(
    behaviour: &dyn ProviderBehaviour,
    profile: &Profile,
    scopes: &[&str],
) -> Result<(), ScopeRefusal> {
    let table = profile.errors;
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        scopes.iter().partition(|scope| behaviour.knows_scope(profile, scope));
    let redirect = |row: ErrorRow, description: String| {
        ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::parse(row.error), description))
    };
    if !scopes.contains(&"openid")
        && let Some(row) = table.find("redirect", &["no-openid"])
    {
        return Err(redirect(row, row.description.to_owned()));
    }
    let Some(first) = unknown.first() else { return Ok(()) };
    let quoted: Vec<String> = unknown.iter().map(|scope| format!("{scope:?}")).collect();
    let describe = |row: ErrorRow| {
        [
            ("{scopes}", scopes.join(" ")),
            ("{known}", known.join(", ")),
            ("{unknown}", unknown.join(", ")),
            ("{quoted}", quoted.join(" ")),
            ("{first}", (*first).to_owned()),
        ]
        .iter()
        .fold(row.description.to_owned(), |text, (name, value)| text.replace(name, value))
    };
    let problem = ["unknown-scope"];
    match (table.find("page", &problem), table.find("redirect", &problem)) {
        (Some(row), _) => Err(ScopeRefusal::Page(describe(row))),
        (None, Some(row)) => Err(redirect(row, describe(row))),
        (None, None) => Ok(()),
    }
}
