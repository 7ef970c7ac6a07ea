package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// usesExisting says whether the caller has a cluster of their own, which is only looked at.
func usesExisting() (bool, error) {
	switch value := os.Getenv("CLUSTER"); value {
	case "":
		return false, nil
	case "existing":
		if os.Getenv("KUBECONFIG") == "" {
			return false, failf("CLUSTER=existing, but KUBECONFIG is not set", "export KUBECONFIG=FILE of the cluster to use")
		}
		return true, nil
	default:
		return false, failf(fmt.Sprintf("CLUSTER=%s means nothing", value), "leave it away for an own cluster, or set CLUSTER=existing and KUBECONFIG")
	}
}

// existing is every command for a cluster of the caller's own: none of them changes it or this machine.
func existing(command string, arguments []string, out io.Writer) error {
	kubectl := func(arguments ...string) (string, error) {
		if _, err := exec.LookPath("kubectl"); err != nil {
			return "", failf("kubectl is not in PATH", "install it, as CLUSTER=existing uses your own")
		}
		return run("kubectl", append(arguments, "--request-timeout=10s")...)
	}
	switch command {
	case "up", "status":
		if answer, err := kubectl("get", "--raw", "/readyz"); err != nil {
			return failf(fmt.Sprintf("the cluster of KUBECONFIG=%s does not answer: %v", os.Getenv("KUBECONFIG"), err), "check the file and that you may reach the cluster; answer: %s", answer)
		}
		fmt.Fprintf(out, "using the cluster of KUBECONFIG=%s, which answers\n", os.Getenv("KUBECONFIG"))
		return nil
	case "down":
		fmt.Fprintln(out, "CLUSTER=existing: nothing to take down, the cluster is yours")
		return nil
	case "load":
		fmt.Fprintf(out, "CLUSTER=existing: not loaded; push %s to a registry that the cluster pulls from, under the name its pods use\n", strings.Join(arguments, " "))
		return nil
	case "env":
		printEnvironment(out, os.Getenv("KUBECONFIG"), os.Getenv("CLUSTER_HELM"))
		return nil
	default:
		return failf("CLUSTER=existing has no `"+command+"`", "use the cluster's own means")
	}
}
