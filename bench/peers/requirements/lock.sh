#!/bin/sh
# Write each lock file anew from its .in file; needs `pip install uv`. torch, numpy and pillow are those of this project.
set -eu
cd "$(dirname "$0")"

for peer in *.in; do
    uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
        --custom-compile-command bench/peers/requirements/lock.sh "$peer" --output-file "${peer%.in}.txt"
done
