# shellcheck shell=bash
# Every version that the test images pin, once. Sourced by build.sh and test.sh.
# shellcheck disable=SC2034 # read by the scripts that source this

DEBIAN_SUITE=bookworm

# Distribution: PyPI's apache-flink (scripts, configuration) and apache-flink-libraries (jars), which carry the same version.
flink_version() {
	case $1 in
	1.20) echo 1.20.5 ;;
	2.3) echo 2.3.0 ;;
	*) die "no Flink version is pinned for '$1'" ;;
	esac
}
