package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// marker is the file that says that a folder is a cluster's state and nothing else: `down` deletes the folder whole.
const marker = "sluice-cluster"

// heldLock keeps the file of the lock from being closed with the garbage.
var heldLock *os.File

// claimState makes the state folder and locks it until this process ends, so that two launchers do not work on one cluster at
// the same time. It refuses a folder with anything else in it.
func claimState(l layout) error {
	for {
		entries, err := os.ReadDir(l.state)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := os.Stat(l.path(marker)); err != nil && len(entries) > 0 {
			return failf(l.state+" is not a cluster's state folder, but has something in it", "set SLUICE_CLUSTER_DIR to a new folder: `down` deletes it whole")
		}
		if err := os.MkdirAll(l.state, 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(l.path(marker), os.O_CREATE|os.O_RDWR, 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a `down` was faster
		}
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		held, err := file.Stat()
		if err != nil {
			return err
		}
		// A `down` that held the lock removed the file: then this is the lock of a file that no later launcher looks at.
		if now, err := os.Stat(l.path(marker)); err == nil && os.SameFile(held, now) {
			heldLock = file
			return nil
		}
		_ = file.Close()
	}
}

// dropEmptyState removes a state folder that holds nothing yet, after an `up` that was refused.
func dropEmptyState(l layout) {
	if entries, err := os.ReadDir(l.state); err == nil && len(entries) == 1 && entries[0].Name() == marker {
		_ = os.RemoveAll(l.state)
	}
}
