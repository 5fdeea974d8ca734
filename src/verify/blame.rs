//! Whom damage hurts: which objects, which paths of which snapshots and runs.

use super::report::{Damage, Item};
use crate::error::{Class as ErrorClass, Error, Result};
use crate::id::Id;
use crate::object::{Class, Key, Kind};
use crate::reach::Reach;
use crate::recipe;
use crate::record::Record;
use crate::repo::Repo;
use crate::runs::{Run, Runs};
use crate::snapshot::Snapshot;
use crate::stored::{Descend, Visitor, walk};
use crate::tree::{Entry, Reference};
use std::collections::{BTreeSet, HashMap, HashSet};

/// So many trees are remembered as sound; beyond that a shared one is looked at again.
const SOUND_TREES_MAX: usize = 1 << 20;

/// Who is not sound.
#[derive(Default)]
pub(super) struct Hurt {
    pub(super) snapshots: BTreeSet<Id>,
    /// Ids of run records.
    pub(super) runs: BTreeSet<Id>,
}

/// Finds what is hurt by `damage`, fills in its objects and paths, and answers the snapshots and runs that are not sound.
///
/// # Errors
/// CACHE_ERROR, FILE_IO; what cannot be read because it is damaged is known already.
pub(super) fn blame(
    repo: &Repo,
    reach: &Reach,
    snapshots: &[&Snapshot],
    runs: &Runs,
    damage: &mut [Damage],
) -> Result<Hurt> {
    let lost = lost_objects(repo, reach, damage)?;
    let mut hurt = Hurt::default();
    if lost.is_empty() {
        return Ok(hurt);
    }
    let mut blame = Blame { label: String::new(), lost, damage, sound: HashSet::new(), stack: Vec::new() };
    for snapshot in snapshots {
        if blame.snapshot(repo, snapshot)? {
            hurt.snapshots.insert(snapshot.id);
        }
    }
    for run in runs.all() {
        if blame.run(repo, run)? {
            hurt.runs.insert(run.record);
        }
    }
    Ok(hurt)
}

/// Objects that cannot be had whole, each with the places in `damage` that say why.
fn lost_objects(repo: &Repo, reach: &Reach, damage: &mut [Damage]) -> Result<HashMap<Id, Vec<usize>>> {
    let (mut lost, mut pieces): (HashMap<Id, Vec<usize>>, HashMap<Key, usize>) = Default::default();
    for (at, one) in damage.iter_mut().enumerate().filter(|(_, one)| !one.has_other_copy) {
        let Item::Entry(key) = one.item else { continue };
        match key.class {
            Class::Whole | Class::Alias => {
                one.objects.push(key.id);
                lost.entry(key.id).or_default().push(at);
            }
            Class::Chunk | Class::Node => _ = pieces.insert(key, at),
        }
    }
    if pieces.is_empty() {
        return Ok(lost);
    }
    let mut large = reach.aliases.reader();
    while let Some(id) = large.next()? {
        let id = Id::new(id);
        let (_, root) = repo.alias(&id)?;
        let mut hit = BTreeSet::new();
        lost_pieces(repo, &root, &pieces, &mut hit);
        for at in hit {
            damage[at].objects.push(id);
            lost.entry(id).or_default().push(at);
        }
    }
    Ok(lost)
}

/// Which of the lost pieces a recipe needs.
fn lost_pieces(repo: &Repo, id: &Id, pieces: &HashMap<Key, usize>, hit: &mut BTreeSet<usize>) {
    if let Some(at) = pieces.get(&Key { class: Class::Node, id: *id }) {
        hit.insert(*at);
        return;
    }
    let Ok(node) = repo.node(id) else { return };
    for entry in &node.entries {
        match entry {
            recipe::Entry::Piece { id, .. } if node.level == 0 => {
                hit.extend(pieces.get(&Key { class: Class::Chunk, id: *id }));
            }
            recipe::Entry::Piece { id, .. } => lost_pieces(repo, id, pieces, hit),
            recipe::Entry::Hole { .. } => {}
        }
    }
}

