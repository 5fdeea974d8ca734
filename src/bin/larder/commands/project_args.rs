//! The project that a command works on: its manifest, its state, its environment.

use super::manifest_args::manifest_and_targets;
use larder::config::{self, Settings};
use larder::context::{REPOSITORY_DIR, jobs};
use larder::error::{Error, Result};
use larder::run::manifest::TaskNo;
use larder::run::project::{Project, ProjectOptions};
use std::path::{Path, PathBuf};

/// A longer input is more often a mistake in a pattern than meant.
pub const INPUT_BYTES_MAX: u64 = 1 << 30;

/// What every task sees, or differs from call to call without meaning.
const NOT_PASSED: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"];

/// The project that the words of a command line mean, and the targets among them.
///
/// # Errors
/// FILE_NOT_FOUND when there is no manifest.
pub fn project_and_targets(file: Option<&Path>, words: &[String]) -> Result<(ProjectOptions, Vec<String>)> {
    let (manifest, targets) = manifest_and_targets(file, words)?;
    Ok((project_options(&manifest, &[])?, targets))
}

/// Opens it, and says what is suspicious about its manifest.
///
/// # Errors
/// What reading the manifest answers.
pub fn open_project(options: &ProjectOptions, warn: &dyn Fn(&str)) -> Result<Project> {
    let project = Project::open(options)?;
    project.warnings().iter().for_each(|text| warn(text));
    Ok(project)
}

/// The tasks that these words name; without words all, whatever the manifest says of what is run by default.
///
/// # Errors
/// FILE_NOT_FOUND for a name that no task has.
pub fn tasks_named(project: &Project, words: &[String]) -> Result<Vec<TaskNo>> {
    match words {
        [] => Ok(project.manifest()?.numbers().collect()),
        words => project.select(words),
    }
}

/// The variables of the environment that tasks are given where all of it is wanted: without those that each task sees
/// anyway, that a shell keeps for itself, and that are meant for larder.
pub fn passed_variables(options: &ProjectOptions) -> Vec<String> {
    let is_passed = |name: &&str| !NOT_PASSED.contains(name) && !name.starts_with("LARDER_");
    options.environment.keys().filter_map(|name| name.to_str()).filter(is_passed).map(str::to_string).collect()
}

/// What a project is opened with, for the manifest that was named.
///
/// # Errors
/// FILE_IO when there is no current directory; CONFIG_MISSING without a home; PARSE_ERROR of the settings.
pub fn project_options(manifest: &Path, args: &[String]) -> Result<ProjectOptions> {
    let is_line_form = manifest.extension().is_none_or(|extension| extension != "toml");
    let root = match is_line_form {
        true => PathBuf::from("."),
        false => {
            manifest.parent().map(PathBuf::from).filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| ".".into())
        }
    };
    let root = std::path::absolute(&root).map_err(|error| Error::io("find", &root, error))?;
    let own = root.join(REPOSITORY_DIR);
    let state_dir = match own.join("config.toml").is_file() {
        true => own.join("state"),
        false => {
            let name = larder::object::hash(root.as_os_str().as_encoded_bytes()).to_hex();
            config::cache_dir()?.join("projects").join(name)
        }
    };
    Ok(ProjectOptions {
        manifest: manifest.to_path_buf(),
        root: is_line_form.then_some(root),
        state_dir,
        environment: config::environment(),
        args: args.to_vec(),
        declares: Vec::new(),
        jobs: jobs(),
        input_bytes_max: Some(Settings::load()?.max_input_size.unwrap_or(INPUT_BYTES_MAX)),
    })
}
