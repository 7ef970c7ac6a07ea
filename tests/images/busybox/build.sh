# shellcheck shell=bash
# busybox:1 from Debian's static busybox: a shell, wget, nc and httpd for pods that only have to run. Sourced by ../build.sh.

busybox_archive() {
	cached busybox "$(inputs_hash "$REPO" tests/images/busybox)" tar 50 busybox_build
}

busybox_build() {
	need buildah=buildah
	step "fetch busybox-static" busybox_fetch
	step "make the image" busybox_image
}

busybox_fetch() {
	mkdir -p "$WORK/deb"
	apt_fetch "$WORK/deb" busybox-static
}

busybox_image() {
	local root="$WORK/root" applet
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,home,proc,root,sys,dev,var/run}
	mkdir -m 1777 "$root/tmp"
	install -m 755 "$WORK/deb/x/bin/busybox" "$root/bin/busybox"
	"$root/bin/busybox" --list-full | while read -r applet; do
		[ "$applet" = bin/busybox ] || ln -sf /bin/busybox "$root/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	tar -C "$root" --owner=0 --group=0 --numeric-owner --sort=name -cf "$WORK/layer.tar" .

	local container
	container=$(bud from scratch)
	bud add "$container" "$WORK/layer.tar" /
	bud config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd '["sh"]' "$container"
	commit_archive "$container" busybox:1
}
