#!/bin/sh
# Prints the path of the pinned helm binary, building it into the cache first when it is missing or of another version.
# Output on stdout is the path only; everything else goes to stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools.env"

cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
bin=$cache/bin
helm=$bin/helm

# Both are set when linking, below: a helm from a plain `go install` calls itself v3.21 and takes every cluster for Kubernetes 1.20.
is_current() {
    [ -x "$helm" ] && [ "$("$helm" version --template '{{.Version}}' 2>/dev/null)" = "$HELM_VERSION" ]
}

if is_current; then
    echo "$helm"
    exit 0
fi

if ! command -v go >/dev/null 2>&1; then
    [ -x /usr/local/go/bin/go ] || { echo "helm.sh: Go is needed to build helm, and there is no 'go' on PATH" >&2; exit 1; }
    PATH=$PATH:/usr/local/go/bin
fi

mkdir -p "$bin"
# Two tests that start at once build it once.
exec 9>"$bin/.helm.lock"
flock 9
if ! is_current; then
    echo "building helm $HELM_VERSION (once, about two minutes) ..." >&2
    kube=$(echo "$HELM_KUBE_VERSION" | tr . ' ')
    flags="-s -w -X helm.sh/helm/v3/internal/version.version=$HELM_VERSION"
    for package in pkg/chartutil pkg/lint/rules; do
        flags="$flags -X helm.sh/helm/v3/$package.k8sVersionMajor=${kube% *} -X helm.sh/helm/v3/$package.k8sVersionMinor=${kube#* }"
    done
    GOBIN=$bin CGO_ENABLED=0 go install -trimpath -ldflags "$flags" "helm.sh/helm/v3/cmd/helm@$HELM_VERSION" >&2
    is_current || { echo "helm.sh: $helm is not $HELM_VERSION after go install" >&2; exit 1; }
fi
echo "$helm"
