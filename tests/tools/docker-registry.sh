#!/bin/sh
# Prints the path of Debian's docker-registry, fetching it into the cache first when it is missing. It is unpacked, not installed: the package would start a
# service of its own on port 5000.
# Output on stdout is the path only; everything else goes to stderr.
set -eu

cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
folder=$cache/docker-registry
binary=$folder/usr/bin/docker-registry

if ! [ -x "$binary" ]; then
    command -v apt-get >/dev/null 2>&1 || {
        echo "docker-registry.sh: there is no apt-get" >&2
        echo "  fix: put a docker-registry to $binary" >&2
        exit 1
    }
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/docker-registry.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # Fetched as root, who may not be able to drop to the user _apt in a folder of his own.
    chmod 755 "$work"
    (
        cd "$work"
        apt-get -qq -o APT::Sandbox::User=root download docker-registry ||
            { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download docker-registry; }
    ) >&2 || {
        echo "docker-registry.sh: apt-get could not fetch docker-registry" >&2
        echo "  fix: check the network and /etc/apt/sources.list" >&2
        exit 1
    }
    dpkg -x "$work"/docker-registry_*.deb "$work/root"
    rm -rf "$folder"
    mv "$work/root" "$folder"
fi
echo "$binary"
