//! What a snapshot says: the body of its root record (FORMAT section 9).

use crate::cbor::Fields;
use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use minicbor::bytes::ByteVec;

const WHAT: &str = "snapshot";

/// What is kept of some directories at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBody {
    /// The root tree, which mirrors absolute paths.
    pub tree: Id,
    /// The sources, absolute.
    pub paths: Vec<Vec<u8>>,
    /// The machine.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// When reading began, as the writer claims.
    pub start: Time,
    /// When it ended.
    pub end: Time,
    /// The tags it was made with, sorted.
    pub tags: Vec<String>,
    /// The snapshot that this one was compared with.
    pub parent: Option<Id>,
    /// What was done.
    pub stats: Stats,
    /// Where its git work tree stood.
    pub git: Option<Git>,
    /// Whether it was interrupted and holds only a part.
    pub is_partial: bool,
    /// The snapshot in another repository of which it is a copy.
    pub original: Option<Id>,
    /// Its hard-link groups.
    pub links: Option<Id>,
    /// The program that made it, with its version.
    pub program: String,
    /// Fields of a later version.
    pub extra: Fields,
}

/// What a backup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files that the parent does not have.
    pub files_new: u64,
    /// Files that differ from the parent's.
    pub files_changed: u64,
    /// Files that are as in the parent.
    pub files_unmodified: u64,
    /// Directories.
    pub directories: u64,
    /// Symlinks, devices and whatever is neither file nor directory.
    pub others: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Bytes of new objects.
    pub added_bytes: u64,
    /// The same after compression and sealing.
    pub stored_bytes: u64,
    /// Items that could not be kept.
    pub errors: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// Fields of a later version.
    pub extra: Fields,
}

/// The state of a git work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Git {
    /// The commit, in hex.
    pub commit: String,
    /// The branch, empty when detached.
    pub branch: String,
    /// Whether there were changes that no commit has.
    pub is_dirty: bool,
    /// Fields of a later version.
    pub extra: Fields,
}

impl SnapshotBody {
    /// The snapshot of this tree, of which nothing else is known.
    pub fn new(tree: Id) -> Self {
        SnapshotBody {
            tree,
            paths: Vec::new(),
            host: String::new(),
            user: String::new(),
            start: Time::default(),
            end: Time::default(),
            tags: Vec::new(),
            parent: None,
            stats: Stats::default(),
            git: None,
            is_partial: false,
            original: None,
            links: None,
            program: String::new(),
            extra: Fields::new(),
        }
    }

    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, self.tree);
        fields.put(1, self.paths.iter().cloned().map(ByteVec::from).collect::<Vec<_>>());
        fields.put(2, &self.host);
        fields.put(3, &self.user);
        fields.put(4, self.start);
        fields.put(5, self.end);
        if !self.tags.is_empty() {
            fields.put(6, &self.tags);
        }
        if let Some(parent) = self.parent {
            fields.put(7, parent);
        }
        fields.put_encoded(8, self.stats.encode());
        if let Some(git) = &self.git {
            fields.put_encoded(9, git.encode());
        }
        if self.is_partial {
            fields.put(10, true);
        }
        if let Some(original) = self.original {
            fields.put(11, original);
        }
        if let Some(links) = self.links {
            fields.put(12, links);
        }
        fields.put(13, &self.program);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// SNAPSHOT_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        Self::read(body).or_else(|error| {
            let message = format!("a snapshot's record cannot be read: {error}");
            fail(Code::SnapshotCorrupted, message)
        })
    }

    fn read(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::decode(body, WHAT)?;
        let paths: Vec<ByteVec> = fields.take(1, WHAT)?.unwrap_or_default();
        Ok(SnapshotBody {
            tree: fields.need(0, WHAT)?,
            paths: paths.into_iter().map(Vec::from).collect(),
            host: fields.take(2, WHAT)?.unwrap_or_default(),
            user: fields.take(3, WHAT)?.unwrap_or_default(),
            start: fields.need(4, WHAT)?,
            end: fields.need(5, WHAT)?,
            tags: fields.take(6, WHAT)?.unwrap_or_default(),
            parent: fields.take(7, WHAT)?,
            stats: fields.take_encoded(8).map(|bytes| Stats::decode(&bytes)).transpose()?.unwrap_or_default(),
            git: fields.take_encoded(9).map(|bytes| Git::decode(&bytes)).transpose()?,
            is_partial: fields.take(10, WHAT)?.unwrap_or_default(),
            original: fields.take(11, WHAT)?,
            links: fields.take(12, WHAT)?,
            program: fields.take(13, WHAT)?.unwrap_or_default(),
            extra: fields,
        })
    }
}

