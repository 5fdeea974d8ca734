# What tasks read: the sources that git knows, and nothing that is longer than the limit.
# shellcheck shell=bash

command -v git >/dev/null || skip "there is no git"
new_repository
git init -q project
cd project
printf '/build/\n*.log\n' >.gitignore
mkdir src build
echo one >src/a.c
echo two >src/b.c
echo no >src/c.log
cat >larder.toml <<'END_OF_MANIFEST'
[task.list]
cmd = "mkdir -p build; ls src >build/list"
inputs = ["@git(src)"]
outputs = ["build/list"]

[task.big]
cmd = "wc -c <big.bin >build/size"
inputs = ["big.bin"]
outputs = ["build/size"]
END_OF_MANIFEST
git add src .gitignore

# executes NUMBER WHY: a run of `list` must execute so many tasks.
executes() {
    larder run list --metrics ../metrics >../said 2>&1 || fail "$2: $(cat ../said)"
    grep -q "\"executed\": $1,$" ../metrics || fail "$2: $(cat ../said), instead of $1 executed"
}
executes 1 "first"
executes 0 "again"
echo more >>src/c.log
touch src/d.log
executes 0 "what git ignores is no input"
echo three >src/e.c
executes 1 "what is neither tracked nor ignored is one"
rm src/b.c
executes 1 "a tracked file that is gone"
echo '*.tmp' >>.gitignore
touch src/f.tmp
executes 0 "another rule"
git add -f src/c.log
executes 1 "what is tracked is one, whatever the rules say"
git -c user.name=you -c user.email=you@example.org commit -q -m all
executes 0 "a commit changes no file"
echo changed >>src/a.c
executes 1 "another content"
record=$(larder run list -o json | jq -r 'select(.event == "ended").record')
larder record show "$record" >../said
grep -q "^git	$(git rev-parse HEAD) dirty$" ../said || fail "the run does not say where git stood: $(cat ../said)"
larder action-id --explain list | grep '^input' | cut -f 4 | sort >../inputs
printf 'src/a.c\nsrc/c.log\nsrc/e.c\n' | diff - ../inputs

# Outside of a work tree nothing is known to git, and that is said.
mkdir ../elsewhere
cp -r src larder.toml ../elsewhere
(cd ../elsewhere && expect 5 larder run list 2>../said)
grep -q "is for git work trees" ../said || fail "$(cat ../said)"

# A file with nothing in it but length: refused before it is read, and read where that is meant.
truncate -s 2G big.bin
expect 16 larder run big 2>../said
grep -q "has 2.00 GiB, and the limit is 1.00 GiB" ../said || fail "$(cat ../said)"
[ ! -e build/size ] || fail "it ran all the same"
truncate -s 1M big.bin
expect 16 larder run big --max-input-size 1000K 2>../said
larder run big --max-input-size 1M 2>../said
[ "$(cat build/size)" -eq 1048576 ]
mkdir -p "$HOME/.config/larder"
echo 'max-input-size = 1000' >"$HOME/.config/larder/config.toml"
truncate -s 2M big.bin
expect 16 larder run big 2>../said
expect 16 larder action-id big 2>../said
larder run big --max-input-size 2M 2>../said
