package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTest runs a shell script as a component and returns its process id once it has replaced the launcher.
func startTest(t *testing.T, l layout, name, script string) int {
	t.Helper()
	if err := start(l, component{name: name, program: "/bin/sh", arguments: []string{"-c", script}}); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(10*time.Second, func() (bool, error) {
		pid := running(l, name)
		return pid != 0 && strings.HasPrefix(commandLine(pid), "/bin/sh -c"), nil
	}); err != nil {
		t.Fatalf("%s does not run: %s", name, tail(l.log(name), 5))
	}
	pid := running(l, name)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

func TestComponentRunsDetachedWithLogAndMark(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://proxy.invalid")
	l := newTestLayout(t)
	pid := startTest(t, l, "thing", `echo "proxy=$HTTPS_PROXY"; while :; do sleep 0.1; done`)
	if session, err := getSession(pid); err != nil || session != pid {
		t.Errorf("session %d, %v: the component would end with the terminal", session, err)
	}
	if err := waitFor(5*time.Second, func() (bool, error) {
		return strings.Contains(tail(l.log("thing"), 5), "proxy=\n") || strings.HasSuffix(tail(l.log("thing"), 5), "proxy="), nil
	}); err != nil {
		t.Errorf("log: %q", tail(l.log("thing"), 5))
	}
	if !slices.Contains(marked(l), pid) {
		t.Error("the process is not found by its mark")
	}
	if other := marked(newTestLayout(t)); slices.Contains(other, pid) {
		t.Error("the process is taken for another cluster's")
	}
	if cluster := clusterOf(pid); cluster != l.state {
		t.Errorf("cluster of the process: %q", cluster)
	}
	if err := stop([]int{pid}, 5*time.Second); err != nil || running(l, "thing") != 0 {
		t.Errorf("stop: %v, running %d", err, running(l, "thing"))
	}
}

func TestComponentHoldsNothingThatTheCallerLeftOpen(t *testing.T) {
	// Without O_CLOEXEC, as flock(1) hands its lock on.
	descriptor, err := syscall.Open(t.TempDir(), syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(descriptor)
	pid := startTest(t, newTestLayout(t), "thing", "while :; do sleep 0.1; done")
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range open {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, []string{"0", "1", "2"}) {
		t.Errorf("open in the component: %v", names)
	}
}

func getSession(pid int) (int, error) {
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(session), nil
}

func TestAnotherProcessWithTheSameIDIsNotTheComponent(t *testing.T) {
	l := newTestLayout(t)
	started, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		record record
		want   int
	}{
		"same process": {record{os.Getpid(), started}, os.Getpid()},
		"later one":    {record{os.Getpid(), started - 1}, 0},
		"gone":         {record{1 << 30, started}, 0},
	} {
		content, err := json.Marshal(c.record)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeFile(l.record("x"), content, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := running(l, "x"); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
	if err := os.WriteFile(l.record("x"), []byte("{half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := running(l, "x"); got != 0 {
		t.Errorf("broken record: got %d", got)
	}
}

func TestStopKillsWhatIgnoresTheSignal(t *testing.T) {
	l := newTestLayout(t)
	pid := startTest(t, l, "stubborn", `trap "" TERM; echo ready; while :; do sleep 0.1; done`)
	if err := waitFor(5*time.Second, func() (bool, error) { return strings.Contains(tail(l.log("stubborn"), 5), "ready"), nil }); err != nil {
		t.Fatal(err)
	}
	if err := stop([]int{pid}, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if running(l, "stubborn") != 0 {
		t.Error("it still runs")
	}
}

func TestWaitingEndsWhenANeededComponentDies(t *testing.T) {
	l := newTestLayout(t)
	if err := start(l, component{name: "short", program: "/bin/sh", arguments: []string{"-c", "echo the reason; exit 1"}}); err != nil {
		t.Fatal(err)
	}
	err := await(l, "nothing", func() bool { return false }, "short")
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "short ended") {
		t.Errorf("got %v", err)
	}
}

func TestStrayIsEndedBeforeItsComponentStarts(t *testing.T) {
	l := newTestLayout(t)
	c := component{name: "stray", program: "/bin/sh", arguments: []string{"-c", "while :; do sleep 0.1; done"}}
	pid := startTest(t, l, c.name, c.arguments[1])
	if err := os.Remove(l.record(c.name)); err != nil {
		t.Fatal(err)
	}
	if err := endStrays(l, c); err != nil {
		t.Fatal(err)
	}
	if _, err := startTime(pid); err == nil {
		t.Error("the stray still runs")
	}
}
