#!/bin/sh
# left-out.sh TESTS REASON: whether TESTS are left out: with CLUSTER=existing, and then it says so. For tests that need more than the
# cluster that KUBECONFIG names, which is all that such a run may touch. Without CLUSTER=existing nothing is left out.
[ "${CLUSTER:-}" = existing ] || exit 1
printf '\n==> %s: LEFT OUT with CLUSTER=existing, because %s\n' "$1" "$2"
