//! What the readers of both forms make: settings with their places, nothing expanded.

use super::Place;
use super::keys::{Key, Kind};
use super::source::Complaints;
use crate::error::Code;
use crate::units::parse_duration_seconds;

/// A text and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub text: String,
    pub at: Place,
}

/// What stands behind a key.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Text),
    List(Vec<Text>),
    /// Names with a value each, or none.
    Pairs(Vec<(Text, Option<Text>)>),
    Matrix(Vec<(Text, Vec<Text>)>),
    Number(u64),
    Flag(bool),
}

/// A key with what stands behind it.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub key: &'static Key,
    pub at: Place,
    pub value: Value,
}

/// A task as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct RawTask {
    pub name: Text,
    pub settings: Vec<Setting>,
}

/// Everything of a file but its tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Top {
    pub settings: Vec<Setting>,
    pub pools: Vec<(Text, u32)>,
    pub defaults: Vec<Setting>,
}

/// A text as a value of this kind, as the line form and one-item lists have it.
pub(super) fn from_text(key: &'static Key, text: Text, complaints: &mut Complaints) -> Option<Value> {
    match key.kind {
        Kind::Text | Kind::Command => Some(Value::Text(text)),
        Kind::Texts => Some(Value::List(vec![text])),
        Kind::Vars | Kind::Labels => Some(Value::Pairs(vec![pair(text)])),
        Kind::Duration => match duration_ms(&text.text) {
            Some(ms) => Some(Value::Number(ms)),
            None => {
                let message = format!("`{}`: `{}` is not a duration", key.name, text.text);
                complaints.hinted(text.at, Code::ConfigInvalid, message, "write it like 90s, 500ms, 5m or 1h30m");
                None
            }
        },
        Kind::Count(low, high) => match text.text.parse::<u64>() {
            Ok(number) => count(key, number, (low, high), text.at, complaints),
            Err(_) => wrong_kind(key, text.at, complaints),
        },
        Kind::Flag => match text.text.as_str() {
            "true" => Some(Value::Flag(true)),
            "false" => Some(Value::Flag(false)),
            _ => wrong_kind(key, text.at, complaints),
        },
        Kind::Sandbox => sandbox(key, text, complaints),
        Kind::Matrix | Kind::Depths | Kind::Defaults | Kind::Tasks => wrong_kind(key, text.at, complaints),
    }
}

/// `NAME` or `NAME=value`.
pub(super) fn pair(text: Text) -> (Text, Option<Text>) {
    match text.text.split_once('=') {
        Some((name, value)) => {
            let value = Text { text: value.to_string(), at: text.at };
            (Text { text: name.to_string(), at: text.at }, Some(value))
        }
        None => (text, None),
    }
}

pub(super) fn count(
    key: &Key,
    number: u64,
    (low, high): (u32, u32),
    at: Place,
    complaints: &mut Complaints,
) -> Option<Value> {
    if (u64::from(low)..=u64::from(high)).contains(&number) {
        return Some(Value::Number(number));
    }
    complaints.say(at, Code::ConfigInvalid, format!("`{}` is {number}; it may be {low} to {high}", key.name));
    None
}

fn sandbox(key: &Key, text: Text, complaints: &mut Complaints) -> Option<Value> {
    if text.text == "none" {
        return Some(Value::Text(text));
    }
    let message = format!("`{} = \"{}\"`: sandboxes are not in this version of larder", key.name, text.text);
    complaints.hinted(text.at, Code::ConfigInvalid, message, "take the line out, or say `none`");
    None
}

/// Says what should have stood there.
pub(super) fn wrong_kind(key: &Key, at: Place, complaints: &mut Complaints) -> Option<Value> {
    complaints.say(at, Code::ParseError, format!("`{}` is {}", key.name, key.kind.name()));
    None
}

fn duration_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Some(digits) = text.strip_suffix("ms") {
        return digits.parse().ok();
    }
    parse_duration_seconds(text).ok()?.checked_mul(1_000)
}

impl Kind {
    /// What is expected, for a complaint.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Texts => "a list of texts",
            Kind::Command => "a text or a list of texts",
            Kind::Vars => "a list of `NAME` and `NAME=value`, or a table of texts",
            Kind::Labels => "a list of `NAME` and `NAME=label`, or a table of texts",
            Kind::Matrix => "a table of lists",
            Kind::Duration => "a number of seconds or a text such as `5m`",
            Kind::Count(..) => "a whole number",
            Kind::Flag => "`true` or `false`",
            Kind::Sandbox => "a text",
            Kind::Depths => "a table of numbers",
            Kind::Defaults => "a table of what tasks say",
            Kind::Tasks => "a table of tasks",
        }
    }
}
