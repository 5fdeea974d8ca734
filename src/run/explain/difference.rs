//! What two actions differ in.

use crate::action::{Action, Command, Input, InputKind};
use crate::id::Id;
use std::cmp::Ordering;

/// A part of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Operating system and architecture.
    Platform,
    /// The manifest's salt.
    Salt,
    /// The project's root, where that counts.
    Root,
    /// The command as a whole.
    Command,
    /// One word of it, from 0.
    Word,
    /// One line of it, from 1.
    Line,
    /// Where it runs.
    Directory,
    /// A variable.
    Variable,
    /// A secret and its label.
    Secret,
    /// A file that it reads.
    Input,
    /// A file that it was seen to read.
    Observed,
    /// What another task yields.
    Dependency,
    /// A program.
    Tool,
    /// What a `key-from` command prints.
    KeyFrom,
    /// A pattern of its outputs.
    Output,
    /// An argument of the command line, from 1.
    Argument,
    /// Where it writes what it read.
    Depfile,
}

impl Part {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Platform => "platform",
            Part::Salt => "salt",
            Part::Root => "root",
            Part::Command => "command",
            Part::Word => "word",
            Part::Line => "line",
            Part::Directory => "cwd",
            Part::Variable => "variable",
            Part::Secret => "secret",
            Part::Input => "input",
            Part::Observed => "observed",
            Part::Dependency => "dependency",
            Part::Tool => "tool",
            Part::KeyFrom => "key-from",
            Part::Output => "output",
            Part::Argument => "argument",
            Part::Depfile => "depfile",
        }
    }
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text of the manifest.
    Text(Vec<u8>),
    /// The content of a file or tree.
    Content(Id),
    /// A file, and whether it may be executed.
    File(Id, bool),
    /// The hash of something that nobody shall see, nor its hash.
    Hidden(Id),
    /// Something without content, such as a directory.
    Kind(&'static str),
}

/// One difference. What is only after was added, what is only before was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of what kind.
    pub part: Part,
    /// Which one of them; empty where there is one.
    pub name: Vec<u8>,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

/// All differences but those of dependencies, in the order of [`Part`].
pub fn differences(before: &Action, after: &Action) -> Vec<Difference> {
    let mut found = Vec::new();
    let text = |text: &[u8]| Some(Value::Text(text.to_vec()));
    one(&mut found, Part::Platform, text(before.platform.as_bytes()), text(after.platform.as_bytes()));
    one(&mut found, Part::Salt, text(before.salt.as_bytes()), text(after.salt.as_bytes()));
    one(&mut found, Part::Root, before.root.clone().map(Value::Text), after.root.clone().map(Value::Text));
    command(&before.command, &after.command, &mut found);
    one(&mut found, Part::Directory, text(&before.cwd), text(&after.cwd));
    let hidden = |all: &[(String, Id)]| named(all, |id| Value::Hidden(*id));
    lists(Part::Variable, &hidden(&before.env), &hidden(&after.env), &mut found);
    let labels = |all: &[(String, String)]| named(all, |label| Value::Text(label.as_bytes().to_vec()));
    lists(Part::Secret, &labels(&before.secrets), &labels(&after.secrets), &mut found);
    let inputs = |all: &[Input]| all.iter().map(|one| (one.path.clone(), of_input(&one.kind))).collect::<Vec<_>>();
    lists(Part::Input, &inputs(&before.inputs), &inputs(&after.inputs), &mut found);
    let tools = |all: &[(String, Id)]| named(all, |id| Value::Content(*id));
    lists(Part::Tool, &tools(&before.tools), &tools(&after.tools), &mut found);
    lists(Part::KeyFrom, &hidden(&before.key_from), &hidden(&after.key_from), &mut found);
    let outputs = |all: &[Vec<u8>]| all.iter().map(|text| (text.clone(), Value::Kind("output"))).collect::<Vec<_>>();
    lists(Part::Output, &outputs(&before.outputs), &outputs(&after.outputs), &mut found);
    pieces(Part::Argument, 1, &slices(&before.args), &slices(&after.args), &mut found);
    let depfile = |action: &Action| action.depfile.clone().map(Value::Text);
    one(&mut found, Part::Depfile, depfile(before), depfile(after));
    found
}

fn one(found: &mut Vec<Difference>, part: Part, before: Option<Value>, after: Option<Value>) {
    if before != after {
        found.push(Difference { part, name: Vec::new(), before, after });
    }
}

fn slices(all: &[Vec<u8>]) -> Vec<&[u8]> {
    all.iter().map(Vec::as_slice).collect()
}

fn named<T>(all: &[(String, T)], value: impl Fn(&T) -> Value) -> Vec<(Vec<u8>, Value)> {
    all.iter().map(|(name, of)| (name.clone().into_bytes(), value(of))).collect()
}

