use http::StatusCode;

use crate::protocol::Refusal;

/// A provider's errors in its own words: `errors.tsv` with the columns where (`page`, `redirect` or `token`),
/// problems, status, error and description. The first row of a problem counts; `*` is any problem.
#[derive(Clone, Copy, Default)]
pub(crate) struct ErrorTable(pub(super) &'static str);

/// An error in a provider's own words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorRow {
    pub(crate) status: StatusCode,
    /// Empty where the problem has an error code already, and at the token endpoint for an answer without a
    /// body.
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl ErrorTable {
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The row of a problem, by its own name or that of its group.
    pub(crate) fn find(self, place: &str, problem: &[&str]) -> Option<ErrorRow> {
        self.0.lines().find_map(|line| {
            let mut cells = line.split('\t');
            let is_here = cells.next()? == place;
            let is_it = cells.next()?.split(' ').any(|name| name == "*" || problem.contains(&name));
            let status = cells.next()?.parse().ok()?;
            let row = ErrorRow { status, error: cells.next()?, description: cells.next()? };
            (is_here && is_it).then_some(row)
        })
    }

    /// An error for the redirect URI, in the provider's words.
    pub(crate) fn reword(self, refusal: Refusal) -> Refusal {
        match self.find("redirect", &[refusal.code.as_str()]) {
            Some(row) => Refusal::new(refusal.code, row.description),
            None => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Persona;

    #[test]
    fn every_row_of_a_table_has_its_five_cells() {
        let first = ["entra=common", "github", "dex", "keycloak=lab", "google", "gitlab", "okta", "auth0"];
        let then = ["cognito=x", "zitadel", "authentik=lab", "kanidm=lab", "hydra", "spring"];
        for persona in first.into_iter().chain(then) {
            let table = persona.parse::<Persona>().unwrap().profile().unwrap().errors;
            for row in table.0.lines().skip(1) {
                let cells: Vec<_> = row.split('\t').collect();
                let [place, problems, status, _, _] = cells[..] else { panic!("{persona}: {row}") };
                assert!(["page", "redirect", "token"].contains(&place), "{persona}: {row}");
                assert!(status.parse::<StatusCode>().is_ok() && !problems.is_empty(), "{persona}: {row}");
                assert!(
                    table.find(place, &[problems.split(' ').next().unwrap()]).is_some(),
                    "{persona}: {row}"
                );
            }
        }
    }
}
