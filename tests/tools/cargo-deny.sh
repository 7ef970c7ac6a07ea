#!/bin/sh
# cargo-deny.sh ARGUMENTS...: runs the pinned cargo-deny, building it into the cache first when it is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools.env"
tools=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}/cargo-deny-$CARGO_DENY_VERSION
if [ ! -x "$tools/bin/cargo-deny" ]; then
    mkdir -p "$tools"
    # Its own target folder: the workspace's may hold a debug build of the same crates.
    CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --root "$tools" "cargo-deny@$CARGO_DENY_VERSION"
    rm -rf "$tools/target"
fi
exec "$tools/bin/cargo-deny" "$@"
