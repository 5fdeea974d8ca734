//! The JSON Schema of the TOML form, for editors; made from the table of keys.

use super::keys::{Key, Kind, TASK_KEYS, TOP_KEYS};
use serde_json::{Map, Value, json};

/// The schema.
pub fn schema() -> Value {
    let what_it_is: Vec<Value> =
        ["cmd", "script", "deps", "after"].iter().map(|key| json!({ "required": [key] })).collect();
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
                // It runs a command or a script, or stands for others.
                "anyOf": what_it_is,
                "not": { "required": ["cmd", "script"] },
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

/// The name of a variable.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// The same, perhaps with a value.
const VARIABLE_OR_PAIR: &str = "^[A-Za-z_][A-Za-z0-9_]*(=|$)";
/// What a matrix has in its names.
const CHOICE: &str = "^[A-Za-z0-9_.+-]+$";

fn of_kind(kind: Kind) -> Value {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let pair = || json!({ "type": "string", "pattern": VARIABLE_OR_PAIR });
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts | Kind::Command => json!({ "anyOf": [{ "type": "string" }, texts()] }),
        Kind::Vars | Kind::Labels => json!({ "anyOf": [
            pair(),
            { "type": "array", "items": pair() },
            {
                "type": "object",
                "propertyNames": { "pattern": VARIABLE },
                "additionalProperties": { "anyOf": [{ "type": ["string", "integer"] }, { "const": true }] },
            },
        ] }),
        Kind::Matrix => json!({
            "type": "object",
            "propertyNames": { "pattern": CHOICE },
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": true,
                "items": { "type": ["string", "integer"], "pattern": CHOICE },
            },
        }),
        Kind::Duration => json!({ "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": "^\\s*([0-9]+|[0-9]+ms|([0-9]+[smhdwMy])+)\\s*$" },
        ] }),
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
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{1,256}$", "not": { "enum": [".", ".."] } },
            "additionalProperties": { "$ref": "#/$defs/task" },
        }),
    }
}
