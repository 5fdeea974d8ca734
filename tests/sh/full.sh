# A medium that fills up: exit 16, what is there verifies, and the next backup goes on when there is space.
# shellcheck shell=bash

if [ -z "${INSIDE:-}" ]; then
    unshare -m true 2>/dev/null || skip "cannot mount a file system here"
    export INSIDE=1
    # shellcheck disable=SC2016
    exec unshare -m bash -euo pipefail -c '. "$TOP/tests/sh/lib.sh"; . "$TOP/tests/sh/full.sh"'
fi
mkdir medium tree
mount -t tmpfs -o size=64m none medium
head -c 3000000 /dev/urandom >tree/first
new_repository "$PWD/medium/repository"
larder backup -q "$PWD/tree"
for number in $(seq 24); do head -c 4000000 /dev/urandom >"tree/$number"; done

expect 16 larder backup -q "$PWD/tree" 2>said
grep -q STORAGE_FULL said || fail "not said why: $(cat said)"
larder verify -q --read-data
[ "$(larder snapshots --json | grep -c '"type":"snapshot"')" -eq 1 ]
larder restore -q "latest:$PWD/tree" --target before
cmp tree/first before/first

# It goes on: what was written before is used, not stored once more.
before=$(du -sb medium/repository/packs | cut -f1)
[ "$before" -gt 20000000 ] || fail "nothing was kept: $before bytes"
mount -o remount,size=200m medium
larder backup -q "$PWD/tree"
after=$(du -sb medium/repository/packs | cut -f1)
[ "$after" -lt 105000000 ] || fail "99 MB of noise became $after bytes, $before of them from before"
larder verify -q --read-data
larder restore -q "latest:$PWD/tree" --target after
"$TOP/scripts/same-tree" tree after
