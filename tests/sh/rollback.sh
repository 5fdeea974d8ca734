# A medium that plays an old state, or another configuration, is caught by a client that knew better.
# shellcheck shell=bash

new_repository
mkdir tree
echo one >tree/file
larder backup -q "$PWD/tree"
cp -a repository older
echo two >tree/file
larder backup -q "$PWD/tree"

# Old roots in place of the new ones: refused by everything that looks at the history.
cp -a repository newer
rm -r repository/roots
cp -a older/roots repository/roots
for command in "snapshots" "restore latest --target out" "backup $PWD/tree" "gc"; do
    # shellcheck disable=SC2086
    expect 13 larder $command >said 2>&1
    grep -q -i 'rollback' said || fail "larder $command does not say why: $(cat said)"
done
expect 13 larder verify >said
grep -q 'record 2 of device .* is missing' said || fail "verify does not tell: $(cat said)"
[ ! -e out ] || [ -z "$(ls -A out)" ] || fail "something was restored from a history that went back"

# The whole old repository: the same.
rm -r repository
cp -a older repository
expect 13 larder snapshots >said 2>&1
grep -q ROLLBACK_DETECTED said || fail "$(cat said)"

# Taken for the truth once, on purpose; from then on it is the truth.
larder snapshots --accept-rollback >said
grep -q tree said
larder snapshots >said
larder backup -q "$PWD/tree"
larder verify -q --read-data

# A configuration that was changed is refused, whatever was changed.
cp repository/config.toml config.toml
for change in 's/avg = 65536/avg = 32768/' 's/level = 3/level = 4/' 's/requires-gc = \[\]/requires-gc = ["x"]/' 's/^id = "\(.\)/id = "\1f/'; do
    sed "$change" config.toml >repository/config.toml
    cmp -s config.toml repository/config.toml && fail "$change changes nothing"
    expect 5 larder snapshots >said 2>&1
    grep -q CONFIG_INVALID said || fail "$change: $(cat said)"
done

# And one that says that nothing is encrypted any more.
sed -e 's/^encryption = .*/encryption = "none"/' -e '/^mac = /d' config.toml >repository/config.toml
larder snapshots >said 2>&1 && fail "a repository that is known to be encrypted was opened as plain"
cp config.toml repository/config.toml
larder verify -q
