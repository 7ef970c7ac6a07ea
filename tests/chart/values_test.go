package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// What is refused, and what the answer has to say.
func TestRefusedValues(t *testing.T) {
	cases := map[string]struct {
		set  []string
		says []string
	}{
		"unknown at the top":           {[]string{"replica=2"}, []string{"'replica' not allowed"}},
		"unknown inside":               {[]string{"webhook.tiemoutSeconds=2"}, []string{"at '/webhook'", "'tiemoutSeconds' not allowed"}},
		"unknown inside a probe":       {[]string{"operatorHealth.livenessProbe.period=2"}, []string{"'period' not allowed"}},
		"several at once":              {[]string{"replica=2", "image.digest=sha256:12"}, []string{"'replica' not allowed", "at '/image/digest'"}},
		"namespaces as text":           {[]string{"watchNamespaces=a"}, []string{"at '/watchNamespaces'", "got string, want null or array"}},
		"a namespace that is none":     {[]string{"watchNamespaces={Upper}"}, []string{"at '/watchNamespaces/0'"}},
		"replicas as text":             {[]string{"replicas=two"}, []string{"at '/replicas'"}},
		"timeout above what is legal":  {[]string{"webhook.timeoutSeconds=31"}, []string{"at '/webhook/timeoutSeconds'", "30"}},
		"unknown certificate mode":     {[]string{"certs.mode=manual"}, []string{"at '/certs/mode'", "self-signed"}},
		"unknown failure policy":       {[]string{"webhook.failurePolicy=Warn"}, []string{"at '/webhook/failurePolicy'"}},
		"a tag inside the repository":  {[]string{"image.repository=ghcr.io/a/sluice:1"}, []string{"at '/image/repository'"}},
		"JVM arguments":                {[]string{"jvmArgs.operator=-Xmx1g"}, []string{"jvmArgs: there is no JVM"}},
		"keystore of the webhook":      {[]string{"webhook.keystore.useDefaultPassword=true"}, []string{"webhook.keystore:", "certs.mode"}},
		"keystore of the operator":     {[]string{"tls.create=false"}, []string{"tls: keystores are not read"}},
		"hook":                         {[]string{"postStart.exec.command={x}"}, []string{"postStart:"}},
		"logging framework":            {[]string{"logging.framework=logback"}, []string{"logging.framework:", "logging.format"}},
		"nodes":                        {[]string{"rbac.nodesRule.create=true"}, []string{"rbac.nodesRule:"}},
		"logging files of the Java":    {[]string{`defaultConfiguration.log4j-operator\.properties=x`}, []string{"log4j-operator.properties:"}},
		"all of the Java ones at once": {[]string{"jvmArgs.webhook=x", "tls.create=true"}, []string{"jvmArgs:", "tls:"}},
		"two ports for one":            {[]string{"metrics.port=9999", "operatorHealth.port=8085"}, []string{"9999", "8085", "one port"}},
		"port of admission":            {[]string{"metrics.port=9443"}, []string{"9443", "take another"}},
		"two configuration files": {[]string{`defaultConfiguration.config\.yaml=a: b`, `defaultConfiguration.flink-conf\.yaml=a: b`},
			[]string{"either config.yaml or flink-conf.yaml"}},
		"configuration that is no YAML": {[]string{`defaultConfiguration.config\.yaml=a: [`}, []string{"config.yaml is not a YAML mapping"}},
		"client names without a CA":     {[]string{"webhook.clientAuth.names={a}"}, []string{"webhook.clientAuth.caConfigMap is not"}},
		"a client name that is two":     {[]string{"webhook.clientAuth.caConfigMap=ca", `webhook.clientAuth.names={a\,b}`}, []string{"at '/webhook/clientAuth/names/0'"}},
		"a CA that is no ConfigMap":     {[]string{"webhook.clientAuth.caConfigMap=A_b"}, []string{"at '/webhook/clientAuth/caConfigMap'"}},
		"nobody's account":              {[]string{"operatorServiceAccount.create=false"}, []string{"operatorServiceAccount.name must name"}},
		"nobody's webhook account":      {[]string{"webhook.serviceAccount.create=false"}, []string{"webhook.serviceAccount.name must name"}},
	}
	for name, example := range cases {
		t.Run(name, func(t *testing.T) {
			arguments := []string{"template", "sluice", chartDir, "--namespace", namespace}
			for _, set := range example.set {
				arguments = append(arguments, "--set", set)
			}
			_, err := run(t, arguments...)
			if err == nil {
				t.Fatalf("%v was accepted", example.set)
			}
			for _, part := range example.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the answer does not say %q:\n%v", part, err)
				}
			}
		})
	}
}

// A chart that has this one as a dependency passes "global" to it.
func TestGlobalIsAccepted(t *testing.T) {
	template(t, "--set", "global.anything=1")
}

