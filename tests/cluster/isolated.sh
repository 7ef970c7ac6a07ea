#!/bin/bash
# isolated.sh COMMAND...: runs a command as root of a machine of its own, as far as processes, network, mounts, cgroups and the
# folders /run and /var go. So the cluster's own test can start and end clusters beside one that is in use, and sees exactly what
# is left behind and every packet that would leave. All of it ends with the command.
#
# Inside: the network has `outside0`, a way out that swallows what it is given, as the default route. /var and /run are layers
# over the machine's own; $ISOLATED_CHANGES holds what was changed in them. $ISOLATED_DISK is an empty folder on a real disk.
set -euo pipefail

cgroups() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2, $3, $4}' /proc/mounts; }

inside() {
    mount -t proc proc /proc
    # Of the new network and cgroup namespaces, with the same hierarchies in the same places.
    local hierarchies point kind options
    hierarchies=$(cgroups)
    mount -t sysfs sysfs /sys
    mount -t tmpfs tmpfs /sys/fs/cgroup
    while read -r point kind options; do
        options=$(sed -E 's/\b(rw|ro|relatime|nosuid|nodev|noexec|nsdelegate|memory_recursiveprot|favordynmods|release_agent=[^,]*|xattr)\b,?//g; s/,+$//' <<<"$options")
        if [ "$point" != /sys/fs/cgroup ]; then mkdir -p "$point"; fi
        mount -t "$kind" ${options:+-o "$options"} "$kind" "$point"
        if [ "$kind" = cgroup2 ] && [ -s "$point/cgroup.controllers" ]; then
            # Only a cgroup without processes of its own can give its children controllers.
            mkdir "$point/isolated"
            echo $$ >"$point/isolated/cgroup.procs"
        fi
    done <<<"$hierarchies"

    ip link set dev lo up
    ip link add outside0 type veth peer name nowhere
    local end
    for end in outside0 nowhere; do # so that nothing but the cluster has reason to send
        if [ -e "/proc/sys/net/ipv6/conf/$end" ]; then echo 1 >"/proc/sys/net/ipv6/conf/$end/disable_ipv6"; fi
    done
    ip address add 198.51.100.2/24 dev outside0
    ip link set dev nowhere up
    ip link set dev outside0 up
    ip route add default via 198.51.100.1 dev outside0
    ip neighbour add 198.51.100.1 lladdr 02:00:00:00:00:01 dev outside0 nud permanent

    mount -t tmpfs tmpfs /mnt
    export ISOLATED_CHANGES=/mnt
    local folder
    for folder in var run; do
        mkdir -p "/mnt/$folder" "/mnt/.$folder"
        mount -t overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder,workdir=/mnt/.$folder" overlay "/$folder"
    done
    # Touched, so that the layer holds them from the start: whoever makes and removes something in them leaves no trace but that.
    touch /var/lib /var/log /var/cache /var/tmp
    # A cluster in use beside this one has these.
    rm -rf /var/lib/kubelet /var/lib/cni /var/log/containers /run/containerd
    "$@"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
    exit
fi

[ "$(id -u)" = 0 ] || { echo "isolated.sh: this needs root" >&2; exit 1; }
name=isolated-$$
ISOLATED_DISK=$(mktemp -d "${TMPDIR:-/tmp}/isolated.XXXXXX")
export ISOLATED_DISK
clean() {
    local point
    while read -r point _; do
        echo $$ >"$point/cgroup.procs"
        # Not there in a hierarchy that was not reached.
        if [ -d "$point/$name" ]; then find "$point/$name" -depth -type d -exec rmdir {} \;; fi
    done < <(cgroups)
    rm -rf --one-file-system "$ISOLATED_DISK"
}
trap clean EXIT
while read -r point kind _; do
    if [ "$kind" = cgroup2 ]; then
        sed 's/[^ ]*/+&/g' "$point/cgroup.controllers" >"$point/cgroup.subtree_control"
    fi
    mkdir "$point/$name"
    for file in cpuset.cpus cpuset.mems; do # of cgroup v1, where they start empty
        if [ "$kind" = cgroup ] && [ -e "$point/$file" ]; then cat "$point/$file" >"$point/$name/$file"; fi
    done
    echo $$ >"$point/$name/cgroup.procs"
done < <(cgroups)
unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child --propagation private "$0" --inside "$@"
