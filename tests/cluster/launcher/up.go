package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// How long a step may take on a slow, busy machine before something must be wrong with it.
const patience = 3 * time.Minute

// up starts what does not run yet, and returns when pods can be created and will run.
func up(l layout, b binaries, out io.Writer) error {
	began := time.Now()
	took := func() string { return fmt.Sprintf("%.1f s", time.Since(began).Seconds()) }
	if err := preflight(l, b); err != nil {
		dropEmptyState(l)
		return err
	}
	if err := errors.Join(writePKI(l), writeConfiguration(l), makeFolders(l), makeCgroups(), setUpNetwork(l)); err != nil {
		return err
	}
	all := map[string]component{}
	for _, c := range components(l, b) {
		all[c.name] = c
	}
	started := 0
	ensure := func(names ...string) error {
		for _, name := range names {
			if running(l, name) != 0 {
				continue
			}
			if err := endStrays(l, all[name]); err != nil {
				return err
			}
			if err := start(l, all[name]); err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			started++
		}
		return nil
	}

	if err := ensure(nameContainerd, nameEtcd, nameAPIServer); err != nil {
		return err
	}
	// The pause image while the API server starts, since kubelet needs it for the first pod.
	pauseLoaded := make(chan error, 1)
	go func() { pauseLoaded <- loadPause(l, b) }()

	client, err := newAPI(l)
	if err != nil {
		return err
	}
	if err := await(l, "the API server to be ready", client.ready, nameEtcd, nameAPIServer); err != nil {
		return err
	}
	fmt.Fprintf(out, "API server ready after %s (%s)\n", took(), apiURL)

	if err := <-pauseLoaded; err != nil {
		return fmt.Errorf("pause image: %w", err)
	}
	if err := ensure(nameManager, nameScheduler, nameKubelet, nameProxy); err != nil {
		return err
	}
	// Before CoreDNS and the provisioner, which are allowed nothing until then.
	if err := waitFor(patience, func() (bool, error) { err = client.applyManifests(); return err == nil, nil }); err != nil {
		return errors.Join(err, client.applyManifests())
	}
	if err := ensure(nameDNS, nameProvisioner); err != nil {
		return err
	}
	if err := await(l, "the node to be Ready", func() bool { return client.node().ready }, nameContainerd, nameKubelet, nameManager); err != nil {
		return err
	}
	fmt.Fprintf(out, "node %s Ready after %s\n", nodeName, took())

	if err := await(l, "services, names and pods to work", func() bool {
		return client.node().schedulable && healthy("http://"+proxyHealth+"/healthz") && healthy("http://"+corednsReady+"/ready") &&
			client.exists("/api/v1/namespaces/default/serviceaccounts/default")
	}, componentNames(l, b)...); err != nil {
		return err
	}
	if started == 0 {
		fmt.Fprintf(out, "the cluster was running already\n")
	} else {
		fmt.Fprintf(out, "cluster complete after %s\n", took())
	}
	fmt.Fprintf(out, "to use it: eval \"$(tests/cluster/cluster.sh env)\"\n")
	return nil
}

func componentNames(l layout, b binaries) (names []string) {
	for _, c := range components(l, b) {
		names = append(names, c.name)
	}
	return names
}

func makeFolders(l layout) error {
	for _, folder := range []string{"containerd", "etcd", "kubelet", "volumes", "cni", "log", "run"} {
		mode := os.FileMode(0o755)
		if folder == "etcd" {
			mode = 0o700 // else etcd warns
		}
		if err := os.MkdirAll(l.path(folder), mode); err != nil {
			return err
		}
	}
	kubeconfig, err := os.ReadFile(l.user("admin"))
	if err != nil {
		return err
	}
	return writeFile(l.kubeconfig(), kubeconfig, 0o600)
}

// endStrays ends a component that runs although it is not recorded, which a lost record leaves behind.
func endStrays(l layout, c component) error {
	var strays []int
	for _, pid := range marked(l) {
		if arguments := strings.Fields(commandLine(pid)); len(arguments) >= len(c.arguments)+1 && arguments[0] == c.program &&
			strings.Join(arguments[1:], " ") == strings.Join(c.arguments, " ") {
			strays = append(strays, pid)
		}
	}
	return stop(strays, 5*time.Second)
}

func loadPause(l layout, b binaries) error {
	archive := l.path("pause.tar")
	if err := writePauseImage(b.pause, archive); err != nil {
		return err
	}
	if err := await(l, "containerd to answer", func() bool {
		connection, err := net.Dial("unix", l.containerdSocket())
		if err != nil {
			return false
		}
		_ = connection.Close()
		_, err = ctr(l, "version")
		return err == nil
	}, nameContainerd); err != nil {
		return err
	}
	return load(l, archive, io.Discard)
}

func healthy(url string) bool {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// await waits for a condition, but no longer than the components that it needs live: a component that died says why in its log.
func await(l layout, what string, condition func() bool, needs ...string) error {
	began := time.Now()
	err := waitFor(patience, func() (bool, error) {
		if condition() {
			return true, nil
		}
		if time.Since(began) < 2*time.Second {
			return false, nil // the processes are only starting
		}
		for _, name := range needs {
			if running(l, name) == 0 {
				return false, failf(fmt.Sprintf("%s ended while waiting for %s; the end of its log:\n%s", name, what, tail(l.log(name), 12)),
					"see %s; `cluster.sh up` starts it again", l.log(name))
			}
		}
		return false, nil
	})
	if errors.Is(err, errTimeout) {
		return failf(fmt.Sprintf("waited %s in vain for %s", patience, what), "look at `cluster.sh status` and `cluster.sh logs %s`", needs[len(needs)-1])
	}
	return err
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return "    " + strings.Join(all[max(0, len(all)-lines):], "\n    ")
}

// restart ends one component and starts it again, for tests of what happens then.
func restart(l layout, b binaries, name string, out io.Writer) error {
	if running(l, nameAPIServer) == 0 {
		return failf("no cluster runs in "+l.state, "start it first: cluster.sh up")
	}
	for _, c := range components(l, b) {
		if c.name == name {
			if pid := running(l, name); pid != 0 {
				if err := stop([]int{pid}, 5*time.Second); err != nil {
					return err
				}
			}
			return up(l, b, out)
		}
	}
	return failf("there is no component "+name, "one of: %s", strings.Join(componentNames(l, b), ", "))
}

// logs shows one component's log, or the last lines of all.
func logs(l layout, b binaries, names []string, out io.Writer) error {
	if len(names) == 1 {
		command := exec.Command("cat", l.log(names[0]))
		if _, err := os.Stat(l.log(names[0])); err != nil {
			return failf(err.Error(), "one of: %s", strings.Join(componentNames(l, b), ", "))
		}
		command.Stdout, command.Stderr = out, os.Stderr
		return command.Run()
	}
	for _, name := range componentNames(l, b) {
		fmt.Fprintf(out, "== %s\n%s\n", l.log(name), tail(l.log(name), 15))
	}
	return nil
}
