# docs/larder.schema.json and larder agree about what a manifest is: whether each key is known, and what may stand behind it.
# shellcheck shell=bash

python=${LARDER_TEST_PYTHON:-$TOP/target/test-python/bin/python3}
"$python" -c 'import jsonschema, tomllib' 2>/dev/null || python=python3
"$python" -c 'import jsonschema, tomllib' 2>/dev/null || skip "no Python with jsonschema: run scripts/test-tools"

mkdir good bad
# Every key that there is.
cp -r "$TOP/testdata/manifest/larder.toml" "$TOP/testdata/manifest/sub" good
mv good/larder.toml good/everything.toml
cp "$TOP/docs/example/larder.toml" good/example.toml
# The manifests that the reference shows.
awk '/^```/ { is_toml = $0 == "```toml"; number += is_toml; next } is_toml { print >"good/shown-" number ".toml" }' "$TOP/docs/MANIFEST.md"
[ -s good/shown-1.toml ] || fail "docs/MANIFEST.md shows no manifest"

# A task with one more line each, which both must refuse.
number=0
while read -r line; do
    number=$((number + 1))
    printf '[task.a]\ncmd = "true"\n%b\n' "$line" >"bad/$number.toml"
done <<'END_OF_LINES'
otputs = ["x"]
outputs = 3
inputs = ["a", 3]
script = "true"
timeout = "soon"
timeout = -1
retries = 101
retries = "many"
weight = 0
cache = "maybe"
sandbox = "strict"
env = { "A-B" = "x" }
env = ["1A=x"]
env = { A = false }
secret = ["a b"]
matrix = { os = [] }
matrix = { os = ["a", "a"] }
matrix = { os = ["a b"] }
memory = "1G"
[task."a b"]\ncmd = "true"
[task.b]
[pools]\nheavy = 0
[pools]\nheavy = "2"
[defaults]\noutputs = ["x"]
[other]
END_OF_LINES
[ "$number" -ge 25 ] || fail "only $number manifests"

for file in good/*.toml; do larder parse-manifest "$file" >/dev/null; done
for file in bad/*.toml; do expect 5 larder parse-manifest "$file" 2>/dev/null; done
"$python" - "$TOP/docs/larder.schema.json" <<'END_OF_PYTHON'
import glob, json, sys, tomllib
import jsonschema

schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
load = lambda path: tomllib.load(open(path, "rb"))
for path in glob.glob("good/*.toml"):
    faults = [f"{path}: {fault.json_path}: {fault.message}" for fault in validator.iter_errors(load(path))]
    assert not faults, faults
for path in glob.glob("bad/*.toml"):
    assert not validator.is_valid(load(path)), open(path).read()

# The manifest of every key has every key.
whole = load("good/everything.toml")
used = set(whole) | set(load("good/sub/larder.toml"))
assert used == set(schema["properties"]), used ^ set(schema["properties"])
used = {key for task in whole["task"].values() for key in task}
assert used == set(schema["$defs"]["task"]["properties"]), used ^ set(schema["$defs"]["task"]["properties"])
END_OF_PYTHON
