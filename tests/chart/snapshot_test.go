package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The manifests of every value set are what was reviewed. UPDATE=1 writes them anew.
func TestSnapshots(t *testing.T) {
	update := os.Getenv("UPDATE") != ""
	expected := map[string]bool{}
	for name, file := range valueSets(t) {
		snapshot := filepath.Join("snapshots", name+".yaml")
		expected[snapshot] = true
		t.Run(name, func(t *testing.T) {
			// The CRDs have a check of their own, and would be nine tenths of each snapshot.
			rendered := template(t, "--values", file, "--set", "crds.install=false")
			if update {
				if err := os.WriteFile(snapshot, []byte(rendered), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(snapshot)
			if err != nil {
				t.Fatalf("%v: run UPDATE=1 tests/chart/test.sh and review the result", err)
			}
			if rendered != string(want) {
				t.Errorf("%s is not what the chart gives; first difference:\n%s\nIf that is meant, run UPDATE=1 tests/chart/test.sh and review the change.",
					snapshot, difference(string(want), rendered))
			}
		})
	}
	found, _ := filepath.Glob("snapshots/*.yaml")
	for _, snapshot := range found {
		if !expected[snapshot] {
			t.Errorf("%s belongs to no value set", snapshot)
		}
	}
}

// difference is the first line that differs, with its surroundings.
func difference(want, got string) string {
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(gotten)) {
		if i >= len(wanted) || i >= len(gotten) || wanted[i] != gotten[i] {
			from := max(0, i-5)
			return "expected:\n" + strings.Join(wanted[min(from, len(wanted)):min(i+3, len(wanted))], "\n") +
				"\nrendered:\n" + strings.Join(gotten[min(from, len(gotten)):min(i+3, len(gotten))], "\n")
		}
	}
	return "none"
}
