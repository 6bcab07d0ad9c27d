//! JSON as strict as a security decision needs it: one meaning per document.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a JSON object. A member that stands twice, at any depth, makes it invalid (RFC 7519 section 4 leaves
/// no other safe reading), and so do a byte order mark, text after the end, and more than 128 levels: then
/// there is nothing.
pub(crate) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Object(members))) => Some(members),
        _ => None,
    }
}

/// What an answer is that is no such object.
pub(crate) const NOT_AN_OBJECT: &str = "it is not one JSON object in which each member stands once";

/// Reads a JSON array, with the same rules.
pub(crate) fn array(bytes: &[u8]) -> Option<Vec<Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Array(items))) => Some(items),
        _ => None,
    }
}

/// The shape of a value, for a message that must not repeat it.
pub(crate) fn shape(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

/// A [`Value`] without a member that stands twice; `serde_json` by itself would keep the last.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = access.next_entry::<String, Unique>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_stands() {
        let text = r#"{"a":[1,-2,1.5,true,null,{"b":"ä\n"}],"c":{}}"#;
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), text.parse::<Value>().unwrap());
    }

    #[test]
    fn an_array_has_the_same_rules() {
        assert_eq!(array(br#"[{"a":1},2]"#), Some(vec![serde_json::json!({"a": 1}), 2.into()]));
        for bad in ["", "{}", "null", "[1", "[1,]", "[][]", r#"[{"a":1,"a":1}]"#] {
            assert_eq!(array(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn c048_c079_what_has_two_readings_or_none_is_refused() {
        let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        for bad in [
            "",
            "null",
            "[]",
            "\"text\"",
            "<html>",
            "{\"a\":1",
            "{\"a\":1}{}",
            "{\"a\":1,}",
            "\u{feff}{\"a\":1}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":1e999}"#,
            r#"{"a":NaN}"#,
            &deep,
        ] {
            assert_eq!(object(bad.as_bytes()), None, "{}", bad.get(..40).unwrap_or(bad));
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }
}
