#!/bin/sh
# Prints the path of the pinned helm binary, building it into the cache first when it is missing or of another version.
# Output on stdout is the path only; everything else goes to stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools.env"

cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
bin=$cache/bin
helm=$bin/helm

# The version is read from the binary's own build information: it needs no stamp file that could lie.
is_current() {
    [ -x "$helm" ] && go version -m "$helm" 2>/dev/null | awk '$1 == "mod" {print $2, $3}' | grep -qxF "helm.sh/helm/v3 $HELM_VERSION"
}

if ! command -v go >/dev/null 2>&1; then
    [ -x /usr/local/go/bin/go ] || { echo "helm.sh: Go is needed to build helm, and there is no 'go' on PATH" >&2; exit 1; }
    PATH=$PATH:/usr/local/go/bin
fi

if ! is_current; then
    mkdir -p "$bin"
    # Two tests that start at once build it once.
    exec 9>"$bin/.helm.lock"
    flock 9
    if ! is_current; then
        echo "building helm $HELM_VERSION (once, about two minutes) ..." >&2
        GOBIN=$bin CGO_ENABLED=0 go install -trimpath -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$HELM_VERSION" \
            "helm.sh/helm/v3/cmd/helm@$HELM_VERSION" >&2
        is_current || { echo "helm.sh: $helm is not $HELM_VERSION after go install; is GOFLAGS or GOOS set?" >&2; exit 1; }
    fi
fi
echo "$helm"
