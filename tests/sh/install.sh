# make install puts everything in its place, and make uninstall leaves nothing.
# shellcheck shell=bash

make -s -C "$TOP" install DESTDIR="$PWD/root" BINARY="$LARDER"
root=$PWD/root/usr/local
"$root/bin/larder" --version
[ "$(find "$root/share/man/man1" -name 'larder*.1' | wc -l)" -eq "$(find "$TOP/man" -name 'larder*.1' | wc -l)" ]
for file in bash-completion/completions/larder zsh/site-functions/_larder fish/vendor_completions.d/larder.fish; do
    [ -s "$root/share/$file" ] || fail "$file is not installed"
done
bash -c ". '$root/share/bash-completion/completions/larder'; complete -p larder" >/dev/null
[ -s "$root/share/doc/larder/larder.schema.json" ]
[ -s "$root/lib/systemd/system/larder-backup.timer" ]
make -s -C "$TOP" uninstall DESTDIR="$PWD/root"
[ ! -e root ] || fail "uninstall leaves $(find root)"

# The example of settings is accepted, with every key of it set.
mkdir -p "$HOME/.config/larder"
sed 's/^# \([a-z-]* = \)/\1/' "$TOP/contrib/config.toml" >"$HOME/.config/larder/config.toml"
grep -q '^lock-wait' "$HOME/.config/larder/config.toml"
expect 5 larder -r "$PWD/none" snapshots 2>said
grep -q CONFIG_MISSING said || fail "$(cat said)"
