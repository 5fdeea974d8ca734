# A tree with everything in it comes back identical: from the repository, from a copy of it, and without its index.
# shellcheck shell=bash

"$TOP/scripts/everything-tree" tree
new_repository
larder backup -q "$PWD/tree"
larder restore -q "latest:$PWD/tree" --target first
same_tree tree first

cp -a repository copy
larder -r "$PWD/copy" restore -q "latest:$PWD/tree" --target second
same_tree tree second

rm repository/index.sqlite*
larder restore -q "latest:$PWD/tree" --target third
same_tree tree third
larder verify -q --read-data
larder verify -q --scrub
[ "$(sqlite3 repository/index.sqlite 'pragma integrity_check')" = ok ]

# Restoring onto what is there already changes nothing, and puts right what is wrong.
larder restore -q "latest:$PWD/tree" --target first --delete
same_tree tree first
printf x >>first/sizes/size-65536
rm -r first/links first/empties/empty
touch first/stranger
larder restore -q "latest:$PWD/tree" --target first --delete
same_tree tree first

# The same tree in another place is the same objects: nothing is stored again, and its contents have the same ids.
size=$(du -sb repository/packs | cut -f 1)
cp -a tree elsewhere
larder backup -q "$PWD/elsewhere"
grown=$(($(du -sb repository/packs | cut -f 1) - size))
[ "$grown" -lt 60000 ] || fail "an identical tree added $grown bytes"
