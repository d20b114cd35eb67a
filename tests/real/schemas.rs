//! The schemas that the engine's front door holds as data are those of cert-manager's CRDs, node by node.

use kubectl_cert::engine::admission::schema::{self, Integer, List, Object, Schema, Text};
use kubectl_cert::objref::Kind;
use serde_json::{Map, Value, json};

use crate::lab::Lab;

#[test]
fn every_node_of_the_crds_is_held() {
    let lab = Lab::shared();
    let mut differences = Vec::new();
    let mut count = 0;
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_cert_managers()) {
        let crd: Value = serde_json::from_str(&lab.kubectl(&["get", "crd", &kind.resource(), "-o", "json"])).unwrap();
        let version = &crd["spec"]["versions"][0];
        assert_eq!(version["name"], "v1");
        let mut real = version["schema"]["openAPIV3Schema"].clone();
        for word in ["apiVersion", "kind"] {
            assert_eq!(real["properties"][word]["type"], "string");
        }
        plain(&mut real, &mut count);
        let ours = written(schema::of(kind).expect("each kind of cert-manager's has a schema"));
        compare(&ours, &real, &kind.resource(), &mut differences);
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(count > 1500, "{count} nodes");
}

/// Takes away what has no bearing on what is let in.
fn plain(node: &mut Value, count: &mut usize) {
    *count += 1;
    let Some(members) = node.as_object_mut() else { return };
    members.remove("description");
    // How two who apply share a value, and no list of cert-manager's is a set.
    members.remove("x-kubernetes-map-type");
    if members.get("x-kubernetes-list-type") == Some(&json!("atomic")) {
        members.remove("x-kubernetes-list-type");
    }
    for (word, value) in members {
        if word == "properties" {
            value.as_object_mut().unwrap().values_mut().for_each(|field| plain(field, count));
        } else if word == "items" || word == "additionalProperties" {
            plain(value, count);
        } else if word == "required" {
            value.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
    }
}

/// Our schema as the CRD would write it.
fn written(schema: &Schema) -> Value {
    match schema {
        Schema::Object(object) => of_object(object),
        Schema::Map(item) => json!({"type": "object", "additionalProperties": written(item)}),
        Schema::List(List { item, key }) => {
            let mut node = json!({"type": "array", "items": written(item)});
            if let Some(key) = key {
                node["x-kubernetes-list-type"] = "map".into();
                node["x-kubernetes-list-map-keys"] = json!([key]);
            }
            node
        }
        Schema::Text(text) => of_text(text),
        Schema::Integer(Integer { format, range }) => {
            let mut node = json!({"type": "integer"});
            if let Some(format) = format {
                node["format"] = (*format).into();
            }
            if let Some((least, most)) = range {
                node["minimum"] = (*least).into();
                node["maximum"] = (*most).into();
            }
            node
        }
        Schema::Boolean => json!({"type": "boolean"}),
        Schema::Quantity(pattern) => json!({
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": pattern.text,
            "x-kubernetes-int-or-string": true,
        }),
        Schema::Metadata => json!({"type": "object"}),
        Schema::Anything => json!({"x-kubernetes-preserve-unknown-fields": true}),
    }
}

fn of_object(object: &Object) -> Value {
    let mut node = json!({"type": "object"});
    let fields: Map<_, _> = object.fields.iter().map(|field| (field.name.to_owned(), written(field.schema))).collect();
    if !fields.is_empty() {
        node["properties"] = fields.into();
    }
    let required: Vec<_> = object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if !required.is_empty() {
        node["required"] = json!(required);
    }
    if let Some(rule) = object.rule {
        node["x-kubernetes-validations"] = json!([{"rule": rule.expression(), "message": rule.message}]);
    }
    node
}

fn of_text(text: &Text) -> Value {
    let mut node = json!({"type": "string"});
    if !text.words.is_empty() {
        node["enum"] = json!(text.words);
    }
    if text.min > 0 {
        node["minLength"] = text.min.into();
    }
    if let Some(max) = text.max {
        node["maxLength"] = max.into();
    }
    if let Some(pattern) = text.pattern {
        node["pattern"] = pattern.text.into();
    }
    if let Some(format) = text.format {
        node["format"] = format.word().into();
    }
    if let Some(default) = text.default {
        node["default"] = default.into();
    }
    node
}

/// Says each place where two schemas differ, not where they lie.
fn compare(ours: &Value, real: &Value, at: &str, differences: &mut Vec<String>) {
    match (ours, real) {
        (Value::Object(one), Value::Object(other)) => {
            let mut words: Vec<_> = one.keys().chain(other.keys()).collect();
            words.sort();
            words.dedup();
            for word in words {
                let (ours, real) = (one.get(word).unwrap_or(&Value::Null), other.get(word).unwrap_or(&Value::Null));
                compare(ours, real, &format!("{at}.{word}"), differences);
            }
        }
        _ if ours == real => {}
        _ => differences.push(format!("{at}: real {real}, ours {ours}")),
    }
}
