package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFullImageName(t *testing.T) {
	for name, want := range map[string]string{
		"flink:1.20":                    "docker.io/library/flink:1.20",
		"busybox":                       "docker.io/library/busybox:latest",
		"apache/flink:2.3":              "docker.io/apache/flink:2.3",
		"localhost/sluice:dev":          "localhost/sluice:dev",
		"localhost:5000/a/b":            "localhost:5000/a/b:latest",
		"docker.io/library/flink:1.20":  "docker.io/library/flink:1.20",
		"example.org/x@sha256:00112233": "example.org/x@sha256:00112233",
	} {
		if got := fullImageName(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestPauseImage(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "pause")
	if err := os.WriteFile(program, []byte("a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var archives [2][]byte
	for i := range archives {
		archive := filepath.Join(folder, "pause.tar")
		if err := writePauseImage(program, archive); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = content
		images, err := imagesInArchive(archive)
		if err != nil {
			t.Fatal(err)
		}
		if len(images) != 1 || images[0].name != pauseImage || !strings.HasPrefix(images[0].digest, "sha256:") {
			t.Errorf("got %v", images)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same program gives two images")
	}
}

func TestArchivesThatAreNone(t *testing.T) {
	folder := t.TempDir()
	archive := func(name, index string) string {
		var out bytes.Buffer
		writer := tar.NewWriter(&out)
		if err := writeTarFile(writer, name, 0o644, []byte(index)); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "x.tar")
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, path := range map[string]string{
		"missing":       filepath.Join(folder, "nothing"),
		"no index":      archive("readme", "text"),
		"no JSON":       archive("index.json", "{"),
		"no image":      archive("index.json", `{"manifests":[]}`),
		"unnamed image": archive("index.json", `{"manifests":[{"digest":"sha256:00"}]}`),
	} {
		if images, err := imagesInArchive(path); err == nil || !strings.Contains(err.Error(), "fix:") {
			t.Errorf("%s: got %v, %v, want an error with a fix", name, images, err)
		}
	}
	named := archive("./index.json", `{"manifests":[{"digest":"sha256:00","annotations":{"org.opencontainers.image.ref.name":"flink:1.20"}}]}`)
	if images, err := imagesInArchive(named); err != nil || images[0] != (archivedImage{"docker.io/library/flink:1.20", "sha256:00"}) {
		t.Errorf("got %v, %v", images, err)
	}
}

func TestImageList(t *testing.T) {
	images := parseImageList("REF TYPE DIGEST SIZE PLATFORMS LABELS\n" +
		"docker.io/library/busybox:1 application/vnd.oci.image.manifest.v1+json sha256:93f9 2.0 MiB linux/amd64 x=managed \n\n")
	if len(images) != 1 || images["docker.io/library/busybox:1"] != "sha256:93f9" {
		t.Errorf("got %v", images)
	}
}

func TestEveryConfigurationFileIsWritten(t *testing.T) {
	l := newTestLayout(t)
	if err := writeConfiguration(l); err != nil {
		t.Fatal(err)
	}
	templates, err := configTemplates.ReadDir("config")
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range templates {
		if template.Name() == "manifests.yaml" {
			continue
		}
		content, err := os.ReadFile(l.path(configFiles[template.Name()]))
		if err != nil {
			t.Errorf("%s: %v", template.Name(), err)
		} else if strings.Contains(string(content), "{{") {
			t.Errorf("%s has a value left out:\n%s", template.Name(), content)
		}
	}
	network, err := os.ReadFile(l.path("config/cni/10-bridge.conflist"))
	if err != nil || !json.Valid(network) {
		t.Errorf("the CNI configuration is no JSON (%v):\n%s", err, network)
	}
}

func TestManifestsHavePaths(t *testing.T) {
	manifests, err := parseManifests()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		name := m.path[strings.LastIndexByte(m.path, '/')+1:]
		if !strings.HasPrefix(m.path, "/api") || !strings.Contains(string(m.content), name) {
			t.Errorf("path %q is not that of\n%s", m.path, m.content)
		}
	}
	if len(manifests) != 6 {
		t.Errorf("got %d manifests", len(manifests))
	}
}

func TestNodeStates(t *testing.T) {
	for node, want := range map[string]nodeState{
		`{}`: {registered: true, schedulable: true},
		`{"status":{"conditions":[{"type":"MemoryPressure","status":"True"},{"type":"Ready","status":"False"}]}}`:                                       {registered: true, schedulable: true},
		`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`:                                                                                  {true, true, true},
		`{"spec":{"taints":[{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`: {registered: true, ready: true},
	} {
		if got, err := parseNode([]byte(node)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", node, got, err, want)
		}
	}
}

func TestSysctlsAreSavedOnceAndRestored(t *testing.T) {
	l := newTestLayout(t)
	if err := saveSysctls(l); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(l.path("sysctls.json"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	if err := json.Unmarshal(before, &values); err != nil {
		t.Fatal(err)
	}
	now, err := readSysctl("vm.overcommit_memory")
	if err != nil || values["vm.overcommit_memory"] != now {
		t.Errorf("saved %q, is %q, %v", values["vm.overcommit_memory"], now, err)
	}
	if err := os.WriteFile(l.path("sysctls.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := saveSysctls(l); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(l.path("sysctls.json")); err != nil || string(again) != "{}" {
		t.Errorf("a second `up` saved the cluster's own settings over the machine's: %s, %v", again, err)
	}
	if err := restoreSysctls(l); err != nil {
		t.Error(err)
	}
}
