//! Actions: what would be run, as an object. Its id is the action id, by which results are found again.
//!
//! Floor 4; FORMAT section 13, RUN section 2. An action names contents by their ids and keeps none of them: for gc it is
//! a leaf. The encoding is canonical: lists that are sets are sorted and hold nothing twice, so one action has one id,
//! and bytes in any other order are refused. Values of variables stand in it as hashes, secrets by name and label only.

mod codec;
#[cfg(test)]
mod tests;

use crate::cbor::Fields;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::hash;
use minicbor::bytes::ByteVec;
use std::borrow::Cow;

/// The scheme of this version. Another one is another key: its actions are never equal to these.
pub const SCHEME: u64 = 1;
/// An action longer than this is damage: one of a hundred thousand inputs is far below it.
pub const ACTION_BYTES_MAX: u64 = 64 << 20;

const WHAT: &str = "action";

/// What would be run, and on what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Operating system and architecture: `linux-x86_64`.
    pub platform: String,
    /// What a manifest says to make all its keys others.
    pub salt: String,
    /// The absolute project root, when the result depends on it.
    pub root: Option<Vec<u8>>,
    /// What is executed.
    pub command: Command,
    /// Where, relative to the project root; empty is the root itself.
    pub cwd: Vec<u8>,
    /// Declared variables of the environment and the SHA-256 of each value, by name. One that is not set is not in it.
    pub env: Vec<(String, Id)>,
    /// Declared secrets: name and rotation label, by name.
    pub secrets: Vec<(String, String)>,
    /// What it reads, by path.
    pub inputs: Vec<Input>,
    /// The portable trees of the declared outputs of its dependencies, ascending. A dependency without outputs has the
    /// id of the portable tree without entries.
    pub deps: Vec<Id>,
    /// Programs it executes and the content id of each, by name.
    pub tools: Vec<(String, Id)>,
    /// Commands whose output is part of the key, and the SHA-256 of each output, by command.
    pub key_from: Vec<(String, Id)>,
    /// The patterns of its outputs, as written, ascending.
    pub outputs: Vec<Vec<u8>>,
    /// Arguments that were given to it on the command line.
    pub args: Vec<Vec<u8>>,
    /// Where it writes which files it read, in make's syntax.
    pub depfile: Option<Vec<u8>>,
    /// Fields of a later version.
    pub extra: Fields,
}

/// What is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A text for `sh -c`.
    Shell(Vec<u8>),
    /// A program and its arguments, without a shell.
    Words(Vec<Vec<u8>>),
}

impl Default for Command {
    fn default() -> Self {
        Command::Words(Vec::new())
    }
}

/// A file, directory or link that an action reads, or looks for in vain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// Relative to the project root.
    pub path: Vec<u8>,
    /// What is there.
    pub kind: InputKind,
}

/// What is at the path of an input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputKind {
    /// A regular file.
    File {
        /// The content id.
        content: Id,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A directory without anything in it; any other is the names in it.
    Directory,
    /// A symbolic link.
    Symlink {
        /// What it says.
        text: Vec<u8>,
        /// The content of the file that it leads to in the end; none when it leads to no file.
        target: Option<Id>,
    },
    /// Nothing.
    Absent,
}

impl InputKind {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            InputKind::File { executable: false, .. } => "file",
            InputKind::File { executable: true, .. } => "executable",
            InputKind::Directory => "dir",
            InputKind::Symlink { .. } => "symlink",
            InputKind::Absent => "absent",
        }
    }
}

impl Action {
    /// Its bytes. Lists that are sets are sorted on the way.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, SCHEME);
        fields.put(1, &self.platform);
        if !self.salt.is_empty() {
            fields.put(2, &self.salt);
        }
        if let Some(root) = &self.root {
            fields.put_bytes(3, root);
        }
        fields.put(4, &self.command);
        if !self.cwd.is_empty() {
            fields.put_bytes(5, &self.cwd);
        }
        put_set(&mut fields, 6, &self.env);
        put_set(&mut fields, 7, &self.secrets);
        put_set(&mut fields, 8, &self.inputs);
        put_set(&mut fields, 9, &self.deps);
        put_set(&mut fields, 10, &self.tools);
        put_set(&mut fields, 11, &self.key_from);
        let outputs: Vec<ByteVec> = set(&self.outputs).iter().cloned().map(ByteVec::from).collect();
        put_list(&mut fields, 12, &outputs);
        put_list(&mut fields, 13, &self.args.iter().cloned().map(ByteVec::from).collect::<Vec<_>>());
        if let Some(depfile) = &self.depfile {
            fields.put_bytes(14, depfile);
        }
        fields.encode()
    }

    /// Its id: the SHA-256 of its bytes.
    pub fn id(&self) -> Id {
        hash(&self.encode())
    }

    /// Reads an action.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is none, CONFIG_INVALID when it is of a scheme that this version does not know.
    pub fn decode(bytes: &[u8]) -> Result<Action> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        let scheme: u64 = fields.need(0, WHAT)?;
        if scheme != SCHEME {
            return Err(Error::new(Code::ConfigInvalid, format!("an action is of scheme {scheme}"))
                .with_hint("use a newer larder"));
        }
        let inputs: Vec<Input> = take_set(&mut fields, 8)?;
        if inputs.windows(2).any(|pair| pair[0].path == pair[1].path) {
            return fail(Code::StorageCorrupted, "an action has an input twice");
        }
        Ok(Action {
            platform: fields.need(1, WHAT)?,
            salt: fields.take(2, WHAT)?.unwrap_or_default(),
            root: fields.take::<ByteVec>(3, WHAT)?.map(Vec::from),
            command: fields.need(4, WHAT)?,
            cwd: fields.take::<ByteVec>(5, WHAT)?.map(Vec::from).unwrap_or_default(),
            env: take_set(&mut fields, 6)?,
            secrets: take_set(&mut fields, 7)?,
            inputs,
            deps: take_set(&mut fields, 9)?,
            tools: take_set(&mut fields, 10)?,
            key_from: take_set(&mut fields, 11)?,
            outputs: take_set::<ByteVec>(&mut fields, 12)?.into_iter().map(Vec::from).collect(),
            args: fields.take::<Vec<ByteVec>>(13, WHAT)?.unwrap_or_default().into_iter().map(Vec::from).collect(),
            depfile: fields.take::<ByteVec>(14, WHAT)?.map(Vec::from),
            extra: fields,
        })
    }
}

/// Sorted, nothing twice; as it is when it is so already.
fn set<T: Clone + Ord>(items: &[T]) -> Cow<'_, [T]> {
    if items.is_sorted_by(|a, b| a < b) {
        return Cow::Borrowed(items);
    }
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Cow::Owned(sorted)
}

fn put_set<T: Clone + Ord + minicbor::Encode<()>>(fields: &mut Fields, key: u64, items: &[T]) {
    put_list(fields, key, &set(items));
}

fn put_list<T: minicbor::Encode<()>>(fields: &mut Fields, key: u64, items: &[T]) {
    if !items.is_empty() {
        fields.put(key, items);
    }
}

fn take_set<T: Ord + for<'b> minicbor::Decode<'b, ()>>(fields: &mut Fields, key: u64) -> Result<Vec<T>> {
    let items: Vec<T> = fields.take(key, WHAT)?.unwrap_or_default();
    match items.is_sorted_by(|a, b| a < b) {
        true => Ok(items),
        false => fail(Code::StorageCorrupted, format!("an action has its field {key} out of order")),
    }
}
