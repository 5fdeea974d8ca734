//! `larder record show`: all of a record.

use super::super::{Exit, ls, ls_tree, run_view};
use crate::session::Session;
use crate::ui::git_quoted;
use larder::error::Result;
use larder::record::Record;
use larder::repo::Repo;
use larder::stored::{Descend, walk_tree};
use serde_json::Value;

/// Print a record: name, tab, value a line; then `output`, tab, and a line as ls-tree prints it, for each output
#[derive(clap::Args)]
pub struct Show {
    /// The runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
}

impl Show {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let runs = run_view::load(session, &repo)?;
        for name in &self.runs {
            let run = runs.resolve(name)?;
            let record = Record::load(&repo, &run.record)?;
            if session.ui.is_json() {
                let mut value = run_view::json_of(&run.record, Some(run), &record);
                value["outputs"] = outputs(&repo, &record)?.into();
                session.ui.json(&value)?;
                continue;
            }
            for (name, value) in run_view::fields_of(run, &record) {
                session.ui.bytes(&[name.as_bytes(), b"\t", &git_quoted(&value), b"\n"].concat())?;
            }
            if let Some(tree) = &record.result {
                let mut lines = Vec::new();
                walk_tree(&repo, tree, &mut |path, entry| {
                    let path = path.strip_prefix(b"/").unwrap_or(path);
                    lines.extend_from_slice(b"output\t");
                    lines.extend(ls_tree::plain_line(path, entry)?);
                    Ok(Descend::Into)
                })?;
                session.ui.bytes(&lines)?;
            }
        }
        Ok(Exit::DONE)
    }
}

/// What a run left, for programs.
pub fn outputs(repo: &Repo, record: &Record) -> Result<Vec<Value>> {
    let mut outputs = Vec::new();
    let Some(tree) = &record.result else { return Ok(outputs) };
    walk_tree(repo, tree, &mut |path, entry| {
        outputs.push(ls::json_of(path.strip_prefix(b"/").unwrap_or(path), entry));
        Ok(Descend::Into)
    })?;
    Ok(outputs)
}
