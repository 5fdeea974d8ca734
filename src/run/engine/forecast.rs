//! What a run would do, without doing it.

use super::known::{Hit, Lookup};
use crate::action::Action;
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::record::Status;
use crate::repo::Repo;
use crate::run::claim::Claims;
use crate::run::manifest::{Manifest, TaskNo};
use crate::run::portable::{self, ResultTree};
use crate::run::project::{Keyed, Keyer, Known, Project, Standing, Survey};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// What would become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// It only stands for others.
    Group,
    /// Nothing: its outputs are as they should be.
    Current,
    /// A stored result would be put into the work tree.
    Hit,
    /// It would run.
    Run,
    /// That depends on what this one yields.
    After(TaskNo),
    /// It cannot run.
    Failed,
}

/// What would become of one task, and what is known of it.
#[derive(Debug)]
pub struct Outlook {
    /// The task.
    pub task: TaskNo,
    /// What would become of it.
    pub what: Forecast,
    /// Its action, as far as it had to be made to tell.
    pub action: Option<(Id, Action)>,
    /// What stands for running it: of [`Forecast::Current`] and [`Forecast::Hit`].
    pub known: Option<Known>,
    /// How the newest run of its action ended, where that does not stand for it: of [`Forecast::Run`].
    pub last: Option<Status>,
    /// Whether another process on this machine executes its action now: of [`Forecast::Run`].
    pub is_running: bool,
    /// Why it cannot run: of [`Forecast::Failed`].
    pub error: Option<Error>,
}

impl Outlook {
    /// The id of its action, as far as that is known.
    pub fn action_id(&self) -> Option<Id> {
        self.known.map(|known| known.action).or(self.action.as_ref().map(|(id, _)| *id))
    }
}

/// Looks what would become of tasks. Writes nothing; the repository is opened only if something that is not current must
/// be looked up.
pub struct Seer<'a> {
    project: &'a Project,
    survey: &'a Survey,
    manifest: &'a Manifest,
    keyer: Keyer<'a>,
    force: bool,
    open: &'a dyn Fn() -> Result<Repo>,
    repo: OnceCell<Repo>,
    claims: OnceCell<Option<Claims>>,
    trees: RefCell<HashMap<TaskNo, Arc<ResultTree>>>,
    seen: RefCell<HashMap<TaskNo, Forecast>>,
}

impl<'a> Seer<'a> {
    /// For the wanted tasks of a survey. With `force` all of them would run.
    ///
    /// # Errors
    /// What reading the manifest answers.
    pub fn new(
        project: &'a Project,
        survey: &'a Survey,
        force: bool,
        open: &'a dyn Fn() -> Result<Repo>,
    ) -> Result<Self> {
        Ok(Seer {
            project,
            survey,
            manifest: project.manifest()?,
            keyer: project.keyer()?,
            force,
            open,
            repo: OnceCell::new(),
            claims: OnceCell::new(),
            trees: RefCell::default(),
            seen: RefCell::default(),
        })
    }

    /// Looks at all of them, each after what it depends on.
    ///
    /// # Errors
    /// What opening the repository and reading its roots answer; what `each` answers.
    pub fn look(&self, each: &mut dyn FnMut(Outlook) -> Result<()>) -> Result<()> {
        self.look_for(&|_| true, each)
    }

    /// Looks at those that `is_asked` asks for.
    ///
    /// # Errors
    /// As [`Seer::look`].
    pub fn look_for(
        &self,
        is_asked: &dyn Fn(TaskNo) -> bool,
        each: &mut dyn FnMut(Outlook) -> Result<()>,
    ) -> Result<()> {
        let lookup = OnceCell::new();
        for task in self.survey.tasks().iter().copied().filter(|task| is_asked(*task)) {
            let (mut outlook, tree) = self.outlook(task, &lookup)?;
            self.trees.borrow_mut().extend(tree.map(|tree| (task, tree)));
            // A group that waits is told by what it waits for, and is none itself.
            self.seen.borrow_mut().insert(task, outlook.what);
            if self.manifest.task(task).is_group() {
                outlook.what = Forecast::Group;
            }
            each(outlook)?;
        }
        Ok(())
    }

    /// The action of a task, whose dependencies were looked at.
    ///
    /// # Errors
    /// FILE_NOT_FOUND when the result of one is not known; INVALID_ARG for a group; what [`Keyer::key`] answers.
    pub fn key(&self, task: TaskNo) -> Result<Keyed> {
        let name = &self.manifest.task(task).name;
        if self.manifest.task(task).is_group() {
            return Err(Error::new(Code::InvalidArg, format!("`{name}` runs nothing: it stands for other tasks")));
        }
        if let Some(other) = self.waits_for(task) {
            let other = &self.manifest.task(other).name;
            let message = format!("the action of `{name}` depends on what `{other}` yields, which is not known");
            return Err(Error::new(Code::FileNotFound, message).with_hint(format!("larder run {other}")));
        }
        self.keyer.key(task, &|task| self.result(task))
    }

