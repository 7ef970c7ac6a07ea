package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Long enough that a cluster left running is not found broken one morning.
const certificateLife = 5 * 365 * 24 * time.Hour

// identity is one certificate of the cluster: who it speaks for, and, for a server, under which names it is reached.
type identity struct {
	file   string // <file>.crt and <file>.key in the pki folder
	user   string
	group  string
	dns    []string
	ips    []string
	config bool // also write <file>.kubeconfig
}

// identities lists all certificates. The user names are those that the API server's built-in roles are bound to.
var identities = []identity{
	{file: "kube-apiserver", user: "kube-apiserver", ips: []string{"127.0.0.1", apiClusterIP, nodeIP},
		dns: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
	{file: "kubelet", user: "system:node:" + nodeName, group: "system:nodes", dns: []string{nodeName}, ips: []string{nodeIP}, config: true},
	{file: "admin", user: "admin", group: "system:masters", config: true},
	{file: "kube-controller-manager", user: "system:kube-controller-manager", config: true},
	{file: "kube-scheduler", user: "system:kube-scheduler", config: true},
	{file: "kube-proxy", user: "system:kube-proxy", config: true},
	{file: "coredns", user: "coredns", config: true},
	{file: "volume-provisioner", user: "volume-provisioner", config: true},
	{file: "front-proxy", user: "front-proxy-client"},
}

// writePKI makes the certificate authority, all certificates, the key of service account tokens and the kubeconfigs, unless
// they are there already.
func writePKI(l layout) error {
	done := l.path("pki", "complete")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.MkdirAll(l.path("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := ca.write(l.pki("ca")); err != nil {
		return err
	}
	for _, id := range identities {
		pair, err := ca.issue(id)
		if err != nil {
			return fmt.Errorf("certificate of %s: %w", id.file, err)
		}
		if err := pair.write(l.pki(id.file)); err != nil {
			return err
		}
		if id.config {
			kubeconfig, err := kubeconfigFor(ca.certificatePEM(), pair)
			if err != nil {
				return err
			}
			if err := writeFile(l.user(id.file), kubeconfig, 0o600); err != nil {
				return err
			}
		}
	}
	if err := writeServiceAccountKey(l); err != nil {
		return err
	}
	// Written last: a killed `up` starts over instead of going on with half of the files.
	return writeFile(done, nil, 0o600)
}

type keyPair struct {
	der []byte
	key *ecdsa.PrivateKey
}

func newAuthority() (*keyPair, error) {
	return sign(&x509.Certificate{
		Subject:               pkix.Name{CommonName: "sluice test cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}, nil)
}

// issue signs a certificate for both sides of TLS: kubelet, for one, is a server and a client.
func (ca *keyPair) issue(id identity) (*keyPair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: id.user},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    id.dns,
	}
	if id.group != "" {
		template.Subject.Organization = []string{id.group}
	}
	for _, address := range id.ips {
		ip := net.ParseIP(address)
		if ip == nil {
			return nil, fmt.Errorf("%q is no IP address", address)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	return sign(template, ca)
}

// sign completes a template and signs it with the authority's key, or with its own if there is no authority.
func sign(template *x509.Certificate, ca *keyPair) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour) // clocks differ
	template.NotAfter = time.Now().Add(certificateLife)
	parent, signer := template, key
	if ca != nil {
		if parent, err = x509.ParseCertificate(ca.der); err != nil {
			return nil, err
		}
		signer = ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return &keyPair{der: der, key: key}, nil
}

func (p *keyPair) certificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.der})
}

func (p *keyPair) keyPEM() ([]byte, error) { return privateKeyPEM(p.key) }

func privateKeyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func (p *keyPair) write(path string) error {
	key, err := p.keyPEM()
	if err != nil {
		return err
	}
	return errors.Join(writeFile(path+".crt", p.certificatePEM(), 0o644), writeFile(path+".key", key, 0o600))
}

func writeServiceAccountKey(l layout) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := privateKeyPEM(key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return errors.Join(writeFile(l.pki("service-account.key"), private, 0o600), writeFile(l.pki("service-account.pub"), public, 0o644))
}

// writeFile replaces a file in one step, so that nobody reads half of it.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
