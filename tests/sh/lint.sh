# The scripts themselves: shell without what shellcheck knows to be wrong, Python that compiles, each says what it does.
# shellcheck shell=bash

cd "$TOP"
command -v shellcheck >/dev/null || skip "no shellcheck"
for script in .ci/run scripts/* tests/sh/*.sh; do
    [ -f "$script" ] || continue
    case $(head -n 1 "$script") in
    *python*) python3 -c 'import ast, sys; assert ast.get_docstring(ast.parse(open(sys.argv[1]).read()))' "$script" ;;
    *) shellcheck --exclude=SC1091,SC2164,SC2312 "$script" ;;
    esac
    lines=$(wc -l <"$script")
    [ "$lines" -le 800 ] || fail "$script has $lines lines"
done
for target in all build test test-integration bench lint fmt check-fmt doc coverage security install uninstall clean help; do
    make -s help | grep -q "^  $target " || fail "make help does not list $target"
    make -n "$target" DESTDIR=/nowhere BINARY=/bin/true >/dev/null
done
