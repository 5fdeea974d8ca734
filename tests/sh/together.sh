# Ten backups at once into one repository, with gc looping beside them.
# shellcheck shell=bash

new_repository
for number in 0 1 2 3 4 5 6 7 8 9; do
    mkdir "tree$number"
    seq "$number" 7 60000 >"tree$number/numbers"
    head -c 400000 /dev/urandom >"tree$number/random"
    seq 1 50000 >"tree$number/shared"
    mkdir "tree$number/small"
    for file in $(seq 60); do echo "$number $file" >"tree$number/small/$file"; done
done
larder backup -q "$PWD/tree0" --tag old
larder forget -q --tag old --keep-last 1

(
    while [ ! -e finished ]; do
        larder gc -q --lock-wait 120 || exit 1
    done
) &
collector=$!
writers=
for number in 0 1 2 3 4 5 6 7 8 9; do
    (
        for round in 1 2 3; do
            echo "$round" >"tree$number/round"
            larder backup -q --lock-wait 120 "$PWD/tree$number" --tag "t$number" || exit 1
        done
    ) &
    writers="$writers $!"
done
for writer in $writers; do wait "$writer" || fail "a backup failed"; done
touch finished
wait "$collector" || fail "gc failed"

larder verify -q --read-data
larder gc -q
larder verify -q --read-data
[ "$(larder snapshots --json | grep -c '"type":"snapshot"')" -eq 31 ] || fail "snapshots are missing: $(larder snapshots)"
for number in 0 1 2 3 4 5 6 7 8 9; do
    larder restore -q "t$number:$PWD/tree$number" --target "out$number"
    "$TOP/scripts/same-tree" "tree$number" "out$number"
done
