# A signal ends a backup in an orderly way, leaves a partial snapshot, and the next backup goes on.
# shellcheck shell=bash

new_repository
mkdir -p tree/ready
for number in $(seq 40); do head -c 300000 /dev/urandom >"tree/ready/$number"; done
larder backup -q "$PWD/tree"

for signal in INT TERM; do
    # The backup waits at a pipe that nobody writes to, with everything else before it in the tree done.
    mkfifo "wait-$signal"
    for number in $(seq 10); do head -c 300000 /dev/urandom >"tree/ready/new-$signal-$number"; done
    set -m
    larder backup --json --from-command "of-$signal" -- sh -c "touch started-$signal; cat wait-$signal" >said 2>&1 &
    backup=$!
    set +m
    while [ ! -e "started-$signal" ]; do sleep 0.02; done
    kill "-$signal" "$backup"
    status=0
    wait "$backup" || status=$?
    [ "$status" -gt 2 ] || fail "ends with $status after SIG$signal: $(cat said)"
    rm "wait-$signal"
done
# The whole pipeline is stopped, as Ctrl-C does: the end of its output is no end.
mkfifo wait-pipe
set -m
{ head -c 200000 /dev/urandom; touch started-pipe; cat wait-pipe; } | larder backup --stdin --stdin-name half >said 2>&1 &
set +m
while [ ! -e started-pipe ]; do sleep 0.02; done
kill -INT -- "-$(jobs -p %%)"
wait %% && fail "half a stream was taken for a whole one"
[ "$(larder snapshots --json | grep -c '"type":"snapshot"')" -eq 1 ] || fail "a command that was cut off made a snapshot"

# In the middle of many files: what was done by then is kept, marked, and is not taken for the latest.
whole=$(larder resolve latest)
for number in $(seq 4000); do echo "$number" >"tree/small$number"; done
partial=
leases() { find repository/leases -type f | wc -l; }
# How long after its first write it is told depends on how fast the machine is just then.
delay_ms=100
for attempt in $(seq 40); do
    head -c 60000000 /dev/urandom >"tree/big$((attempt % 5))"
    before=$(leases)
    larder backup "$PWD/tree" >said 2>&1 &
    backup=$!
    until [ "$(leases)" -gt "$before" ] || ! kill -0 "$backup" 2>/dev/null; do :; done
    sleep "$(printf '%d.%03d' $((delay_ms / 1000)) $((delay_ms % 1000)))"
    kill -INT "$backup" 2>/dev/null || true
    status=0
    wait "$backup" || status=$?
    case $status in
    0) delay_ms=$((delay_ms * 2 / 3)) ;; # It was done before.
    130)
        if larder snapshots --json | grep -q '"partial":true\|"is_partial":true'; then
            partial=yes
            break
        fi
        delay_ms=$((delay_ms * 3 / 2 + 1))
        ;;
    *) fail "exit $status after SIGINT: $(cat said)" ;;
    esac
done
[ -n "$partial" ] || fail "no attempt left a partial snapshot: $(larder snapshots --json)"
latest=$(larder resolve latest)
larder show "$latest" >shown
! grep -qi partial shown || fail "latest is a partial snapshot"
[ -n "$whole" ]
larder verify -q --read-data
larder backup -q "$PWD/tree"
larder restore -q "latest:$PWD/tree" --target out
"$TOP/scripts/same-tree" tree out
