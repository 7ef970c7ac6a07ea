package main

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"
)

// component is one program of the cluster that runs on the machine itself.
type component struct {
	name        string
	program     string
	arguments   []string
	environment []string
	// listens are its addresses; preflight checks that nobody else has them.
	listens []string
}

// binaries are what cluster.sh built.
type binaries struct{ kubernetes, coredns, pause, certManager string }

const (
	etcdAddress       = "127.0.0.1:2379"
	etcdPeerAddress   = "127.0.0.1:2380"
	proxyHealth       = "127.0.0.1:10256"
	corednsReady      = "127.0.0.1:10262"
	containerdProgram = "/usr/bin/containerd"
)

// The names of the components, in the order in which they start: each needs only those before it.
const (
	nameContainerd  = "containerd"
	nameEtcd        = "etcd"
	nameAPIServer   = "kube-apiserver"
	nameManager     = "kube-controller-manager"
	nameScheduler   = "kube-scheduler"
	nameKubelet     = "kubelet"
	nameProxy       = "kube-proxy"
	nameDNS         = "coredns"
	nameProvisioner = "volume-provisioner"
)

// components lists all of them in the order of their start.
func components(l layout, b binaries) []component {
	// Kubernetes' own programs are one file that looks at its first argument.
	part := func(name string, listens []string, arguments ...string) component {
		return component{name: name, program: b.kubernetes, arguments: append([]string{name}, arguments...), listens: listens}
	}
	return []component{
		{name: nameContainerd, program: containerdProgram, arguments: []string{"--config", l.config("containerd.toml"), "--log-level", "warn"}},
		part(nameEtcd, []string{etcdAddress, etcdPeerAddress},
			"--name=sluice", "--data-dir="+l.path("etcd"), "--log-level=warn",
			"--listen-client-urls=http://"+etcdAddress, "--advertise-client-urls=http://"+etcdAddress,
			"--listen-peer-urls=http://"+etcdPeerAddress, "--initial-advertise-peer-urls=http://"+etcdPeerAddress,
			"--initial-cluster=sluice=http://"+etcdPeerAddress,
			// Test data: not worth waiting for the disk.
			"--unsafe-no-fsync"),
		part(nameAPIServer, []string{nodeIP + ":" + apiPort},
			"--etcd-servers=http://"+etcdAddress,
			// Only on the bridge, so that it is reached from this machine and its pods and from nowhere else.
			"--bind-address="+nodeIP, "--advertise-address="+nodeIP, "--secure-port="+apiPort,
			"--service-cluster-ip-range="+serviceNet,
			"--client-ca-file="+l.pki("ca.crt"),
			"--tls-cert-file="+l.pki("kube-apiserver.crt"), "--tls-private-key-file="+l.pki("kube-apiserver.key"),
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file="+l.pki("service-account.pub"), "--service-account-signing-key-file="+l.pki("service-account.key"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
			"--kubelet-client-certificate="+l.pki("admin.crt"), "--kubelet-client-key="+l.pki("admin.key"),
			"--kubelet-certificate-authority="+l.pki("ca.crt"),
			// Else exec and logs ask the machine's name server for the node's name.
			"--kubelet-preferred-address-types=InternalIP",
			"--requestheader-client-ca-file="+l.pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file="+l.pki("front-proxy.crt"), "--proxy-client-key-file="+l.pki("front-proxy.key"),
			"--profiling=false", "--v=1"),
		part(nameManager, []string{"127.0.0.1:10257"},
			"--kubeconfig="+l.user(nameManager), "--bind-address=127.0.0.1",
			"--service-account-private-key-file="+l.pki("service-account.key"), "--root-ca-file="+l.pki("ca.crt"),
			"--cluster-signing-cert-file="+l.pki("ca.crt"), "--cluster-signing-key-file="+l.pki("ca.key"),
			"--use-service-account-credentials", "--leader-elect=false", "--allocate-node-cidrs=false",
			"--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false", "--v=1"),
		part(nameScheduler, []string{"127.0.0.1:10259"},
			"--kubeconfig="+l.user(nameScheduler), "--bind-address=127.0.0.1", "--leader-elect=false",
			"--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false", "--v=1"),
		part(nameKubelet, []string{nodeIP + ":10250", "127.0.0.1:10248"},
			"--config="+l.config("kubelet.yaml"), "--kubeconfig="+l.user(nameKubelet), "--hostname-override="+nodeName,
			"--root-dir="+l.path("kubelet"), "--cert-dir="+l.path("kubelet", "pki"), "--node-ip="+nodeIP, "--v=1"),
		part(nameProxy, []string{proxyHealth, "127.0.0.1:10249"}, "--config="+l.config("kube-proxy.yaml"), "--v=1"),
		{name: nameDNS, program: b.coredns, arguments: []string{"-conf", l.config("Corefile")}, listens: []string{nodeIP + ":53", corednsReady}},
		part(nameProvisioner, nil,
			"--kubeconfig="+l.user(nameProvisioner), "--root="+l.path("volumes"), "--provisioner="+provisioner),
	}
}

//go:embed config
var configTemplates embed.FS

// configFiles says which template becomes which file of the state folder.
var configFiles = map[string]string{
	"containerd.toml": "config/containerd.toml",
	"hosts.toml":      "config/registries/_default/hosts.toml",
	"bridge.conflist": "config/cni/10-bridge.conflist",
	"kubelet.yaml":    "config/kubelet.yaml",
	"kube-proxy.yaml": "config/kube-proxy.yaml",
	"Corefile":        "config/Corefile",
	"pod-resolv.conf": "config/pod-resolv.conf",
}

func writeConfiguration(l layout) error {
	values := map[string]string{
		"State": l.state, "Node": nodeName, "NodeIP": nodeIP, "Bridge": bridgeName, "PodRange": podRange, "PodSubnet": podSubnet,
		"DNS": dnsClusterIP, "PauseImage": pauseImage, "Cgroup": "/" + cgroupName, "ProxyHealth": proxyHealth,
		"CoreDNSReady": corednsReady, "Socket": l.containerdSocket(),
	}
	for name, file := range configFiles {
		text, err := configTemplates.ReadFile("config/" + name)
		if err != nil {
			return err
		}
		parsed, err := template.New(name).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, values); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := writeFile(l.path(file), out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
