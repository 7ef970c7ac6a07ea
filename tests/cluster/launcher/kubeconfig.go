package main

import (
	"encoding/base64"
	"fmt"
)

// kubeconfigFor is a kubeconfig with everything inside: it works from any folder, and as one file in a pod.
func kubeconfigFor(caPEM []byte, pair *keyPair) ([]byte, error) {
	key, err := pair.keyPEM()
	if err != nil {
		return nil, err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: sluice
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: user
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: sluice
  context:
    cluster: sluice
    user: user
current-context: sluice
`, apiURL, encode(caPEM), encode(pair.certificatePEM()), encode(key)), nil
}
