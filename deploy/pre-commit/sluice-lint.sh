#!/bin/sh
# Builds the command line in the clone that pre-commit keeps of this repository, and runs it where pre-commit runs it.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
exec cargo run --quiet --release --locked --manifest-path "$here/Cargo.toml" --package sluice-cli -- lint "$@"
