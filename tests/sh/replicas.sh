# Three replicas of one repository: this one, a disk, and one behind serve-stdio; what travels, and what wins.
# shellcheck shell=bash

new_repository
mkdir tree
seq 1 30000 >tree/numbers
head -c 3000000 /dev/urandom >tree/random
ln tree/numbers tree/linked
ln -s numbers tree/symlink
larder backup -q "$PWD/tree" --tag first
echo more >tree/more
larder backup -q "$PWD/tree" --tag second

larder remote add -q disk "$PWD/disk"
larder remote add -q other "exec:exec larder serve-stdio '$PWD/other'"
[ "$(larder remote list | wc -l)" -eq 2 ] || fail "$(larder remote list)"

moved() { # moved WAY WHAT WORDS...: a number of the summary
    way=$1 what=$2
    shift 2
    larder sync --json "$@" | sed -n "s/.*\"$way\":{[^}]*\"$what\":\([0-9]*\).*/\1/p"
}

for remote in disk other; do
    [ "$(moved pushed snapshots --push "$remote")" -eq 2 ] || fail "the first push to $remote"
    for what in snapshots records packs objects bytes; do
        [ "$(moved pushed "$what" --push "$remote")" -eq 0 ] || fail "the second push to $remote moved $what"
    done
    larder -r "$remote" verify -q --read-data
done

# Wiped here, pulled again, the same.
larder snapshots >before
rm -r repository
[ "$(moved pulled snapshots --pull "exec:exec larder serve-stdio '$PWD/other'")" -eq 2 ] || fail "the pull"
larder snapshots >after
cmp before after
larder verify -q --read-data
larder restore -q "latest:$PWD/tree" --target out
same_tree tree out
larder remote add -q disk "$PWD/disk"
[ "$(larder sync disk)" = "nothing to carry: both sides have the same records" ] || fail "a replica that was made anew differs"

# A machine with another home, and the key: it forgets, and tags.
mkdir home2
there() { HOME=$PWD/home2 LARDER_REPOSITORY=$PWD/elsewhere larder "$@"; }
there sync -q --pull "$PWD/disk"
there forget -q first
there tag -q --add kept second
echo there >there
there backup -q "$PWD/there" --tag third
there sync -q
there gc -q
there verify -q --read-data

# It is so here, too, after both were synced, and what was deleted there does not come back from here.
larder sync -q disk
expect 10 larder show first >said 2>&1
larder show kept | grep -q '^Tags:.*kept' || fail "$(larder show kept)"
larder show third >said
larder gc -q
larder sync -q disk
larder sync -q origin
larder -r origin gc -q
[ -z "$(find other/leases -type f)" ] || fail "a gc from afar left a lease"
LARDER_REPOSITORY=$PWD/other larder gc -q
larder verify -q --read-data
for place in disk origin; do
    larder -r "$place" verify -q --read-data
    [ "$(larder ls-remote "$place" | wc -l)" -eq 2 ] || fail "$(larder ls-remote "$place")"
done

# Cut off in the middle by a kill, again and again: it goes on from there, and never does the other side read nonsense.
head -c 40000000 /dev/urandom >tree/large
larder backup -q "$PWD/tree" --tag fourth
for round in 1 2 3 4 5 6; do
    larder sync -q --push disk &
    pid=$!
    sleep "0.$round"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" || true
    larder -r "$PWD/disk" verify -q || fail "after kill $round"
done
larder sync -q
larder -r disk verify -q --read-data
expect 10 larder sync nowhere >said 2>&1
