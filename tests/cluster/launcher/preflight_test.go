package main

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

func TestSocketAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0035":                         "0.0.0.0:53",
		"0100F40A:192B":                         "10.244.0.1:6443",
		"00000000000000000000000000000000:192B": "[::]:6443",
		"00000000000000000000000001000000:192B": "[::1]:6443",
		"0000000000000000FFFF00000100007F:192B": "127.0.0.1:6443",
	} {
		if got, err := parseSocketAddress(text); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0100007F", "zz:1", "01:1F90", "0100007F:1F90F"} {
		if got, err := parseSocketAddress(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		held, wanted string
		want         bool
	}{
		{"127.0.0.1:2379", "127.0.0.1:2379", true},
		{"127.0.0.1:2380", "127.0.0.1:2379", false},
		{"0.0.0.0:53", "10.244.0.1:53", true},
		{"[::]:6443", "10.244.0.1:6443", true},
		{"127.0.0.53:53", "10.244.0.1:53", false},
		{"[::1]:2379", "127.0.0.1:2379", false},
	} {
		held := listener{address: netip.MustParseAddrPort(c.held)}
		if got := held.conflicts(netip.MustParseAddrPort(c.wanted)); got != c.want {
			t.Errorf("%s held, %s wanted: got %v", c.held, c.wanted, got)
		}
	}
}

func TestHolderOfAPortIsNamed(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address := netip.MustParseAddrPort(socket.Addr().String())
	listeners, err := tcpListeners()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		if l.conflicts(address) {
			if got := l.holder(); got.pid != os.Getpid() || !strings.Contains(got.String(), "process ") {
				t.Errorf("got %v, want this process, %d", got, os.Getpid())
			}
			return
		}
	}
	t.Errorf("%s is not among %v", address, listeners)
}

func TestConflictingRoutes(t *testing.T) {
	for _, c := range []struct{ routes, want string }{
		{"default via 192.0.2.1 dev eth0\n192.0.2.0/24 dev eth0 proto kernel", ""},
		{"10.0.0.0/8 dev vpn0", ""}, // wider: the cluster's is preferred
		{"10.244.0.0/16 dev sluice0\nlocal 10.244.0.1 dev sluice0 table local", ""},
		{"default dev eth0\n10.244.0.0/24 dev cni0 proto kernel", "10.244.0.0/24 dev cni0 proto kernel"},
		{"10.96.0.0/16 dev cni0", "10.96.0.0/16 dev cni0"},
		{"local 10.96.0.10 dev kube-ipvs0 table local", "local 10.96.0.10 dev kube-ipvs0 table local"},
		{"10.244.0.7 dev sluice01", "10.244.0.7 dev sluice01"},
	} {
		if got := conflictingRoute(c.routes); got != c.want {
			t.Errorf("%q: got %q, want %q", c.routes, got, c.want)
		}
	}
}

func TestStateFolderIsOnlyTakenIfItIsNewOrOurs(t *testing.T) {
	l := newTestLayout(t)
	if err := claimState(l); err != nil {
		t.Fatalf("empty: %v", err)
	}
	heldLock.Close()
	if err := claimState(l); err != nil {
		t.Fatalf("again: %v", err)
	}
	heldLock.Close()
	dropEmptyState(l)
	if _, err := os.Stat(l.state); err == nil {
		t.Error("a folder with nothing in it was kept")
	}
	if err := claimState(l); err != nil {
		t.Fatalf("not there: %v", err)
	}
	heldLock.Close()
	if err := os.WriteFile(l.path("precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dropEmptyState(l)
	if err := os.Remove(l.path(marker)); err != nil {
		t.Fatalf("the folder was removed with its content: %v", err)
	}
	if err := claimState(l); err == nil || !strings.Contains(err.Error(), "not a cluster's state folder") {
		t.Errorf("someone's folder: got %v", err)
	}
	if _, err := os.Stat(l.path("precious")); err != nil {
		t.Error(err)
	}
}

func TestMounts(t *testing.T) {
	got := parseMounts("22 1 254:0 / / rw - ext4 /dev/vda rw\n36 35 0:5 / /a\\040b/c rw,relatime shared:1 master:2 - tmpfs t rw\n\n")
	want := []mount{{"/", "ext4"}, {"/a b/c", "tmpfs"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}
