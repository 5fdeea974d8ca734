# Words for the scripts beside this file.
# shellcheck shell=bash

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Ends a test that cannot run here. In CI everything must run.
skip() {
    [ -z "${CI:-}" ] || fail "must run in CI: $*"
    echo "skip: $*"
    exit 0
}

# expect STATUS COMMAND...: the command must end with this exit status.
expect() {
    expected=$1
    shift
    status=0
    "$@" || status=$?
    [ "$status" -eq "$expected" ] || fail "exit $status instead of $expected: $*"
}

# A new encrypted repository, opened by a key file (no slow passphrase), for all commands that follow.
new_repository() {
    LARDER_REPOSITORY=${1:-$PWD/repository}
    LARDER_KEY_FILE=$HOME/keyfile
    export LARDER_REPOSITORY LARDER_KEY_FILE
    [ -e "$LARDER_KEY_FILE" ] || printf '%064d' 7 >"$LARDER_KEY_FILE"
    larder init -q
}

# Two directories must agree in all that a backup keeps.
same_tree() {
    "$TOP/scripts/same-tree" "$1" "$2" || fail "$1 and $2 differ"
    if command -v rsync >/dev/null; then
        lines=$(rsync -aHAXn --checksum --itemize-changes --delete "$1/" "$2/")
        [ -z "$lines" ] || fail "rsync sees differences: $lines"
    fi
}
