//! Policy over made-up graphs, in made-up time.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn node(needs: &[u32]) -> Node {
    Node { needs: needs.to_vec(), weight: 1, duration_ms: 1, ..Node::default() }
}

fn limits(slots: u32, keep_going: bool) -> Limits {
    Limits { slots, pools: Vec::new(), keep_going }
}

/// How a pretended run behaves.
#[derive(Clone, Debug, Default)]
struct World {
    hits: BTreeSet<u32>,
    failing: BTreeSet<u32>,
    damaged: BTreeSet<u32>,
    /// Fails once, and is tried again.
    shaky: BTreeSet<u32>,
    /// Another process runs it, and has its result ready when it is looked up again.
    elsewhere: BTreeSet<u32>,
    twins: HashMap<u32, u32>,
    /// Makes the order in which work ends; none looks everything up at once.
    seed: Option<u64>,
}

#[derive(Default, Debug)]
struct Story {
    order: Vec<u32>,
    ran: BTreeSet<u32>,
    placed: BTreeSet<u32>,
    most_beside: usize,
    end_ms: u64,
    found_damaged: BTreeSet<u32>,
    tried: BTreeSet<u32>,
    made_elsewhere: BTreeSet<u32>,
    steps: usize,
    /// Pieces of work that threads are at.
    open: Vec<Open>,
}

#[derive(Debug)]
enum Open {
    Resolve(u32),
    Place(Vec<u32>),
}

impl Story {
    fn answer(&self, schedule: &Schedule, world: &World, task: u32) -> Answer {
        let twin = world.twins.get(&task).filter(|other| !schedule.phase(**other).is_final());
        let is_known = world.hits.contains(&task) || self.made_elsewhere.contains(&task);
        match twin {
            Some(other) => Answer::Twin(*other),
            None if is_known && !self.found_damaged.contains(&task) => Answer::Hit,
            None => Answer::Miss,
        }
    }

    /// One step of one piece of work that was begun.
    fn go_on(&mut self, schedule: &mut Schedule, world: &World, place: usize) {
        match self.open.remove(place) {
            Open::Resolve(task) => {
                let answer = self.answer(schedule, world, task);
                schedule.resolved(task, answer);
            }
            Open::Place(mut tasks) => {
                let Some(task) = tasks.pop() else { return schedule.placed_all() };
                let is_whole = !world.damaged.contains(&task) || self.found_damaged.contains(&task);
                if !is_whole {
                    self.found_damaged.insert(task);
                }
                self.placed.insert(task);
                schedule.placed(task, if is_whole { Placing::Done } else { Placing::Damaged });
                self.open.push(Open::Place(tasks));
            }
        }
    }

    fn ran(&mut self, schedule: &mut Schedule, world: &World, task: u32, now: Instant) {
        let is_first = self.tried.insert(task);
        if is_first && world.elsewhere.contains(&task) {
            self.made_elsewhere.insert(task);
            schedule.ran(task, Ended::Elsewhere);
            return schedule.back(task);
        }
        if is_first && world.shaky.contains(&task) {
            return schedule.ran(task, Ended::Again(now + Duration::from_millis(3)));
        }
        self.ran.insert(task);
        schedule.ran(task, if world.failing.contains(&task) { Ended::Failed } else { Ended::Success });
    }
}