// The user's configuration and the chart's own in one file: no key twice, the user's wins.
func TestDefaultConfiguration(t *testing.T) {
	const java17 = "kubernetes.operator.default-configuration.flink-version.v1_19+.env.java.default-opts.all"
	cases := map[string]struct {
		values string
		file   string
		want   map[string]any // nil: absent
	}{
		"nothing set":   {"", "config.yaml", map[string]any{"taskmanager.numberOfTaskSlots": 1.0, "parallelism.default": 1.0}},
		"flat key wins": {"config.yaml: |\n  parallelism.default: 7", "config.yaml", map[string]any{"parallelism.default": 7.0, "taskmanager.numberOfTaskSlots": 1.0}},
		"nested key wins": {"config.yaml: |\n  parallelism:\n    default: 7", "config.yaml",
			map[string]any{"parallelism.default": nil, "parallelism": map[string]any{"default": 7.0}, "taskmanager.numberOfTaskSlots": 1.0}},
		"replaced":    {"append: false\n  config.yaml: |\n    a: b", "config.yaml", map[string]any{"a": "b", "parallelism.default": nil, java17: nil}},
		"legacy file": {"flink-conf.yaml: |\n  parallelism.default: 7", "flink-conf.yaml", map[string]any{"parallelism.default": 7.0, "taskmanager.numberOfTaskSlots": 1.0}},
	}
	for name, example := range cases {
		t.Run(name, func(t *testing.T) {
			values := filepath.Join(t.TempDir(), "values.yaml")
			text := "defaultConfiguration:\n  " + strings.ReplaceAll(example.values, "\n", "\n  ") + "\n"
			if strings.HasPrefix(example.values, "append") {
				text = "defaultConfiguration:\n  " + example.values + "\n"
			}
			if example.values == "" {
				text = ""
			}
			if err := os.WriteFile(values, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			data := at[map[string]any](ofKind(parse(t, template(t, "--values", values)), "ConfigMap")[0], "data")
			for _, other := range []string{"config.yaml", "flink-conf.yaml"} {
				if _, present := data[other]; present != (other == example.file) {
					t.Errorf("file %s present: %v", other, present)
				}
			}
			configuration := map[string]any{}
			if err := yaml.UnmarshalStrict([]byte(at[string](data, example.file)), &configuration); err != nil {
				t.Fatalf("the file is no YAML: %v", err)
			}
			for key, want := range example.want {
				got, present := configuration[key]
				if want == nil && present {
					t.Errorf("%s is there: %v", key, got)
				} else if want != nil && !equal(got, want) {
					t.Errorf("%s is %v, not %v", key, got, want)
				}
			}
		})
	}
}

func equal(a, b any) bool {
	left, _ := yaml.Marshal(a)
	right, _ := yaml.Marshal(b)
	return string(left) == string(right)
}

// Two XML documents in one file are none: the user's replaces the chart's, while Log4j's properties are added.
func TestLoggingFiles(t *testing.T) {
	data := at[map[string]any](ofKind(parse(t, template(t, "--set", `defaultConfiguration.logback-console\.xml=<configuration/>`,
		"--set", `defaultConfiguration.log4j-console\.properties=rootLogger.level = DEBUG`)), "ConfigMap")[0], "data")
	if got := at[string](data, "logback-console.xml"); strings.TrimSpace(got) != "<configuration/>" {
		t.Errorf("logback-console.xml: %s", got)
	}
	if got := at[string](data, "log4j-console.properties"); !strings.Contains(got, "appender.stdout") || !strings.HasSuffix(strings.TrimSpace(got), "rootLogger.level = DEBUG") {
		t.Errorf("log4j-console.properties: %s", got)
	}
}

// Every value of the Java operator's chart is in the README's table: kept, changed, or gone with what to do instead.
func TestJavaValuesAreExplained(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		"watchNamespaces", "image.repository", "image.pullPolicy", "image.tag", "image.digest", "imagePullSecrets", "replicas", "strategy.type",
		"rbac.create", "rbac.nodesRule.create", "rbac.operatorRole", "rbac.operatorRoleBinding", "rbac.jobRole", "rbac.jobRoleBinding",
		"operatorPod.priorityClassName", "operatorPod.annotations", "operatorPod.labels", "operatorPod.env", "operatorPod.envFrom", "operatorPod.dnsPolicy",
		"operatorPod.dnsConfig", "operatorPod.nodeSelector", "operatorPod.affinity", "operatorPod.tolerations", "operatorPod.topologySpreadConstraints",
		"operatorPod.resources", "operatorPod.webhook.resources", "operatorPod.webhook.container.env", "operatorPod.initContainers",
		"operatorPod.sidecarContainers", "operatorServiceAccount", "jobServiceAccount", "operatorVolumes", "operatorVolumeMounts", "podSecurityContext",
		"operatorSecurityContext", "webhookSecurityContext", "webhook.create", "webhook.validator.create", "webhook.mutator.create", "webhook.keystore",
		"webhook.serviceLabels", "defaultConfiguration.create", "defaultConfiguration.append", "config.yaml", "flink-conf.yaml",
		"log4j-operator.properties", "log4j-console.properties", "logback-operator.xml", "logback-console.xml", "logging.framework", "metrics.port",
		"nameOverride", "fullnameOverride", "jvmArgs", "operatorHealth.port", "operatorHealth.livenessProbe", "operatorHealth.startupProbe", "postStart", "tls",
	} {
		if !strings.Contains(string(readme), "`"+value+"`") {
			t.Errorf("README.md of the chart does not mention `%s`", value)
		}
	}
}
