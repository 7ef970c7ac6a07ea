package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folders that containerd and kubelet use whatever they are told. `down` removes what is the cluster's in them.
const (
	shimSockets   = "/run/containerd"
	containerLogs = "/var/log/containers"
	cniResults    = "/var/lib/cni/results"
	devicePlugins = "/var/lib/kubelet"
)

// down removes everything that `up` and the pods made. It needs nothing of what it removes to be in order, so that it also
// cleans up after an `up` that was killed, and it goes on after a failure.
func down(l layout, b binaries, out io.Writer) error {
	if os.Geteuid() != 0 {
		return failf("this needs root", "run it as root")
	}
	var problems []error
	step := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	var sandboxes []string
	for _, folder := range glob(l.path("containerd/root/io.containerd.grpc.v1.cri/sandboxes/*")) {
		sandboxes = append(sandboxes, filepath.Base(folder))
	}
	// First those that would start pods or rules again.
	var pids []int
	for _, c := range components(l, b) {
		if pid := running(l, c.name); pid != 0 && c.name != nameContainerd {
			pids = append(pids, pid)
		}
	}
	step(stop(pids, 2*time.Second))
	// Another cluster has the same cgroup; the bridge says whose it is.
	mine := true
	if owner, exists := bridgeHolder(); exists && owner != "" && owner != bridgeOwner(l) {
		mine = false
	}
	if mine {
		step(killCgroups())
	}
	// containerd, its shims, and whatever else carries the mark.
	step(waitFor(30*time.Second, func() (bool, error) {
		left := marked(l)
		return len(left) == 0, stop(left, 2*time.Second)
	}))
	step(unmountBelow(l.state))
	if mine {
		step(tearDownNetwork(l))
		step(removeCgroups())
	}
	step(restoreSysctls(l))
	step(removeOutside(l, sandboxes))
	if len(problems) == 0 {
		// Only now: the folder says what there is to clean up.
		step(removeState(l))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("some of the cluster is still there:\n%w\n  fix: run `down` again; its state stays in %s until then", err, l.state)
	}
	fmt.Fprintln(out, "the cluster is down and nothing of it is left")
	return nil
}

// removeState deletes the state folder, after a look that nothing is mounted in it any more: a volume would be deleted with it.
func removeState(l layout) error {
	mounts, err := mountPoints(procfs)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if strings.HasPrefix(m.point, l.state+"/") {
			return fmt.Errorf("%s is still mounted", m.point)
		}
	}
	return os.RemoveAll(l.state)
}

// removeOutside removes the few files that lie outside the state folder.
func removeOutside(l layout, sandboxes []string) error {
	var problems []error
	remove := func(path string) {
		if err := os.RemoveAll(path); err != nil {
			problems = append(problems, err)
		}
	}
	// kubelet's links for log collectors.
	for _, link := range glob(containerLogs + "/*.log") {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, l.state+"/") {
			remove(link)
		}
	}
	// Results of the CNI plugins, by the ids of the pods' sandboxes.
	for _, sandbox := range sandboxes {
		for _, file := range glob(cniResults + "/*-" + sandbox + "-*") {
			remove(file)
		}
	}
	// Sockets of containerd's shims and kubelet's of its plugins, if nobody listens there any more.
	for _, socket := range append(glob(shimSockets+"/s/*"), devicePlugins+"/device-plugins/kubelet.sock") {
		if !listensOnUnix(socket) {
			remove(socket)
		}
	}
	// Folders go only if they are empty: they may be another containerd's or kubelet's.
	for _, folder := range []string{
		containerLogs, cniResults, filepath.Dir(cniResults), shimSockets + "/s", shimSockets + "/fifo", shimSockets,
		devicePlugins + "/device-plugins", devicePlugins,
	} {
		_ = os.Remove(folder)
	}
	return errors.Join(problems...)
}

func glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern) // fails only for a malformed pattern
	return paths
}

func listensOnUnix(socket string) bool {
	content, err := os.ReadFile("/proc/net/unix")
	return err != nil || strings.Contains(string(content), " "+socket+"\n")
}
