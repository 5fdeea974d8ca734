# A restore that is killed or has no room leaves no half file, and the next one goes on.
# shellcheck shell=bash

if [ -z "${INSIDE:-}" ]; then
    unshare -m true 2>/dev/null || skip "cannot mount a file system here"
    export INSIDE=1
    # shellcheck disable=SC2016
    exec unshare -m bash -euo pipefail -c '. "$TOP/tests/sh/lib.sh"; . "$TOP/tests/sh/restores.sh"'
fi
mkdir tree medium
for number in $(seq 300); do head -c $((number * 700)) /dev/urandom >"tree/$number"; done
head -c 20000000 /dev/urandom >tree/large
new_repository
larder backup -q "$PWD/tree"

# Whatever stands under a name of the source is the whole file.
whole() {
    for file in "$1"/*; do
        [ ! -e "$file" ] || cmp "$file" "tree/${file##*/}"
    done
}

for moment in 0.01 0.02 0.03 0.05 0.08 0.1 0.15 0.2 0.3 0.5; do
    larder restore -q "latest:$PWD/tree" --target killed &
    restoring=$!
    sleep "$moment"
    kill -9 "$restoring" 2>/dev/null || true
    wait "$restoring" 2>/dev/null || true
    whole killed
done
larder restore -q "latest:$PWD/tree" --target killed --delete
same_tree tree killed

mount -t tmpfs -o size=16m none medium
expect 16 larder restore -q "latest:$PWD/tree" --target medium/out 2>said
grep -q STORAGE_FULL said || fail "not said why: $(cat said)"
whole medium/out
mount -o remount,size=100m medium
larder restore -q "latest:$PWD/tree" --target medium/out --delete
same_tree tree medium/out
larder verify -q --read-data
