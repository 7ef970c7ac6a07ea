#!/bin/bash
# A one-node Kubernetes on this machine. Builds what is missing into the cache, installs what Debian has, then runs the launcher:
# see README.md beside this file. Only the launcher's own output goes to stdout.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=$(realpath -m "${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}")/cluster
PATH=$PATH:/usr/sbin:/sbin # `su` without `-` leaves them out
kubernetes_version=v1.34.4 # that of go.mod

say() { echo "cluster.sh: $*" >&2; }
fail() { say "$1"; echo "  fix: $2" >&2; exit 1; }

find_go() {
    command -v go >/dev/null 2>&1 || PATH=$PATH:/usr/local/go/bin
    command -v go >/dev/null 2>&1 || fail "Go is needed, and there is no 'go' on PATH" "install Go 1.24 or later"
    # As it is installed: no other toolchain is fetched, and no workspace or flags from around this folder.
    export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off CGO_ENABLED=0
}

need_disk() { # FOLDER MIB WHAT-FOR
    mkdir -p "$1"
    local free
    free=$(df --output=avail -m "$1" | tail -1 | tr -d ' ')
    [ "$free" -ge "$2" ] || fail "$1 has $free MiB free; $3 needs $2 MiB" "free some space, or set SLUICE_CACHE to a folder on another disk"
}

# build NAME SOURCE-FOLDER INPUT-FILES... -- PACKAGE=OUTPUT...: builds the packages of a Go module into the cache, unless the
# same inputs were built before, and sets $built to the folder. Takes $ldflags, $build_note and $build_disk (MiB) from its caller.
build() {
    local name=$1 source=$2 inputs=() flags=$ldflags
    shift 2
    while [ "$1" != -- ]; do inputs+=("$1"); shift; done
    shift
    local key
    key=$(cd "$source" && { go version; echo "$flags" "$@"; sha256sum "${inputs[@]}"; } | sha256sum | cut -c1-16)
    built=$cache/$name-$key
    [ ! -e "$built/complete" ] || return 0
    mkdir -p "$cache"
    exec 8>"$cache/.$name.lock"
    flock 8
    if [ ! -e "$built/complete" ]; then
        say "building $name (once)${build_note:+, $build_note}"
        need_disk "$cache" 300 "the cluster's programs"
        need_disk "$(go env GOCACHE)" "$build_disk" "building $name"
        mkdir -p "$built"
        local target
        for target in "$@"; do
            (cd "$source" && go build -trimpath -ldflags "$flags" -o "$built/${target#*=}" "${target%%=*}" >&2) ||
                fail "building $name failed, see above" "if modules could not be fetched: check the network and GOPROXY ($(go env GOPROXY))"
        done
        touch "$built/complete"
        # What older versions of the inputs left; not what another work tree may be using today.
        find "$cache" -mindepth 1 -maxdepth 1 -name "$name-*" -mtime +7 ! -path "$built" -exec rm -rf {} +
    fi
    exec 8>&-
}

build_launcher() {
    build_disk=500 ldflags='-s -w' build_note='' build launcher "$here/launcher" go.mod $(cd "$here/launcher" && ls ./*.go pause/*.go config/*) -- .=cluster ./pause=pause
    launcher=$built
    export CLUSTER_PAUSE=$launcher/pause
}

build_kubernetes() {
    local set=k8s.io/component-base/version
    local minor=${kubernetes_version#v1.}
    build_disk=4000 ldflags="-s -w -X $set.gitVersion=$kubernetes_version -X $set.gitMajor=1 -X $set.gitMinor=${minor%%.*} -X $set.gitTreeState=clean" \
        build_note='some five minutes on two cores' \
        build kubernetes "$here/kubernetes" go.mod go.sum main.go provisioner.go -- .=kubernetes
    ln -sfn kubernetes "$built/kubectl"
    export CLUSTER_KUBERNETES=$built/kubernetes
    build_disk=500 ldflags='-s -w' build_note='' build coredns "$here/kubernetes" go.mod go.sum coredns/main.go -- ./coredns=coredns
    export CLUSTER_COREDNS=$built/coredns
}

build_cert_manager() {
    build_disk=1000 ldflags='-s -w' build_note='a minute or two' build cert-manager "$here/certmanager" go.mod go.sum main.go -- .=cert-manager
    export CLUSTER_CERT_MANAGER=$built/cert-manager
    if [ ! -d "$built/crds" ]; then # of the same version as the controllers: the module's own
        local module
        module=$(cd "$here/certmanager" && go mod download && go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)
        rm -rf "$built/crds.new"
        mkdir "$built/crds.new"
        cp "$module"/deploy/crds/*.yaml "$built/crds.new/"
        mv "$built/crds.new" "$built/crds"
    fi
}

install_packages() {
    local missing=() package
    for package in containerd runc containernetworking-plugins nftables conntrack socat iproute2; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "missing: ${missing[*]}, and there is no apt-get" "use Debian 12, or a cluster you have: CLUSTER=existing"
    say "installing ${missing[*]}"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"; } >&2 ||
        fail "apt-get could not install ${missing[*]}, see above" "check the network and /etc/apt/sources.list"
    # Debian starts a containerd of its own, of which the cluster makes no use. One that was there before stays as it is.
    case " ${missing[*]} " in *' containerd '*)
        if [ -d /run/systemd/system ]; then systemctl disable --now containerd >&2; fi
    esac
}

find_go
if [ "${CLUSTER:-}" = existing ]; then
    build_launcher
    if [ "${1:-}" = env ] && ! command -v helm >/dev/null 2>&1; then
        CLUSTER_HELM=$("$here/../tools/helm.sh")
        export CLUSTER_HELM
    fi
    exec "$launcher/cluster" "$@"
fi
case ${1:-} in
build)
    install_packages
    build_launcher
    build_kubernetes
    build_cert_manager
    "$here/../tools/helm.sh" >&2
    exit
    ;;
up | restart | cert-manager)
    [ "$(id -u)" = 0 ] || fail "this needs root: it makes network interfaces, mounts and cgroups" "run it as root, or use a cluster you have: CLUSTER=existing and KUBECONFIG"
    install_packages
    build_launcher
    build_kubernetes
    if [ "$1" = cert-manager ]; then build_cert_manager; fi
    ;;
env)
    build_launcher
    build_kubernetes
    CLUSTER_HELM=$("$here/../tools/helm.sh")
    export CLUSTER_HELM
    ;;
*)
    # Needs nothing but the launcher: `down` works on a tree that was never built.
    build_launcher
    ;;
esac
exec "$launcher/cluster" "$@"