impl Stats {
    fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        let values = [
            self.files_new,
            self.files_changed,
            self.files_unmodified,
            self.directories,
            self.others,
            self.total_bytes,
            self.read_bytes,
            self.added_bytes,
            self.stored_bytes,
            self.errors,
            self.duration_ms,
        ];
        for (key, value) in (0..).zip(values) {
            fields.put(key, value);
        }
        fields.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        let mut number = |key| fields.take::<u64>(key, WHAT).map(Option::unwrap_or_default);
        Ok(Stats {
            files_new: number(0)?,
            files_changed: number(1)?,
            files_unmodified: number(2)?,
            directories: number(3)?,
            others: number(4)?,
            total_bytes: number(5)?,
            read_bytes: number(6)?,
            added_bytes: number(7)?,
            stored_bytes: number(8)?,
            errors: number(9)?,
            duration_ms: number(10)?,
            extra: fields,
        })
    }
}

impl Git {
    /// Its bytes, as they stand in a snapshot or a run record.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, &self.commit);
        fields.put(1, &self.branch);
        fields.put(2, self.is_dirty);
        fields.encode()
    }

    /// Reads them.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        Ok(Git {
            commit: fields.need(0, WHAT)?,
            branch: fields.take(1, WHAT)?.unwrap_or_default(),
            is_dirty: fields.take(2, WHAT)?.unwrap_or_default(),
            extra: fields,
        })
    }
}

/// So many digits of an id are what people see of it.
const SHOWN_DIGITS: usize = 8;

/// Checks the name of a machine that a user wants to give: not empty, no control characters.
///
/// # Errors
/// INVALID_ARG for anything else.
pub fn check_host(host: &str) -> Result<()> {
    if host.is_empty() || host.chars().any(char::is_control) {
        return fail(Code::InvalidArg, format!("`{}` cannot be the name of a machine", host.escape_debug()));
    }
    Ok(())
}

/// Checks a tag that a user wants to give: not empty, no comma (it separates tags), no control characters, and nothing
/// that would be taken for an id. A date such as 20261122 is a tag: few ids begin without a letter, and where one does
/// so, resolving says that both may be meant.
///
/// # Errors
/// INVALID_ARG for anything else.
pub fn check_tag(tag: &str) -> Result<()> {
    let is_hex = tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id =
        is_hex && (tag.len() == 64 || tag.len() >= SHOWN_DIGITS && !tag.bytes().all(|byte| byte.is_ascii_digit()));
    if is_id {
        return Err(Error::new(Code::InvalidArg, format!("`{tag}` cannot be a tag: it looks like an id")));
    }
    if tag.is_empty() || tag.len() > 255 || tag == "latest" || tag.chars().any(|c| c == ',' || c.is_control()) {
        return fail(Code::InvalidArg, format!("`{}` cannot be a tag", tag.escape_debug()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;
    use proptest::prelude::*;

    fn full() -> SnapshotBody {
        let mut extra = Fields::new();
        extra.put_encoded(40, cbor::encoded("later"));
        SnapshotBody {
            tree: Id::new([1; 32]),
            paths: vec![b"/home/a".to_vec(), b"/\xff".to_vec()],
            host: "h".into(),
            user: "u".into(),
            start: Time { seconds: 1, nanoseconds: 2 },
            end: Time::from_seconds(3),
            tags: vec!["a".into(), "b".into()],
            parent: Some(Id::new([2; 32])),
            stats: Stats { files_new: 1, duration_ms: 2, extra: extra.clone(), ..Stats::default() },
            git: Some(Git { commit: "c".into(), branch: "b".into(), is_dirty: true, extra: extra.clone() }),
            is_partial: true,
            original: Some(Id::new([3; 32])),
            links: Some(Id::new([4; 32])),
            program: "larder 1".into(),
            extra,
        }
    }

    #[test]
    fn bodies_come_back_with_fields_of_later_versions() {
        for body in [full(), SnapshotBody::new(Id::EMPTY)] {
            assert_eq!(SnapshotBody::decode(&body.encode()).unwrap(), body);
        }
        assert_eq!(SnapshotBody::decode(b"\xa0").unwrap_err().code(), Code::SnapshotCorrupted);
    }

    #[test]
    fn tags_are_checked() {
        for tag in ["", "a,b", "x\n", "latest"] {
            assert_eq!(check_tag(tag).unwrap_err().code(), Code::InvalidArg);
        }
        for tag in ["e36eec3f", "0123456789abcdef", &"1".repeat(64)] {
            assert!(check_tag(tag).unwrap_err().to_string().contains("looks like an id"), "{tag}");
        }
        for tag in ["täglich 1", "20261122", "cafe", "release1"] {
            check_tag(tag).unwrap();
        }
        assert_eq!(check_host("").unwrap_err().code(), Code::InvalidArg);
        check_host("web-1.example").unwrap();
    }

    proptest! {
        #[test]
        fn a_flipped_byte_is_read_or_refused(at in 0usize..200, flip in 1u8..) {
            let mut bytes = full().encode();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let _ = SnapshotBody::decode(&bytes);
        }
    }
}
