//! What is restored: include and exclude rules, matched as those of a backup are, against paths in the snapshot.

use crate::error::Result;
use crate::walk::{ExcludeOptions, Rules};

/// Include and exclude rules. Anchored patterns begin where the restore begins, or are whole paths of the snapshot.
pub(super) struct Selection {
    include: Option<Rules>,
    exclude: Option<Rules>,
    /// Length of the path where the restore begins.
    prefix_bytes: usize,
}

/// What the rules say of one path, given what they said of the directory above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is restored; so is what is beneath it, unless excluded.
    Chosen,
    /// It is a directory in which something may be chosen.
    Passage,
    /// Neither it nor anything beneath it is restored.
    Out,
}

impl Selection {
    pub(super) fn new(include: &[Vec<u8>], exclude: &[Vec<u8>], prefix: &[u8]) -> Result<Self> {
        let rules = |patterns: &[Vec<u8>]| {
            if patterns.is_empty() {
                return Ok(None);
            }
            let options =
                ExcludeOptions { exclude: patterns.to_vec(), larder_ignore: false, ..ExcludeOptions::default() };
            let root: &[u8] = if prefix.is_empty() { b"/" } else { prefix };
            Rules::new(&options, root, &[]).map(Some)
        };
        Ok(Selection { include: rules(include)?, exclude: rules(exclude)?, prefix_bytes: prefix.len() })
    }

    /// What the rules say at the root.
    pub(super) fn at_root(&self) -> Verdict {
        if self.include.is_none() { Verdict::Chosen } else { Verdict::Passage }
    }

    /// What the rules say of a path whose directory got `above`.
    pub(super) fn judge(&self, path: &[u8], is_directory: bool, above: Verdict) -> Verdict {
        let relative = path.get(self.prefix_bytes..).unwrap_or_default();
        let relative = relative.strip_prefix(b"/").unwrap_or(relative);
        let said = |rules: &Option<Rules>| {
            rules.as_ref().is_some_and(|rules| rules.leaves_out(&rules.start().0, relative, is_directory))
        };
        if above == Verdict::Out || said(&self.exclude) {
            return Verdict::Out;
        }
        match (above == Verdict::Chosen || said(&self.include), is_directory) {
            (true, _) => Verdict::Chosen,
            (false, true) => Verdict::Passage,
            (false, false) => Verdict::Out,
        }
    }

    /// Whether something on disk that the snapshot does not have would have been restored, whatever it is.
    pub(super) fn would_choose(&self, path: &[u8], above: Verdict) -> bool {
        [true, false].iter().all(|is_directory| self.judge(path, *is_directory, above) == Verdict::Chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_choose_pass_and_leave_out() {
        let bytes = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        let rules = Selection::new(&bytes(&["/home/a", "*.rs"]), &bytes(&["target/", "!keep"]), b"").unwrap();
        let root = rules.at_root();
        assert_eq!(rules.judge(b"/home", true, root), Verdict::Passage);
        assert_eq!(rules.judge(b"/home/a", true, Verdict::Passage), Verdict::Chosen);
        assert_eq!(rules.judge(b"/home/a/x", false, Verdict::Chosen), Verdict::Chosen);
        assert_eq!(rules.judge(b"/home/a/target", true, Verdict::Chosen), Verdict::Out);
        assert_eq!(rules.judge(b"/etc/x.rs", false, Verdict::Passage), Verdict::Chosen);
        assert_eq!(rules.judge(b"/etc/x", false, Verdict::Passage), Verdict::Out);
        assert!(!rules.would_choose(b"/home/a/target", Verdict::Chosen));
        let below = Selection::new(&bytes(&["/x", "/home/a/y"]), &[], b"/home/a").unwrap();
        assert_eq!(below.judge(b"/home/a/x", false, below.at_root()), Verdict::Chosen);
        assert_eq!(below.judge(b"/home/a/y", false, below.at_root()), Verdict::Chosen);
        assert_eq!(below.judge(b"/home/a/z", false, below.at_root()), Verdict::Out);
    }
}
