//! What `larder verify --repair` does after it has looked: other replicas are asked for what is wrong here.

use crate::session::Session;
use larder::context::{Ends, Place};
use larder::error::{Code, Error, Result};
use larder::repo::Repo;
use larder::sync::{Wounds, repair};
use larder::units::format_size;
use larder::verify::{Item, Report, VerifyOptions, verify};
use serde_json::json;
use std::path::PathBuf;

/// Asks the remotes `from`, or every remote there is, until nothing is wrong or none of them can give more. Answers what
/// is found then, and whether any could be asked.
pub fn mend(
    session: &Session,
    here: Repo,
    options: &VerifyOptions,
    mut report: Report,
    from: &[PathBuf],
) -> Result<(Report, bool)> {
    let place = session.place()?;
    let names = match from.is_empty() {
        false => from.to_vec(),
        true => place.remotes()?.all().map(|(name, _)| PathBuf::from(name)).collect(),
    };
    if names.is_empty() {
        return Err(Error::new(Code::ConfigMissing, "there is damage, and no remote to mend it from")
            .with_hint("`larder remote add NAME URL` adds one, or name a replica with --from"));
    }
    let mut healers = Vec::new();
    for name in &names {
        let opened = Place::remote(Some(&place), name).and_then(|there| Ends::open(here.clone(), &there, false, false));
        match opened {
            Ok(ends) => healers.push((name.display().to_string(), ends.there)),
            Err(error) => session.ui.item_failed(name.as_os_str().as_encoded_bytes(), &error),
        }
    }
    // Damage may hide damage: what a lost directory held is known only when it is back. So it goes on while that changes
    // what is found.
    let mut before = None;
    loop {
        let mut wounds = wounds_of(&report);
        if wounds.is_empty() || report.is_stopped || before.as_ref() == Some(&wounds) {
            break;
        }
        let is_first = before.replace(wounds.clone()).is_none();
        let mut has_mended = false;
        for (name, there) in &healers {
            let progress = session.ui.progress("repairing");
            let stats = repair(&here, there, &mut wounds, &session.writer_options()?, &progress)?;
            drop(progress);
            report.is_stopped |= stats.is_stopped;
            if stats.is_nothing() {
                continue;
            }
            has_mended = true;
            session.ui.status(&format!(
                "from {name}: {} files and {} objects, {}",
                stats.files,
                stats.entries,
                format_size(stats.bytes)
            ));
            if session.ui.is_json() {
                // That the reader went away is known at the end.
                let _ = session.ui.json(&json!({"type": "repaired", "remote": name, "files": stats.files,
                    "objects": stats.entries, "bytes": stats.bytes}));
            }
        }
        // Whoever writes lists packs again that a lost segment listed: that mends, too.
        let may_have_changed = has_mended || (is_first && !healers.is_empty());
        if !may_have_changed || report.is_stopped {
            break;
        }
        // With eyes of its own: what was damaged may be remembered by the old ones.
        let again = here.open_replica(place.backend(), place.local()?)?;
        report = verify(&again, options, &session.ui.progress("verifying"))?;
    }
    Ok((report, !healers.is_empty()))
}

/// What is wrong, as far as another replica can help: not a bad copy beside a sound one.
fn wounds_of(report: &Report) -> Wounds {
    let mut wounds = Wounds::default();
    for damage in &report.damage {
        wounds.files.extend(damage.file.clone());
        if let (Item::Entry(key), false) = (damage.item, damage.has_other_copy) {
            wounds.entries.push((key, damage.file.clone()));
        }
    }
    wounds.files.sort();
    wounds.files.dedup();
    wounds
}
