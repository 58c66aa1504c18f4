#!/bin/sh
# Write the three lock files anew from their .in files; needs `pip install uv`.
# Development goes first and the others are held to it, so that one package has one version everywhere.
# A version that still fits stays: to take newer ones, delete requirements-dev.txt first.
set -eu
cd "$(dirname "$0")"

compile() {
    uv pip compile --quiet --universal --python-version 3.11 --no-annotate --custom-compile-command docker/lock.sh "$@"
}

compile requirements-dev.in --output-file requirements-dev.txt
compile requirements-torch.in --constraint requirements-dev.txt --output-file requirements-torch.txt
compile requirements.in --constraint requirements-dev.txt --output-file requirements.txt
