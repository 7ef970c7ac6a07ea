#!/usr/bin/env bash
# Builds the images where they are missing, and tests their archives; Flink is started from each of its images, in a network
# namespace that has only the loopback.
#
#   tests/images/test.sh [NAME...]    NAME: busybox, flink-1.20, flink-2.3, product; all by default
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
# shellcheck disable=SC2034 # lib.sh reads NAME and WORK
NAME=images-test
WORK=
# shellcheck source=../../deploy/images/lib.sh
. "$REPO/deploy/images/lib.sh"
# shellcheck source=versions.sh
. "$HERE/versions.sh"

need_root
need_space 4000
WORK=$(mktemp -d "$IMAGES/.test-XXXXXX")
trap 'rm -rf "$WORK"' EXIT
need python3=python3 unshare=util-linux ip=iproute2

[ $# -gt 0 ] || set -- busybox flink-1.20 flink-2.3 product
for name in "$@"; do
	case $name in
	product)
		archive=$("$REPO/deploy/images/build.sh")
		version=$(product_version)
		;;
	flink-*)
		archive=$("$HERE/build.sh" "$name")
		version=$(flink_version "${name#flink-}")
		;;
	*)
		archive=$("$HERE/build.sh" "$name")
		version=1
		;;
	esac
	say "[$NAME] $name"
	TMPDIR="$WORK" python3 "$HERE/check.py" "$name" "$archive" "$version" >&2
done
say "[$NAME] all passed: $*"
