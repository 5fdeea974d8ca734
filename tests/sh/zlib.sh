# A real build: zlib, compiled file by file with depfiles and linked, by a manifest that a loop writes.
# shellcheck shell=bash

command -v cc >/dev/null || skip "there is no C compiler"
command -v git >/dev/null || skip "there is no git"

# The sources come from the crate that carries them; the lock beside its name pins their bytes.
described=$(cargo metadata --locked --format-version 1 --manifest-path "$TOP/tests/sh/zlib/Cargo.toml") ||
    skip "the sources of zlib cannot be fetched"
sources=$(printf %s "$described" | grep -o '"manifest_path":"[^"]*/libz-sys-[^"]*"' | cut -d '"' -f 4)
sources=${sources%/*}/src/zlib
[ -f "$sources/zlib.h" ] || fail "there is no zlib in $sources"

# A compiler of our own, so that it can become another one.
mkdir bin
printf '#!/bin/sh\nexec cc -O1 "$@"\n' >bin/zcc
chmod +x bin/zcc
export PATH="$PWD/bin:$PATH"

new_repository
mkdir first
cp "$sources"/*.c "$sources"/*.h first/
cat >first/try.c <<'END_OF_C'
#include <stdio.h>
#include <string.h>
#include "zlib.h"
int main(void) {
    unsigned char packed[200], back[200];
    uLongf packed_len = sizeof packed, back_len = sizeof back;
    const char *text = "what you have, and how you made it, what you have, and how you made it";
    if (compress(packed, &packed_len, (const Bytef *)text, strlen(text) + 1) != Z_OK) return 1;
    if (uncompress(back, &back_len, packed, packed_len) != Z_OK) return 2;
    printf("%s, %d bytes: %s\n", zlibVersion(), (int)packed_len, (char *)back);
    return strcmp((char *)back, text) != 0;
}
END_OF_C
{
    objects=
    for file in first/*.c; do
        name=$(basename "$file" .c)
        cat <<END_OF_TASK
[task.$name]
cmd = ["zcc", "-D_LARGEFILE64_SOURCE=1", "-DHAVE_UNISTD_H", "-MMD", "-MF", "build/$name.d", "-c", "{{in}}", "-o", "{{out}}"]
inputs = ["$name.c"]
outputs = ["build/$name.o"]
depfile = "build/$name.d"

END_OF_TASK
        objects="$objects\"build/$name.o\", "
    done
    cat <<END_OF_TASKS
[task.link]
cmd = ["zcc", "-o", "{{out}}", "{{in}}"]
inputs = [${objects%, }]
outputs = ["build/try"]

[task.test]
cmd = "build/try >build/said"
inputs = ["build/try"]
outputs = ["build/said"]
END_OF_TASKS
} >first/larder.toml
tasks=$(grep -c '^\[task' first/larder.toml)
[ "$tasks" -ge 18 ] || fail "only $tasks tasks"

# executes NUMBER DIR WHY: a run there must execute so many tasks, and take the others from what is known.
executes() {
    (cd "$2" && larder run --metrics ../metrics) >said 2>&1 || fail "$3: $(cat said)"
    grep -q "\"executed\": $1,$" metrics || fail "$3: $(cat said), instead of $1 executed"
    grep -q "\"cached\": $((tasks - $1)),$" metrics || fail "$3: $(cat said), instead of $((tasks - $1)) cached"
}

executes "$tasks" first "the first run executes everything"
grep -q 'bytes: what you have' first/build/said
executes 0 first "the second run executes nothing"

# A comment in a header: what includes it is compiled again, the objects come out the same, and nothing after runs.
including=$(cat first/build/*.d | grep -c 'inftrees\.h')
[ "$including" -ge 3 ] || fail "only $including files include inftrees.h"
echo '/* a comment */' >>first/inftrees.h
executes "$including" first "a comment in a header compiles what includes it, and links nothing"
executes 0 first "a comment in a header counts once"

# A change that counts goes through to the end.
sed -i 's/how you made it, what/how it was made, what/' first/try.c
executes 3 first "another text compiles its file, links, and tests"
grep -q 'bytes: what you have, and how it was made' first/build/said

# A clone in another directory has everything in the repository, and gets it without a compiler.
git -C first init -q
printf '/build/\n/.larder/\n' >first/.gitignore
git -C first add .
git -C first -c user.name=you -c user.email=you@example.org commit -q -m zlib
git clone -q first second
executes 0 second "a clone hits everything"
for file in try said trees.o; do cmp "first/build/$file" "second/build/$file"; done
second/build/try | cmp - first/build/said
executes 0 second "a clone is up to date after that"

# Outputs that are gone, or are not what was made, come back.
sum=$(sha256sum <first/build/try)
rm first/build/try first/build/trees.o
echo x >first/build/said
executes 0 first "deleted outputs come back"
[ "$(sha256sum <first/build/try)" = "$sum" ] || fail "another build/try came back"
cmp first/build/said second/build/said

# Another compiler is another key for everything that it makes; the first one is not forgotten.
sed -i 's/-O1/-O2/' bin/zcc
executes "$tasks" first "another compiler executes everything"
[ "$(sha256sum <first/build/try)" != "$sum" ] || fail "-O2 made what -O1 made"
cmp first/build/said second/build/said
sed -i 's/-O2/-O1/' bin/zcc
executes 0 first "the first compiler is known"
[ "$(sha256sum <first/build/try)" = "$sum" ] || fail "another build/try came back"
larder verify -q --read-data
