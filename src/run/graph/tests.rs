use super::select::select;
use super::*;
use crate::run::manifest::{Command, Place, Settings};
use crate::run::pattern::Pattern;

/// A task: name, deps, after, outputs.
type Line<'a> = (&'a str, &'a [u32], &'a [u32], &'a [&'a str]);

fn tasks(lines: &[Line<'_>]) -> Vec<Task> {
    let numbers = |list: &[u32]| list.iter().copied().map(TaskNo).collect();
    let task = |(name, deps, after, outputs): &Line<'_>| Task {
        name: name.to_string(),
        at: Place::default(),
        description: None,
        command: Command::Group,
        inputs: Box::default(),
        outputs: outputs.iter().map(|text| Pattern::parse(text, b"").expect("pattern")).collect(),
        deps: numbers(deps),
        makers: Box::default(),
        after: numbers(after),
        depfile: None,
        matrix: Box::default(),
        settings: Settings::default().into(),
    };
    lines.iter().map(task).collect()
}

fn names(tasks: &[Task], numbers: impl IntoIterator<Item = TaskNo>) -> String {
    numbers.into_iter().map(|task| tasks[task.index()].name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn order_is_that_of_the_manifest_where_it_may_be() {
    let tasks =
        tasks(&[("link", &[2, 1], &[], &[]), ("b", &[], &[], &[]), ("a", &[], &[3], &[]), ("z", &[], &[], &[])]);
    let graph = Graph::new(&tasks).expect("no circle");
    assert_eq!(names(&tasks, graph.order().iter().copied()), "b z a link");
    assert_eq!(graph.levels(), [2, 0, 1, 0]);
    assert_eq!(names(&tasks, graph.closure(&[TaskNo(0)]).iter()), "link b a z");
    assert_eq!(names(&tasks, graph.seen_by(TaskNo(0)).iter()), "b a", "what it runs after is not seen");
    assert_eq!(names(&tasks, graph.dependents_closure(&[TaskNo(3)]).iter()), "link a z");
}

#[test]
fn a_circle_is_told_whole() {
    let tasks = tasks(&[
        ("free", &[], &[], &[]),
        ("x", &[2], &[], &[]),
        ("y", &[3], &[], &[]),
        ("z", &[0], &[1], &[]),
        ("behind", &[1], &[], &[]),
    ]);
    let error = Graph::new(&tasks).expect_err("a circle");
    assert_eq!(error.code(), Code::CycleDetected);
    assert!(error.to_string().ends_with("x -> y -> z -> x"), "{error}");
}

#[test]
fn a_long_chain_is_no_problem() {
    let mut chain = tasks(&[("t", &[], &[], &[])]);
    for number in 1..100_000 {
        let mut task = chain[0].clone();
        task.deps = [TaskNo(number - 1)].into();
        chain.push(task);
    }
    let graph = Graph::new(&chain).expect("no circle");
    assert_eq!(graph.order().last(), Some(&TaskNo(99_999)));
    assert_eq!(graph.closure(&[TaskNo(99_999)]).len(), 100_000);
    assert_eq!(graph.sees_all(TaskNo(99_999), &[TaskNo(5), TaskNo(70_000)]), Ok(()));
    assert_eq!(graph.sees_all(TaskNo(5), &[TaskNo(70_000)]), Err(TaskNo(70_000)));
    chain[0].deps = [TaskNo(99_999)].into();
    assert!(Graph::new(&chain).is_err());
}

#[test]
fn seeing_follows_results_only() {
    let tasks =
        tasks(&[("gen", &[], &[], &[]), ("mid", &[0], &[], &[]), ("other", &[], &[], &[]), ("top", &[1], &[2], &[])]);
    let graph = Graph::new(&tasks).expect("no circle");
    assert_eq!(graph.sees_all(TaskNo(3), &[TaskNo(0), TaskNo(1)]), Ok(()));
    assert_eq!(graph.sees_all(TaskNo(3), &[TaskNo(0), TaskNo(2)]), Err(TaskNo(2)));
    assert_eq!(graph.sees_all(TaskNo(3), &[TaskNo(3)]), Ok(()), "itself");
}

#[test]
fn selectors_name_tasks() {
    let tasks = tasks(&[
        ("gen", &[], &[], &[]),
        ("build@os=linux", &[0], &[], &[]),
        ("build@os=mac", &[0], &[], &[]),
        ("lib/x:build", &[], &[], &[]),
        ("test", &[1, 2], &[], &[]),
    ]);
    let graph = Graph::new(&tasks).expect("no circle");
    let table = [
        ("test", "test"),
        ("build", "build@os=linux build@os=mac"),
        ("build@os=mac", "build@os=mac"),
        ("*build*", "build@os=linux build@os=mac lib/x:build"),
        ("test^deps", "gen build@os=linux build@os=mac"),
        ("gen^dependents", "build@os=linux build@os=mac test"),
        ("lib/x:build^deps", ""),
    ];
    for (selector, expected) in table {
        let found = select(&tasks, &graph, &[selector.to_string()]).expect(selector);
        assert_eq!(names(&tasks, found), expected, "{selector}");
    }
    let both = select(&tasks, &graph, &["test".to_string(), "*".to_string()]).expect("both");
    assert_eq!((both[0], both.len()), (TaskNo(4), 5));
    let error = select(&tasks, &graph, &["tets".to_string()]).expect_err("unknown");
    assert_eq!((error.code(), error.hint().as_deref()), (Code::FileNotFound, Some("did you mean `test`?")));
    assert!(select(&tasks, &graph, &["nosuch".to_string()]).is_err());
    assert_eq!(select(&tasks, &graph, &["test^x".to_string()]).expect_err("no such").code(), Code::InvalidArg);
}

#[test]
fn the_area_knows_who_makes_what() {
    let tasks =
        tasks(&[("a", &[], &[], &["out/a", "gen/*.h"]), ("b", &[], &[], &["out/b/"]), ("c", &[], &[], &["**/*.o"])]);
    let area = OutputArea::new(&tasks);
    let owner = |path: &str| area.owner(path.as_bytes()).map(|task| task.0);
    assert_eq!(owner("out/a"), Some(0));
    assert_eq!(owner("out/a/deep"), Some(0));
    assert_eq!(owner("out/ab"), None);
    assert_eq!(owner("out"), None);
    assert_eq!(owner("gen/x.h"), Some(0));
    assert_eq!(owner("gen/x.c"), None);
    assert_eq!(owner("out/b/x.o"), Some(2).filter(|_| false).or(Some(1)), "the nearest claim");
    assert_eq!(owner("x/y.o"), Some(2));
    let meeting = |text: &str| {
        let pattern = Pattern::parse(text, b"").expect("pattern");
        area.claims_meeting(&pattern).map(|(task, _)| task.0).collect::<Vec<_>>()
    };
    assert_eq!(meeting("out/b/x.c"), [1, 2]);
    assert_eq!(meeting("out"), [2, 0, 1]);
    assert_eq!(meeting("src/*.c"), [2], "a directory may end in `.o`, too");
    assert!(meeting("gen/*.c").contains(&2) && !meeting("gen/*.c").contains(&0));
    assert!(!area.is_empty() && OutputArea::default().is_clear_of(b"x"));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_closure_and_seeing_agree(edges in proptest::collection::vec((0u32..24, 0u32..24), 0..60)) {
            let mut list: Vec<Task> = (0..24).map(|_| tasks(&[("t", &[], &[], &[])]).remove(0)).collect();
            for (a, b) in edges {
                // From a larger to a smaller number: never a circle.
                if a > b && !list[a as usize].deps.contains(&TaskNo(b)) {
                    let deps = &mut list[a as usize].deps;
                    *deps = deps.iter().copied().chain([TaskNo(b)]).collect();
                }
            }
            let graph = Graph::new(&list).expect("no circle");
            for task in (0..24).map(TaskNo) {
                prop_assert!(graph.dependencies(task).iter().all(|before| graph.rank(*before) < graph.rank(task)));
                let seen = graph.seen_by(task);
                for other in (0..24).map(TaskNo).filter(|other| *other != task) {
                    prop_assert_eq!(graph.sees_all(task, &[other]).is_ok(), seen.contains(other));
                    prop_assert_eq!(graph.closure(&[task]).contains(other), seen.contains(other));
                    prop_assert_eq!(graph.dependents_closure(&[other]).contains(task), seen.contains(other));
                }
                let all: Vec<TaskNo> = seen.iter().collect();
                prop_assert!(graph.sees_all(task, &all).is_ok());
            }
        }
    }
}