/// Walks snapshots and notes where what is lost shows.
struct Blame<'a> {
    label: String,
    lost: HashMap<Id, Vec<usize>>,
    damage: &'a mut [Damage],
    /// Trees beneath which nothing is lost.
    sound: HashSet<Id>,
    /// The directories on the way down, each with whether anything in it is lost.
    stack: Vec<(Id, bool)>,
}

impl Blame<'_> {
    /// If this object is lost, notes the path.
    fn note(&mut self, id: &Id, path: &[u8]) -> bool {
        let Some(places) = self.lost.get(id) else { return false };
        let path = format!("{}:/{}", self.label, String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path)));
        places.iter().for_each(|at| self.damage[*at].push_path(path.clone()));
        true
    }

    fn hurt(&mut self, is_hurt: bool) {
        if let Some((_, top)) = self.stack.last_mut() {
            *top |= is_hurt;
        }
    }

    /// Whether anything of a snapshot is lost.
    fn snapshot(&mut self, repo: &Repo, snapshot: &Snapshot) -> Result<bool> {
        self.label = snapshot.id.short();
        let links_lost = snapshot.body.links.is_some_and(|links| self.note(&links, b""));
        Ok(self.tree(repo, &snapshot.body.tree)? || links_lost)
    }

    /// Whether anything of a run is lost: its record, its action, its trees, its logs.
    fn run(&mut self, repo: &Repo, run: &Run) -> Result<bool> {
        self.label = format!("run:{}", run.record.short());
        if self.note(&run.record, b"") {
            return Ok(true);
        }
        let record = match Record::load(repo, &run.record) {
            Ok(record) => record,
            // What is wrong with it was found when it was followed.
            Err(error) if error.class() == ErrorClass::Damaged => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut is_hurt = self.note(&run.action, b"");
        for (kind, id) in record.references() {
            is_hurt |= if kind == Kind::Tree { self.tree(repo, &id)? } else { self.note(&id, b"") };
        }
        Ok(is_hurt)
    }

    /// Whether anything in a tree is lost.
    fn tree(&mut self, repo: &Repo, tree: &Id) -> Result<bool> {
        if self.note(tree, b"") {
            return Ok(true);
        }
        if self.sound.contains(tree) {
            return Ok(false);
        }
        // The bottom of the stack is nobody's tree: it takes what the root passes on.
        self.stack = vec![(Id::EMPTY, false), (*tree, false)];
        walk(repo, tree, b"", self)?;
        Ok(self.stack.iter().any(|(_, is_hurt)| *is_hurt))
    }
}

impl Visitor for Blame<'_> {
    fn entry(&mut self, path: &[u8], entry: &Entry) -> Result<Descend> {
        let mut descend = Descend::Over;
        for reference in entry.references() {
            match reference {
                Reference::Blob(id) => {
                    let is_lost = self.note(&id, path);
                    self.hurt(is_lost);
                }
                Reference::Tree(id) if self.note(&id, path) => self.hurt(true),
                Reference::Tree(id) if self.sound.contains(&id) => {}
                Reference::Tree(id) => {
                    self.stack.push((id, false));
                    descend = Descend::Into;
                }
            }
        }
        Ok(descend)
    }

    fn leave(&mut self, _path: &[u8]) -> Result<()> {
        match self.stack.pop() {
            Some((_, true)) => self.hurt(true),
            Some((id, false)) if self.sound.len() < SOUND_TREES_MAX => _ = self.sound.insert(id),
            _ => {}
        }
        Ok(())
    }

    fn broken(&mut self, _path: &[u8], error: Error) -> Result<()> {
        self.hurt(true);
        // A tree that is damaged is known to be; the walk goes on.
        if error.class() == ErrorClass::Damaged { Ok(()) } else { Err(error) }
    }
}
