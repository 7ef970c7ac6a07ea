# shellcheck shell=bash
# What deploy/images/build.sh and tests/images/build.sh share: the cache, timed steps, packages, buildah.
# Sourced, never run. stdout belongs to the caller (one archive path per line), all progress goes to stderr.

set -euo pipefail
export LC_ALL=C.UTF-8

CACHE="${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice}"
IMAGES="$CACHE/images"
# Archives that no build asked for in so many days are removed; a build that uses one touches it.
KEEP_DAYS=14
# Part of every key: raise it when a change in this file changes what archives hold.
FORMAT=1
# How long a build waits for another one that makes the same image, in seconds.
LOCK_SECONDS=3600

say() { printf '%s\n' "$*" >&2; }

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# remove DIR: never across a mount, which a killed build may have left.
remove() { rm -rf --one-file-system "$1"; }

# now: milliseconds since the epoch.
now() { date +%s%3N; }

# step TEXT COMMAND...: runs COMMAND in a subshell, its output in $WORK/log, and prints how long it took. When it fails,
# the end of that output is shown and the build ends.
step() {
	local text=$1 start rc
	shift
	start=$(now)
	set +e
	(
		set -euo pipefail
		"$@"
	) >"$WORK/log" 2>&1
	rc=$?
	set -e
	if [ "$rc" -ne 0 ]; then
		say "--- $text: failed, last lines of its output:"
		tail -n 30 "$WORK/log" >&2
		text="$NAME: \"$text\" failed (exit code $rc)$(hint "$WORK/log")"
		remove "$WORK"
		die "$text"
	fi
	say "$(awk -v ms=$(($(now) - start)) -v n="$NAME" -v t="$text" 'BEGIN { printf "[%s] %-52s %7.1f s", n, t, ms / 1000 }')"
}

# hint LOG: the likely cause, for the failures that are the machine's.
hint() {
	if grep -qiE 'no space left on device' "$1"; then
		printf '; no disk space left: free some under %s' "$CACHE"
	elif grep -qiE 'could not resolve|temporary failure (in name resolution|resolving)|connection (refused|timed out|reset)|no route to host|network is unreachable|max retries exceeded|could not transfer artifact|failed to fetch' "$1"; then
		printf '; a package registry (Debian, PyPI or Maven Central) could not be reached: check the network and the proxy settings of apt, pip and Maven'
	elif grep -qiE 'unable to locate package|has no installation candidate' "$1"; then
		printf '; apt does not know the package: this needs Debian 12 with its main component'
	fi
}

need_root() {
	[ "$(id -u)" -eq 0 ] || die "$NAME: building images needs root (ownership inside the layers, apt, buildah); run it as root"
}

# need_space MEGABYTES: refuses early instead of failing half way.
need_space() {
	local free
	mkdir -p "$IMAGES" || die "cannot create $IMAGES: set SLUICE_CACHE to a folder that can be written"
	free=$(df -Pm "$IMAGES" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] || die "$NAME: needs $1 MB free under $IMAGES, there are $free MB: free some or set SLUICE_CACHE to another disk"
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}

# apt_update: waits for the lists lock too, which DPkg::Lock::Timeout does not cover.
apt_update() {
	local log i
	log=$(mktemp)
	for i in $(seq 60); do
		if apt_get update >"$log" 2>&1; then
			break
		fi
		if ! grep -q 'Could not get lock' "$log" || [ "$i" -eq 60 ]; then
			cat "$log"
			rm -f "$log"
			return 1
		fi
		sleep 2
	done
	cat "$log"
	rm -f "$log"
}

# apt_known PACKAGE...: apt's lists offer all of them.
apt_known() {
	local package
	for package in "$@"; do
		apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 1
	done
}

apt_install() {
	command -v apt-get >/dev/null || {
		echo "apt-get is missing: this needs Debian 12, or install yourself: $*"
		return 1
	}
	apt_known "$@" || apt_update
	# Lists that are too old name package files that no longer exist: then once more with new ones.
	apt_get install --no-install-recommends "$@" || {
		apt_update
		apt_get install --no-install-recommends "$@"
	}
}

