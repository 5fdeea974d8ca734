# Who reads a snapshot that is forgotten and collected meanwhile gets all of it; the next gc takes it.
# shellcheck shell=bash disable=SC2016

mkdir tree
head -c 39000000 /dev/urandom | split -b 13000 -a 4 - "tree/$(printf 'long-name-%.0s' 1 2 3 4 5 6 7 8 9)"
stored() { du -sb repository/packs | cut -f1; }
new_repository "$PWD/repository"

# The reader COMMAND has begun when the first byte of its output is there, and cannot end before the rest is read.
beside_gc() {
    mkfifo "$1"
    eval "$2" &
    reader=$!
    exec 8<"$1"
    head -c 1 <&8 >"$1.read"
    larder forget -q latest --allow-empty
    larder gc -q
    [ "$(stored)" -gt 39000000 ] || fail "gc took what $1 still reads"
    cat <&8 >>"$1.read"
    exec 8<&-
    wait "$reader" || fail "$1 ended with $?"
    larder gc -q
    [ "$(stored)" -lt 1000000 ] || fail "$(stored) bytes stay of nothing"
}

larder backup -q "$PWD/tree"
beside_gc dump 'larder dump "latest:$PWD/tree" --format tar >dump'
mkdir dumped
tar -xf dump.read -C dumped
"$TOP/scripts/same-tree" tree dumped

larder backup -q "$PWD/tree"
beside_gc restore 'larder restore -v "latest:$PWD/tree" --target restored 2>restore'
"$TOP/scripts/same-tree" tree restored
