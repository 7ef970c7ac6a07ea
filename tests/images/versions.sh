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

# The newest flink-examples-streaming of the branch that Maven Central offers everywhere; its classes run on the version above.
flink_examples_version() {
	case $1 in
	1.20) echo 1.20.0 ;;
	2.3) echo 2.3.0 ;;
	*) die "no version of the Flink examples is pinned for '$1'" ;;
	esac
}

MAVEN_DEPENDENCY_PLUGIN=3.6.1
