//! What the API server drops before it looks at an object: members that the schema does not know.

use serde_json::Value;

use super::Schema;
use crate::engine::field::{Path, Step};

/// Drops what the schema does not know and gives the path of each, sorted as text. Of something that is wrong
/// altogether the inside is dropped too, as the API server does.
///
/// `metadata` is left alone: see `meta::prune`.
pub fn prune(object: &mut Value, schema: &'static Schema) -> Vec<Path> {
    let mut pruning = Pruning { at: Path::root(), unknown: Vec::new() };
    pruning.value(object, Some(schema));
    pruning.unknown.sort_by_cached_key(Path::to_string);
    pruning.unknown
}

struct Pruning {
    at: Path,
    unknown: Vec<Path>,
}

impl Pruning {
    /// `schema` is none where no members and no items are known.
    fn value(&mut self, value: &mut Value, schema: Option<&'static Schema>) {
        match value {
            Value::Object(members) => members.retain(|name, member| {
                self.at.push(Step::Field(name.clone().into()));
                let keeps = self.member(name, member, schema);
                if !keeps {
                    self.unknown.push(self.at.clone());
                }
                self.at.pop();
                keeps
            }),
            Value::Array(items) => {
                let of_items = match of_items(schema) {
                    Items::Of(schema) => Some(schema),
                    Items::Unknown => None,
                    Items::LeftAlone => return,
                };
                for (index, item) in items.iter_mut().enumerate() {
                    self.at.push(Step::Index(index));
                    self.value(item, of_items);
                    self.at.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether the member stays; what is in it is pruned.
    fn member(&mut self, name: &str, member: &mut Value, schema: Option<&'static Schema>) -> bool {
        let inner = match schema {
            Some(Schema::Object(object)) => match object.field(name) {
                Some(field) => field.schema,
                None => return false,
            },
            Some(Schema::Map(item)) => item,
            Some(Schema::Anything | Schema::Metadata) => return true,
            Some(Schema::List(_) | Schema::Text(_) | Schema::Integer(_) | Schema::Boolean | Schema::Quantity(_))
            | None => return false,
        };
        self.value(member, Some(inner));
        true
    }
}

/// What becomes of the items of what is a list in the object.
enum Items {
    /// They have this schema.
    Of(&'static Schema),
    /// No members of theirs are known.
    Unknown,
    LeftAlone,
}

fn of_items(schema: Option<&'static Schema>) -> Items {
    match schema {
        Some(Schema::List(list)) => Items::Of(list.item),
        Some(Schema::Anything | Schema::Metadata) => Items::LeftAlone,
        Some(
            Schema::Object(_)
            | Schema::Map(_)
            | Schema::Text(_)
            | Schema::Integer(_)
            | Schema::Boolean
            | Schema::Quantity(_),
        )
        | None => Items::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::admission::schema;
    use crate::objref::Kind;

    fn pruned(kind: Kind, mut object: Value) -> (Vec<String>, Value) {
        let unknown = prune(&mut object, schema::of(kind).unwrap());
        (unknown.iter().map(Path::to_string).collect(), object)
    }

    #[test]
    fn unknown_members_are_dropped_and_said_at_every_depth() {
        let (unknown, object) = pruned(
            Kind::Certificate,
            json!({
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"anything": {"a": 1}}, "x": 1,
                "spec": {
                    "secretName": "a", "dnsName": "b", "secretTemplate": {"labels": {"any": "key"}, "y": {"z": 1}},
                    "otherNames": [{"oid": "1.2"}, {"OID": "1.2"}]
                }
            }),
        );
        assert_eq!(unknown, ["spec.dnsName", "spec.otherNames[1].OID", "spec.secretTemplate.y", "x"]);
        assert_eq!(
            object,
            json!({
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"anything": {"a": 1}},
                "spec": {
                    "secretName": "a", "secretTemplate": {"labels": {"any": "key"}}, "otherNames": [{"oid": "1.2"}, {}]
                }
            })
        );
    }

    #[test]
    fn the_configuration_of_a_dns01_webhook_is_kept_whole() {
        let solver = json!({"dns01": {"webhook": {"groupName": "g", "solverName": "s", "config": {"a": [{"b": 1}]}}}});
        let issuer = json!({"spec": {"acme": {"solvers": [solver]}}});
        assert_eq!(pruned(Kind::Issuer, issuer.clone()), (vec![], issuer));
    }

    #[test]
    fn what_is_of_another_type_loses_its_inside() {
        let (unknown, object) = pruned(
            Kind::Certificate,
            json!({"spec": {"secretName": {"a": {"b": 1}}, "dnsNames": {"c": 1}, "subject": [{"d": 1}]}}),
        );
        assert_eq!(unknown, ["spec.dnsNames.c", "spec.secretName.a", "spec.subject[0].d"]);
        assert_eq!(object, json!({"spec": {"secretName": {}, "dnsNames": {}, "subject": [{}]}}));
    }
}
