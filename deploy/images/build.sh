#!/usr/bin/env bash
# Builds the product image without a daemon: both programs in one static binary, and CA certificates, from scratch, for uid 65532.
#
#   deploy/images/build.sh            prints the path of the OCI archive on stdout; progress goes to stderr
#   deploy/images/build.sh binaries   only builds and checks the programs, and prints the folder they are in
#
#   IMAGE_REF        name inside the archive, localhost/sluice:dev by default
#   IMAGE_REVISION   source revision for the label org.opencontainers.image.revision, none by default
#   CARGO_TARGET_DIR where cargo builds, target by default
# Needs root on Debian 12; installs what it lacks with apt.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
# shellcheck disable=SC2034 # lib.sh reads NAME and WORK
NAME=sluice
WORK=
# shellcheck source=lib.sh
. "$HERE/lib.sh"

IMAGE_REF=${IMAGE_REF:-localhost/sluice:dev}
BINARY=sluice-program
# What the binary is called, each by a link to it.
PROGRAMS=(sluice-webhook sluice-controller)

[ $# -eq 0 ] || [ "$*" = binaries ] || {
	sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

# cargo_build: builds the binary for the machine's own architecture and prints the folder it is in.
cargo_build() {
	local target flags link start code=0
	command -v cargo >/dev/null || die "cargo is missing: install Rust with rustup"
	need cc=gcc,libc6-dev readelf=binutils
	cd "$REPO" || die "cannot enter $REPO"
	target=$(rustc -vV | sed -n 's/^host: //p')
	case $target in
	*-unknown-linux-gnu) ;;
	*) die "the image needs a Rust toolchain for x86_64 or aarch64 -unknown-linux-gnu, this one is for ${target:-nothing}" ;;
	esac
	# Naming the target keeps the flag away from build scripts and procedural macros, which cannot be static.
	flags="CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$target")_RUSTFLAGS"
	start=$(now)
	say "[sluice] building the release binary, which takes minutes the first time"
	# Relocations in their packed form are a thirtieth, and of functions with the same code one is enough.
	link=(-C link-arg=-Wl,-z,pack-relative-relocs)
	case $target in x86_64-*) link+=(-C link-arg=-Wl,--icf=all) ;; esac # Rust links with LLD there
	env "$flags=-C target-feature=+crt-static" \
		cargo rustc --quiet --locked --release --target "$target" --package "$BINARY" --bin "$BINARY" -- "${link[@]}" >&2 || code=$?
	# Above 128 it was a signal: whoever sent it, or the kernel for want of memory, says nothing here.
	[ "$code" -eq 0 ] || die "cargo could not build $BINARY (exit code $code$([ "$code" -le 128 ] || printf ', ended by signal %s' $((code - 128))))"
	say "$(awk -v ms=$(($(now) - start)) 'BEGIN { printf "[sluice] %-52s %7.1f s", "build the release binary", ms / 1000 }')"
	printf '%s\n' "${CARGO_TARGET_DIR:-$REPO/target}/$target/release"
}

# check_static FILE: no interpreter and no shared library, or it does not start from scratch.
check_static() {
	[ -x "$1" ] || die "$1 was not built: its package has no program of that name"
	if readelf -lW "$1" | grep -q INTERP || readelf -dW "$1" | grep -q NEEDED; then
		die "$1 is linked dynamically: it would not start in an image without libraries"
	fi
}

ca_version() { apt-cache show --no-all-versions ca-certificates 2>/dev/null | sed -n 's/^Version: //p'; }

# ca_bundle: prints the path of Debian's CA certificates in one file; not the machine's own, which may trust more.
ca_bundle() {
	local version
	version=$(ca_version)
	if [ -z "$version" ]; then
		apt_update >&2
		version=$(ca_version)
	fi
	cached ca-bundle "$(inputs_hash "$REPO" "$version")" pem 10 ca_bundle_build
}

ca_bundle_build() {
	step "fetch Debian's CA certificates" ca_bundle_fetch
}

ca_bundle_fetch() {
	mkdir -p "$WORK/deb"
	apt_fetch "$WORK/deb" ca-certificates
	find "$WORK/deb/x/usr/share/ca-certificates/mozilla" -name '*.crt' | sort | xargs cat >"$WORK/bundle"
	mv "$WORK/bundle" "$WORK/out"
}

product_archive() {
	local folder=$1 bundle=$2 version
	version=$(product_version)
	cached sluice "$(inputs_hash "$REPO" deploy/images/build.sh "$(sha256sum <"$folder/$BINARY")" "$(basename "$bundle")" "$version" "$IMAGE_REF" "${IMAGE_REVISION:-}")" \
		tar 300 product_build "$folder" "$bundle" "$version"
}

product_build() {
	need buildah=buildah
	step "make the image" product_image "$@"
}

product_image() {
	local folder=$1 bundle=$2 version=$3 root="$WORK/root" container
	local labels=(
		--label "org.opencontainers.image.title=Sluice"
		--label "org.opencontainers.image.description=Apache Flink on Kubernetes: admission webhook and controller"
		--label "org.opencontainers.image.licenses=Apache-2.0"
		--label "org.opencontainers.image.version=$version"
	)
	[ -z "${IMAGE_REVISION:-}" ] || labels+=(--label "org.opencontainers.image.revision=$IMAGE_REVISION")
	mkdir -p "$root/etc/ssl/certs"
	install -m 755 "$folder/$BINARY" "$root"
	link_programs "$root"
	install -m 644 "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
	tar -C "$root" --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' --sort=name --mtime=@0 -cf "$WORK/layer.tar" etc "$BINARY" "${PROGRAMS[@]}"

	container=$(bud from scratch)
	bud add "$container" "$WORK/layer.tar" /
	bud config --user 65532:65532 --workingdir / --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
		"${labels[@]}" "$container"
	commit_archive "$container" "$IMAGE_REF"
}

# link_programs FOLDER: gives the binary there its programs' names.
link_programs() {
	local program
	for program in "${PROGRAMS[@]}"; do
		ln -sf "$BINARY" "$1/$program"
	done
}

folder=$(cargo_build)
check_static "$folder/$BINARY"
if [ "${1:-}" = binaries ]; then
	link_programs "$folder"
	printf '%s\n' "$folder"
	exit 0
fi
bundle=$(ca_bundle)
archive=$(product_archive "$folder" "$bundle")
say "[sluice] image $IMAGE_REF: $(awk -v b="$(stat -c %s "$archive")" 'BEGIN { printf "%.1f MB", b / 1e6 }') (the programs $(awk -v b="$(stat -c %s "$folder/$BINARY")" 'BEGIN { printf "%.1f MB", b / 1e6 }'), CA certificates)"
printf '%s\n' "$archive"
