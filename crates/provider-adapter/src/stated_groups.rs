//! Groups, in the shapes in which providers state them.

use labgate_domain::ForeignText;
use serde_json::{Map, Value};

/// The longest name of a group, in bytes: room for the distinguished names of a directory.
const MAX_NAME: usize = 1024;

/// The names of groups, as far as a claim states them plainly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatedGroups {
    pub(crate) names: Vec<String>,
    /// The shape of a value that names no group.
    pub(crate) unknown: Option<String>,
}

impl StatedGroups {
    /// Takes the value of a claim:
    /// - a list of texts, of whole numbers, or of objects with a text `name`;
    /// - one text or whole number, which is one group;
    /// - an object whose members are all objects (Zitadel's roles), or all `true` or `false`: the names of
    ///   its members, but those that are `false`.
    pub(crate) fn of(value: &Value) -> Self {
        let mut groups = Self::default();
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter().for_each(|item| groups.add(item)),
            Value::Object(members) if is_map(members) => {
                let stated = members.iter().filter(|(_, value)| **value != Value::Bool(false));
                stated.for_each(|(name, _)| groups.add_name(name));
            }
            Value::Object(_) | Value::Bool(_) => groups.unknown = Some(shape(value)),
            one => groups.add(one),
        }
        groups
    }

    /// Adds those of another list.
    pub(crate) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.unknown = self.unknown.take().or(other.unknown);
    }

    fn add(&mut self, item: &Value) {
        match item {
            Value::String(name) => self.add_name(name),
            Value::Number(number) if !number.is_f64() => self.add_name(&number.to_string()),
            Value::Object(members) => match members.get("name").and_then(Value::as_str) {
                Some(name) => self.add_name(name),
                None => self.note(item),
            },
            _ => self.note(item),
        }
    }

    fn add_name(&mut self, name: &str) {
        if name.is_empty() {
            // It names nothing, and no rule can mean it.
        } else if name.len() > MAX_NAME {
            self.unknown.get_or_insert_with(|| format!("a text of {} bytes", name.len()));
        } else if name.chars().any(char::is_control) {
            self.unknown.get_or_insert_with(|| "a text with a control character".to_owned());
        } else {
            self.names.push(name.to_owned());
        }
    }

    fn note(&mut self, item: &Value) {
        self.unknown.get_or_insert_with(|| format!("a list with {}", shape(item)));
    }
}

fn is_map(members: &Map<String, Value>) -> bool {
    members.values().all(Value::is_object) || members.values().all(Value::is_boolean)
}

/// Describes the shape of a value without the value: at most the names of its members.
pub(crate) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) if number.is_f64() => "a number that is not whole".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(items) => match items.first() {
            Some(item) => format!("a list of {}, the first of them {}", items.len(), shape(item)),
            None => "an empty list".to_owned(),
        },
        Value::Object(members) => {
            let names: Vec<_> = members.keys().map(String::as_str).collect();
            format!("an object with the members {}", ForeignText::new(&names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f17_groups_are_read_in_every_shape_whose_meaning_is_plain() {
        for (value, expected) in [
            (json!(["a", "b", ""]), &["a", "b"][..]),
            (json!("one group"), &["one group"]),
            (json!([7, -8, 18_446_744_073_709_551_615_u64]), &["7", "-8", "18446744073709551615"]),
            (json!(7), &["7"]),
            (json!([{"id": "1", "name": "lab"}, {"name": "staff"}]), &["lab", "staff"]),
            (json!({"lab": {"2654": "example.org"}, "admin": {}}), &["admin", "lab"]),
            (json!({"lab": true, "admin": false}), &["lab"]),
            (json!({}), &[]),
            (json!([]), &[]),
            (json!(null), &[]),
        ] {
            let groups = StatedGroups::of(&value);
            assert_eq!(
                (groups.names.as_slice(), groups.unknown),
                (&expected.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..], None),
                "{value}"
            );
        }
    }

    #[test]
    fn f17_a_shape_that_is_not_understood_is_described_without_its_values() {
        let long = "g".repeat(MAX_NAME + 1);
        for (value, expected) in [
            (json!({"roles": ["a"]}), "an object with the members roles"),
            (
                json!(["kept", {"id": "secret", "label": "b"}]),
                "a list with an object with the members id, label",
            ),
            (json!(["kept", ["b"]]), "a list with a list of 1, the first of them a text"),
            (json!(["kept", 1.5]), "a list with a number that is not whole"),
            (json!(["kept", null]), "a list with null"),
            (json!(true), "true or false"),
            (json!(["kept", "a\nb"]), "a text with a control character"),
            (json!(["kept", long]), "a text of 1025 bytes"),
        ] {
            let groups = StatedGroups::of(&value);
            assert_eq!(groups.unknown.as_deref(), Some(expected), "{value}");
            assert_eq!(groups.names, if value[0] == "kept" { vec!["kept"] } else { vec![] }, "{value}");
        }
    }
}