/// Plays a schedule to its end with as many threads as it can use.
fn play(schedule: &mut Schedule, world: &World) -> Story {
    let start = Instant::now();
    let mut story = Story::default();
    let mut running: BTreeSet<(u64, u32)> = BTreeSet::new();
    let (mut now_ms, mut dice) = (0, world.seed.unwrap_or_default());
    loop {
        let at = |ms: u64| start + Duration::from_millis(ms);
        story.steps += 1;
        assert!(story.steps < 64 * (schedule.loads.len() + 16), "it goes round in circles");
        match schedule.next(at(now_ms)) {
            Next::Unit(Unit::Resolve(task)) => {
                story.open.push(Open::Resolve(task));
                if world.seed.is_none() {
                    let last = story.open.len() - 1;
                    story.go_on(schedule, world, last);
                }
            }
            Next::Unit(Unit::Place(tasks)) => story.open.push(Open::Place(tasks)),
            Next::Unit(Unit::Run(task)) => {
                for need in schedule.needs.list(task) {
                    assert!(schedule.is_there[*need as usize], "{task} runs and {need} is not there");
                }
                story.order.push(task);
                running.insert((now_ms + schedule.loads[task as usize].duration_ms, task));
                story.most_beside = story.most_beside.max(running.len());
            }
            Next::Wait(_) if !story.open.is_empty() => {
                let place = dice as usize % story.open.len();
                story.go_on(schedule, world, place);
            }
            Next::Wait(until) => {
                let until_ms = until.map(|until| (until - start).as_millis() as u64);
                let end_ms = running.first().map(|(end_ms, _)| *end_ms);
                let Some(next_ms) = until_ms.into_iter().chain(end_ms).min() else { panic!("all wait") };
                now_ms = next_ms.max(now_ms);
                if end_ms.is_some_and(|end_ms| end_ms <= now_ms)
                    && let Some((_, task)) = running.pop_first()
                {
                    story.ran(schedule, world, task, at(now_ms));
                }
            }
            Next::Finished => break,
        }
        if world.seed.is_some() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let places = story.open.len();
            if dice >> 62 == 0 && places > 0 {
                story.go_on(schedule, world, (dice >> 33) as usize % places);
            }
            if dice >> 61 == 7
                && let Some((end_ms, task)) = running.pop_first()
            {
                now_ms = end_ms.max(now_ms);
                story.ran(schedule, world, task, start + Duration::from_millis(now_ms));
            }
        }
    }
    assert!(running.is_empty() && story.open.is_empty());
    story.end_ms = now_ms;
    story
}

fn begin(nodes: Vec<Node>, limits: Limits) -> Schedule {
    let mut schedule = Schedule::new(nodes, limits);
    schedule.begin(&|_| false);
    schedule
}

#[test]
fn the_longest_chain_goes_first() {
    // 0..4 are short and alone; 4 -> 5 -> 6 is long.
    let mut nodes: Vec<Node> = (0..4).map(|_| node(&[])).collect();
    nodes.extend([node(&[]), node(&[4]), node(&[5])]);
    nodes.iter_mut().for_each(|node| node.duration_ms = 10);
    let mut schedule = begin(nodes, limits(1, false));
    let story = play(&mut schedule, &World::default());
    assert_eq!(story.order[..2], [4, 5]);
    assert_eq!(schedule.left(), 0);
}

#[test]
fn as_many_as_there_are_slots() {
    let nodes = (0..8).map(|_| node(&[])).collect();
    let story = play(&mut begin(nodes, limits(8, false)), &World::default());
    assert_eq!((story.most_beside, story.end_ms), (8, 1));
    let heavy = (0..4).map(|_| Node { weight: 3, ..node(&[]) }).collect();
    let story = play(&mut begin(heavy, limits(6, false)), &World::default());
    assert_eq!(story.most_beside, 2);
    let too_heavy = (0..3).map(|_| Node { weight: 99, ..node(&[]) }).collect();
    assert_eq!(play(&mut begin(too_heavy, limits(6, false)), &World::default()).most_beside, 1);
}

#[test]
fn a_pool_holds_back_its_own_only() {
    let mut nodes: Vec<Node> = (0..4).map(|_| Node { pool: Some(0), duration_ms: 50, ..node(&[]) }).collect();
    nodes.extend((0..4).map(|_| node(&[])));
    let limits = Limits { slots: 8, pools: vec![2], keep_going: false };
    let story = play(&mut begin(nodes, limits), &World::default());
    assert_eq!(story.order[..6], [0, 1, 4, 5, 6, 7]);
    assert_eq!(story.end_ms, 100);
}

