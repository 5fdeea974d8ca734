//! The JSON Schema of the TOML form, for editors; made from the table of keys.

use super::keys::{Key, Kind, TASK_KEYS, TOP_KEYS};
use serde_json::{Map, Value, json};

/// The schema.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "larder.toml",
        "description": "The tasks of a project, as `larder run` reads them.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties(TOP_KEYS.iter()),
        "$defs": {
            "task": {
                "type": "object",
                "additionalProperties": false,
                "properties": properties(TASK_KEYS.iter()),
            },
            "defaults": {
                "type": "object",
                "additionalProperties": false,
                "properties": properties(TASK_KEYS.iter().filter(|key| key.in_defaults)),
            },
        },
    })
}

fn properties(keys: impl Iterator<Item = &'static Key>) -> Map<String, Value> {
    keys.map(|key| {
        let mut value = of_kind(key.kind);
        value["description"] = key.about.into();
        (key.name.to_string(), value)
    })
    .collect()
}

fn of_kind(kind: Kind) -> Value {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts | Kind::Command => json!({ "anyOf": [{ "type": "string" }, texts()] }),
        Kind::Vars | Kind::Labels => json!({ "anyOf": [
            { "type": "string" },
            texts(),
            { "type": "object", "additionalProperties": { "anyOf": [{ "type": ["string", "integer"] }, { "const": true }] } },
        ] }),
        Kind::Matrix => json!({
            "type": "object",
            "additionalProperties": { "type": "array", "minItems": 1, "items": { "type": ["string", "integer"] } },
        }),
        Kind::Duration => json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string" }] }),
        Kind::Count(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Sandbox => json!({ "enum": ["none"] }),
        Kind::Depths => json!({
            "type": "object",
            "additionalProperties": { "type": "integer", "minimum": 1, "maximum": super::keys::WEIGHT_MAX },
        }),
        Kind::Defaults => json!({ "$ref": "#/$defs/defaults" }),
        Kind::Tasks => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{1,256}$" },
            "additionalProperties": { "$ref": "#/$defs/task" },
        }),
    }
}
