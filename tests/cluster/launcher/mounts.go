package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

type mount struct{ point, kind string }

// procfs is where the kernel tells of itself and of processes.
const procfs = "/proc"

// mountPoints lists what this process sees mounted by proc, in the order of mounting.
func mountPoints(proc string) ([]mount, error) {
	content, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	return parseMounts(string(content)), nil
}

func parseMounts(mountinfo string) (mounts []mount) {
	// The kernel writes blanks in a path as octal numbers.
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for _, line := range strings.Split(mountinfo, "\n") {
		// 36 35 98:0 /root /mount/point options [optional...] - type source options
		before, after, found := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if found && len(left) >= 5 && len(right) >= 1 {
			mounts = append(mounts, mount{point: plain.Replace(left[4]), kind: right[0]})
		}
	}
	return mounts
}

// unmountBelow unmounts all that is mounted in a folder, the last mounted first.
func unmountBelow(folder string) error {
	mounts, err := mountPoints(procfs)
	if err != nil {
		return err
	}
	var problems []error
	for i := len(mounts) - 1; i >= 0; i-- {
		point := mounts[i].point
		if point != folder && !strings.HasPrefix(point, folder+"/") {
			continue
		}
		// Detached: a process elsewhere that still looks at it must not keep it here.
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			problems = append(problems, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(problems...)
}
