package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// probe is the name of the network interfaces that preflight makes for a moment.
const probe = "sluiceprobe"

// What a cluster with Flink images needs, roughly.
const wantedDisk = 3 << 30

// preflight finds what would make `up` fail later and less clearly. It reports everything that is wrong at once.
func preflight(l layout, b binaries) error {
	if os.Geteuid() != 0 {
		return failf("this needs root: it makes network interfaces, mounts and cgroups", "run it as root, or use a cluster you have: CLUSTER=existing and KUBECONFIG")
	}
	problems := []error{checkPrograms(), checkKernel(procfs, bridgeExists()), checkDisk(l), checkBridge(l), checkRoutes()}
	problems = append(problems, checkPorts(l, b)...)
	return errors.Join(problems...)
}

func checkPrograms() error {
	var missing []string
	for _, program := range []string{containerdProgram, "/usr/bin/ctr", "runc", "nft", "ip", "conntrack", "/usr/lib/cni/bridge", "/usr/lib/cni/host-local", "/usr/lib/cni/loopback"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return failf("programs are missing: "+strings.Join(missing, ", "), "run tests/cluster/cluster.sh, which installs them, rather than the launcher itself")
	}
	return nil
}

// checkKernel tries each feature rather than asking for the kernel's version or configuration. In proc the kernel tells of
// itself; networked says that a cluster runs, whose network interfaces have shown that there can be such.
func checkKernel(proc string, networked bool) error {
	var problems []error
	missing := func(feature string, err error) {
		problems = append(problems, failf(fmt.Sprintf("the kernel has no %s (%v)", feature, err),
			"use a kernel with it, or load its module; in a container: run it privileged, or on the machine itself"))
	}
	filesystems, err := os.ReadFile(filepath.Join(proc, "filesystems"))
	if err != nil || !strings.Contains(string(filesystems), "\toverlay\n") {
		if _, err := run("modprobe", "overlay"); err != nil {
			missing("overlayfs", err)
		}
	}
	if !networked {
		_, _ = run("ip", "link", "delete", "dev", probe) // of an `up` that was killed right here
		for feature, arguments := range map[string][]string{
			"bridge": {"link", "add", probe, "type", "bridge"},
			"veth":   {"link", "add", probe, "type", "veth", "peer", "name", probe + "p"},
		} {
			if _, err := run("ip", arguments...); err != nil {
				missing(feature+" network interfaces", err)
			} else if _, err := run("ip", "link", "delete", "dev", probe); err != nil {
				problems = append(problems, err)
			}
		}
	}
	rules := exec.Command("nft", "-c", "-f", "-")
	rules.Stdin = strings.NewReader(strings.ReplaceAll(guardRules, guardTable, guardTable+"_probe"))
	if output, err := rules.CombinedOutput(); err != nil {
		missing("nftables", fmt.Errorf("%w: %.200s", err, output))
	}
	if _, err := os.Stat(filepath.Join(proc, "sys/net/bridge/bridge-nf-call-iptables")); err != nil {
		if _, err := run("modprobe", "br_netfilter"); err != nil {
			missing("bridge netfilter (br_netfilter)", err)
		}
	}
	if _, err := cgroupHierarchies(proc); err != nil {
		missing("usable cgroups", err)
	}
	return errors.Join(problems...)
}

func checkDisk(l layout) error {
	folder := existingParent(l.state)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return err
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < wantedDisk {
		return failf(fmt.Sprintf("%s has %d MiB free, a cluster with images needs some %d MiB", folder, free>>20, wantedDisk>>20),
			"free some space, or set SLUICE_CLUSTER_DIR to a folder on another disk")
	}
	return nil
}

func checkBridge(l layout) error {
	owner, exists := bridgeHolder()
	if !exists || owner == bridgeOwner(l) {
		return nil
	}
	if other, ours := strings.CutPrefix(owner, "sluice-cluster:"); ours {
		return failf("another cluster runs on this machine, with its state in "+other,
			"use that one (SLUICE_CLUSTER_DIR=%s), or take it down first: SLUICE_CLUSTER_DIR=%s tests/cluster/cluster.sh down", other, other)
	}
	if _, err := os.Stat(l.path(networkClaim)); err == nil && owner == "" {
		return nil // an `up` of ours was killed right after making it
	}
	return failf("a network interface named "+bridgeName+" is there already, and no cluster of this launcher made it",
		"find out whose it is (ip -d link show %s), and remove it if it is a leftover: ip link delete %s", bridgeName, bridgeName)
}

// checkRoutes refuses to shadow networks that the machine reaches by other interfaces.
func checkRoutes() error {
	output, err := run("ip", "-4", "route", "show", "table", "all")
	if err != nil {
		return err
	}
	if conflict := conflictingRoute(output); conflict != "" {
		return failf(fmt.Sprintf("the machine has a route into the cluster's ranges %s and %s: %s", podRange, serviceNet, conflict),
			"stop the other Kubernetes or VPN that made the route")
	}
	return nil
}

func conflictingRoute(routes string) string {
	ours := []netip.Prefix{netip.MustParsePrefix(podRange), netip.MustParsePrefix(serviceNet)}
	for _, line := range strings.Split(routes, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.Contains(line+" ", " dev "+bridgeName+" ") {
			continue
		}
		for _, field := range fields[:min(2, len(fields))] { // "10.0.0.0/8 dev …", "local 10.1.2.3 dev …"
			destination, err := netip.ParsePrefix(field)
			if err != nil {
				address, err := netip.ParseAddr(field)
				if err != nil {
					continue
				}
				destination = netip.PrefixFrom(address, address.BitLen())
			}
			for _, own := range ours {
				// A wider route, such as the default one, is fine: ours is the more specific.
				if own.Contains(destination.Addr()) && destination.Bits() >= own.Bits() {
					return strings.TrimSpace(line)
				}
			}
		}
	}
	return ""
}

// checkPorts names who has a port that a component which does not run yet is going to need.
func checkPorts(l layout, b binaries) []error {
	listeners, err := tcpListeners()
	if err != nil {
		return []error{err}
	}
	var problems []error
	for _, c := range components(l, b) {
		if running(l, c.name) != 0 {
			continue
		}
		for _, address := range c.listens {
			wanted := netip.MustParseAddrPort(address)
			for _, held := range listeners {
				if !held.conflicts(wanted) {
					continue
				}
				holder := held.holder()
				if holder.cluster == l.state {
					continue // a stray of this cluster, which `up` ends before it starts the component
				}
				fix := "stop it, or use another machine"
				if holder.cluster != "" {
					fix = "take that cluster down first: SLUICE_CLUSTER_DIR=" + holder.cluster + " tests/cluster/cluster.sh down"
				}
				problems = append(problems, failf(fmt.Sprintf("%s needs %s, but %s listens there", c.name, address, holder), "%s", fix))
			}
		}
	}
	return problems
}