fn of_input(kind: &InputKind) -> Value {
    match kind {
        InputKind::File { content, executable } => Value::File(*content, *executable),
        InputKind::Symlink { target: Some(target), .. } => Value::Content(*target),
        InputKind::Symlink { text, target: None } => Value::Text(text.clone()),
        InputKind::Directory | InputKind::Absent => Value::Kind(kind.name()),
    }
}

/// Two commands: the words or lines that differ where there are as many, else both as a whole.
fn command(before: &Command, after: &Command, found: &mut Vec<Difference>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Command::Words(a), Command::Words(b)) if a.len() == b.len() => {
            pieces(Part::Word, 0, &slices(a), &slices(b), found);
        }
        (Command::Shell(a), Command::Shell(b)) if a.contains(&b'\n') && lines(a).len() == lines(b).len() => {
            pieces(Part::Line, 1, &lines(a), &lines(b), found);
        }
        _ => found.push(Difference {
            part: Part::Command,
            name: Vec::new(),
            before: Some(Value::Text(whole(before))),
            after: Some(Value::Text(whole(after))),
        }),
    }
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').collect()
}

fn whole(command: &Command) -> Vec<u8> {
    match command {
        Command::Shell(text) => text.clone(),
        Command::Words(words) => words.join(&b' '),
    }
}

/// Numbered pieces; what one list has more than the other was added or removed at the end.
fn pieces(part: Part, first: usize, before: &[&[u8]], after: &[&[u8]], found: &mut Vec<Difference>) {
    for at in 0..before.len().max(after.len()) {
        let of = |all: &[&[u8]]| all.get(at).map(|text| Value::Text(text.to_vec()));
        let (before, after) = (of(before), of(after));
        if before != after {
            found.push(Difference { part, name: (at + first).to_string().into_bytes(), before, after });
        }
    }
}

/// Two sorted lists without equal names.
fn lists(part: Part, before: &[(Vec<u8>, Value)], after: &[(Vec<u8>, Value)], found: &mut Vec<Difference>) {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.0.cmp(&new.0),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        let value = |one: Option<&(Vec<u8>, Value)>| one.map(|(_, value)| value.clone());
        if value(before) != value(after) {
            let name = before.or(after).map(|(name, _)| name.clone()).unwrap_or_default();
            found.push(Difference { part, name, before: value(before), after: value(after) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        Id::new([n; 32])
    }

    fn file(path: &str, n: u8) -> Input {
        Input { path: path.into(), kind: InputKind::File { content: id(n), executable: false } }
    }

    #[test]
    fn each_difference_is_named_once() {
        let before = Action {
            command: Command::Words(vec![b"cc".to_vec(), b"-O2".to_vec(), b"a.c".to_vec()]),
            env: vec![("A".into(), id(1)), ("B".into(), id(2))],
            inputs: vec![file("a.c", 1), file("b.c", 2)],
            tools: vec![("cc".into(), id(9))],
            outputs: vec![b"a.o".to_vec()],
            ..Action::default()
        };
        assert_eq!(differences(&before, &before), []);
        let after = Action {
            command: Command::Words(vec![b"cc".to_vec(), b"-O3".to_vec(), b"a.c".to_vec()]),
            env: vec![("A".into(), id(3)), ("C".into(), id(2))],
            inputs: vec![file("a.c", 7), file("c.c", 2)],
            tools: vec![("cc".into(), id(8))],
            outputs: vec![b"a.o".to_vec(), b"a.s".to_vec()],
            args: vec![b"x".to_vec()],
            ..Action::default()
        };
        let shown = |one: &Difference| {
            let sign = match (&one.before, &one.after) {
                (None, _) => "+",
                (_, None) => "-",
                _ => "",
            };
            format!("{} {sign}{}", one.part.name(), one.name.escape_ascii())
        };
        let all: Vec<String> = differences(&before, &after).iter().map(shown).collect();
        assert_eq!(
            all,
            [
                "word 1",
                "variable A",
                "variable -B",
                "variable +C",
                "input a.c",
                "input -b.c",
                "input +c.c",
                "tool cc",
                "output +a.s",
                "argument +1"
            ]
        );
    }

    #[test]
    fn a_long_script_is_compared_by_line() {
        let of = |text: &str| Action { command: Command::Shell(text.into()), ..Action::default() };
        let found = differences(&of("set -e\ncc a.c\nstrip a"), &of("set -e\ncc -g a.c\nstrip a"));
        assert_eq!((found.len(), found[0].part, found[0].name.as_slice()), (1, Part::Line, b"2".as_slice()));
        let found = differences(&of("cc a.c"), &of("cc -g a.c"));
        assert_eq!((found.len(), found[0].part), (1, Part::Command));
        let words = Action { command: Command::Words(vec![b"cc".to_vec(), b"a.c".to_vec()]), ..Action::default() };
        assert_eq!(differences(&of("cc a.c"), &words)[0].part, Part::Command);
    }
}
