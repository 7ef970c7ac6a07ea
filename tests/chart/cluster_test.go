//go:build cluster

package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What only a real API server can tell. KUBECONFIG names it, and kubectl is on PATH. Nothing here reaches outside of namespace chart-test, but for the
// objects of release "charttest" that belong to no namespace, and the CRDs where the cluster has none.
const testNamespace = "chart-test"

func kubectl(t *testing.T, input string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command("kubectl", arguments...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %s", strings.Join(arguments, " "), stderr.String())
	}
	return stdout.String(), nil
}

func mustKubectl(t *testing.T, input string, arguments ...string) string {
	t.Helper()
	output, err := kubectl(t, input, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// inTestNamespace makes the namespace for one test and removes it afterwards.
func inTestNamespace(t *testing.T) {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Fatal(`KUBECONFIG is not set: eval "$(tests/cluster/cluster.sh env)"`)
	}
	remove := func() {
		mustKubectl(t, "", "delete", "namespace", testNamespace, "--ignore-not-found", "--timeout=60s")
	}
	remove()
	mustKubectl(t, "", "create", "namespace", testNamespace)
	t.Cleanup(remove)
}

// A dry run of every manifest of every value set: known fields only, valid values, CEL that compiles.
func TestServerAcceptsManifests(t *testing.T) {
	inTestNamespace(t)
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) { dryRun(t, file) })
	}
}

