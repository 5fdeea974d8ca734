//! The TOML form, read with the place of every value.

use super::keys::{self, Key, Kind, TASK_KEYS, TOP_KEYS};
use super::line::unknown;
use super::raw::{RawTask, Setting, Text, Top, Value, count, from_text, pair, wrong_kind};
use super::source::{Complaints, Source};
use super::split::{Piece, split};
use crate::error::Code;
use crate::run::graph::select::nearest;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

type Name<'a> = Spanned<DeString<'a>>;
type Item<'a> = Spanned<DeValue<'a>>;

/// Reads everything but the tasks.
///
/// A text that is no TOML is said once, and nothing of it is used.
pub(super) fn read_top(source: &Source<'_>, complaints: &mut Complaints) -> Top {
    let mut top = Top::default();
    for_tables(source, false, complaints, &mut |table, reader| {
        for (name, item) in in_order(table) {
            reader.top(&name, &item, &mut top);
        }
    });
    top
}

/// Reads the tasks, one by one.
pub(super) fn read_tasks(
    source: &Source<'_>,
    complaints: &mut Complaints,
    each: &mut dyn FnMut(RawTask, &mut Complaints),
) {
    for_tables(source, true, complaints, &mut |table, reader| {
        for (name, item) in in_order(table) {
            if !matches!(name.get_ref().as_ref(), "task" | "tasks") {
                continue;
            }
            let DeValue::Table(tasks) = item.into_inner() else { continue };
            for (name, item) in in_order(tasks) {
                if let Some(task) = reader.task(&name, &item) {
                    each(task, reader.complaints);
                }
            }
        }
    });
}

