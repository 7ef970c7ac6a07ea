package chart

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	chartDir  = "../../deploy/helm/sluice"
	namespace = "sluice-system"
)

// helm is the pinned binary. test.sh sets it.
func helm(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HELM")
	if path == "" {
		t.Fatal("HELM is not set: run tests/chart/test.sh")
	}
	return path
}

// run runs helm and returns what it printed, and what it complained about when it failed.
func run(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command(helm(t), arguments...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s", stderr.String())
	}
	return stdout.String(), nil
}

func template(t *testing.T, arguments ...string) string {
	t.Helper()
	return templateAs(t, "sluice", arguments...)
}

// templateAs renders the chart as a release of that name.
func templateAs(t *testing.T, release string, arguments ...string) string {
	t.Helper()
	text, err := run(t, append([]string{"template", release, chartDir, "--namespace", namespace}, arguments...)...)
	if err != nil {
		t.Fatalf("helm template %v: %v", arguments, err)
	}
	return text
}

// valueSets are the value sets of values/, by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no value sets: %v", err)
	}
	sets := map[string]string{}
	for _, file := range files {
		sets[strings.TrimSuffix(filepath.Base(file), ".yaml")] = file
	}
	return sets
}

// object is one manifest.
type object map[string]any

func (o object) kind() string { return at[string](o, "kind") }

func (o object) name() string { return at[string](o, "metadata", "name") }

func (o object) namespace() string { return at[string](o, "metadata", "namespace") }

func (o object) id() string { return o.kind() + " " + o.namespace() + "/" + o.name() }

// at walks maps by string and lists by int. What is absent is the zero value.
func at[T any](from any, path ...any) T {
	var zero T
	value := from
	for _, step := range path {
		switch key := step.(type) {
		case string:
			if typed, ok := value.(object); ok {
				value = map[string]any(typed)
			}
			fields, _ := value.(map[string]any)
			value = fields[key]
		case int:
			items, _ := value.([]any)
			if key >= len(items) {
				return zero
			}
			value = items[key]
		}
	}
	typed, _ := value.(T)
	return typed
}

// texts is a list of strings at a path.
func texts(from any, path ...any) []string {
	var found []string
	for _, item := range at[[]any](from, path...) {
		found = append(found, fmt.Sprint(item))
	}
	return found
}

func parse(t *testing.T, manifests string) []object {
	t.Helper()
	var objects []object
	for _, document := range strings.Split("\n"+manifests, "\n---") {
		parsed := object{}
		// Strict: a key that stands twice is an error.
		if err := yaml.UnmarshalStrict([]byte(document), &parsed); err != nil {
			t.Fatalf("a manifest is no YAML: %v\n%s", err, document)
		}
		if len(parsed) > 0 {
			objects = append(objects, parsed)
		}
	}
	return objects
}

func ofKind(objects []object, kind string) []object {
	var found []object
	for _, candidate := range objects {
		if candidate.kind() == kind {
			found = append(found, candidate)
		}
	}
	return found
}

// eachSet runs a check for the manifests of every value set.
func eachSet(t *testing.T, check func(t *testing.T, objects []object)) {
	t.Helper()
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			check(t, parse(t, template(t, "--values", file)))
		})
	}
}
