#!/bin/sh
# load-images.sh NAME...: builds the test images NAME... and the product's, and loads them into the cluster. With CLUSTER=existing
# it builds nothing: there the images have to come from a registry that the cluster reaches.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${CLUSTER:-}" = existing ]; then
    references=localhost/sluice:dev
    for name in "$@"; do
        case $name in
        busybox) references="$references, busybox:1" ;;
        *) references="$references, $(echo "$name" | tr - :)" ;;
        esac
    done
    echo "CLUSTER=existing: no image is built or loaded; the cluster's nodes have to have $references" >&2
    exit 0
fi
for name in "$@"; do
    archive=$("$root/tests/images/build.sh" "$name")
    "$root/tests/cluster/cluster.sh" load "$archive"
done
archive=$("$root/deploy/images/build.sh")
"$root/tests/cluster/cluster.sh" load "$archive"
# The image's name stays the same when its contents change: what installs Sluice puts this into the pods, so that they follow.
"$root/tests/tools/on-cluster.sh" kubectl annotate nodes --all --overwrite "sluice.test/image=$(basename "$archive" .tar)" >/dev/null
