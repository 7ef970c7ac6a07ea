# shellcheck shell=bash
# The root file system below both Flink images: Debian with a headless JRE and the user flink. Sourced by ../build.sh.

JRE_PACKAGES=openjdk-17-jre-headless,procps,gettext-base,ca-certificates

# jre_rootfs: prints the path of the root file system as a tar.
jre_rootfs() {
	cached jre-rootfs "$(inputs_hash "$REPO" tests/images/jre "$DEBIAN_SUITE" "$JRE_PACKAGES")" tar 1500 jre_build
}

jre_build() {
	need mmdebstrap=mmdebstrap
	step "make the JRE root file system from Debian" jre_bootstrap
}

jre_bootstrap() {
	local sources="$WORK/sources.list" proxy="$WORK/apt.conf"
	# The machine's own mirrors, as apt resolved them.
	jre_sources >"$sources"
	if ! [ -s "$sources" ]; then
		apt_update
		jre_sources >"$sources"
	fi
	[ -s "$sources" ] || die "apt has no source for Debian $DEBIAN_SUITE: this needs Debian 12"
	# mmdebstrap does not read the machine's apt.conf: hand it the proxies.
	apt-config dump Acquire | sed -nE '/^Acquire::https?::.*".+"/p' >"$proxy"

	# Documentation and translations are a quarter of the files, and nothing here reads them. Set-user-ID programs have no
	# place in a container; nobody changes a password there. The JRE's installation stumbles over a missing folder for its manual pages.
	# shellcheck disable=SC2016 # mmdebstrap expands $1 in its hooks
	TMPDIR="$WORK" mmdebstrap --mode=root --variant=minbase --include="$JRE_PACKAGES" \
		--aptopt="$proxy" --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--essential-hook='mkdir -p "$1/usr/share/man/man1"' \
		--customize-hook='chroot "$1" groupadd --system --gid 9999 flink' \
		--customize-hook='chroot "$1" useradd --system --home-dir /opt/flink --no-create-home --uid 9999 --gid flink --shell /bin/bash flink' \
		--customize-hook='mkdir -p "$1/opt/java" && ln -s "$(cd "$1" && ls -d /usr/lib/jvm/java-17-openjdk-* | head -n 1)" "$1/opt/java/openjdk"' \
		--customize-hook='find "$1" -xdev -type f -perm /6000 -exec chmod ug-s {} +' \
		--customize-hook='rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/usr/share/java/* "$1/etc/resolv.conf" "$1/etc/hostname"' \
		"$DEBIAN_SUITE" "$WORK/rootfs.tar" - <"$sources"
	mv "$WORK/rootfs.tar" "$WORK/out"
}

jre_sources() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
		sed -nE "/ $DEBIAN_SUITE(-updates|-security)? main\$/p" | sort -u
}
