package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Every process of a cluster, and what it starts in turn, carries its state folder in this variable: that is how `down` finds
// those whose record was never written or is lost.
const stateMark = "SLUICE_CLUSTER_STATE"

// record says which process is a component. The start time tells it from a later process that was given the same id.
type record struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // clock ticks after boot, field 22 of /proc/PID/stat
}

// start runs a component detached from the terminal, with its output in its log.
func start(l layout, c component) error {
	if err := os.MkdirAll(filepath.Dir(l.log(c.name)), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(l.log(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// Through `cluster component`, which records itself and then becomes the component: there is no moment at which the
	// component runs unrecorded.
	command := exec.Command(self, append([]string{"component", l.record(c.name), c.program}, c.arguments...)...)
	command.Dir = l.state
	command.Stdout, command.Stderr = log, log
	command.Env = append(componentEnvironment(l), c.environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	// Reaps it if it ends while this program still runs, so that a dead component is not mistaken for a living one.
	go func() { _ = command.Wait() }()
	return nil
}

// componentEnvironment has nothing of the caller's in it: no proxy, no KUBECONFIG, no GODEBUG.
func componentEnvironment(l layout) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + l.state,
		stateMark + "=" + l.state,
	}
}

// becomeComponent is the `cluster component RECORD PROGRAM ARGUMENT...` that start runs.
func becomeComponent(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: cluster component RECORD PROGRAM [ARGUMENT...]")
	}
	started, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	content, err := json.Marshal(record{PID: os.Getpid(), Started: started})
	if err != nil {
		return err
	}
	if err := writeFile(arguments[0], content, 0o644); err != nil {
		return err
	}
	if err := closeInheritedOnExec(); err != nil {
		return err
	}
	// The lowest of all priorities to be killed for lack of memory would be right, but some machines withhold it.
	return syscall.Exec(arguments[1], arguments[1:], os.Environ())
}

// closeInheritedOnExec keeps what the caller left open from the component, which would hold it as long as the cluster runs:
// a lock of flock(1), for example, or the writing end of a pipe that somebody reads to its end.
func closeInheritedOnExec() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if descriptor, err := strconv.Atoi(entry.Name()); err == nil && descriptor > 2 {
			syscall.CloseOnExec(descriptor)
		}
	}
	return nil
}

// startTime of a process in clock ticks after boot; an error if there is no such process or only its exit status is left.
func startTime(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the name in brackets, may hold spaces and brackets itself.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, start = 3 - 3, 22 - 3
	if len(fields) <= start {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields after the name", pid, len(fields))
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[start], 10, 64)
}

// running returns the process id of a component, 0 if it does not run.
func running(l layout, name string) int {
	content, err := os.ReadFile(l.record(name))
	if err != nil {
		return 0
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil || r.PID <= 0 {
		return 0
	}
	if started, err := startTime(r.PID); err != nil || started != r.Started {
		return 0
	}
	return r.PID
}

// stop ends processes: by SIGTERM, and those that are still there after the grace by SIGKILL. It returns when all are gone.
func stop(pids []int, grace time.Duration) error {
	started := map[int]uint64{}
	for _, pid := range pids {
		if at, err := startTime(pid); err == nil {
			started[pid] = at
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	left := func() (left []int) {
		for pid, at := range started {
			if now, err := startTime(pid); err == nil && now == at {
				left = append(left, pid)
			}
		}
		return left
	}
	gone := func() (bool, error) { return len(left()) == 0, nil }
	if waitFor(grace, gone) == nil {
		return nil
	}
	for _, pid := range left() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := waitFor(20*time.Second, gone); err != nil {
		return fmt.Errorf("processes %v do not end even by SIGKILL", left())
	}
	return nil
}

// marked lists all processes that belong to the cluster by their environment, or by a state folder's path among their
// arguments (containerd's shims).
func marked(l layout) []int {
	mark := []byte(stateMark + "=" + l.state + "\x00")
	socket := []byte("\x00" + l.containerdSocket() + "\x00")
	var pids []int
	for _, pid := range allProcesses() {
		if pid == os.Getpid() {
			continue
		}
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.Contains(append([]byte{0}, environment...), append([]byte{0}, mark...)) || bytes.Contains(arguments, socket) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func allProcesses() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// commandLine of a process, for messages.
func commandLine(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(content) == 0 {
		return "?"
	}
	return strings.TrimSpace(strings.ReplaceAll(string(content), "\x00", " "))
}

var errTimeout = errors.New("not in time")

// waitFor asks until the answer is yes. An error of the condition ends the waiting at once.
func waitFor(limit time.Duration, condition func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errTimeout
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// run executes a program and returns its output; what it printed is part of the error.
func run(name string, arguments ...string) (string, error) {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, bytes.TrimSpace(output))
	}
	return string(output), nil
}
