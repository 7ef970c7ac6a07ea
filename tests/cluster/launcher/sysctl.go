package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
)

// sysctls are the kernel settings that the cluster changes: those of setUpNetwork, and those that kubelet and kube-proxy
// insist on. `down` puts them back.
var sysctls = []string{
	"net.ipv4.ip_forward",
	"net.ipv6.conf.all.forwarding",
	"net.bridge.bridge-nf-call-iptables",
	"net.netfilter.nf_conntrack_max",
	"net.netfilter.nf_conntrack_tcp_timeout_established",
	"net.netfilter.nf_conntrack_tcp_timeout_close_wait",
	"vm.overcommit_memory",
	"vm.panic_on_oom",
	"kernel.panic",
	"kernel.panic_on_oops",
	"kernel.keys.root_maxkeys",
	"kernel.keys.root_maxbytes",
}

func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

func readSysctl(name string) (string, error) {
	content, err := os.ReadFile(sysctlPath(name))
	return strings.TrimSpace(string(content)), err
}

func writeSysctl(name, value string) error {
	if now, err := readSysctl(name); err == nil && now == value {
		return nil
	}
	return os.WriteFile(sysctlPath(name), []byte(value), 0o644)
}

// saveSysctls remembers the settings as they were before the first `up`.
func saveSysctls(l layout) error {
	file := l.path("sysctls.json")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	before := map[string]string{}
	for _, name := range sysctls {
		if value, err := readSysctl(name); err == nil {
			before[name] = value
		}
	}
	content, err := json.MarshalIndent(before, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, content, 0o644)
}

func restoreSysctls(l layout) error {
	content, err := os.ReadFile(l.path("sysctls.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	before := map[string]string{}
	if err := json.Unmarshal(content, &before); err != nil {
		return err
	}
	var problems []error
	for name, value := range before {
		problems = append(problems, writeSysctl(name, value))
	}
	return errors.Join(problems...)
}
