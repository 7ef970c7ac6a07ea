package main

import (
	"os"
	"strings"
	"testing"
)

// The test binary stands in for the launcher where that starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "component" {
		if err := becomeComponent(os.Args[2:]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func newTestLayout(t *testing.T) layout {
	t.Helper()
	return layout{state: t.TempDir()}
}

func TestWrongUseIsAnsweredWithTheUsage(t *testing.T) {
	for _, arguments := range [][]string{{"upp"}, {"up", "now"}, {"load"}, {"logs", "a", "b"}, {"restart"}} {
		err := command(arguments[0], arguments[1:], &strings.Builder{})
		if err != exitCode(2) {
			t.Errorf("%q: got %v, want exit status 2", arguments, err)
		}
	}
}

func TestExistingClusterNeedsAKubeconfig(t *testing.T) {
	t.Setenv("CLUSTER", "existing")
	t.Setenv("KUBECONFIG", "")
	if err := command("up", nil, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "KUBECONFIG") {
		t.Errorf("got %v, want an error that names KUBECONFIG", err)
	}
	t.Setenv("CLUSTER", "exsiting")
	if err := command("up", nil, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "exsiting") {
		t.Errorf("got %v, want an error that names the wrong value", err)
	}
}

func TestExistingClusterIsLeftAlone(t *testing.T) {
	t.Setenv("CLUSTER", "existing")
	t.Setenv("KUBECONFIG", "/some where/it's.yaml")
	t.Setenv("PATH", "") // nothing may be run
	for name, want := range map[string]string{
		"down": "nothing to take down",
		"env":  `export KUBECONFIG='/some where/it'\''s.yaml'` + "\n",
	} {
		var out strings.Builder
		if err := command(name, nil, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %q and %v, want %q", name, out.String(), err, want)
		}
	}
	var out strings.Builder
	if err := command("load", []string{"image.tar"}, &out); err != nil || !strings.Contains(out.String(), "registry") {
		t.Errorf("load: got %q and %v", out.String(), err)
	}
	if err := command("up", nil, &out); err == nil || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("up without kubectl: got %v", err)
	}
}

func TestStateFolderTooDeepForSockets(t *testing.T) {
	t.Setenv("SLUICE_CLUSTER_DIR", "/"+strings.Repeat("x", 90))
	if _, err := newLayout(); err == nil || !strings.Contains(err.Error(), "SLUICE_CLUSTER_DIR") {
		t.Errorf("got %v", err)
	}
}
