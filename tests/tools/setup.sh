#!/bin/sh
# What a build on a fresh Debian machine needs beside Rust and Go: a C compiler (Rust's linker, and the assembly of the ring
# crate), Node.js for an example plugin. Does nothing where it is there. The cluster's and the images' scripts install what they themselves need.
set -eu

fail() {
    echo "setup.sh: $1" >&2
    echo "  fix: $2" >&2
    exit 1
}

for tool in cargo go python3 git; do
    command -v "$tool" >/dev/null 2>&1 || [ -x "/usr/local/go/bin/$tool" ] || [ -x "$HOME/.cargo/bin/$tool" ] ||
        fail "$tool is needed and is not on PATH" "install Git, Rust (rustup), Go and Python 3 first; README.md names the versions"
done

missing=
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
# The example plugin in AssemblyScript.
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
[ -n "$missing" ] || exit 0
[ "${CLUSTER:-}" != existing ] || fail "missing:$missing, and CLUSTER=existing installs nothing on this machine" "install them"
[ "$(id -u)" = 0 ] || fail "missing:$missing" "run this as root, or install them"
command -v apt-get >/dev/null 2>&1 || fail "missing:$missing, and there is no apt-get" "install them"
echo "installing$missing"
# shellcheck disable=SC2086 # a list of words
{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $missing; } >/dev/null ||
    fail "apt-get could not install$missing" "check the network and /etc/apt/sources.list"
