package main

import (
	"os"
	"path/filepath"
)

// What the cluster looks like from outside. Two clusters on one machine would share these, so preflight refuses a second one.
const (
	nodeName     = "sluice-node"
	bridgeName   = "sluice0"
	podRange     = "10.244.0.0/16"
	podSubnet    = "10.244.0.0/24" // of the one node
	nodeIP       = "10.244.0.1"    // the bridge's: the machine as pods see it, and where all that pods may call listens
	nodeIPRange  = "10.244.0.1/24"
	serviceNet   = "10.96.0.0/16"
	apiClusterIP = "10.96.0.1"
	dnsClusterIP = "10.96.0.10"
	apiPort      = "6443"
	guardTable   = "sluice_cluster" // nftables table that keeps packets on this machine
	cgroupName   = "sluice-cluster"
	provisioner  = "sluice.test/host-path"
	pauseImage   = "localhost/sluice-pause:1"

	defaultStateDir = "/var/lib/sluice-cluster"
)

// apiURL is the API server's address for everything on this machine.
const apiURL = "https://" + nodeIP + ":" + apiPort

// layout names every file of a cluster. All of them lie in one folder.
type layout struct{ state string }

func newLayout() (layout, error) {
	state := os.Getenv("SLUICE_CLUSTER_DIR")
	if state == "" {
		state = defaultStateDir
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return layout{}, err
	}
	// A socket's path may be 107 characters long; the longest of ours is kubelet's.
	const longest = 107 - len("/kubelet/pod-resources/kubelet.sock") - 8
	if len(state) > longest {
		return layout{}, failf("the path of the state folder, "+state+", is too long for the sockets in it",
			"set SLUICE_CLUSTER_DIR to a path of at most %d characters", longest)
	}
	// An existing folder may be reached by a link; mounts are listed by their real path.
	if real, err := filepath.EvalSymlinks(state); err == nil {
		state = real
	}
	return layout{state: state}, nil
}

func (l layout) path(parts ...string) string {
	return filepath.Join(append([]string{l.state}, parts...)...)
}

func (l layout) kubeconfig() string             { return l.path("kubeconfig") }
func (l layout) pki(name string) string         { return l.path("pki", name) }
func (l layout) config(name string) string      { return l.path("config", name) }
func (l layout) user(name string) string        { return l.path("config", name+".kubeconfig") }
func (l layout) log(component string) string    { return l.path("log", component+".log") }
func (l layout) record(component string) string { return l.path("run", component+".json") }
func (l layout) containerdSocket() string       { return l.path("containerd", "containerd.sock") }