    /// The task that must run before this one can be told of.
    pub fn waits_for(&self, task: TaskNo) -> Option<TaskNo> {
        let seen = self.seen.borrow();
        self.keyer.needs(task).iter().find_map(|before| match seen.get(before) {
            Some(Forecast::Run | Forecast::Failed) => Some(*before),
            Some(Forecast::After(other)) => Some(*other),
            _ => None,
        })
    }

    /// What a task left, or would leave: of those that are current or a hit.
    pub fn result(&self, task: TaskNo) -> Option<Arc<ResultTree>> {
        let tree = self.trees.borrow().get(&task).cloned();
        tree.or_else(|| self.project.known_tree(self.survey, task).map(Arc::new))
    }

    /// Whether what a run was seen to read is there as it was.
    ///
    /// # Errors
    /// SYSTEM_ERROR when a result that is asked for is not known.
    pub fn holds(&self, task: TaskNo, observed: &[crate::record::Observed]) -> Result<bool> {
        self.keyer.holds(task, observed, &|task| self.result(task))
    }

    /// The repository.
    ///
    /// # Errors
    /// What opening it answers.
    pub fn repo(&self) -> Result<&Repo> {
        if let Some(repo) = self.repo.get() {
            return Ok(repo);
        }
        let repo = (self.open)()?;
        Ok(self.repo.get_or_init(|| repo))
    }

    fn outlook<'s>(
        &'s self,
        task: TaskNo,
        lookup: &OnceCell<Lookup<'s>>,
    ) -> Result<(Outlook, Option<Arc<ResultTree>>)> {
        let mut outlook = Outlook {
            task,
            what: Forecast::Run,
            action: None,
            known: None,
            last: None,
            is_running: false,
            error: None,
        };
        let waits_for = self.waits_for(task);
        let mut tree = None;
        outlook.what = match (self.survey.standing(task), waits_for) {
            (Some(Standing::Group), Some(other)) => Forecast::After(other),
            (Some(Standing::Group), None) => Forecast::Group,
            (_, _) if self.force => Forecast::Run,
            (_, Some(other)) => Forecast::After(other),
            (Some(Standing::Current(known)), None) => {
                outlook.known = Some(known);
                Forecast::Current
            }
            (Some(Standing::Displaced(known)), None) => match portable::read(self.repo()?, &known.result) {
                Ok(read) => {
                    outlook.known = Some(known);
                    tree = Some(Arc::new(read));
                    Forecast::Hit
                }
                Err(_) => Forecast::Run,
            },
            _ => match self.keyer.key(task, &|task| self.result(task)) {
                Err(error) => {
                    outlook.error = Some(error);
                    Forecast::Failed
                }
                Ok(keyed) => {
                    let (hit, last) = self.hit(task, &keyed, lookup)?;
                    outlook.last = last;
                    outlook.is_running = hit.is_none() && self.is_taken(&keyed.id)?;
                    outlook.action = Some((keyed.id, keyed.action));
                    outlook.known =
                        hit.as_ref().map(|hit| Known { action: hit.action, record: hit.record, result: hit.tree.id });
                    tree = hit.map(|hit| hit.tree);
                    if tree.is_some() { Forecast::Hit } else { Forecast::Run }
                }
            },
        };
        Ok((outlook, tree))
    }

    /// Whether somebody has the claim on an action.
    fn is_taken(&self, action: &Id) -> Result<bool> {
        let cache = &self.repo()?.local().cache;
        let claims = self.claims.get_or_init(|| Claims::look(cache));
        Ok(claims.as_ref().is_some_and(|claims| claims.is_taken(action)))
    }

    /// The result that stands for running an action; else how the newest run of it ended.
    fn hit<'s>(
        &'s self,
        task: TaskNo,
        keyed: &Keyed,
        lookup: &OnceCell<Lookup<'s>>,
    ) -> Result<(Option<Hit>, Option<Status>)> {
        let settings = &self.manifest.task(task).settings;
        let project = self.manifest.project.as_deref().unwrap_or_default();
        let repo = self.repo()?;
        let lookup = lookup.get_or_init(|| Lookup::new(repo, self.keyer, project));
        let is_kept = settings.cache && !settings.interactive;
        let hit = if is_kept { lookup.find(task, keyed, &|task| self.result(task), &|_| {})? } else { None };
        if hit.is_some() {
            return Ok((hit, None));
        }
        Ok((None, lookup.runs()?.candidates(&keyed.id).first().map(|run| run.status)))
    }
}
