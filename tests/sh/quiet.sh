# What cron wants: silence on success, one line on failure, a status that tells.
# shellcheck shell=bash

new_repository
mkdir tree
seq 1000 >tree/numbers

quietly() {
    larder "$@" >out 2>err || fail "exit $?: larder $*: $(cat err)"
    [ -z "$(cat out err)" ] || fail "larder $* is not silent: $(cat out err)"
}
quietly backup -q "$PWD/tree"
mkdir tree/cache tree/spare
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >tree/cache/CACHEDIR.TAG
touch tree/cache/x tree/spare/.skip tree/spare/y
quietly backup -q "$PWD/tree" --exclude-caches --exclude-if-present .skip
quietly forget -q --keep-daily 7
quietly gc -q
quietly verify -q --read-data=5%

complains() {
    expected=$1
    shift
    expect "$expected" larder "$@" >out 2>err
    [ ! -s out ] || fail "larder $* answers: $(cat out)"
    [ "$(grep -c '^larder: ' err)" -eq 1 ] || fail "larder $* does not say what is wrong: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "larder $* does not say one line: $(cat err)"
}
complains 4 backup -q "$PWD/nowhere"
complains 10 restore -q deadbeef --target out
complains 5 -r "$PWD/no-repository" backup -q "$PWD/tree"
complains 12 --key-file /dev/null snapshots -q

# Locked: at once, or after waiting in vain; then free again.
larder lock -- sh -c 'touch locked; while [ ! -e release ]; do sleep 0.05; done' &
while [ ! -e locked ]; do sleep 0.05; done
complains 11 backup -q "$PWD/tree"
grep -q "$!\|pid" err || fail "the holder is not named: $(cat err)"
larder backup -q --lock-wait 60 "$PWD/tree" &
waiting=$!
touch release
wait "$waiting"
quietly verify -q
