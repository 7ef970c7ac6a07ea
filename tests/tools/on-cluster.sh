#!/bin/sh
# on-cluster.sh COMMAND...: runs a command with kubectl, helm and KUBECONFIG of the cluster of `make up`, or of the one that
# CLUSTER=existing and KUBECONFIG name.
set -eu
environment=$("$(dirname "$0")/../cluster/cluster.sh" env)
eval "$environment"
exec "$@"
