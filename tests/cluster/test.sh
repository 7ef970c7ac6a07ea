#!/bin/bash
# Tests the cluster itself: the launcher's parts, and one whole cluster on a machine of its own (isolated.sh), beside one that may be
# in use. Needs root. Arguments go to `go test` of the whole cluster, such as -run TestRefusals.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset CLUSTER

# Whatever is built or installed is so before: the isolated machine has no way out. This also puts Go, kubectl and helm into PATH.
command -v go >/dev/null 2>&1 || PATH=$PATH:/usr/local/go/bin
"$here/cluster.sh" build
eval "$("$here/cluster.sh" env)"
BUSYBOX_ARCHIVE=$(mktemp)
trap 'rm -f "$BUSYBOX_ARCHIVE"' EXIT
cp "$("$here/../images/build.sh" busybox)" "$BUSYBOX_ARCHIVE"
export BUSYBOX_ARCHIVE GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off

cd "$here/launcher"
gofmt=$(gofmt -l .)
[ -z "$gofmt" ] || { echo "gofmt would change: $gofmt" >&2; exit 1; }
go vet ./... && go vet -tags integration ./...
go test ./...
"$here/isolated.sh" go test -tags integration -count=1 -timeout 20m "$@" ./integration
