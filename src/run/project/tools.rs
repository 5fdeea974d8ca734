//! Programs and surroundings of tasks, found once per invocation.

use super::Project;
use crate::error::{Code, Error, Result};
use crate::run::environment::find_program;
use crate::run::manifest::TaskNo;
use crate::run::plan::{Context, Light, Program, digest_of, program_in_project};
use crate::run::state::files::FileNo;
use crate::run::state::rows::Digest;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

/// Which file a program's name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// A file, with its path for messages.
    File(FileNo),
    /// What a task makes.
    Made(Vec<u8>),
    /// None.
    Missing,
}

/// What a context comes to in this invocation.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) digest: Digest,
    /// Of each `key-from` command what it printed.
    pub(super) printed: Vec<(String, crate::id::Id)>,
}

/// Everything of this kind, filled in when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    tools: Vec<OnceLock<Tool>>,
    surroundings: Vec<OnceLock<std::result::Result<Surroundings, String>>>,
}

impl Contexts {
    pub(super) fn of(light: &Light) -> Self {
        Contexts {
            tools: light.programs.iter().map(|_| OnceLock::new()).collect(),
            surroundings: light.contexts.iter().map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Project {
    /// What a program's name means.
    pub(super) fn tool(&self, number: u32) -> Result<Tool> {
        let (Some(program), Some(slot)) =
            (self.light.programs.get(number as usize), self.contexts.tools.get(number as usize))
        else {
            return Ok(Tool::Missing);
        };
        if let Some(tool) = slot.get() {
            return Ok(tool.clone());
        }
        let tool = self.find_tool(program)?;
        Ok(slot.get_or_init(|| tool).clone())
    }

    fn find_tool(&self, program: &Program) -> Result<Tool> {
        if let Some(path) = program_in_project(&program.name, &program.cwd)
            && self.area()?.owner(&path).is_some()
        {
            return Ok(Tool::Made(path));
        }
        let cwd = self.root().join(std::ffi::OsStr::from_bytes(&program.cwd));
        let path = program.path.as_ref().map_or_else(|| self.environment().path(), std::ffi::OsString::from);
        let Some(found) = find_program(&program.name, &path, &cwd) else { return Ok(Tool::Missing) };
        let found = std::path::absolute(&found).unwrap_or(found);
        let inner = found.strip_prefix(self.root()).map(Path::to_path_buf);
        let path = inner.unwrap_or(found).into_os_string().into_encoded_bytes();
        Ok(Tool::File(self.sources.files().number(&path, true)))
    }

    /// What the context of a task comes to. Its `key-from` commands are executed when this is first asked.
    ///
    /// # Errors
    /// TASK_FAILED when one of them fails.
    pub(super) fn surroundings(&self, task: TaskNo) -> Result<Surroundings> {
        let number = self.light.context_of(task);
        let (Some(context), Some(slot)) = (self.light.contexts.get(number), self.contexts.surroundings.get(number))
        else {
            return Ok(Surroundings { digest: Digest::default(), printed: Vec::new() });
        };
        if slot.get().is_none() {
            let found = self.find_surroundings(context).map_err(|error| error.to_string());
            // Another thread may have been first: its answer counts.
            let _ = slot.set(found);
        }
        match slot.get() {
            Some(Ok(surroundings)) => Ok(surroundings.clone()),
            Some(Err(message)) => Err(Error::new(Code::TaskFailed, message.clone())),
            None => Err(Error::new(Code::SystemError, "what a task takes from the environment is not known")),
        }
    }

    fn find_surroundings(&self, context: &Context) -> Result<Surroundings> {
        if context.variables.is_empty() && context.key_from.is_empty() {
            return Ok(Surroundings { digest: Digest::default(), printed: Vec::new() });
        }
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for name in &context.variables {
            texts.push(name.as_bytes().to_vec());
            let value = self.environment().get(name);
            texts.push(value.map_or(b"\0".to_vec(), |value| [b"=", value.as_bytes()].concat()));
        }
        let mut printed = Vec::new();
        for command in &context.key_from {
            let settings = &self.manifest()?.task(TaskNo(context.example)).settings;
            let id = self.environment().printed(command, self.root(), settings)?;
            texts.push(id.as_bytes().to_vec());
            printed.push((command.clone(), id));
        }
        printed.sort_unstable();
        Ok(Surroundings { digest: digest_of(texts.iter().map(Vec::as_slice)), printed })
    }
}
