package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

const (
	nameCertManager      = "cert-manager"
	certManagerNamespace = "cert-manager"
	certManagerReady     = "127.0.0.1:10263"
)

// certManager installs cert-manager's resource definitions and runs its controllers beside the cluster's own, or removes both.
func certManager(l layout, b binaries, command string, out io.Writer) error {
	if running(l, nameAPIServer) == 0 {
		return failf("no cluster runs in "+l.state, "start it first: cluster.sh up")
	}
	if b.certManager == "" || b.kubernetes == "" {
		return failf("cert-manager's program is not known", "run tests/cluster/cluster.sh rather than the launcher itself")
	}
	kubectl := func(arguments ...string) error {
		_, err := run(b.kubernetes, append([]string{"kubectl", "--kubeconfig", l.kubeconfig()}, arguments...)...)
		return err
	}
	definitions := filepath.Join(filepath.Dir(b.certManager), "crds")
	switch command {
	case "up":
		began := time.Now()
		if err := kubectl("apply", "--server-side", "--force-conflicts", "-f", definitions); err != nil {
			return err
		}
		if err := kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", definitions); err != nil {
			return err
		}
		if client, err := newAPI(l); err != nil {
			return err
		} else if !client.exists("/api/v1/namespaces/" + certManagerNamespace) {
			if err := kubectl("create", "namespace", certManagerNamespace); err != nil {
				return err
			}
		}
		c := component{name: nameCertManager, program: b.certManager, arguments: []string{
			"--kubeconfig=" + l.user("admin"), "--cluster-resource-namespace=" + certManagerNamespace, "--ready-address=" + certManagerReady,
		}}
		if running(l, c.name) == 0 {
			if err := endStrays(l, c); err != nil {
				return err
			}
			if err := start(l, c); err != nil {
				return err
			}
		}
		if err := await(l, "cert-manager's controllers", func() bool { return healthy("http://" + certManagerReady + "/readyz") }, c.name); err != nil {
			return err
		}
		fmt.Fprintf(out, "cert-manager runs after %.1f s\n", time.Since(began).Seconds())
		return nil
	case "down":
		if pid := running(l, nameCertManager); pid != 0 {
			if err := stop([]int{pid}, 10*time.Second); err != nil {
				return err
			}
		}
		if err := openStorage(b, l, definitions); err != nil {
			return err
		}
		if err := kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", definitions); err != nil {
			return err
		}
		if err := kubectl("delete", "namespace", "--ignore-not-found", "--timeout=60s", certManagerNamespace); err != nil {
			return err
		}
		fmt.Fprintln(out, "cert-manager is gone, and all its resources with it")
		return nil
	default:
		return failf("cert-manager "+command+" means nothing", "use `cert-manager up` or `cert-manager down`")
	}
}

// openStorage lists the objects of every kind that the definitions in a folder define and the cluster has.
//
// A definition whose kind nobody has listed yet may stay for minutes when it is deleted: the API server's finalizer finds the kind's
// storage still opening, notes that in the status, meets its own note as a conflict when it tries again, and takes that for news
// that will call it once more (sync and updateCustomResourceDefinition of apiextensions-apiserver's crd_finalizer.go).
func openStorage(b binaries, l layout, definitions string) error {
	kubectl := []string{"kubectl", "--kubeconfig", l.kubeconfig()}
	names, err := run(b.kubernetes, append(kubectl, "get", "--ignore-not-found", "-o", "jsonpath={.items[*].metadata.name}", "-f", definitions)...)
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(names) {
		if _, err := run(b.kubernetes, append(kubectl, "get", name, "--all-namespaces", "-o", "name")...); err != nil {
			return err
		}
	}
	return nil
}
