//go:build integration

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// machine is everything that a cluster could leave behind, by kind, as text to compare.
type machine map[string]string

func look(t *testing.T) machine {
	t.Helper()
	changes := os.Getenv("ISOLATED_CHANGES")
	return machine{
		"network interfaces":   output(t, "ip", "-o", "link", "show"),
		"addresses":            output(t, "ip", "-o", "address", "show"),
		"routes":               output(t, "ip", "route", "show", "table", "all"),
		"IPv6 routes":          output(t, "ip", "-6", "route", "show", "table", "all"),
		"routing rules":        output(t, "ip", "rule", "show"),
		"network namespaces":   output(t, "ip", "netns", "list"),
		"nftables rules":       output(t, "nft", "list", "ruleset"),
		"mounts":               read(t, "/proc/self/mounts"),
		"hosts entries":        read(t, "/etc/hosts"),
		"name servers":         read(t, "/etc/resolv.conf"),
		"kernel settings":      kernelSettings(t),
		"processes":            processes(t),
		"cgroups":              tree(t, "/sys/fs/cgroup", true),
		"files in /var":        tree(t, filepath.Join(changes, "var"), false),
		"files in /run":        tree(t, filepath.Join(changes, "run"), false),
		"files on the disk":    tree(t, os.Getenv("ISOLATED_DISK"), false),
		"bridges of namespace": output(t, "ip", "-o", "link", "show", "type", "bridge"),
	}
}

// mustEqual reports each kind that differs, with the lines that came or went.
func (before machine) mustEqual(t *testing.T, after machine) {
	t.Helper()
	for kind := range before {
		if came, went := difference(before[kind], after[kind]); len(came)+len(went) > 0 {
			t.Errorf("%s: left behind:\n  %s\nmissing:\n  %s", kind, first(came), first(went))
		}
	}
}

func kernelSettings(t *testing.T) string {
	t.Helper()
	var list []string
	for _, name := range []string{
		"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/netfilter/nf_conntrack_tcp_timeout_established",
		"net/netfilter/nf_conntrack_tcp_timeout_close_wait", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	} {
		list = append(list, name+" = "+strings.TrimSpace(read(t, "/proc/sys/"+name)))
	}
	return strings.Join(list, "\n")
}

// first lines of many, for a message that can be read.
func first(lines []string) string {
	const limit = 25
	if len(lines) > limit {
		lines = append(lines[:limit:limit], fmt.Sprintf("and %d more", len(lines)-limit))
	}
	return strings.Join(lines, "\n  ")
}

func difference(before, after string) (came, went []string) {
	lines := map[string]int{}
	for _, line := range strings.Split(after, "\n") {
		lines[line]++
	}
	for _, line := range strings.Split(before, "\n") {
		lines[line]--
	}
	for line, count := range lines {
		if count > 0 {
			came = append(came, line)
		} else if count < 0 {
			went = append(went, line)
		}
	}
	sort.Strings(came)
	sort.Strings(went)
	return came, went
}

// processes lists all but this test's own children, which come and go, and those that ended and wait for being collected.
func processes(t *testing.T) string {
	t.Helper()
	var list []string
	for _, entry := range readDir(t, "/proc") {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // ended meanwhile
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || fields[0] == "Z" || fields[1] == strconv.Itoa(os.Getpid()) {
			continue
		}
		list = append(list, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
	}
	return strings.Join(list, "\n")
}

// tree lists what is in a folder; on a layer over another folder, a device 0/0 stands for something removed there.
func tree(t *testing.T, root string, foldersOnly bool) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if !foldersOnly || entry.IsDir() {
			list = append(list, fmt.Sprintf("%s %s", entry.Type(), path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// packetsOut counts what left by the way out of the isolated machine.
func packetsOut(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(read(t, "/sys/class/net/outside0/statistics/tx_packets"))
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func readDir(t *testing.T, path string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// attempt runs a program and returns all it printed and its exit status.
func attempt(t *testing.T, name string, arguments ...string) (string, int) {
	t.Helper()
	command := exec.Command(name, arguments...)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out), command.ProcessState.ExitCode()
}

// output runs a program that has to succeed.
func output(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, status := attempt(t, name, arguments...)
	if status != 0 {
		t.Fatalf("%s %s: exit status %d:\n%s", name, strings.Join(arguments, " "), status, out)
	}
	return out
}

// cluster runs cluster.sh with a command that has to succeed.
func cluster(t *testing.T, arguments ...string) string {
	t.Helper()
	return output(t, script(), arguments...)
}

// refused runs cluster.sh with a command that has to fail, with all the texts in what it says.
func refused(t *testing.T, texts []string, arguments ...string) {
	t.Helper()
	out, status := attempt(t, script(), arguments...)
	if status == 0 {
		t.Errorf("cluster.sh %s succeeded, it has to be refused:\n%s", strings.Join(arguments, " "), out)
	}
	for _, text := range append(texts, "fix:") {
		if !strings.Contains(out, text) {
			t.Errorf("cluster.sh %s does not say %q:\n%s", strings.Join(arguments, " "), text, out)
		}
	}
}

func script() string { return filepath.Join("..", "..", "cluster.sh") }

func kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	return output(t, "kubectl", arguments...)
}

// apply gives a manifest to kubectl.
func apply(t *testing.T, manifest string) {
	t.Helper()
	command := exec.Command("kubectl", "apply", "-f", "-")
	command.Stdin = strings.NewReader(manifest)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v:\n%s", err, out)
	}
}

// pidOf is the process of a component as `status` shows it.
func pidOf(t *testing.T, component string) int {
	t.Helper()
	out, _ := attempt(t, script(), "status")
	for _, line := range strings.Split(out, "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == component && fields[1] == "running" {
			pid, err := strconv.Atoi(fields[3])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("%s does not run:\n%s", component, out)
	return 0
}

func kill(t *testing.T, component string) {
	t.Helper()
	if err := syscall.Kill(pidOf(t, component), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
