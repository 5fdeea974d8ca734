use super::*;
use crate::backend::{Fault, FaultBackend, MemBackend, Plan};
use crate::error::Code;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A round of requests that keep the window full, each of a megabyte, at so many bytes a microsecond.
fn round(window: &mut Window, now_us: &mut u64, rate: u64) {
    for _ in 0..window.width {
        *now_us += (1_000_000 + REQUEST_BYTES) / rate;
        window.answered(1_000_000, window.width, *now_us);
    }
}

#[test]
fn it_grows_by_one_a_round_while_more_at_once_is_faster() {
    let (mut window, mut now) = (Window::new(), 0);
    for expected in [5, 6, 7, 8, 8, 8] {
        let rate = 25 * window.width as u64;
        round(&mut window, &mut now, rate);
        assert_eq!(window.width, expected);
    }
}

#[test]
fn it_does_not_grow_where_nobody_asks_for_more() {
    let mut window = Window::new();
    (0..1_000).for_each(|now| window.answered(1_000_000, 2, now));
    assert_eq!(window.width, AT_ONCE_FIRST);
}

#[test]
fn a_step_that_brings_nothing_is_taken_back_and_tried_again_later() {
    for rate in [60, 100, 110] {
        let (mut window, mut now) = (Window::new(), 0);
        round(&mut window, &mut now, 100);
        assert_eq!(window.width, 5);
        round(&mut window, &mut now, rate);
        assert_eq!(window.width, 4, "{rate}");
        for _ in 0..ROUNDS_STILL {
            round(&mut window, &mut now, 100);
            assert_eq!(window.width, 4);
        }
        round(&mut window, &mut now, 100);
        assert_eq!(window.width, 5);
    }
}

#[test]
fn it_is_halved_once_for_all_that_were_under_way() {
    let (mut window, mut now) = (Window::new(), 0);
    for _ in 0..4 {
        let rate = 25 * window.width as u64;
        round(&mut window, &mut now, rate);
    }
    assert_eq!(window.width, 8);
    (0..8).for_each(|_| window.failed(0, now));
    assert_eq!(window.width, 4);
    (1..9).for_each(|halvings| window.failed(halvings, now));
    assert_eq!(window.width, 1);
    round(&mut window, &mut now, 100);
    assert_eq!(window.width, 2);
}

/// A medium that answers only when as many ask as it is to see at once, and notes if more do.
struct Together {
    inner: MemBackend,
    wanted: usize,
    inside: Mutex<(usize, u64)>,
    came: Condvar,
    most: AtomicUsize,
}

impl Together {
    fn new(wanted: usize) -> Arc<Together> {
        let (inner, inside, came) = (MemBackend::new(), Mutex::new((0, 0)), Condvar::new());
        Arc::new(Together { inner, wanted, inside, came, most: AtomicUsize::new(0) })
    }
}

impl Backend for Together {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut inside = self.inside.lock().unwrap();
        inside.0 += 1;
        self.most.fetch_max(inside.0, Ordering::SeqCst);
        let group = inside.1;
        if inside.0 == self.wanted {
            *inside = (0, group + 1);
            self.came.notify_all();
        } else {
            let waited = self.came.wait_timeout_while(inside, Duration::from_secs(120), |inside| inside.1 == group);
            assert!(!waited.unwrap().1.timed_out(), "not as many came as should");
        }
        self.inner.put(name, bytes)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.inner.put_new(name, bytes)
    }
    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.inner.put_spool(name, spool)
    }
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.inner.get(name)
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.inner.get_range(name, offset, len)
    }
    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stat(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }
}

#[test]
fn as_many_as_the_window_is_wide_ask_at_once() {
    let medium = Together::new(AT_ONCE_FIRST);
    let pace = PaceBackend::new(medium.clone());
    // One round: the window is as it was until all of it are answered.
    std::thread::scope(|scope| {
        for number in 0..AT_ONCE_FIRST {
            let pace = &pace;
            scope.spawn(move || pace.put(&format!("packs/{number}"), b"x").unwrap());
        }
    });
    assert_eq!(medium.most.load(Ordering::SeqCst), AT_ONCE_FIRST);
}

#[test]
fn who_finds_the_window_full_waits_until_one_is_done() {
    let pace = PaceBackend::new(Arc::new(MemBackend::new()));
    let mut passes: Vec<Pass<'_>> = (0..AT_ONCE_FIRST).map(|_| pace.enter(0)).collect();
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| pace.put("packs/a", b"x").unwrap());
        for _ in 0..1_000 {
            std::thread::yield_now();
            assert_eq!(pace.stat_beneath("packs/a"), None);
        }
        passes.pop();
        asks.join().unwrap();
        assert_eq!(pace.stat_beneath("packs/a"), Some(1));
    });
}

#[test]
fn long_bodies_wait_for_each_other_and_what_has_none_passes_by() {
    let pace = PaceBackend::new(Arc::new(MemBackend::new()));
    let is_full = |bytes| pace.lock().is_full(bytes);
    // However long it is, one goes, and no more of it is counted than is held of it.
    let alone = pace.enter(u64::MAX);
    assert!(!is_full(BODY_BYTES_MAX - BODY_BYTES) && is_full(BODY_BYTES_MAX - BODY_BYTES + 1));
    let rest = pace.enter(BODY_BYTES);
    assert!(is_full(2 * BODY_BYTES + 1) && !is_full(0));
    drop((alone, rest));
    assert!(!is_full(BODY_BYTES_MAX));
    assert_eq!(pace.lock().body_bytes, 0);
}

impl PaceBackend {
    fn stat_beneath(&self, name: &str) -> Option<u64> {
        self.inner.stat(name).unwrap()
    }
}

#[test]
fn a_medium_that_wants_less_is_asked_by_one_and_a_lease_passes_by() {
    let plan = Plan { fault: Fault::Forever, at: 1, writes_only: true, code: Code::RateLimitExceeded };
    let fault = Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), plan));
    let pace = PaceBackend::new(fault.clone());
    (0..4).for_each(|_| assert!(pace.put("packs/a", b"x").is_err()));
    assert_eq!(pace.lock().window.width, 1);
    // That a file is not there is an answer.
    assert!(pace.get("packs/none").is_err());
    assert_eq!(pace.lock().window.width, 1);
    fault.set(Plan::NONE);
    let pass = pace.enter(0);
    assert!(pace.put_new("leases/w/1", b"here I am").unwrap());
    drop(pass);
    pace.put("packs/a", b"x").unwrap();
    assert_eq!(pace.lock().under_way, 0);
}
