package chart

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The CRDs of the chart are those of deploy/crds, but for the annotation that keeps them.
func TestCRDs(t *testing.T) {
	files, _ := filepath.Glob("../../deploy/crds/*.yaml")
	if len(files) != 6 {
		t.Fatalf("deploy/crds has %d files", len(files))
	}
	rendered := ofKind(parse(t, template(t)), "CustomResourceDefinition")
	if len(rendered) != len(files) {
		t.Fatalf("the chart has %d CRDs", len(rendered))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := object{}
		if err := yaml.UnmarshalStrict(text, &want); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(rendered, func(o object) bool { return o.name() == want.name() })
		if i < 0 {
			t.Fatalf("the chart has no %s", want.name())
		}
		annotations := at[map[string]any](rendered[i], "metadata", "annotations")
		if annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s would be deleted with the release, and every resource with it", want.name())
		}
		delete(annotations, "helm.sh/resource-policy")
		if len(annotations) == 0 {
			delete(at[map[string]any](rendered[i], "metadata"), "annotations")
		}
		if !equal(rendered[i], want) {
			t.Errorf("%s differs from %s", want.name(), file)
		}
	}
	if left := ofKind(parse(t, template(t, "--set", "crds.install=false")), "CustomResourceDefinition"); len(left) > 0 {
		t.Errorf("crds.install=false leaves %d CRDs", len(left))
	}
}

// A packaged chart is whole: the link to deploy/crds has become files.
func TestPackage(t *testing.T) {
	folder := t.TempDir()
	if _, err := run(t, "package", chartDir, "--destination", folder); err != nil {
		t.Fatal(err)
	}
	archives, _ := filepath.Glob(folder + "/*.tgz")
	if len(archives) != 1 {
		t.Fatalf("archives: %v", archives)
	}
	listing, err := exec.Command("tar", "-tzvf", archives[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(listing), "sluice/files/crds/") != 6 || strings.Contains(string(listing), "->") {
		t.Errorf("the archive does not hold the six CRDs as files:\n%s", listing)
	}
	rendered, err := run(t, "template", "sluice", archives[0], "--namespace", namespace)
	if err != nil {
		t.Fatal(err)
	}
	if rendered != template(t) {
		t.Error("the packaged chart renders something else than its folder")
	}
}

// discovery answers like an API server that knows the kinds of these objects and holds none of them.
func discovery(objects []object) http.Handler {
	resources := map[string][]map[string]any{}
	for _, o := range objects {
		version := at[string](o, "apiVersion")
		resources[version] = append(resources[version], map[string]any{"name": strings.ToLower(o.kind()) + "s", "singularName": strings.ToLower(o.kind()),
			"kind": o.kind(), "namespaced": o.namespace() != "", "verbs": []string{"get", "create"}})
	}
	answers := map[string]any{
		"/version": map[string]any{"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
		"/api":     map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
	}
	var groups []any
	for version, list := range resources {
		path := "/apis/" + version
		if group, number, found := strings.Cut(version, "/"); found {
			entry := map[string]any{"groupVersion": version, "version": number}
			groups = append(groups, map[string]any{"name": group, "versions": []any{entry}, "preferredVersion": entry})
		} else {
			path = "/api/" + version
		}
		answers[path] = map[string]any{"kind": "APIResourceList", "groupVersion": version, "resources": list}
	}
	answers["/apis"] = map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		answer, known := answers[request.URL.Path]
		if !known {
			response.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
		}
		_ = json.NewEncoder(response).Encode(answer)
	})
}

// notes is what an installation prints. Helm renders NOTES.txt only when it talks to an API server.
func notes(t *testing.T, arguments ...string) string {
	t.Helper()
	server := httptest.NewServer(discovery(parse(t, template(t, arguments...))))
	defer server.Close()
	text, err := run(t, append([]string{"install", "sluice", chartDir, "--namespace", namespace, "--dry-run=client", "--disable-openapi-validation",
		"--kube-apiserver", server.URL, "--kubeconfig", "/dev/null"}, arguments...)...)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(text, "\nNOTES:\n")
	if !found {
		t.Fatal("no NOTES")
	}
	return after
}

// NOTES.txt tells what this very installation does, and not what another would.
func TestNotes(t *testing.T) {
	cases := map[string]struct{ says, saysNot []string }{
		"default":          {[]string{"rollout status deployment/sluice-webhook", "makes and renews its own certificate", "every namespace", "`helm upgrade` upgrades them", "no node can pull"}, []string{"cert-manager", "is off"}},
		"ha":               {[]string{"sluice-controller"}, []string{"One controller", "no node can pull"}},
		"cert-manager":     {[]string{"cert-manager issues"}, []string{"makes and renews its own"}},
		"watch-namespaces": {[]string{"nowhere else: streaming, reporting", "kubectl apply -n streaming"}, []string{"every namespace"}},
		"no-webhook":       {[]string{"The webhook is off"}, []string{"deployment/sluice-webhook"}},
		"provided":         {[]string{"kubectl apply --server-side", "must exist", "failurePolicy is Ignore", "serviceAccount: platform-job", "nothing is checked"}, []string{"The webhook is off"}},
	}
	sets := valueSets(t)
	for name, example := range cases {
		t.Run(name, func(t *testing.T) {
			text := notes(t, "--values", sets[name])
			for _, part := range example.says {
				if !strings.Contains(text, part) {
					t.Errorf("does not say %q:\n%s", part, text)
				}
			}
			for _, part := range example.saysNot {
				if strings.Contains(text, part) {
					t.Errorf("says %q:\n%s", part, text)
				}
			}
		})
	}
}

func TestLint(t *testing.T) {
	for name, file := range valueSets(t) {
		if output, err := run(t, "lint", "--strict", chartDir, "--namespace", namespace, "--values", file); err != nil {
			t.Errorf("%s: %s %v", name, output, err)
		}
	}
}
