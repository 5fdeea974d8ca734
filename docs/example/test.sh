# test.sh PROGRAM: counts words of which the number is known.
set -eu
expect() {
    said=$(printf '%s' "$1" | "$program" /dev/stdin | cut -f 2-)
    [ "$said" = "$(printf '%s' "$2" | tr ' ' '\t')" ] || { echo "'$1' has $said, not $2"; exit 1; }
    echo "ok: '$1' has $2"
}
program=$1
expect '' '0 0'
expect 'one' '1 3'
expect 'what you have, and how you made it' '8 4'
expect '  two  words ' '2 5'
