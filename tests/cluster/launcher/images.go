package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
)

// Where an OCI archive keeps an image's name: the first is containerd's own and complete, the second the standard's, which
// builders fill with whatever name they were given.
const (
	annotationFullName = "io.containerd.image.name"
	annotationName     = "org.opencontainers.image.ref.name"
)

// archivedImage is one image in an OCI archive.
type archivedImage struct{ name, digest string }

// load imports the images of an OCI archive under the names by which pods find them, unless the same are there already.
func load(l layout, archive string, out io.Writer) error {
	images, err := imagesInArchive(archive)
	if err != nil {
		return err
	}
	present, err := presentImages(l)
	if err != nil {
		return err
	}
	missing := false
	for _, image := range images {
		if present[image.name] != image.digest {
			missing = true
		}
	}
	if !missing {
		for _, image := range images {
			fmt.Fprintf(out, "%s is there already\n", image.name)
		}
		return nil
	}
	// By digest under a name of our own first: what ctr makes of a name without a host in it differs between its versions.
	const staging = "sluice.invalid/staging"
	if _, err := ctr(l, "images", "import", "--digests", "--skip-digest-for-named=false", "--base-name", staging, archive); err != nil {
		return err
	}
	for _, image := range images {
		staged := staging + "@" + image.digest
		if _, err := ctr(l, "images", "tag", "--force", staged, image.name); err != nil {
			return err
		}
	}
	after, err := presentImages(l)
	if err != nil {
		return err
	}
	for name := range after {
		if strings.HasPrefix(name, staging) {
			if _, err := ctr(l, "images", "rm", name); err != nil {
				return err
			}
		}
	}
	for _, image := range images {
		fmt.Fprintf(out, "loaded %s\n", image.name)
	}
	return nil
}

// ctr runs containerd's client in the namespace of Kubernetes' images.
func ctr(l layout, arguments ...string) (string, error) {
	command := exec.Command("/usr/bin/ctr", append([]string{"--address", l.containerdSocket(), "--namespace", "k8s.io"}, arguments...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// presentImages maps the names of the images that containerd has to their digests.
func presentImages(l layout) (map[string]string, error) {
	output, err := ctr(l, "images", "list")
	if err != nil {
		return nil, err
	}
	return parseImageList(output), nil
}

func parseImageList(output string) map[string]string {
	images := map[string]string{}
	for _, line := range strings.Split(output, "\n") {
		// REF TYPE DIGEST SIZE PLATFORMS LABELS
		if fields := strings.Fields(line); len(fields) >= 3 && strings.HasPrefix(fields[2], "sha256:") {
			images[fields[0]] = fields[2]
		}
	}
	return images
}

// imagesInArchive reads the index of an OCI archive; the tar reader seeks over the layers.
func imagesInArchive(archive string) ([]archivedImage, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, failf(err.Error(), "give the path of an OCI archive, such as tests/images/build.sh prints")
	}
	defer file.Close()
	notOCI := failf(archive+" is no OCI archive with named images", "build it with: buildah push IMAGE oci-archive:FILE.tar:IMAGE")
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, notOCI
			}
			return nil, errors.Join(notOCI, err)
		}
		if path.Clean(header.Name) != "index.json" {
			continue
		}
		var index ociIndex
		if err := json.NewDecoder(reader).Decode(&index); err != nil {
			return nil, errors.Join(notOCI, err)
		}
		var images []archivedImage
		for _, m := range index.Manifests {
			name := m.Annotations[annotationFullName]
			if name == "" {
				name = m.Annotations[annotationName]
			}
			if name == "" {
				return nil, notOCI
			}
			images = append(images, archivedImage{name: fullImageName(name), digest: m.Digest})
		}
		if len(images) == 0 {
			return nil, notOCI
		}
		return images, nil
	}
}

// fullImageName completes a name as Kubernetes does for a pod's: flink:1.20 is docker.io/library/flink:1.20.
func fullImageName(name string) string {
	host, rest, found := strings.Cut(name, "/")
	if !found {
		host, rest = "docker.io", "library/"+name
	} else if !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, rest = "docker.io", name
	}
	if !strings.Contains(rest, "@") && !strings.Contains(rest[strings.LastIndexByte(rest, '/')+1:], ":") {
		rest += ":latest"
	}
	return host + "/" + rest
}

type ociDescriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type ociIndex struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType,omitempty"`
	Manifests     []ociDescriptor `json:"manifests"`
}

// writePauseImage packs the pause program as an OCI archive: the one image that every pod needs, made without any tool.
func writePauseImage(program, archive string) error {
	binary, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	if err := writeTarFile(writer, "pause", 0o755, binary); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}

	var out bytes.Buffer
	writer = tar.NewWriter(&out)
	blob := func(mediaType string, content []byte) (ociDescriptor, error) {
		sum := sha256.Sum256(content)
		digest := hex.EncodeToString(sum[:])
		return ociDescriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: len(content)},
			writeTarFile(writer, "blobs/sha256/"+digest, 0o644, content)
	}
	jsonBlob := func(mediaType string, value any) (ociDescriptor, error) {
		content, err := json.Marshal(value)
		if err != nil {
			return ociDescriptor{}, err
		}
		return blob(mediaType, content)
	}
	layerDescriptor, err := blob("application/vnd.oci.image.layer.v1.tar", layer.Bytes())
	if err != nil {
		return err
	}
	config, err := jsonBlob("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{"/pause"}, "User": "65535:65535"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{layerDescriptor.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := jsonBlob("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        config,
		"layers":        []ociDescriptor{layerDescriptor},
	})
	if err != nil {
		return err
	}
	manifest.Annotations = map[string]string{annotationName: pauseImage}
	index, err := json.Marshal(ociIndex{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json", Manifests: []ociDescriptor{manifest}})
	if err != nil {
		return err
	}
	if err := errors.Join(
		writeTarFile(writer, "oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)),
		writeTarFile(writer, "index.json", 0o644, index),
		writer.Close(),
	); err != nil {
		return err
	}
	return writeFile(archive, out.Bytes(), 0o644)
}

// writeTarFile leaves the time out, so that the same program gives the same image.
func writeTarFile(writer *tar.Writer, name string, mode int64, content []byte) error {
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := writer.Write(content)
	return err
}
