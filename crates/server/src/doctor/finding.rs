//! The findings of the doctor; `texts.toml` has their texts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::LazyLock;

use super::step::Step;

/// The texts of each outcome by its name. A test holds that the file is well-formed and complete.
static TEXTS: LazyLock<BTreeMap<String, BTreeMap<String, String>>> =
    LazyLock::new(|| toml::from_str(include_str!("texts.toml")).unwrap_or_default());

/// The finding of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The subject: a provider by its id, a service as `service ID`, or [`Finding::LAB`].
    pub subject: String,
    /// The step.
    pub step: Step,
    /// The outcome.
    pub outcome: Outcome,
}

impl Finding {
    /// The subject of what is about the lab itself.
    pub const LAB: &str = "lab";

    /// Returns whether something needs fixing.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.outcome, Outcome::Bad { .. })
    }
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good(String),
    /// It cannot be seen from here; the text says what to look at.
    Unknown(String),
    /// Not as it should be.
    Bad {
        /// The problem.
        problem: String,
        /// The remedy.
        remedy: String,
    },
}

impl Outcome {
    /// Builds the outcome of this name in `texts.toml` with these values.
    pub(super) fn of(name: &str, values: &[(&str, &dyn Display)]) -> Self {
        let texts = TEXTS.get(name);
        let text = |kind: &str| Some(filled(texts?.get(kind)?, values));
        if let Some(text) = text("good") {
            Self::Good(text)
        } else if let Some(text) = text("unknown") {
            Self::Unknown(text)
        } else {
            let [problem, remedy] = ["bad", "remedy"].map(|kind| text(kind).unwrap_or_default());
            Self::Bad { problem, remedy }
        }
    }

    /// Returns the outcome with another remedy, where there is one and something is bad.
    pub(super) fn or_remedy(self, remedy: Option<&str>) -> Self {
        match (self, remedy) {
            (Self::Bad { problem, .. }, Some(remedy)) => Self::Bad { problem, remedy: remedy.to_owned() },
            (outcome, _) => outcome,
        }
    }
}

/// Returns a text with its placeholders replaced. A value is not searched for placeholders: it can be
/// foreign.
fn filled(template: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut parts = template.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (name, rest) in parts.filter_map(|part| part.split_once('}')) {
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            text.push_str(&value.to_string());
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The values of each outcome that the code builds, by the outcome's name.
    fn built() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let sources = [
            include_str!("mod.rs"),
            include_str!("administrators.rs"),
            include_str!("authorization.rs"),
            include_str!("deployment.rs"),
            include_str!("logout.rs"),
            include_str!("person.rs"),
            include_str!("provider.rs"),
            include_str!("replicas.rs"),
            include_str!("services.rs"),
            include_str!("with_session.rs"),
        ];
        let mut built = BTreeMap::new();
        for call in sources.into_iter().flat_map(|source| source.split("Outcome::of(").skip(1)) {
            let (name, values) = call.split_once("&[").unwrap();
            let values = values.split(']').next().unwrap().split("(\"").skip(1);
            let values = values.filter_map(|value| Some(value.split_once('"')?.0));
            let is_name = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let values: BTreeSet<_> = values.filter(is_name).collect();
            let name = name.split('"').nth(1).unwrap();
            let known = built.insert(name, values.clone());
            assert!(known.is_none_or(|known| known == values), "{name} has different values");
        }
        built
    }

    #[test]
    fn every_outcome_has_its_texts_with_its_values() {
        let built = built();
        assert_eq!(
            built.keys().copied().collect::<BTreeSet<_>>(),
            TEXTS.keys().map(String::as_str).collect()
        );
        for (name, values) in built {
            let kinds: Vec<_> = TEXTS[name].keys().map(String::as_str).collect();
            assert!(matches!(kinds[..], ["good" | "unknown"] | ["bad", "remedy"]), "{name}: {kinds:?}");
            let texts = TEXTS[name].values();
            assert!(texts.clone().all(|text| !text.is_empty() && !text.contains('\n')), "{name}");
            let placeholders = texts.flat_map(|text| text.split('{').skip(1));
            let placeholders: BTreeSet<_> =
                placeholders.map(|rest| rest.split_once('}').unwrap().0).collect();
            assert_eq!(placeholders, values, "{name}");
        }
    }

    #[test]
    fn a_foreign_value_is_not_searched_for_placeholders() {
        assert_eq!(filled("a {x}, {y}.", &[("x", &"{y}"), ("y", &"b")]), "a {y}, b.");
    }
}
