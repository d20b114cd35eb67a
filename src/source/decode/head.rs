//! What an object is, or what a `List` holds, before it is read as that.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The part of an object that says what it is, or what a `List` holds.
#[derive(Debug, Default)]
pub struct Head<'a> {
    pub api_version: Option<Cow<'a, str>>,
    pub kind: Option<Cow<'a, str>>,
    pub items: Items<'a>,
}

impl<'a> Head<'a> {
    /// Reads as far as it must: an object mostly begins with its apiVersion and kind, and only a list needs more.
    pub fn read(json: &'a str) -> Option<Self> {
        let mut head = Self::default();
        let mut reader = serde_json::Deserializer::from_str(json);
        // An object that was left before its end is an error to the reader.
        let is_whole = reader.deserialize_map(&mut head).and_then(|()| reader.end()).is_ok();
        (is_whole || head.is_enough()).then_some(head)
    }

    fn is_enough(&self) -> bool {
        self.api_version.is_some() && self.kind.as_ref().is_some_and(|kind| !kind.ends_with("List"))
    }
}

impl<'a> Visitor<'a> for &mut Head<'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut fields: A) -> Result<(), A::Error> {
        while !self.is_enough() {
            match fields.next_key()? {
                Some(Field::ApiVersion) => self.api_version = fields.next_value::<Option<Word>>()?.map(|word| word.0),
                Some(Field::Kind) => self.kind = fields.next_value::<Option<Word>>()?.map(|word| word.0),
                Some(Field::Items) => self.items = fields.next_value()?,
                Some(Field::Other) => {
                    fields.next_value::<IgnoredAny>()?;
                }
                None => break,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    ApiVersion,
    Kind,
    Items,
    #[serde(other)]
    Other,
}

/// A text, without a copy where there is nothing to unescape.
#[derive(Deserialize)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

/// What stands under `items`.
#[derive(Debug, Default)]
pub enum Items<'a> {
    #[default]
    None,
    List(Vec<&'a RawValue>),
    /// No list: an object's field that happens to have this name, or a mistake.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'a> Visitor<'a> for ItemsVisitor {
    type Value = Items<'a>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Items<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Items::List(list))
    }

    fn visit_map<A: MapAccess<'a>>(self, fields: A) -> Result<Items<'a>, A::Error> {
        IgnoredAny.visit_map(fields).map(|_| Items::Other)
    }

    fn visit_unit<E>(self) -> Result<Items<'a>, E> {
        Ok(Items::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Items<'a>, E> {
        Ok(Items::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Items<'a>, E> {
        Ok(Items::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Items<'a>, E> {
        Ok(Items::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Items<'a>, E> {
        Ok(Items::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Items<'a>, E> {
        Ok(Items::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(json: &str) -> Option<(String, String)> {
        let head = Head::read(json)?;
        Some((head.api_version.unwrap_or_default().into_owned(), head.kind.unwrap_or_default().into_owned()))
    }

    #[test]
    fn a_head_is_read_wherever_its_fields_stand() {
        let secret = || Some(("v1".to_owned(), "Secret".to_owned()));
        assert_eq!(head(r#"{"apiVersion":"v1","kind":"Secret","data":{}}"#), secret());
        assert_eq!(head(r#"{"data":{"kind":"x"},"kind":"Secret","items":3,"apiVersion":"v1"}"#), secret());
        assert_eq!(head(r#"{"kind":"\u0053ecret","apiVersion":"v1"}"#), secret());
        assert_eq!(head(r#"{"kind":null}"#), Some((String::new(), String::new())));
        for wrong in [r#"{"kind":{}}"#, r#"{"apiVersion":"v1""#, "3", r#""kind""#, ""] {
            assert_eq!(head(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_list_holds_is_read_before_or_behind_its_kind() {
        let items = |json: &str| match Head::read(json).map(|head| head.items) {
            Some(Items::List(items)) => items.iter().map(|item| item.get().to_owned()).collect(),
            other => vec![format!("{other:?}")],
        };
        assert_eq!(items(r#"{"apiVersion":"v1","items":[{"a":1}, 2],"kind":"List"}"#), [r#"{"a":1}"#, "2"]);
        assert_eq!(items(r#"{"apiVersion":"v1","kind":"List","items":[ {"a":1} ]}"#), [r#"{"a":1}"#]);
        for other in ["{}", "true", "-1", "1.5", r#""a""#] {
            let json = format!(r#"{{"apiVersion":"v1","kind":"List","items":{other}}}"#);
            assert_eq!(items(&json), ["Some(Other)"]);
        }
        for none in [r#""items":null"#, r#""a":1"#] {
            assert_eq!(items(&format!(r#"{{"apiVersion":"v1","kind":"List",{none}}}"#)), ["Some(None)"]);
        }
    }
}
