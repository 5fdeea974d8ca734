# Directories deeper than PATH_MAX are backed up and come back.
# shellcheck shell=bash

"$TOP/scripts/everything-tree" tree --beyond-path-max --big-bytes 1000
mkdir only
mv tree/deep only/deep
new_repository
larder backup -q "$PWD/only"
larder restore -q "latest:$PWD/only" --target out
"$TOP/scripts/same-tree" only out
larder verify -q
