//! The place of a claim, as the operator names it.

use serde_json::{Map, Value};

use crate::ensure::ensure;

/// The place of a claim in a document: its name, or the names on the way to it with dots in between
/// (`realm_access.roles`). A name can have dots itself, as a URL has: at each step the longest name that is
/// there counts. Of a list on the way, every element is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath(String);

impl ClaimPath {
    /// The longest path, in bytes.
    const MAX_LEN: usize = 256;

    /// Takes the path that an operator wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        ensure(text.len() <= Self::MAX_LEN, "is longer than 256 bytes")?;
        ensure(!text.chars().any(char::is_control), "has a control character")?;
        let is_whole = text.split('.').all(|name| !name.is_empty());
        ensure(is_whole, "is not the name of a claim, or names with dots in between")?;
        Ok(Self(text.to_owned()))
    }

    /// The path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The values at this place: none, one, or one for each element of a list on the way.
    pub(crate) fn find<'v>(&self, document: &'v Map<String, Value>) -> Vec<&'v Value> {
        in_members(document, &self.0)
    }

    /// The text at this place, if there is exactly one value and it is a text.
    pub(crate) fn text<'v>(&self, document: &'v Map<String, Value>) -> Option<&'v str> {
        match *self.find(document) {
            [value] => value.as_str(),
            _ => None,
        }
    }

    /// Returns whether one of these names begins the path.
    pub(crate) fn begins_among(&self, names: &Map<String, Value>) -> bool {
        names.keys().any(|name| {
            self.0.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

fn in_members<'v>(members: &'v Map<String, Value>, path: &str) -> Vec<&'v Value> {
    if let Some(value) = members.get(path) {
        return vec![value];
    }
    let mut splits = path.rmatch_indices('.').filter_map(|(dot, _)| path.split_at_checked(dot));
    let deeper = |(name, rest): (&str, &str)| {
        let found = below(members.get(name)?, rest.trim_start_matches('.'));
        (!found.is_empty()).then_some(found)
    };
    splits.find_map(deeper).unwrap_or_default()
}

fn below<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    match value {
        Value::Object(members) => in_members(members, path),
        Value::Array(items) => items.iter().flat_map(|item| below(item, path)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, document: &Value) -> Vec<Value> {
        let path = ClaimPath::parse(path).unwrap();
        path.find(document.as_object().unwrap()).into_iter().cloned().collect()
    }

    #[test]
    fn f17_a_claim_is_found_by_its_name_and_then_by_the_way_to_it() {
        let claims = json!({
            "realm_access": {"roles": ["lab"]},
            "resource_access": {"lab.example": {"roles": ["admin"]}, "lab": {"roles": []}},
            "https://lab.example/roles": ["url"],
            "a.b": {"c": 1},
            "a": {"b": {"c": 2, "d": 3}, "b.d": 4},
            "teams": [{"path": "x"}, {"path": "y"}, "z"],
        });
        for (path, expected) in [
            ("realm_access.roles", json!([["lab"]])),
            ("resource_access.lab.example.roles", json!([["admin"]])),
            ("resource_access.lab.roles", json!([[]])),
            ("https://lab.example/roles", json!([["url"]])),
            // The longest name that is there counts, and a way that leads nowhere ends nothing.
            ("a.b.c", json!([1])),
            ("a.b.d", json!([4])),
            ("teams.path", json!(["x", "y"])),
            ("realm_access.groups", json!([])),
            ("roles", json!([])),
            ("realm_access.roles.lab", json!([])),
        ] {
            assert_eq!(json!(found(path, &claims)), expected, "{path}");
        }
    }

    #[test]
    fn f17_a_path_with_an_empty_name_is_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a\nb", &"a".repeat(257)] {
            assert!(ClaimPath::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn f17_a_path_begins_with_a_name_up_to_a_dot() {
        let path = ClaimPath::parse("groups.path").unwrap();
        let among = |names: Value| path.begins_among(names.as_object().unwrap());
        assert!(among(json!({"groups": "src1"})) && among(json!({"groups.path": "src1"})));
        assert!(!among(json!({"group": "src1"})) && !among(json!({"groups.pa": "src1"})));
    }
}
