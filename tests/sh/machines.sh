# Two machines share a repository on a medium without locks: both back up and forget, gcs of both loop beside them, anybody is
# killed at any moment, and now and then living ones are taken for dead. At the end everything that was reported is there.
# LARDER_TEST_SECONDS says for how long (20).
# shellcheck shell=bash

# shellcheck disable=SC2016 # No command: the marks of a page.
sed -n '/^```sh$/,/^```$/p' "$TOP/docs/EXEC-BACKEND.md" | sed '/^```/d' >backend.sh
new_repository "exec:sh '$PWD/backend.sh' '$PWD/bucket'"
mkdir home1 home2 pids sums
machine() { # machine NUMBER WORDS...: larder on that machine, where it can be killed
    local home=$PWD/home$1 pid="pids/$BASHPID" status=0
    shift
    HOME=$home larder "$@" &
    echo $! >"$pid"
    wait $! || status=$?
    rm -f "$pid"
    return "$status"
}

backups() { # backups MACHINE
    mkdir "tree$1"
    head -c 300000 /dev/urandom >"tree$1/old"
    local round=0 id
    while [ ! -e finished ]; do
        round=$((round + 1))
        echo "$1 $round" >"tree$1/round"
        seq "$round" 4000 >"tree$1/numbers"
        head -c 20000 /dev/urandom >"tree$1/random$((round % 5))"
        id=$(machine "$1" backup --lock-wait 60 --json "$PWD/tree$1" 2>>"said$1" | sed -n 's/.*"snapshot":"\([0-9a-f]*\)".*/\1/p') || continue
        [ -n "$id" ] || continue
        (cd "tree$1" && find . -type f -exec sha256sum {} + | sort) >"sums/$id"
        if [ $((round % 3)) = 0 ]; then
            touch "sums/$id.forgotten"
            machine "$1" forget -q --lock-wait 60 "$id" 2>>"said$1" || true
        fi
    done
}

gcs() { # gcs MACHINE: of two at once one gives way (11), and one taken for dead gives up (4)
    local status
    while [ ! -e finished ]; do
        status=0
        machine "$1" gc -q --lock-wait 60 2>>"gc$1" || status=$?
        case $status in 0 | 4 | 11 | 137) ;; *) echo "gc of machine $1 ended with $status" >>wrong ;; esac
        sleep 0.1
    done
}

# Hours pass for whoever has shown no sign of life since.
hours_pass() { find bucket/leases -type f -exec touch -c -d '2 hours ago' {} + 2>/dev/null || true; }

for number in 1 2; do
    backups "$number" &
    gcs "$number" &
done
end=$((SECONDS + ${LARDER_TEST_SECONDS:-20}))
while [ "$SECONDS" -lt "$end" ]; do
    sleep "0.$((RANDOM % 9 + 1))"
    victim=$(cat pids/* 2>/dev/null | shuf -n 1 || true)
    [ -z "$victim" ] || [ $((RANDOM % 2)) = 0 ] || kill -9 "$victim" 2>/dev/null || true
    [ $((RANDOM % 2)) = 0 ] || hours_pass
done
# What was kept of what was done. A slow machine gets the time for two, unharmed.
kept() { find sums -type f | sed 's/\.forgotten$//' | sort | uniq -u | wc -l; }
for _ in $(seq 200); do
    [ "$(kept)" -lt 2 ] || break
    sleep 1
done
touch finished
wait

[ ! -e wrong ] || fail "$(cat wrong gc1 gc2)"
hours_pass
for number in 1 2; do
    HOME=$PWD/home$number larder verify -q --read-data || fail "machine $number: verify"
done
HOME=$PWD/home2 larder gc -q
HOME=$PWD/home1 larder gc -q --no-writers
[ -z "$(find bucket/leases bucket/gc -type f)" ] || fail "left: $(find bucket/leases bucket/gc -type f)"
HOME=$PWD/home1 larder verify -q --read-data

count=0
for sums in sums/*; do
    [ -e "$sums.forgotten" ] && continue
    case $sums in *.forgotten) continue ;; esac
    id=${sums#sums/}
    # Each machine brings back what the other has made, and its own: the names of snapshots are as good as dice.
    number=$((count % 2 + 1))
    rm -rf out
    HOME=$PWD/home$number larder restore -q "$id" --target out || fail "machine $number: restore of $id"
    dir=$(dirname "$(find out -name round)")
    (cd "$dir" && find . -type f -exec sha256sum {} + | sort) | cmp - "$sums" || fail "machine $number: $id differs"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "no backup was ever done: $(tail -n 5 said1 said2)"
echo "$count snapshots of two machines came back on both" >&2
