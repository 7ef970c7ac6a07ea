# shellcheck shell=bash
# Flink's distribution and its image, laid out like the official one. Sourced by ../build.sh.

# shellcheck source=../jre/build.sh
. "$HERE/jre/build.sh"

# flink_dist BRANCH: prints the path of a tar whose root is FLINK_HOME (bin, conf, lib, plugins, licenses).
flink_dist() {
	local version
	version=$(flink_version "$1")
	cached "flink-dist-$1" "$(inputs_hash "$REPO" tests/images/flink/dist.sh "$version")" tar 1500 flink_dist_build "$version"
}

# flink_archive BRANCH: prints the path of the image's archive, with the ref flink:BRANCH.
flink_archive() {
	local rootfs dist examples version
	version=$(flink_version "$1")
	rootfs=$(jre_rootfs)
	dist=$(flink_dist "$1")
	examples=$(flink_examples "$1")
	cached "flink-$1" "$(inputs_hash "$REPO" tests/images/flink "$(basename "$rootfs")" "$(basename "$dist")" "$(basename "$examples")")" \
		tar 4000 flink_build "$1" "$version" "$rootfs" "$dist" "$examples"
}

# shellcheck source=dist.sh
. "$HERE/flink/dist.sh"
# shellcheck source=examples.sh
. "$HERE/flink/examples.sh"

flink_build() {
	local branch=$1 version=$2 rootfs=$3 dist=$4 examples=$5
	need buildah=buildah python3=python3 javac=openjdk-17-jdk-headless
	step "unpack Flink $version" flink_unpack "$dist" "$examples"
	step "compile the tiny job" flink_tiny_job
	step "lay out the image's own files" flink_layout
	step "make the image" flink_image "$branch" "$version" "$rootfs"
}

flink_unpack() {
	mkdir -p "$WORK/root/opt/flink/examples/streaming"
	tar -xf "$1" -C "$WORK/root/opt/flink"
	tar -xf "$2" -C "$WORK/root/opt/flink/examples/streaming"
}

flink_tiny_job() {
	local home="$WORK/root/opt/flink"
	# 11 is the oldest Java that both versions run on.
	javac -Xlint:all,-processing -Werror --release 11 -d "$WORK/classes" \
		-cp "$(printf '%s:' "$home"/lib/flink-dist-*.jar "$home"/lib/log4j-api-*.jar)" "$HERE"/flink/tinyjob/*.java
	python3 "$HERE/flink/jar.py" "$home/examples/streaming/TinyJob.jar" TinyJob "$WORK/classes:"
}

flink_layout() {
	local home="$WORK/root/opt/flink"
	python3 "$HERE/flink/conf.py" "$home/conf/config.yaml"
	mkdir -p "$home/log" "$home/opt"
	install -m 755 "$HERE/flink/docker-entrypoint.sh" "$WORK/root/docker-entrypoint.sh"
}

flink_image() {
	local branch=$1 version=$2 rootfs=$3 container
	# As in the official image: everything below FLINK_HOME is the user flink's, the entry point is root's.
	tar -C "$WORK/root" --owner=9999 --group=9999 --numeric-owner --sort=name -cf "$WORK/layer.tar" opt/flink
	tar -C "$WORK/root" --owner=0 --group=0 --numeric-owner -rf "$WORK/layer.tar" docker-entrypoint.sh
	rm -rf "$WORK/root"

	# Two layers, so that a node keeps the lower one once for both versions.
	container=$(bud from scratch)
	bud add "$container" "$rootfs" /
	bud commit --rm "$container" sluice-jre
	container=$(bud from sluice-jre)
	bud add "$container" "$WORK/layer.tar" /
	bud config --entrypoint '["/docker-entrypoint.sh"]' --cmd '["help"]' --workingdir /opt/flink \
		--port 6123 --port 8081 \
		--env FLINK_HOME=/opt/flink --env JAVA_HOME=/opt/java/openjdk \
		--env PATH=/opt/flink/bin:/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--label "org.opencontainers.image.title=Apache Flink $version for Sluice's tests" \
		--label "org.opencontainers.image.version=$version" "$container"
	commit_archive "$container" "flink:$branch"
}
