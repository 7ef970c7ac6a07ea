package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/template"
	"time"
)

// api is just enough of a client to start the cluster: asking for readiness and applying a few manifests.
type api struct{ client *http.Client }

func newAPI(l layout) (*api, error) {
	pair, err := tls.LoadX509KeyPair(l.pki("admin.crt"), l.pki("admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(l.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &api{client: &http.Client{
		Timeout: 10 * time.Second,
		// No Proxy: the address is on this machine, whatever the environment says.
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		},
	}}, nil
}

// statusError is an answer that is not 2xx.
type statusError struct {
	status  int
	message string
}

func (e statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.message) }

func (a *api) do(method, path, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, apiURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, statusError{response.StatusCode, strings.TrimSpace(string(content))}
	}
	return content, nil
}

// ready says whether the API server has all its parts up.
func (a *api) ready() bool {
	_, err := a.do(http.MethodGet, "/readyz", "", nil)
	return err == nil
}

// exists says whether there is an object.
func (a *api) exists(path string) bool {
	_, err := a.do(http.MethodGet, path, "", nil)
	return err == nil
}

// nodeState is what `up` and `status` want to know of the node.
type nodeState struct{ registered, ready, schedulable bool }

func (a *api) node() nodeState {
	content, err := a.do(http.MethodGet, "/api/v1/nodes/"+nodeName, "", nil)
	if err != nil {
		return nodeState{}
	}
	state, err := parseNode(content)
	if err != nil {
		return nodeState{}
	}
	return state
}

func parseNode(content []byte) (nodeState, error) {
	var node struct {
		Spec struct {
			Unschedulable bool
			Taints        []struct{ Key, Effect string }
		}
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if err := json.Unmarshal(content, &node); err != nil {
		return nodeState{}, err
	}
	state := nodeState{registered: true, schedulable: !node.Spec.Unschedulable && len(node.Spec.Taints) == 0}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			state.ready = condition.Status == "True"
		}
	}
	return state, nil
}

// applyManifests puts the cluster's own objects there by server-side apply, which does nothing if they are there.
func (a *api) applyManifests() error {
	manifests, err := parseManifests()
	if err != nil {
		return err
	}
	for _, m := range manifests {
		path := m.path + "?fieldManager=sluice-cluster&force=true"
		if _, err := a.do(http.MethodPatch, path, "application/apply-patch+yaml", m.content); err != nil {
			return fmt.Errorf("apply %s: %w", m.path, err)
		}
	}
	return nil
}

type manifest struct {
	path    string
	content []byte
}

// parseManifests splits manifests.yaml and finds each object's path in the API in its comment, which spares a YAML parser and
// a request for what the API serves.
func parseManifests() ([]manifest, error) {
	text, err := configTemplates.ReadFile("config/manifests.yaml")
	if err != nil {
		return nil, err
	}
	parsed, err := template.New("manifests").Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, map[string]string{"DNS": dnsClusterIP, "NodeIP": nodeIP, "Provisioner": provisioner}); err != nil {
		return nil, err
	}
	var manifests []manifest
	for _, document := range strings.Split(out.String(), "\n---\n") {
		_, rest, found := strings.Cut(document, "# path: ")
		if !found {
			return nil, fmt.Errorf("manifests.yaml: a document without `# path:`: %.80s", document)
		}
		path, _, _ := strings.Cut(rest, "\n")
		manifests = append(manifests, manifest{path: strings.TrimSpace(path), content: []byte(document)})
	}
	return manifests, nil
}