func dryRun(t *testing.T, values string) {
	// A release that no cluster has: where one of this name is installed, a set that names another ClusterRole could not be applied over it
	// (a roleRef cannot be changed).
	objects := parse(t, templateAs(t, "charttest-dry-run", "--values", values))
	list := []any{}
	for _, o := range objects {
		// cert-manager's own kinds are checked where cert-manager runs.
		if strings.HasPrefix(at[string](o, "apiVersion"), "cert-manager.io/") {
			continue
		}
		// A dry run needs its namespace to exist, too.
		if o.namespace() != "" {
			at[map[string]any](o, "metadata")["namespace"] = testNamespace
		}
		list = append(list, o)
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": list})
	if err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, string(text), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
}

// The folders for `kubectl apply -k` are complete.
func TestKustomizations(t *testing.T) {
	definitions, err := filepath.Glob("../../deploy/crds/*.yaml")
	if err != nil || len(definitions) == 0 {
		t.Fatal("no definitions in deploy/crds")
	}
	for _, folder := range []string{"../../deploy/kustomize", "../../deploy/cert-manager"} {
		objects := parse(t, mustKubectl(t, "", "kustomize", folder))
		for kind, count := range map[string]int{"CustomResourceDefinition": len(definitions), "Deployment": 2, "Namespace": 1, "ValidatingWebhookConfiguration": 1} {
			if found := len(ofKind(objects, kind)); found != count {
				t.Errorf("%s: %d %s", folder, found, kind)
			}
		}
	}
}

// sessionJob is a valid one that nobody can run: its session cluster does not exist.
func sessionJob(name string) string {
	return `{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkSessionJob",
		"metadata": {"name": "` + name + `", "namespace": "` + testNamespace + `", "finalizers": ["example.com/hold"]},
		"spec": {"deploymentName": "absent", "job": {"parallelism": 1, "upgradeMode": "stateless"}}}`
}

// The release as it stands in a cluster, though without pods: whom the API server lets do what.
func TestInstalledRelease(t *testing.T) {
	inTestNamespace(t)
	if _, err := kubectl(t, "", "get", "crd", "flinkdeployments.flink.apache.org"); err != nil {
		mustKubectl(t, "", "apply", "--server-side", "-f", "../../deploy/crds")
		// Left behind, they would stand in the way of a release that brings its own.
		t.Cleanup(func() {
			// Listed first, so that the API server has their storage open: tests/cluster/launcher/certmanager.go says why.
			mustKubectl(t, "", "get", "--all-namespaces", "flinkdeployments,flinksessionjobs,flinkstatesnapshots,flinkbluegreendeployments,clusterflinkpolicies,flinkpolicies")
			mustKubectl(t, "", "delete", "-f", "../../deploy/crds", "--timeout=60s")
		})
		mustKubectl(t, "", "wait", "--for=condition=Established", "-f", "../../deploy/crds", "--timeout=30s")
	}
	// Two from before there was a webhook.
	for _, name := range []string{"leaving", "staying"} {
		mustKubectl(t, sessionJob(name), "create", "-f", "-")
		t.Cleanup(func() {
			_, _ = kubectl(t, "", "--namespace", testNamespace, "patch", "flinksessionjob", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		})
	}
	arguments := []string{"charttest", chartDir, "--namespace", testNamespace, "--set", "crds.install=false,replicas=0,webhook.replicas=0",
		"--set", "watchNamespaces={" + testNamespace + "}", "--set-json", `jobServiceAccount.annotations={"helm.sh/resource-policy":null}`}
	install := func(verb string, more ...string) {
		t.Helper()
		if _, err := run(t, append(append([]string{verb}, arguments...), more...)...); err != nil {
			t.Fatal(err)
		}
	}
	uninstall := func() {
		_, _ = run(t, "uninstall", "charttest", "--namespace", testNamespace, "--ignore-not-found", "--wait")
	}
	uninstall()
	install("install")
	t.Cleanup(uninstall)

	const (
		configuration = "validatingwebhookconfiguration/charttest-sluice"
		controller    = "system:serviceaccount:" + testNamespace + ":charttest-sluice-controller"
		webhook       = "system:serviceaccount:" + testNamespace + ":charttest-sluice-webhook"
		job           = "system:serviceaccount:" + testNamespace + ":flink"
	)

	t.Run("an upgrade leaves caBundle as it is", func(t *testing.T) {
		// As the webhook puts it in: by server-side apply, as its account, and for nothing but that field.
		const bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"
		patch := `{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "charttest-sluice"},
			"webhooks": [{"name": "validate.flink.apache.org", "clientConfig": {"caBundle": "` + bundle + `"}}]}`
		certificate := mustKubectl(t, "", "config", "view", "--raw", "--minify", "--flatten", "-o", "jsonpath={.clusters[0].cluster.certificate-authority-data}")
		if certificate != "" {
			patch = strings.Replace(patch, bundle, certificate, 1)
		}
		mustKubectl(t, patch, "--as", webhook, "apply", "--server-side", "--field-manager=sluice-webhook-ca", "-f", "-")
		install("upgrade", "--set", "webhook.timeoutSeconds=4,logging.level=debug")
		after := object{}
		if err := json.Unmarshal([]byte(mustKubectl(t, "", "get", configuration, "-o", "json")), &after); err != nil {
			t.Fatal(err)
		}
		if at[string](after, "webhooks", 0, "clientConfig", "caBundle") == "" {
			t.Error("caBundle is blank after helm upgrade")
		}
		if at[float64](after, "webhooks", 0, "timeoutSeconds") != 4 {
			t.Error("the upgrade did not arrive")
		}
	})

	t.Run("while no webhook pod answers", func(t *testing.T) {
		refused := func(err error) bool { return err != nil && strings.Contains(err.Error(), "failed calling webhook") }
		if _, err := kubectl(t, sessionJob("new"), "create", "-f", "-"); !refused(err) {
			t.Errorf("a new resource got in, or was refused for another reason: %v", err)
		}
		label := []string{"--namespace", testNamespace, "label", "--overwrite", "flinksessionjob", "staying"}
		if _, err := kubectl(t, "", append(label, "by=user")...); !refused(err) {
			t.Errorf("a user's change got in, or was refused for another reason: %v", err)
		}
		// Other namespaces are none of its business.
		elsewhere := strings.ReplaceAll(sessionJob("new"), `"`+testNamespace+`"`, `"default"`)
		if _, err := kubectl(t, elsewhere, "create", "--dry-run=server", "-f", "-"); err != nil && strings.Contains(err.Error(), "charttest") {
			t.Error(err)
		}
		// The controller's own writes pass. Its role knows no session jobs yet, so it gets the right to write this one here.
		mustKubectl(t, "", "--namespace", testNamespace, "create", "role", "label", "--verb=get,patch", "--resource=flinksessionjobs.flink.apache.org")
		mustKubectl(t, "", "--namespace", testNamespace, "create", "rolebinding", "label", "--role=label", "--serviceaccount="+testNamespace+":charttest-sluice-controller")
		mustKubectl(t, "", append(label, "by=controller", "--as", controller)...)
		// So does taking the finalizer off a resource that is being deleted.
		mustKubectl(t, "", "--namespace", testNamespace, "delete", "flinksessionjob", "leaving", "--wait=false")
		mustKubectl(t, "", "--namespace", testNamespace, "patch", "flinksessionjob", "leaving", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	})

	t.Run("rights", func(t *testing.T) {
		cases := []struct {
			who, namespace, verb, what string
			may                        bool
		}{
			{controller, testNamespace, "patch", "flinkdeployments.flink.apache.org", true},
			{controller, testNamespace, "create", "deployments.apps", true},
			{controller, testNamespace, "patch", "events.events.k8s.io", true},
			{controller, testNamespace, "update", "leases.coordination.k8s.io/charttest-sluice-controller", true},
			{controller, testNamespace, "update", "leases.coordination.k8s.io/another", false},
			{controller, testNamespace, "get", "secrets", false},
			{controller, testNamespace, "create", "pods", false},
			{controller, testNamespace, "create", "rolebindings.rbac.authorization.k8s.io", false},
			{controller, "default", "get", "flinkdeployments.flink.apache.org", false},
			{controller, "default", "create", "deployments.apps", false},
			{webhook, testNamespace, "get", "secrets/charttest-sluice-webhook-tls", true},
			{webhook, testNamespace, "update", "secrets/charttest-sluice-webhook-tls", true},
			{webhook, testNamespace, "create", "secrets", true},
			{webhook, testNamespace, "get", "secrets/another", false},
			{webhook, testNamespace, "list", "secrets", false},
			{webhook, testNamespace, "list", "flinkdeployments.flink.apache.org", true},
			{webhook, testNamespace, "patch", "flinkdeployments.flink.apache.org", false},
			{webhook, "default", "list", "flinkdeployments.flink.apache.org", false},
			{webhook, "", "patch", "validatingwebhookconfigurations.admissionregistration.k8s.io/charttest-sluice", true},
			{webhook, "", "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/charttest-sluice", true},
			{webhook, "", "patch", "validatingwebhookconfigurations.admissionregistration.k8s.io/another", false},
			{webhook, "", "delete", "validatingwebhookconfigurations.admissionregistration.k8s.io/charttest-sluice", false},
			{job, testNamespace, "create", "pods", true},
			{job, testNamespace, "deletecollection", "configmaps", true},
			{job, testNamespace, "get", "deployments.apps", true},
			{job, testNamespace, "get", "secrets", false},
			{job, testNamespace, "get", "flinkdeployments.flink.apache.org", false},
		}
		for _, example := range cases {
			arguments := []string{"auth", "can-i", example.verb, example.what, "--as", example.who}
			if example.namespace != "" {
				arguments = append(arguments, "--namespace", example.namespace)
			}
			answer, _ := kubectl(t, "", arguments...)
			if may := strings.TrimSpace(answer) == "yes"; may != example.may {
				t.Errorf("%s %s %s in %q: %v", example.who, example.verb, example.what, example.namespace, may)
			}
		}
		// How a watch of one object by name asks.
		mustKubectl(t, "", "--as", webhook, "--namespace", testNamespace, "get", "secrets", "--field-selector", "metadata.name=charttest-sluice-webhook-tls")
		mustKubectl(t, "", "--as", webhook, "get", "mutatingwebhookconfigurations", "--field-selector", "metadata.name=charttest-sluice")
	})
}