#[test]
fn what_is_interactive_runs_alone() {
    let mut nodes: Vec<Node> = (0..5).map(|_| node(&[])).collect();
    nodes[2].is_alone = true;
    nodes[2].duration_ms = 5;
    let story = play(&mut begin(nodes, limits(4, false)), &World::default());
    assert_eq!(story.order[0], 2);
    assert_eq!(story.end_ms, 6);
}

#[test]
fn a_failure_starts_nothing_new_unless_told_to_go_on() {
    // 0 fails; 1 needs it; 2 and 3 do not; 4 comes after 0 in order only.
    let nodes = || {
        let mut nodes = vec![node(&[]), node(&[0]), node(&[]), node(&[2]), node(&[])];
        nodes[4].waits = vec![0];
        nodes[0].duration_ms = 9;
        nodes
    };
    let world = World { failing: [0].into(), ..World::default() };
    let mut schedule = begin(nodes(), limits(1, false));
    assert_eq!(play(&mut schedule, &world).ran, [0].into());
    assert_eq!(schedule.phase(1), Phase::Skipped);
    let mut schedule = begin(nodes(), limits(1, true));
    assert_eq!(play(&mut schedule, &world).ran, [0, 2, 3, 4].into());
    assert_eq!((schedule.phase(1), schedule.phase(0), schedule.left()), (Phase::Skipped, Phase::Failed, 0));
}

#[test]
fn a_retry_goes_on_although_another_failed() {
    let start = Instant::now();
    let mut schedule = begin(vec![node(&[]), node(&[])], limits(2, false));
    let mut tasks = Vec::new();
    loop {
        match schedule.next(start) {
            Next::Unit(Unit::Resolve(task)) => schedule.resolved(task, Answer::Miss),
            Next::Unit(Unit::Run(task)) => tasks.push(task),
            _ => break,
        }
    }
    assert_eq!(tasks, [0, 1]);
    let later = start + Duration::from_secs(1);
    schedule.ran(0, Ended::Again(later));
    schedule.ran(1, Ended::Failed);
    assert_eq!(schedule.next(start), Next::Wait(Some(later)));
    assert_eq!(schedule.next(later), Next::Unit(Unit::Run(0)));
    schedule.ran(0, Ended::Success);
    assert_eq!(schedule.next(later), Next::Finished);
}

#[test]
fn a_damaged_hit_runs_and_what_was_made_of_it_is_looked_up_again() {
    // 0 <- 1 <- 2, all hits; 0 is damaged. 3 needs 2 and must run.
    let nodes = vec![node(&[]), node(&[0]), node(&[1]), node(&[2])];
    let world = World { hits: [0, 1, 2].into(), damaged: [0].into(), ..World::default() };
    let mut schedule = begin(nodes, limits(2, false));
    let story = play(&mut schedule, &world);
    assert_eq!(story.order, [0, 3]);
    assert_eq!(schedule.left(), 0);
}

#[test]
fn what_lost_a_result_does_not_hide_what_may_run() {
    // 2 needs 0, a hit that is found to be damaged just when 1 has ended and 2 is about to be looked up.
    let mut schedule = begin(vec![node(&[]), node(&[]), node(&[0, 1])], limits(1, true));
    let now = Instant::now();
    assert_eq!(schedule.next(now), Next::Unit(Unit::Resolve(0)));
    schedule.resolved(0, Answer::Hit);
    assert_eq!(schedule.next(now), Next::Unit(Unit::Resolve(1)));
    schedule.resolved(1, Answer::Miss);
    assert_eq!(schedule.next(now), Next::Unit(Unit::Run(1)));
    assert_eq!(schedule.next(now), Next::Unit(Unit::Place(vec![0])));
    schedule.ran(1, Ended::Success);
    schedule.placed(0, Placing::Damaged);
    schedule.placed_all();
    assert_eq!(schedule.next(now), Next::Unit(Unit::Run(0)));
}

#[test]
fn those_that_let_another_go_first_go_on_when_it_is_a_hit_after_all() {
    let world = World { twins: [(1, 0)].into(), elsewhere: [0].into(), ..World::default() };
    let mut schedule = begin(vec![node(&[]), node(&[])], limits(2, false));
    assert_eq!(play(&mut schedule, &world).ran, [1].into());
    assert_eq!(schedule.left(), 0);
}

