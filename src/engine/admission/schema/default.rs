//! The few defaults of the schemas, and two spellings: `null`, which means that a member is not there, and whole numbers
//! with a point or an exponent.

use serde_json::{Map, Value};

use super::validate::whole;
use super::{Schema, Text};

/// Drops members that are `null`, since no field of cert-manager's may be, and fills in defaults. A whole number is kept
/// as such, however it was written.
pub fn default(object: &mut Value, schema: &'static Schema) {
    match (object, schema) {
        (Value::Object(members), Schema::Object(object)) => {
            members.retain(|name, value| !value.is_null() || object.field(name).is_none());
            for field in object.fields {
                if let Some(member) = members.get_mut(field.name) {
                    default(member, field.schema);
                } else if let Some(text) = text_of(field.schema) {
                    members.insert(field.name.to_owned(), Value::String(text.to_owned()));
                }
            }
        }
        (Value::Object(members), Schema::Map(item)) => defaults_of_map(members, item),
        (Value::Array(items), Schema::List(list)) => items.iter_mut().for_each(|item| default(item, list.item)),
        (number @ Value::Number(_), Schema::Integer(_) | Schema::Quantity(_)) => {
            if let Some(whole) = number.as_number().and_then(whole) {
                *number = whole.into();
            }
        }
        (
            Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_),
            Schema::Object(_)
            | Schema::Map(_)
            | Schema::List(_)
            | Schema::Text(_)
            | Schema::Integer(_)
            | Schema::Boolean
            | Schema::Quantity(_)
            | Schema::Metadata
            | Schema::Anything,
        ) => {}
    }
}

fn defaults_of_map(members: &mut Map<String, Value>, item: &'static Schema) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(|member| default(member, item));
}

fn text_of(schema: &Schema) -> Option<&'static str> {
    if let Schema::Text(Text { default, .. }) = schema { *default } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::admission::schema;
    use crate::objref::Kind;

    fn defaulted(kind: Kind, mut object: Value) -> Value {
        default(&mut object, schema::of(kind).unwrap());
        object
    }

    #[test]
    fn parents_of_routes_and_pull_secrets_have_defaults() {
        let solver = |route: Value| json!({"spec": {"acme": {"solvers": [{"http01": {"gatewayHTTPRoute": route}}]}}});
        let given = json!({"parentRefs": [{"name": "a"}, {"name": "b", "group": "", "kind": null}],
            "podTemplate": {"spec": {"imagePullSecrets": [{}, {"name": "c"}]}}});
        let expected = json!({"parentRefs": [
                {"name": "a", "group": "gateway.networking.k8s.io", "kind": "Gateway"}, {"name": "b", "group": "", "kind": "Gateway"}],
            "podTemplate": {"spec": {"imagePullSecrets": [{"name": ""}, {"name": "c"}]}}});
        assert_eq!(defaulted(Kind::Issuer, solver(given)), solver(expected));
    }

    #[test]
    fn null_is_absence() {
        let given = json!({"metadata": {"labels": null}, "spec": {"secretName": null, "dnsNames": [null],
            "secretTemplate": {"labels": {"a": null}}}});
        let expected =
            json!({"metadata": {"labels": null}, "spec": {"dnsNames": [null], "secretTemplate": {"labels": {}}}});
        assert_eq!(defaulted(Kind::Certificate, given), expected);
    }
}
