# A repository behind `larder serve`: the whole story over http, with a token; two clients at once; push, wipe, pull; and what
# --append-only and --read-only suffice for.
# shellcheck shell=bash

unset http_proxy https_proxy
(umask 077; head -c 24 /dev/urandom | base64 >token)
export LARDER_TOKEN_FILE=$PWD/token
served=
trap '[ -z "$served" ] || kill "$served" 2>/dev/null || true' EXIT
serve() { # serve WORDS...: serves; the address is in $url, the process in $served
    larder serve -v --listen 127.0.0.1:0 --token-file token "$@" >address 2>>log &
    served=$!
    for _ in $(seq 1200); do
        [ ! -s address ] || break
        kill -0 "$served" 2>/dev/null || fail "it does not serve: $(cat log)"
        sleep 0.1
    done
    url=$(cat address)
}
stop() {
    kill "$served"
    status=0
    wait "$served" || status=$?
    served=
    : >address
    [ "$status" -eq 0 ] || fail "the server ended with $status: $(tail -n 5 log)"
}

serve there
new_repository "$url"
mkdir tree
seq 1 30000 >tree/numbers
head -c 9000000 /dev/urandom >tree/random
ln -s numbers tree/symlink
first=$(larder backup --json "$PWD/tree" | sed -n 's/.*"snapshot":"\([0-9a-f]*\)".*/\1/p')
echo more >tree/more
larder backup -q "$PWD/tree"
larder verify -q --read-data
larder restore -q "latest:$PWD/tree" --target out
same_tree tree out
larder forget -q "$first"
larder gc -q
larder verify -q --read-data
rm -r out
larder restore -q "latest:$PWD/tree" --target out
same_tree tree out
grep -q ' PUT /packs/.* 204 ' log || fail "no line for a request: $(head -n 3 log)"
! grep -qF "$(cat token)" log || fail "the token is in the log"
[ ! -e there/index.sqlite ] || fail "local files are with the server"

# Two clients at once, of two machines.
mkdir home2 tree2
seq 1 50000 >tree2/numbers
head -c 3000000 /dev/urandom >tree2/random
HOME=$PWD/home2 larder backup -q --lock-wait 60 "$PWD/tree2" --tag other &
other=$!
larder backup -q --lock-wait 60 "$PWD/tree" --tag own
wait "$other" || fail "the other machine's backup"
larder restore -q "other:$PWD/tree2" --target out2
same_tree tree2 out2
HOME=$PWD/home2 larder restore -q "own:$PWD/tree" --target out3
same_tree tree out3

# Pulled, wiped there, pushed; wiped here, pulled: the same.
LARDER_REPOSITORY=$PWD/near larder sync -q --pull "$url"
stop
rm -r there
serve there
LARDER_REPOSITORY=$PWD/near larder sync -q --push "$url"
LARDER_REPOSITORY=$PWD/near larder snapshots >before
rm -r near
LARDER_REPOSITORY=$PWD/near larder sync -q --pull "$url"
LARDER_REPOSITORY=$PWD/near larder snapshots >after
cmp before after
LARDER_REPOSITORY=$PWD/near larder verify -q --read-data
rm -r out
LARDER_REPOSITORY=$PWD/near larder restore -q "own:$PWD/tree" --target out
same_tree tree out
stop

# Who can add and delete nothing backs up, restores, verifies and syncs.
serve --append-only there
export LARDER_REPOSITORY=$url
echo appended >tree/appended
larder backup -q "$PWD/tree" --tag appended
larder verify -q --read-data
rm -r out
larder restore -q "appended:$PWD/tree" --target out
same_tree tree out
LARDER_REPOSITORY=$PWD/near larder sync -q "$url"
LARDER_REPOSITORY=$PWD/near larder verify -q --read-data
packs=$(find there/packs -type f | wc -l)
larder forget -q appended
expect 16 larder gc -q 2>said
[ "$(find there/packs -type f | wc -l)" -ge "$packs" ] || fail "a pack is gone"
stop

# Who can read restores and verifies, and changes nothing.
find there -type f ! -path 'there/lock' | sort | xargs sha256sum >before
serve --read-only there
export LARDER_REPOSITORY=$url
rm -r out
larder restore -q "own:$PWD/tree" --target out
larder verify -q --read-data
expect 16 larder backup -q "$PWD/tree" 2>said
find there -type f ! -path 'there/lock' | sort | xargs sha256sum >after
cmp before after
stop
