# Command 1 of the README, with the binary under test and a small crate in place of the downloaded ones.
# shellcheck shell=bash

export CARGO_HOME=$PWD/cargo
mkdir -p "$CARGO_HOME/registry/src/registry"
cp -a "$TOP/src" "$CARGO_HOME/registry/src/registry/crate-1.0.0"
"$TOP/scripts/quickstart" >said 2>&1 || fail "quickstart: $(tail -n 30 said)"
[ "$(grep -c 'identical by diff -r' said)" -eq 2 ] || fail "not proven: $(tail -n 30 said)"
grep -q 'repository, first backup  *[0-9.]* MB, ratio' said || fail "not measured: $(tail -n 30 said)"