# need COMMAND=PACKAGE[,PACKAGE]...: installs the packages whose command is missing.
need() {
	local pair missing=()
	for pair in "$@"; do
		pair=${pair//,/ }
		# shellcheck disable=SC2206 # several packages for one command
		command -v "${pair%%=*}" >/dev/null || missing+=(${pair#*=})
	done
	if [ ${#missing[@]} -gt 0 ]; then
		need_root
		step "install ${missing[*]}" apt_install "${missing[@]}"
	fi
}

# apt_fetch DIR PACKAGE: downloads the package's file into DIR without installing it, and unpacks it to DIR/x.
apt_fetch() {
	apt_known "$2" || apt_update
	(cd "$1" && { apt_get download "$2" || { apt_update && apt_get download "$2"; }; })
	dpkg-deb -x "$1/$2"_*.deb "$1/x"
}

# inputs_hash DIR FILE-OR-TEXT...: names, executable bits and contents of the files named (folders: all files below,
# relative to DIR), any other argument as text, the machine's architecture and FORMAT.
inputs_hash() {
	local dir=$1 arg
	shift
	(
		cd "$dir"
		printf '%s %s\n' "$FORMAT" "$(uname -m)"
		for arg in "$@"; do
			if [ -e "$arg" ]; then
				find "$arg" -type f | sort | while read -r file; do
					# Git keeps no more of the mode than this, the rest is the umask's.
					[ -x "$file" ] && printf '%s x ' "$file" || printf '%s - ' "$file"
					sha256sum <"$file"
				done
			else
				printf 'text %s\n' "$arg"
			fi
		done
	) | sha256sum | cut -c1-16
}

# cached NAME HASH SUFFIX MEGABYTES COMMAND: prints $IMAGES/NAME-HASH.SUFFIX. When it is not there, COMMAND must write
# $WORK/out; only a whole file is moved to its place. Two builds of the same name wait for each other.
cached() {
	local name=$1 hash=$2 suffix=$3 megabytes=$4
	shift 4
	local file="$IMAGES/$name-$hash.$suffix" start outer_work=${WORK:-} outer_name=${NAME:-}
	NAME=$name
	mkdir -p "$IMAGES" || die "cannot create $IMAGES: set SLUICE_CACHE to a folder that can be written"
	local fd
	exec {fd}>"$IMAGES/.lock-$name"
	flock -w "$LOCK_SECONDS" "$fd" || die "$name: another build holds $IMAGES/.lock-$name for $((LOCK_SECONDS / 60)) minutes"
	if [ ! -s "$file" ]; then
		need_root
		need_space "$megabytes"
		start=$(now)
		WORK="$IMAGES/.work-$name"
		remove "$WORK"
		mkdir -p "$WORK"
		"$@"
		[ -s "$WORK/out" ] || die "$name: the build wrote nothing"
		mv "$WORK/out" "$file"
		remove "$WORK"
		find "$IMAGES" -maxdepth 1 -name "$name-????????????????.$suffix" -mtime +"$KEEP_DAYS" -delete
		say "[$name] built in $((($(now) - start) / 1000)) s, $(du -m "$file" | cut -f1) MB: $file"
	fi
	touch "$file"
	exec {fd}>&-
	WORK=$outer_work NAME=$outer_name
	printf '%s\n' "$file"
}

# bud ARGUMENTS...: buildah with its storage inside $WORK, so that nothing of it stays behind.
bud() {
	buildah --storage-driver=vfs --root "$WORK/storage" --runroot "$WORK/run" "$@"
}

# commit_archive CONTAINER REF: writes the container as an OCI archive to $WORK/out.
commit_archive() {
	bud commit --format oci "$1" "oci-archive:$WORK/out.tmp:$2"
	mv "$WORK/out.tmp" "$WORK/out"
}

# product_version: the workspace's version.
product_version() {
	sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"$/\1/p' "$REPO/Cargo.toml"
}
