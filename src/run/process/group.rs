//! What is left of a process group.

use rustix::process::{Pid, test_kill_process_group};

/// Whether the group has a process that lives. One that has ended and waits for a parent that does not look does not
/// count: the first process of a container often does not look.
pub(super) fn is_alive(group: Pid) -> bool {
    if test_kill_process_group(group).is_err() {
        return false;
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let mut seen = false;
    for process in processes.flatten() {
        let Ok(stat) = std::fs::read(process.path().join("stat")) else { continue };
        match state_and_group(&stat) {
            Some((state, number)) if number == group.as_raw_pid() => {
                seen |= !matches!(state, b'Z' | b'X');
            }
            _ => {}
        }
    }
    seen
}

/// From `/proc/PID/stat`: the state and the process group. The name in parentheses may hold anything.
fn state_and_group(stat: &[u8]) -> Option<(u8, i32)> {
    let after = stat.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
    let mut fields = text.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(state_and_group(b"12 (a) S 3 (b)) Z 1 77 5 0"), Some((b'Z', 77)));
        assert_eq!(state_and_group(b"12 (a"), None);
    }
}
