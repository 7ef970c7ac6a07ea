// Command cluster runs a one-node Kubernetes on this machine, for tests: cluster.sh builds what it needs and then runs it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const usage = `usage: cluster.sh COMMAND

  up                    start the cluster, or what of it does not run; returns when pods will run
  down                  remove everything that the cluster made on this machine
  build                 only build and install what all commands need
  status                what runs; exit status 1 if anything is missing
  load ARCHIVE...       import the images of an OCI archive; flink:1.20 in it is what pods mean by flink:1.20
  logs [COMPONENT]      a component's log, or the end of every log
  restart COMPONENT     end one component and start it again
  cert-manager up|down  install cert-manager's resources and run its controllers, or remove both
  env                   shell lines that set KUBECONFIG and PATH: eval "$(cluster.sh env)"

environment:
  SLUICE_CLUSTER_DIR    the cluster's state, ` + defaultStateDir + ` if not set
  SLUICE_CACHE          what is built, ~/.cache/sluice if not set
  CLUSTER=existing      use the cluster of KUBECONFIG; nothing on this machine or in the cluster is changed
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := command(os.Args[1], os.Args[2:], os.Stdout)
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1)
	}
}

// exitCode ends the program without a message, which was printed already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func command(name string, arguments []string, out io.Writer) error {
	if name == "component" {
		return becomeComponent(arguments)
	}
	arity := map[string][2]int{"up": {0, 0}, "down": {0, 0}, "status": {0, 0}, "load": {1, 100}, "logs": {0, 1}, "restart": {1, 1}, "cert-manager": {1, 1}, "env": {0, 0}}
	if limits, known := arity[name]; !known || len(arguments) < limits[0] || len(arguments) > limits[1] {
		fmt.Fprint(os.Stderr, usage)
		return exitCode(2)
	}
	if own, err := usesExisting(); err != nil {
		return err
	} else if own {
		return existing(name, arguments, out)
	}
	l, err := newLayout()
	if err != nil {
		return err
	}
	b := binaries{
		kubernetes: os.Getenv("CLUSTER_KUBERNETES"), coredns: os.Getenv("CLUSTER_COREDNS"), pause: os.Getenv("CLUSTER_PAUSE"),
		certManager: os.Getenv("CLUSTER_CERT_MANAGER"),
	}
	switch name {
	case "up", "restart":
		if b.kubernetes == "" || b.coredns == "" || b.pause == "" {
			return failf("the cluster's programs are not known", "run tests/cluster/cluster.sh rather than the launcher itself")
		}
		if os.Geteuid() == 0 { // else preflight says what is wrong
			if err := claimState(l); err != nil {
				return err
			}
		}
		if name == "up" {
			return up(l, b, out)
		}
		return restart(l, b, arguments[0], out)
	case "down":
		if _, err := os.Stat(l.state); err == nil && os.Geteuid() == 0 {
			if err := claimState(l); err != nil {
				return err
			}
		}
		return down(l, b, out)
	case "status":
		if !status(l, b, out) {
			return exitCode(1)
		}
		return nil
	case "load":
		if running(l, nameContainerd) == 0 {
			return failf("no cluster runs in "+l.state, "start it first: cluster.sh up")
		}
		for _, archive := range arguments {
			if err := load(l, archive, out); err != nil {
				return err
			}
		}
		return nil
	case "cert-manager":
		return certManager(l, b, arguments[0], out)
	case "logs":
		return logs(l, b, arguments, out)
	default: // env
		printEnvironment(out, l.kubeconfig(), b.kubernetes, os.Getenv("CLUSTER_HELM"))
		return nil
	}
}

// printEnvironment prints the lines that `env` is for; the folders of the programs go to the front of PATH.
func printEnvironment(out io.Writer, kubeconfig string, programs ...string) {
	fmt.Fprintf(out, "export KUBECONFIG=%s\n", shellQuote(kubeconfig))
	var folders []string
	for _, program := range programs {
		if program != "" {
			folders = append(folders, filepath.Dir(program))
		}
	}
	if len(folders) > 0 {
		fmt.Fprintf(out, "export PATH=%s:\"$PATH\"\n", shellQuote(strings.Join(folders, ":")))
	}
}

// shellQuote makes one word of any text for a POSIX shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
