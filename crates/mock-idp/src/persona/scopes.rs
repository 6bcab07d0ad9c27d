use labgate_domain::protocol::AuthorizationErrorCode;

use super::behaviour::ProviderBehaviour;
use super::errors::ErrorRow;
use super::profile::{Profile, filled};
use crate::protocol::{Refusal, UnanswerableRequest};

/// Judges the scopes of an authorization request. A refusal goes to the client; an error is the provider's
/// own page.
pub(crate) fn judge_scopes(
    behaviour: &dyn ProviderBehaviour,
    profile: &Profile,
    scopes: &str,
) -> Result<Option<Refusal>, UnanswerableRequest> {
    let table = profile.errors;
    let scopes: Vec<&str> = scopes.split(' ').filter(|scope| !scope.is_empty()).collect();
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        scopes.iter().partition(|scope| behaviour.knows_scope(profile, scope));
    let refusal = |row: ErrorRow, description: String| {
        Ok(Some(Refusal::new(AuthorizationErrorCode::parse(row.error), description)))
    };
    if !scopes.contains(&"openid")
        && let Some(row) = table.find("redirect", &["no-openid"])
    {
        return refusal(row, row.description.to_owned());
    }
    let Some(first) = unknown.first() else { return Ok(None) };
    let quoted: Vec<String> = unknown.iter().map(|scope| format!("{scope:?}")).collect();
    let values = [
        ("scopes", scopes.join(" ")),
        ("known", known.join(", ")),
        ("unknown", unknown.join(", ")),
        ("quoted", quoted.join(" ")),
        ("first", (*first).to_owned()),
    ];
    let describe = |row: ErrorRow| filled(row.description, &values);
    let problem = ["unknown-scope"];
    match (table.find("page", &problem), table.find("redirect", &problem)) {
        (Some(row), _) => Err(UnanswerableRequest::Refused(describe(row))),
        (None, Some(row)) => refusal(row, describe(row)),
        (None, None) => Ok(None),
    }
}
