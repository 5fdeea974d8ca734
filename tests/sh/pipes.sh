# larder between pipes: names on stdin, ids on stdout, and a reader that goes away.
# shellcheck shell=bash

new_repository
mkdir tree tree/empty
for size in 0 1 1000 10000 100000 1000000; do head -c "$size" /dev/urandom >"tree/$size"; done
cp tree/1000 "tree/a space and a
newline"
ln -s 1000 tree/link
chmod 755 tree/10000

find tree -type f -print0 | larder hash-object -z --stdin-paths -w | larder cat-object --batch-check >checked
[ "$(wc -l <checked)" -eq 7 ] || fail "not one line a file: $(cat checked)"
! grep -v ' blob [0-9]*$' checked || fail "not all are blobs"
# shellcheck disable=SC2016
find tree -type f -print0 | xargs -0 -n 1 sh -c 'sha256sum <"$0"' | cut -d ' ' -f 1 | sort >sums
cut -d ' ' -f 1 checked | sort | diff - sums

# What was written comes out again.
sum=$(sha256sum <tree/1000000 | cut -d ' ' -f 1)
larder cat-object -p "$sum" | cmp - tree/1000000
[ "$(larder cat-object -s "$sum")" -eq 1000000 ]

# A reader that has enough ends it without a word.
larder backup -q "$PWD/tree"
for command in "list-objects" "cat-object -p $sum" "ls latest -r" "help -a"; do
    # shellcheck disable=SC2086
    { larder $command 2>said || echo "$?" >status; } | head -c 1 >/dev/null
    [ ! -s said ] || fail "larder $command says to a closed pipe: $(cat said)"
    [ ! -e status ] || [ "$(cat status)" -eq 141 ] || fail "larder $command ends with $(cat status)"
    rm -f status
done

# Closed streams do not end up in files of the repository.
larder list-objects <&- >ids 2>&-
[ -s ids ]
expect 4 larder list-objects >/dev/full
larder verify -q --read-data