#[test]
fn a_damaged_hit_that_fails_to_run_skips_what_needs_it() {
    let nodes = vec![node(&[]), node(&[0]), node(&[1])];
    let world = World { hits: [0, 1, 2].into(), damaged: [0].into(), failing: [0].into(), ..World::default() };
    let mut schedule = begin(nodes, limits(2, true));
    play(&mut schedule, &world);
    assert_eq!([0, 1, 2].map(|task| schedule.phase(task)), [Phase::Failed, Phase::Skipped, Phase::Skipped]);
    assert_eq!(schedule.left(), 0);
}

#[test]
fn equal_actions_run_once_at_a_time() {
    let world = World { twins: [(1, 0)].into(), ..World::default() };
    let mut schedule = begin(vec![node(&[]), node(&[])], limits(2, false));
    let story = play(&mut schedule, &world);
    assert_eq!((story.order, story.most_beside), (vec![0, 1], 1));
}

#[test]
fn a_chain_of_many_needs_no_stack() {
    let count = 100_000;
    let nodes = (0..count).map(|task| if task == 0 { node(&[]) } else { node(&[task - 1]) }).collect();
    let mut schedule = begin(nodes, limits(4, false));
    let story = play(&mut schedule, &World::default());
    assert_eq!((story.ran.len(), story.end_ms), (count as usize, u64::from(count)));
}

type Graph = (Vec<Node>, World);

fn graphs() -> impl Strategy<Value = Graph> {
    (2u32..40).prop_flat_map(|count| {
        let node = |task: u32| {
            let others = || proptest::collection::vec(0..task.max(1), 0..4);
            (others(), others(), 1u32..4, 0u64..9, proptest::option::of(0u16..2)).prop_map(
                move |(needs, waits, weight, duration_ms, pool)| Node {
                    needs: if task == 0 { Vec::new() } else { needs },
                    waits: if task == 0 { Vec::new() } else { waits },
                    weight,
                    pool,
                    is_alone: false,
                    duration_ms,
                },
            )
        };
        let some = || proptest::collection::btree_set(0..count, 0..8);
        let twins = proptest::collection::hash_map(0..count, 0..count, 0..4);
        let worlds = (some(), some(), some(), some(), some(), twins, any::<u64>());
        ((0..count).map(node).collect::<Vec<_>>(), worlds).prop_map(|(nodes, worlds)| {
            let (hits, damaged, failing, shaky, elsewhere, mut twins, seed) = worlds;
            // Equal actions do not rest on one another.
            twins.retain(|task, other| *other < *task && !rests_on(&nodes, *task, *other));
            (nodes, World { hits, damaged, failing, shaky, elsewhere, twins, seed: Some(seed) })
        })
    })
}

fn rests_on(nodes: &[Node], task: u32, other: u32) -> bool {
    let (mut open, mut seen) = (vec![task], BTreeSet::new());
    while let Some(task) = open.pop() {
        if seen.insert(task) {
            open.extend(nodes[task as usize].needs.iter().chain(&nodes[task as usize].waits));
        }
    }
    seen.contains(&other)
}

proptest! {
    #[test]
    fn the_same_is_done_for_every_number_of_slots((nodes, world) in graphs()) {
        let mut stories = Vec::new();
        for (slots, seed) in [(1, None), (1, world.seed), (2, world.seed), (3, world.seed), (16, world.seed)] {
            let limits = Limits { slots, pools: vec![1, 2], keep_going: true };
            let mut schedule = begin(nodes.clone(), limits);
            let story = play(&mut schedule, &World { seed, ..world.clone() });
            prop_assert_eq!(schedule.left(), 0);
            let phases: Vec<Phase> = (0..nodes.len() as u32).map(|task| schedule.phase(task)).collect();
            stories.push((story.ran, phases));
        }
        prop_assert!(stories.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", stories);
    }
}
