package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// guardRules keep the cluster's packets on this machine, whatever kube-proxy and pods do: between pods all is open; from a pod
// nothing is forwarded to another interface and nothing the other way; what this machine sends to a pod or a service leaves by
// the bridge or not at all; and from outside nobody reaches the addresses that the machine has for its pods.
const guardRules = `
table inet ` + guardTable + ` {
	counter pods_to_outside { }
	counter outside_to_pods { }
	counter machine_to_outside { }
	chain forward {
		type filter hook forward priority -150; policy accept;
		iifname "` + bridgeName + `" oifname "` + bridgeName + `" accept
		iifname "` + bridgeName + `" counter name pods_to_outside drop
		oifname "` + bridgeName + `" counter name outside_to_pods drop
	}
	chain input {
		type filter hook input priority -150; policy accept;
		iifname != { "lo", "` + bridgeName + `" } ip daddr { ` + podRange + `, ` + serviceNet + ` } counter name outside_to_pods drop
	}
	chain postrouting {
		type filter hook postrouting priority -150; policy accept;
		oifname != { "lo", "` + bridgeName + `" } ip daddr { ` + podRange + `, ` + serviceNet + ` } counter name machine_to_outside drop
		oifname != { "lo", "` + bridgeName + `" } ip saddr ` + podRange + ` counter name machine_to_outside drop
	}
}
`

// setUpNetwork makes the bridge, the rules and the routes, in the order in which nothing can slip out in between.
// It may be called again at any time.
func setUpNetwork(l layout) error {
	if err := saveSysctls(l); err != nil {
		return err
	}
	// The bridge first, as the claim to the rest; without an address it lets nothing through.
	if err := writeFile(l.path(networkClaim), nil, 0o644); err != nil {
		return err
	}
	if _, err := net.InterfaceByName(bridgeName); err != nil {
		if _, err := run("ip", "link", "add", bridgeName, "type", "bridge"); err != nil {
			return err
		}
	}
	// The alias tells whose bridge it is.
	if _, err := run("ip", "link", "set", "dev", bridgeName, "alias", bridgeOwner(l)); err != nil {
		return err
	}
	if _, err := run("nft", "list", "table", "inet", guardTable); err != nil {
		command := exec.Command("nft", "-f", "-")
		command.Stdin = strings.NewReader(guardRules)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("nftables rules: %w: %s", err, output)
		}
	}
	for _, step := range [][]string{
		{"ip", "address", "replace", nodeIPRange, "dev", bridgeName},
		{"ip", "link", "set", "dev", bridgeName, "up"},
		// Without kube-proxy's rules a packet to a service would take the default route.
		{"ip", "route", "replace", serviceNet, "dev", bridgeName, "src", nodeIP},
		{"ip", "route", "replace", podRange, "dev", bridgeName, "src", nodeIP},
	} {
		if _, err := run(step[0], step[1:]...); err != nil {
			return err
		}
	}
	// Pods' packets to services and back are routed; and replies between two pods on the bridge must pass the rules that
	// translated the request's address.
	for _, name := range []string{"net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables"} {
		if err := writeSysctl(name, "1"); err != nil {
			return err
		}
	}
	return nil
}

// networkClaim is the file in the state folder that says that this cluster began to set up its network.
const networkClaim = "network"

// tearDownNetwork removes what setUpNetwork, the CNI plugin and kube-proxy made, unless it is another cluster's.
func tearDownNetwork(l layout) error {
	owner, exists := bridgeHolder()
	_, err := os.Stat(l.path(networkClaim))
	claimed := err == nil
	if exists && owner != bridgeOwner(l) && !(owner == "" && claimed) {
		return nil
	}
	if !exists && !claimed {
		return nil
	}
	_, _ = run("ip", "link", "delete", "dev", probe) // of a preflight that was killed
	var problems []error
	try := func(name string, arguments ...string) {
		if _, err := run(name, arguments...); err != nil {
			problems = append(problems, err)
		}
	}
	if exists {
		for _, port := range bridgePorts() {
			// The kernel removes the pair by itself when it is done with the network namespace of a pod that just ended.
			if _, err := run("ip", "link", "delete", "dev", port); err != nil && linkExists(port) {
				problems = append(problems, err)
			}
		}
		try("ip", "link", "delete", "dev", bridgeName) // and with it its addresses and routes
	}
	for _, table := range [][]string{{"inet", guardTable}, {"ip", "kube-proxy"}, {"ip6", "kube-proxy"}} {
		if _, err := run("nft", "list", "table", table[0], table[1]); err == nil {
			try("nft", "delete", "table", table[0], table[1])
		}
	}
	return errors.Join(problems...)
}

func linkExists(name string) bool {
	_, err := os.Lstat("/sys/class/net/" + name)
	return err == nil
}

// bridgePorts are the machine's ends of the pods' veth pairs.
func bridgePorts() (names []string) {
	links, _ := filepath.Glob("/sys/class/net/*/master")
	for _, link := range links {
		if master, err := os.Readlink(link); err == nil && filepath.Base(master) == bridgeName {
			names = append(names, filepath.Base(filepath.Dir(link)))
		}
	}
	return names
}

func bridgeOwner(l layout) string { return "sluice-cluster:" + l.state }

func bridgeExists() bool {
	_, exists := bridgeHolder()
	return exists
}

// bridgeHolder says who made the bridge ("" if not a cluster of ours), and whether it exists.
func bridgeHolder() (owner string, exists bool) {
	if _, err := net.InterfaceByName(bridgeName); err != nil {
		return "", false
	}
	alias, _ := os.ReadFile("/sys/class/net/" + bridgeName + "/ifalias")
	return strings.TrimSpace(string(alias)), true
}
