#!/usr/bin/env bash
# Builds the example plugins and prints the folder with them: go.wasm, assemblyscript.wasm.
# Kept in ${SLUICE_CACHE:-~/.cache/sluice}, by what they are built from. Needs Go and Node.js with npm.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SLUICE_CACHE:-$HOME/.cache/sluice}/plugins
export PATH=$PATH:/usr/local/go/bin

die() {
	echo "build.sh: $1" >&2
	exit 1
}

# inputs DIR: a name for what is in it, and for the tools that build it.
inputs() {
	(
		cd "$1"
		find . -type f -not -path './build/*' -not -path './node_modules/*' -print0 | sort -z | xargs -0 sha256sum
		cat "$HERE/build.sh"
		"${@:2}"
	) | sha256sum | cut -c1-16
}

build_go() {
	cd "$HERE/go"
	GOOS=wasip1 GOARCH=wasm GOFLAGS=-mod=mod go build -trimpath -ldflags '-s -w' -o "$1" .
}

build_assemblyscript() {
	local work
	work=$(mktemp -d)
	cp "$HERE"/assemblyscript/*.ts "$HERE"/assemblyscript/*.json "$work"
	cd "$work"
	npm ci --no-audit --no-fund --silent
	npm run --silent build
	cp build/plugin.wasm "$1"
	rm -rf "$work"
}

command -v go >/dev/null || die "go is missing: install Go"
command -v npm >/dev/null || die "npm is missing: install Node.js, on Debian: apt-get install nodejs npm"
name=$(inputs "$HERE/go" go version)-$(inputs "$HERE/assemblyscript" node --version)
if [ ! -e "$CACHE/$name/complete" ]; then
	mkdir -p "$CACHE"
	made=$(mktemp -d "$CACHE/making.XXXXXX")
	trap 'rm -rf "$made"' EXIT
	(build_go "$made/go.wasm") >&2
	(build_assemblyscript "$made/assemblyscript.wasm") >&2
	touch "$made/complete"
	# Whoever builds at the same time makes the same.
	mv -T "$made" "$CACHE/$name" 2>/dev/null || [ -e "$CACHE/$name/complete" ]
	for old in "$CACHE"/*; do
		case $old in "$CACHE/$name" | "$CACHE"/making.*) ;; *) rm -rf "$old" ;; esac
	done
fi
printf '%s\n' "$CACHE/$name"
