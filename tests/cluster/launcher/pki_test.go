package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"regexp"
	"testing"
)

func TestCertificatesAreSignedByTheAuthorityForTheirUses(t *testing.T) {
	l := newTestLayout(t)
	if err := writePKI(l); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(l.pki("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("ca.crt holds no certificate")
	}
	for _, id := range identities {
		pair, err := tls.LoadX509KeyPair(l.pki(id.file+".crt"), l.pki(id.file+".key"))
		if err != nil {
			t.Fatalf("%s: %v", id.file, err)
		}
		certificate, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(append([]string{""}, id.dns...), id.ips...) {
			if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				t.Errorf("%s as %q: %v", id.file, name, err)
			}
		}
		if got := certificate.Subject.CommonName; got != id.user {
			t.Errorf("%s: user %q, want %q", id.file, got, id.user)
		}
		if info, err := os.Stat(l.pki(id.file + ".key")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s.key: mode %v, %v", id.file, info.Mode(), err)
		}
	}
}

func TestKubeconfigHoldsTheUsersCertificate(t *testing.T) {
	l := newTestLayout(t)
	if err := writePKI(l); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := os.ReadFile(l.user(nameScheduler))
	if err != nil {
		t.Fatal(err)
	}
	for key, file := range map[string]string{
		"certificate-authority-data": "ca.crt", "client-certificate-data": nameScheduler + ".crt", "client-key-data": nameScheduler + ".key",
	} {
		found := regexp.MustCompile(key + `: (\S+)`).FindSubmatch(kubeconfig)
		want, err := os.ReadFile(l.pki(file))
		if err != nil {
			t.Fatal(err)
		}
		if found == nil || string(found[1]) != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("%s is not %s", key, file)
		}
	}
}

func TestPKIIsKeptOnceCompleteAndMadeAnewIfNot(t *testing.T) {
	l := newTestLayout(t)
	read := func() []byte {
		if err := writePKI(l); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(l.pki("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	first := read()
	if !bytes.Equal(first, read()) {
		t.Error("a second call made another authority")
	}
	if err := os.Remove(l.path("pki", "complete")); err != nil { // killed half way
		t.Fatal(err)
	}
	if bytes.Equal(first, read()) {
		t.Error("an incomplete set was kept")
	}
}
