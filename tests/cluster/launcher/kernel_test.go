package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A kernel is what it says of itself in /proc, and what it lets programs do.
type kernel struct {
	filesystems, mounts string
	bridgeFilter        bool
	refuses             []string // programs that it lets fail
}

func (k kernel) check(t *testing.T) error {
	t.Helper()
	proc, programs := t.TempDir(), t.TempDir()
	files := map[string]string{"filesystems": k.filesystems, "self/mountinfo": k.mounts}
	if k.bridgeFilter {
		files["sys/net/bridge/bridge-nf-call-iptables"] = "1\n"
	}
	for name, content := range files {
		file := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"ip", "nft", "modprobe"} {
		script := "#!/bin/sh\nexit 0\n"
		for _, refused := range k.refuses {
			if program == refused {
				script = "#!/bin/sh\necho 'Operation not supported' >&2\nexit 2\n"
			}
		}
		if err := os.WriteFile(filepath.Join(programs, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs)
	return checkKernel(proc, false)
}

func TestMissingKernelFeaturesAreNamed(t *testing.T) {
	const (
		overlay = "nodev\ttmpfs\nnodev\toverlay\n\text4\n"
		plain   = "nodev\ttmpfs\n\text4\n"
		cgroup2 = "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		nothing = "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
	)
	modprobe := []string{"modprobe"}
	for name, c := range map[string]struct {
		kernel kernel
		want   []string
	}{
		"all there":                    {kernel{overlay, cgroup2, true, modprobe}, nil},
		"modules that can be loaded":   {kernel{plain, cgroup2, false, nil}, nil},
		"no overlayfs":                 {kernel{plain, cgroup2, true, modprobe}, []string{"overlayfs"}},
		"no br_netfilter":              {kernel{overlay, cgroup2, false, modprobe}, []string{"bridge netfilter (br_netfilter)"}},
		"no network interfaces":        {kernel{overlay, cgroup2, true, []string{"ip"}}, []string{"bridge network interfaces", "veth network interfaces"}},
		"no nftables":                  {kernel{overlay, cgroup2, true, []string{"nft"}}, []string{"nftables"}},
		"no cgroups":                   {kernel{overlay, nothing, true, nil}, []string{"usable cgroups"}},
		"several, all told at once":    {kernel{plain, nothing, true, []string{"modprobe", "nft"}}, []string{"overlayfs", "nftables", "usable cgroups"}},
		"a name that only contains it": {kernel{"nodev\toverlayfs2\n", cgroup2, true, modprobe}, []string{"overlayfs"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.kernel.check(t)
			if len(c.want) == 0 {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("got no error, want one about %v", c.want)
			}
			text := err.Error()
			for _, feature := range c.want {
				if !strings.Contains(text, "the kernel has no "+feature+" (") {
					t.Errorf("%q does not name %s", text, feature)
				}
			}
			if got := strings.Count(text, "the kernel has no "); got != len(c.want) {
				t.Errorf("%d features are named, want %d: %s", got, len(c.want), text)
			}
			if got := strings.Count(text, "\n  fix: use a kernel with it"); got != len(c.want) {
				t.Errorf("not each has its way out: %s", text)
			}
		})
	}
}