/// Calls for each table that the text is cut into: those of tasks, or the others.
fn for_tables(
    source: &Source<'_>,
    is_task: bool,
    complaints: &mut Complaints,
    each: &mut dyn FnMut(DeTable<'_>, &mut Reader<'_, '_>),
) {
    let pieces = split(source.text);
    let whole = [Piece { range: 0..source.text.len(), is_task }];
    let mut parsed_any = false;
    for piece in pieces.as_deref().unwrap_or(&whole).iter().filter(|piece| piece.is_task == is_task) {
        match DeTable::parse(&source.text[piece.range.clone()]) {
            Ok(table) => {
                parsed_any = true;
                each(table.into_inner(), &mut Reader { source, base: piece.range.start, complaints });
            }
            Err(_) if parsed_any && complaints.is_full() => return,
            Err(error) => {
                // Of the whole text: what is wrong may be further up than the piece knows.
                let error = DeTable::parse(source.text).err().unwrap_or(error);
                let at = source.place(error.span().map_or(piece.range.start, |span| span.start));
                complaints.say(at, Code::ParseError, error.message().lines().collect::<Vec<_>>().join("; "));
                return;
            }
        }
        if complaints.is_full() {
            return;
        }
    }
}

/// The entries as they stand in the text.
fn in_order<'a>(table: DeTable<'a>) -> Vec<(Name<'a>, Item<'a>)> {
    let mut entries: Vec<(Name<'a>, Item<'a>)> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

struct Reader<'s, 'c> {
    source: &'s Source<'s>,
    base: usize,
    complaints: &'c mut Complaints,
}

impl Reader<'_, '_> {
    fn place(&self, span: Range<usize>) -> super::Place {
        self.source.place(self.base + span.start)
    }

    fn text(&self, text: &str, span: Range<usize>) -> Text {
        Text { text: text.to_string(), at: self.place(span) }
    }

    fn top(&mut self, name: &Name<'_>, item: &Item<'_>, top: &mut Top) {
        let at = self.place(name.span());
        let Some(key) = keys::find(TOP_KEYS, name.get_ref()) else {
            let message = format!("a manifest has no key `{}`", name.get_ref().escape_debug());
            let in_task = keys::find(TASK_KEYS, name.get_ref()).is_some();
            let near = nearest(name.get_ref(), TOP_KEYS.iter().map(|key| key.name));
            return match near {
                _ if in_task => self.complaints.hinted(
                    at,
                    Code::ParseError,
                    message,
                    "it belongs below `[task.NAME]` or `[defaults]`",
                ),
                Some(near) => self.complaints.hinted(at, Code::ParseError, message, format!("did you mean `{near}`?")),
                None => self.complaints.hinted(at, Code::ParseError, message, "a task begins with `[task.NAME]`"),
            };
        };
        match (key.kind, item.get_ref()) {
            (Kind::Depths, DeValue::Table(table)) => self.pools(key, table, top),
            (Kind::Defaults, DeValue::Table(table)) => {
                top.defaults = self.settings(table);
                for setting in top.defaults.iter().filter(|setting| !setting.key.in_defaults) {
                    let message = format!("`{}` cannot be a default: each task says its own", setting.key.name);
                    self.complaints.say(setting.at, Code::ParseError, message);
                }
            }
            (Kind::Tasks, DeValue::Table(_)) => {}
            _ => {
                if let Some(value) = self.value(key, item) {
                    top.settings.push(Setting { key, at, value });
                }
            }
        }
    }

    fn pools(&mut self, key: &'static Key, table: &DeTable<'_>, top: &mut Top) {
        for (name, item) in in_order(table.clone()) {
            let at = self.place(item.span());
            let number = self.number(&item);
            let value = match number {
                Some(number) => count(key, number, (1, keys::WEIGHT_MAX), at, self.complaints),
                None => wrong_kind(key, at, self.complaints),
            };
            if let Some(Value::Number(depth)) = value {
                top.pools.push((self.text(name.get_ref(), name.span()), depth as u32));
            }
        }
    }

    fn task(&mut self, name: &Name<'_>, item: &Item<'_>) -> Option<RawTask> {
        let text = self.text(name.get_ref(), name.span());
        let DeValue::Table(table) = item.get_ref() else {
            let message = format!("the task `{}` is no table", text.text.escape_debug());
            self.complaints.hinted(text.at, Code::ParseError, message, "write `[task.NAME]` and its keys below");
            return None;
        };
        Some(RawTask { name: text, settings: self.settings(table) })
    }

    fn settings(&mut self, table: &DeTable<'_>) -> Vec<Setting> {
        let mut settings = Vec::with_capacity(table.len());
        for (name, item) in table {
            let at = self.place(name.span());
            match keys::find(TASK_KEYS, name.get_ref()) {
                Some(key) => settings.extend(self.value(key, item).map(|value| Setting { key, at, value })),
                None => unknown(name.get_ref(), at, self.complaints),
            }
        }
        settings
    }

    fn value(&mut self, key: &'static Key, item: &Item<'_>) -> Option<Value> {
        let at = self.place(item.span());
        match (key.kind, item.get_ref()) {
            (_, DeValue::String(text)) => {
                let text = self.text(text, item.span());
                from_text(key, text, self.complaints)
            }
            (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
            (Kind::Texts | Kind::Command, DeValue::Array(_)) => self.texts(key, item).map(Value::List),
            (Kind::Vars | Kind::Labels, DeValue::Array(_)) => {
                let texts = self.texts(key, item)?;
                Some(Value::Pairs(texts.into_iter().map(pair).collect()))
            }
            (Kind::Vars | Kind::Labels, DeValue::Table(table)) => self.pairs(key, table),
            (Kind::Matrix, DeValue::Table(table)) => self.matrix(key, table),
            (Kind::Count(low, high), DeValue::Integer(_)) => match self.number(item) {
                Some(number) => count(key, number, (low, high), at, self.complaints),
                None => {
                    let message = format!("`{}` may be {low} to {high}", key.name);
                    self.complaints.say(at, Code::ConfigInvalid, message);
                    None
                }
            },
            (Kind::Duration, DeValue::Integer(_)) => match self.number(item).and_then(|s| s.checked_mul(1_000)) {
                Some(ms) => Some(Value::Number(ms)),
                None => wrong_kind(key, at, self.complaints),
            },
            (Kind::Duration, DeValue::Float(number)) => match number.as_str().parse::<f64>() {
                Ok(seconds) if (0.0..1e12).contains(&seconds) => Some(Value::Number((seconds * 1_000.0) as u64)),
                _ => wrong_kind(key, at, self.complaints),
            },
            _ => wrong_kind(key, at, self.complaints),
        }
    }

    fn number(&self, item: &Item<'_>) -> Option<u64> {
        let DeValue::Integer(number) = item.get_ref() else { return None };
        u64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    fn texts(&mut self, key: &'static Key, item: &Item<'_>) -> Option<Vec<Text>> {
        let DeValue::Array(items) = item.get_ref() else { return None };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.push(self.text(text, item.span())),
                // The values of a matrix are names: `[1, 2]` is no less clear.
                DeValue::Integer(number) if key.kind == Kind::Matrix => {
                    texts.push(self.text(number.as_str(), item.span()));
                }
                _ => {
                    let at = self.place(item.span());
                    wrong_kind(key, at, self.complaints);
                    return None;
                }
            }
        }
        Some(texts)
    }

    fn pairs(&mut self, key: &'static Key, table: &DeTable<'_>) -> Option<Value> {
        let mut pairs = Vec::with_capacity(table.len());
        for (name, item) in in_order(table.clone()) {
            let value = match item.get_ref() {
                DeValue::String(text) => Some(self.text(text, item.span())),
                DeValue::Integer(number) => Some(self.text(&number.to_string(), item.span())),
                DeValue::Boolean(true) => None,
                _ => {
                    let at = self.place(item.span());
                    let message = format!(
                        "`{}.{}` is a text, or `true` for the value of the environment",
                        key.name,
                        name.get_ref()
                    );
                    self.complaints.say(at, Code::ParseError, message);
                    return None;
                }
            };
            pairs.push((self.text(name.get_ref(), name.span()), value));
        }
        Some(Value::Pairs(pairs))
    }

    fn matrix(&mut self, key: &'static Key, table: &DeTable<'_>) -> Option<Value> {
        let mut axes = Vec::with_capacity(table.len());
        for (name, item) in in_order(table.clone()) {
            let DeValue::Array(_) = item.get_ref() else {
                let at = self.place(item.span());
                return wrong_kind(key, at, self.complaints);
            };
            axes.push((self.text(name.get_ref(), name.span()), self.texts(key, &item)?));
        }
        Some(Value::Matrix(axes))
    }
}
