#!/usr/bin/env bash
# Builds the images that the tests and the demo run, as OCI archives in the cache, without a daemon.
#
#   tests/images/build.sh NAME...     NAME: busybox (ref busybox:1), flink-1.20 (flink:1.20), flink-2.3 (flink:2.3);
#                                     flink-dist-1.20, flink-dist-2.3: not an image, a tar of Flink's distribution
#
# stdout: one line per name, the archive's path. Progress goes to stderr. Built once per hash of the inputs.
# Needs root on Debian 12; installs what it lacks with apt.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
# shellcheck disable=SC2034 # lib.sh reads NAME and WORK
NAME=images
WORK=
# shellcheck source=../../deploy/images/lib.sh
. "$REPO/deploy/images/lib.sh"
# shellcheck source=versions.sh
. "$HERE/versions.sh"

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; }

[ $# -gt 0 ] || {
	usage
	exit 2
}

for name in "$@"; do
	case $name in
	busybox | flink-1.20 | flink-2.3 | flink-dist-1.20 | flink-dist-2.3) ;;
	*)
		usage
		say "error: no image named '$name'"
		exit 2
		;;
	esac
done

for name in "$@"; do
	case $name in
	busybox)
		# shellcheck source=busybox/build.sh
		. "$HERE/busybox/build.sh"
		busybox_archive
		;;
	flink-dist-*)
		# shellcheck source=flink/build.sh
		. "$HERE/flink/build.sh"
		flink_dist "${name#flink-dist-}"
		;;
	flink-*)
		# shellcheck source=flink/build.sh
		. "$HERE/flink/build.sh"
		flink_archive "${name#flink-}"
		;;
	esac
done
