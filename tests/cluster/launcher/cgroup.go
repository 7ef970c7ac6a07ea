package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroupHierarchies lists the hierarchies that are mounted by proc: one with cgroup v2, one per set of controllers with v1.
func cgroupHierarchies(proc string) ([]string, error) {
	mounts, err := mountPoints(proc)
	if err != nil {
		return nil, err
	}
	var v1, v2 []string
	for _, m := range mounts {
		if m.point != cgroupMount && !strings.HasPrefix(m.point, cgroupMount+"/") {
			continue
		}
		switch m.kind {
		case "cgroup2":
			v2 = append(v2, m.point)
		case "cgroup":
			v1 = append(v1, m.point)
		}
	}
	if len(v1)+len(v2) == 0 {
		return nil, fmt.Errorf("nothing of type cgroup or cgroup2 is mounted under %s", cgroupMount)
	}
	// On v1, kubelet and runc need these; all of v2's controllers are in one place.
	if len(v1) > 0 {
		var missing []string
		for _, controller := range []string{"cpu", "cpuacct", "cpuset", "memory", "pids"} {
			if _, err := os.Stat(filepath.Join(cgroupMount, controller)); err != nil {
				missing = append(missing, controller)
			}
		}
		if len(missing) > 0 {
			return nil, fmt.Errorf("no cgroup controllers %s under %s", strings.Join(missing, ", "), cgroupMount)
		}
	}
	return append(v1, v2...), nil
}

// makeCgroups makes the cluster's own cgroup, over all of its pods', in every hierarchy.
func makeCgroups() error {
	hierarchies, err := cgroupHierarchies(procfs)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		// On v2 a child has only the controllers that its parent hands down; without systemd nobody has done that yet.
		if controllers, err := os.ReadFile(filepath.Join(hierarchy, "cgroup.controllers")); err == nil {
			for _, controller := range strings.Fields(string(controllers)) {
				_ = os.WriteFile(filepath.Join(hierarchy, "cgroup.subtree_control"), []byte("+"+controller), 0o644) // kubelet names what it lacks
			}
		}
		own := filepath.Join(hierarchy, cgroupName)
		if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		// A new cpuset of v1 is empty, and no process can enter an empty one.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			now, err := os.ReadFile(filepath.Join(own, file))
			if err != nil || len(bytes.TrimSpace(now)) > 0 {
				continue
			}
			if all, err := os.ReadFile(filepath.Join(hierarchy, file)); err == nil {
				_ = os.WriteFile(filepath.Join(own, file), all, 0o644) // v2 does without
			}
		}
	}
	return nil
}

// killCgroups ends every process of every pod.
func killCgroups() error {
	hierarchies, err := cgroupHierarchies(procfs)
	if err != nil {
		return nil // none, so none of ours
	}
	return waitFor(20*time.Second, func() (bool, error) {
		left := 0
		for _, hierarchy := range hierarchies {
			for _, folder := range cgroupTree(filepath.Join(hierarchy, cgroupName)) {
				content, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
				for _, field := range strings.Fields(string(content)) {
					if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
						left++
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			}
		}
		return left == 0, nil
	})
}

// removeCgroups removes the cluster's cgroups from the innermost to the outermost.
func removeCgroups() error {
	hierarchies, err := cgroupHierarchies(procfs)
	if err != nil {
		return nil
	}
	var problem error
	limit := waitFor(5*time.Second, func() (bool, error) {
		problem = nil
		for _, hierarchy := range hierarchies {
			tree := cgroupTree(filepath.Join(hierarchy, cgroupName))
			for i := len(tree) - 1; i >= 0; i-- {
				// Busy for a moment after its last process ended.
				if err := syscall.Rmdir(tree[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
					problem = fmt.Errorf("cgroup %s: %w", tree[i], err)
				}
			}
		}
		return problem == nil, nil
	})
	if limit != nil {
		return problem
	}
	return nil
}

// cgroupTree lists a cgroup and those below it, parents first.
func cgroupTree(root string) (folders []string) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	return folders
}
