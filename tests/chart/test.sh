#!/bin/sh
# Tests of the Helm chart and of the manifests generated from it. They need no cluster.
#   tests/chart/test.sh              all of them
#   UPDATE=1 tests/chart/test.sh     writes the snapshots and the generated manifests anew, for review
#   tests/chart/test.sh --cluster    also lets a real API server check every manifest, by a dry run (KUBECONFIG)
set -eu
cd "$(dirname "$0")"

HELM=$(../tools/helm.sh)
export HELM
command -v go >/dev/null 2>&1 || PATH=$PATH:/usr/local/go/bin

if [ -n "${UPDATE:-}" ]; then
    mkdir -p snapshots
    ../../deploy/kustomize/generate.sh
else
    ../../deploy/kustomize/generate.sh --check
fi

tags=
if [ "${1:-}" = --cluster ]; then
    tags=cluster
fi
# -count=1: the tests read files that go's cache of test results does not know of.
go vet -tags="$tags" ./...
go test -count=1 -tags="$tags" ./...
