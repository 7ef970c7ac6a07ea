//go:build integration

// Package integration holds the test of the whole cluster, on an isolated machine: run ../../test.sh.
package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The limits that the issue sets for a built tree.
const (
	apiLimit  = 10.0 // seconds
	nodeLimit = 20.0
)

func TestMain(m *testing.M) {
	disk := os.Getenv("ISOLATED_DISK")
	if disk == "" || os.Getenv("BUSYBOX_ARCHIVE") == "" {
		fmt.Fprintln(os.Stderr, "this test takes a machine of its own: run tests/cluster/test.sh")
		os.Exit(1)
	}
	os.Setenv("SLUICE_CLUSTER_DIR", filepath.Join(disk, "cluster"))
	os.Setenv("KUBECONFIG", filepath.Join(disk, "cluster", "kubeconfig"))
	os.Unsetenv("CLUSTER")
	os.Exit(m.Run())
}

// The tests run in the order in which they stand here, since a cluster takes its time: what is refused, one whole life, an end by violence.

func TestRefusals(t *testing.T) {
	before := look(t)

	t.Run("down on nothing", func(t *testing.T) { cluster(t, "down") })

	t.Run("a port that is taken", func(t *testing.T) {
		socket, err := net.Listen("tcp", "0.0.0.0:10250")
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		refused(t, []string{"kubelet needs 10.244.0.1:10250", fmt.Sprintf("process %d", os.Getpid())}, "up")
	})

	t.Run("the bridge is someone else's", func(t *testing.T) {
		output(t, "ip", "link", "add", "sluice0", "type", "bridge")
		defer output(t, "ip", "link", "delete", "sluice0")
		refused(t, []string{"sluice0"}, "up")
		cluster(t, "down")
		output(t, "ip", "link", "show", "sluice0") // still there
	})

	t.Run("another network has the pods' addresses", func(t *testing.T) {
		output(t, "ip", "route", "add", "10.244.7.0/24", "dev", "outside0")
		defer output(t, "ip", "route", "delete", "10.244.7.0/24")
		refused(t, []string{"10.244.7.0/24"}, "up")
	})

	t.Run("a state folder with something else in it", func(t *testing.T) {
		folder := filepath.Join(os.Getenv("ISOLATED_DISK"), "mine")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		if err := os.WriteFile(filepath.Join(folder, "thesis"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SLUICE_CLUSTER_DIR", folder)
		refused(t, []string{folder}, "up")
		refused(t, []string{folder}, "down")
		if _, err := os.Stat(filepath.Join(folder, "thesis")); err != nil {
			t.Error(err)
		}
	})

	t.Run("no disk space", func(t *testing.T) {
		folder := filepath.Join(os.Getenv("ISOLATED_DISK"), "small")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(folder)
		output(t, "mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", folder)
		defer output(t, "umount", folder)
		t.Setenv("SLUICE_CLUSTER_DIR", filepath.Join(folder, "cluster"))
		refused(t, []string{"MiB free"}, "up")
	})

	t.Run("not root", func(t *testing.T) {
		out, status := attempt(t, "setpriv", "--reuid=65534", "--clear-groups", launcher(t), "up")
		if status == 0 || !strings.Contains(out, "this needs root") {
			t.Errorf("exit status %d:\n%s", status, out)
		}
	})

	t.Run("no registry of modules", func(t *testing.T) {
		disk := os.Getenv("ISOLATED_DISK")
		t.Setenv("GOPROXY", "http://127.0.0.1:1")
		t.Setenv("GOMODCACHE", filepath.Join(disk, "modules"))
		t.Setenv("SLUICE_CACHE", filepath.Join(disk, "cache"))
		refused(t, []string{"GOPROXY", "http://127.0.0.1:1"}, "up")
		for _, folder := range []string{"modules", "cache"} {
			if err := os.RemoveAll(filepath.Join(disk, folder)); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("no registry of packages", func(t *testing.T) {
		tools := t.TempDir()
		for name, text := range map[string]string{"dpkg-query": "#!/bin/sh\nexit 1\n", "apt-get": "#!/bin/sh\necho 'Could not resolve'\nexit 100\n"} {
			if err := os.WriteFile(filepath.Join(tools, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
		refused(t, []string{"apt-get could not install containerd", "sources.list"}, "up")
	})

	t.Run("load without a cluster", func(t *testing.T) {
		refused(t, []string{"cluster.sh up"}, "load", os.Getenv("BUSYBOX_ARCHIVE"))
	})

	before.mustEqual(t, look(t))
}

func launcher(t *testing.T) string {
	t.Helper()
	// Where someone without rights may run it.
	target := filepath.Join(t.TempDir(), "cluster")
	output(t, "go", "build", "-o", target, "..")
	for folder := filepath.Dir(target); folder != "/tmp"; folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CLUSTER_KUBERNETES", "/x")
	t.Setenv("CLUSTER_COREDNS", "/x")
	t.Setenv("CLUSTER_PAUSE", "/x")
	return target
}

func TestLifeOfACluster(t *testing.T) {
	before := look(t)
	sent := packetsOut(t)
	t.Cleanup(func() { attempt(t, script(), "down") }) // so that a failure is not the next test's as well

	out := cluster(t, "up")
	t.Log(out)
	if api := seconds(t, out, `API server ready after ([0-9.]+) s`); api > apiLimit {
		t.Errorf("the API server took %.1f s, the limit is %.0f s", api, apiLimit)
	}
	if node := seconds(t, out, `Ready after ([0-9.]+) s`); node > nodeLimit {
		t.Errorf("the node took %.1f s, the limit is %.0f s", node, nodeLimit)
	}
	cluster(t, "status")

	t.Run("up again changes nothing", func(t *testing.T) {
		pid := pidOf(t, "kube-apiserver")
		if out := cluster(t, "up"); !strings.Contains(out, "running already") || pidOf(t, "kube-apiserver") != pid {
			t.Errorf("got\n%s", out)
		}
	})

	t.Run("a second cluster is refused", func(t *testing.T) {
		first := os.Getenv("SLUICE_CLUSTER_DIR")
		second := filepath.Join(os.Getenv("ISOLATED_DISK"), "second")
		t.Setenv("SLUICE_CLUSTER_DIR", second)
		refused(t, []string{"another cluster", first}, "up")
		cluster(t, "down")
		t.Setenv("SLUICE_CLUSTER_DIR", first)
		cluster(t, "status")
	})

	t.Run("an image is loaded once", func(t *testing.T) {
		if out := cluster(t, "load", os.Getenv("BUSYBOX_ARCHIVE")); !strings.Contains(out, "loaded docker.io/library/busybox:1") {
			t.Errorf("got\n%s", out)
		}
		if out := cluster(t, "load", os.Getenv("BUSYBOX_ARCHIVE")); !strings.Contains(out, "is there already") {
			t.Errorf("got\n%s", out)
		}
	})

	apply(t, workload)
	kubectl(t, "wait", "--for=condition=Ready", "--timeout=60s", "pod/web", "pod/client")

	t.Run("logs and exec", func(t *testing.T) {
		if out := kubectl(t, "logs", "web"); out != "serving\n" {
			t.Errorf("log: %q", out)
		}
		if out := kubectl(t, "exec", "client", "--", "hostname"); out != "client\n" {
			t.Errorf("exec: %q", out)
		}
	})

	t.Run("a service by its name", func(t *testing.T) {
		for _, name := range []string{"web", "web.default", "web.default.svc.cluster.local"} {
			if out := kubectl(t, "exec", "client", "--", "wget", "-qO-", "http://"+name+"/"); out != "hello\n" {
				t.Errorf("%s: %q", name, out)
			}
		}
	})

	t.Run("a service that a pod calls and that is the pod itself", func(t *testing.T) {
		if out := kubectl(t, "exec", "web", "--", "wget", "-qO-", "http://web.default.svc.cluster.local/"); out != "hello\n" {
			t.Errorf("got %q", out)
		}
	})

	t.Run("the API server reaches services, as it does webhooks", func(t *testing.T) {
		ip := kubectl(t, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
		if got := get(t, "http://"+ip+"/"); got != "hello\n" {
			t.Errorf("from the machine: %q", got)
		}
		if got := kubectl(t, "get", "--raw", "/api/v1/namespaces/default/services/web:80/proxy/"); got != "hello\n" {
			t.Errorf("through the API server: %q", got)
		}
	})

	t.Run("a webhook that is down refuses at once", func(t *testing.T) {
		apply(t, webhookOfNobody)
		defer kubectl(t, "delete", "validatingwebhookconfiguration", "nobody")
		began := time.Now()
		out, status := attempt(t, "kubectl", "create", "secret", "generic", "x")
		if status == 0 || !strings.Contains(out, "nobody.sluice.test") || time.Since(began) > 8*time.Second {
			t.Errorf("exit status %d after %s:\n%s", status, time.Since(began), out)
		}
	})

	t.Run("a node port on the bridge's address", func(t *testing.T) {
		port := kubectl(t, "get", "service", "web-node", "-o", "jsonpath={.spec.ports[0].nodePort}")
		if got := get(t, "http://10.244.0.1:"+port+"/"); got != "hello\n" {
			t.Errorf("got %q", got)
		}
		if connection, err := net.DialTimeout("tcp", "198.51.100.2:"+port, time.Second); err == nil {
			connection.Close()
			t.Error("it is served on the address that others see, too")
		}
	})

	t.Run("a volume is made, written, and deleted with its claim", func(t *testing.T) {
		kubectl(t, "exec", "web", "--", "sh", "-c", "echo kept > /data/file")
		volume := kubectl(t, "get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
		file := filepath.Join(os.Getenv("SLUICE_CLUSTER_DIR"), "volumes", volume, "file")
		if got := read(t, file); got != "kept\n" {
			t.Errorf("the volume's file: %q", got)
		}
		apply(t, strings.ReplaceAll(claim, "NAME", "short-lived"))
		kubectl(t, "wait", "--for=jsonpath={.status.phase}=Bound", "--timeout=30s", "pvc/short-lived")
		volume = kubectl(t, "get", "pvc", "short-lived", "-o", "jsonpath={.spec.volumeName}")
		kubectl(t, "delete", "pvc", "short-lived", "--timeout=30s")
		kubectl(t, "wait", "--for=delete", "--timeout=30s", "pv/"+volume)
		if _, err := os.Stat(filepath.Join(os.Getenv("SLUICE_CLUSTER_DIR"), "volumes", volume)); err == nil {
			t.Error("the deleted claim's folder is still there")
		}
	})

	t.Run("the node has ephemeral storage", func(t *testing.T) {
		if out := kubectl(t, "get", "node", "sluice-node", "-o", "jsonpath={.status.allocatable.ephemeral-storage}"); out == "" || out == "0" {
			t.Errorf("got %q", out)
		}
	})

	t.Run("pods cannot call outside", func(t *testing.T) {
		dropped := counter(t, "pods_to_outside")
		if out, status := attempt(t, "kubectl", "exec", "client", "--", "nc", "-w", "2", "192.0.2.1", "80"); status == 0 {
			t.Errorf("a connection to the outside: %s", out)
		}
		if now := counter(t, "pods_to_outside"); now <= dropped {
			t.Errorf("the rule dropped %d packets before and %d after", dropped, now)
		}
	})

	t.Run("other names are refused, not passed on", func(t *testing.T) {
		out, status := attempt(t, "kubectl", "exec", "client", "--", "nslookup", "example.com")
		if status == 0 || !strings.Contains(out, "REFUSED") {
			t.Errorf("exit status %d:\n%s", status, out)
		}
	})

	t.Run("an image that is not there is told at once", func(t *testing.T) {
		kubectl(t, "run", "imageless", "--image=nowhere.example/none:1", "--restart=Never")
		kubectl(t, "wait", "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImagePull", "--timeout=20s", "pod/imageless")
		kubectl(t, "delete", "pod", "imageless", "--now")
	})

	t.Run("services without kube-proxy stay inside", func(t *testing.T) {
		if route := output(t, "ip", "route", "get", "10.96.200.200"); !strings.Contains(route, "dev sluice0") {
			t.Errorf("the route of a service: %s", route)
		}
		kill(t, "kube-proxy")
		output(t, "nft", "delete", "table", "ip", "kube-proxy")
		if connection, err := net.DialTimeout("tcp", "10.96.0.1:443", time.Second); err == nil {
			connection.Close()
			t.Error("connected, although nothing translates the address")
		}
		cluster(t, "up")
		if out := kubectl(t, "exec", "client", "--", "wget", "-qO-", "http://web/"); out != "hello\n" {
			t.Errorf("after kube-proxy is back: %q", out)
		}
	})

	t.Run("what died is started again", func(t *testing.T) {
		kill(t, "kube-scheduler")
		kill(t, "containerd")
		if out, status := attempt(t, script(), "status"); status != 1 || !strings.Contains(out, "not running") {
			t.Errorf("status %d:\n%s", status, out)
		}
		cluster(t, "up")
		cluster(t, "status")
		if restarts := kubectl(t, "get", "pod", "web", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"); restarts != "0" {
			t.Errorf("the pod was restarted %s times", restarts)
		}
		kubectl(t, "exec", "client", "--", "true")
	})

	t.Run("restart of a component", func(t *testing.T) {
		pid := pidOf(t, "kube-apiserver")
		cluster(t, "restart", "kube-apiserver")
		if now := pidOf(t, "kube-apiserver"); now == pid {
			t.Errorf("still process %d", now)
		}
		kubectl(t, "get", "pod", "web")
		refused(t, []string{"kubelet"}, "restart", "kubelett")
	})

	t.Run("logs", func(t *testing.T) {
		if out := cluster(t, "logs", "kubelet"); len(out) == 0 {
			t.Error("kubelet's log is empty")
		}
		refused(t, []string{"kube-scheduler"}, "logs", "nothing")
	})

	t.Run("as an existing cluster it is only looked at", func(t *testing.T) {
		t.Setenv("CLUSTER", "existing")
		cluster(t, "up")
		cluster(t, "down")
		if out := cluster(t, "load", "some.tar"); !strings.Contains(out, "registry") {
			t.Errorf("load: %s", out)
		}
		kubectl(t, "get", "pod", "web")
		t.Setenv("KUBECONFIG", "/nowhere")
		refused(t, []string{"/nowhere"}, "up")
	})

	t.Run("cert-manager", certManager)

	if now := packetsOut(t); now != sent {
		t.Errorf("packets left the machine: %s before, %s now", sent, now)
	}
	if machine := counter(t, "machine_to_outside"); machine != 0 {
		t.Errorf("the guard had to drop %d packets of the machine itself", machine)
	}
	if out := cluster(t, "down"); !strings.Contains(out, "nothing of it is left") {
		t.Errorf("down: %s", out)
	}
	before.mustEqual(t, look(t))
}

func TestDownAfterAKilledUp(t *testing.T) {
	before := look(t)
	for _, after := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 5 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			defer cancel()
			// The script becomes the launcher, which is killed; the components are sessions of their own and live on.
			up := exec.CommandContext(ctx, script(), "up")
			out, _ := up.CombinedOutput()
			t.Logf("%s", out)
			cluster(t, "down")
			before.mustEqual(t, look(t))
		})
	}
}

// certManager lets cert-manager issue a certificate and put its authority into a webhook configuration.
func certManager(t *testing.T) {
	t.Log(cluster(t, "cert-manager", "up"))
	apply(t, certificate)
	kubectl(t, "wait", "--for=condition=Ready", "--timeout=60s", "certificate/webhook")
	var secret struct{ Data map[string]string }
	if err := json.Unmarshal([]byte(kubectl(t, "get", "secret", "webhook-tls", "-o", "json")), &secret); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if secret.Data[key] == "" {
			t.Errorf("the secret has no %s", key)
		}
	}
	kubectl(t, "wait", "--for=jsonpath={.webhooks[0].clientConfig.caBundle}="+secret.Data["ca.crt"], "--timeout=30s", "validatingwebhookconfiguration/injected")
	kubectl(t, "delete", "validatingwebhookconfiguration", "injected")
	cluster(t, "cert-manager", "down")
	if out := kubectl(t, "get", "crd", "-o", "name"); strings.Contains(out, "cert-manager") {
		t.Errorf("left behind: %s", out)
	}
}

func seconds(t *testing.T, text, pattern string) float64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %q in\n%s", pattern, text)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func counter(t *testing.T, name string) int {
	t.Helper()
	return int(seconds(t, output(t, "nft", "list", "counter", "inet", "sluice_cluster", name), `packets ([0-9]+)`))
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}
