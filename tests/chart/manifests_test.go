package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Least privilege: every group, resource and verb is spelled out.
func TestRolesHaveNoWildcards(t *testing.T) {
	eachSet(t, func(t *testing.T, objects []object) {
		roles := append(ofKind(objects, "Role"), ofKind(objects, "ClusterRole")...)
		if len(roles) == 0 {
			t.Fatal("no roles")
		}
		for _, role := range roles {
			for i := range at[[]any](role, "rules") {
				for _, field := range []string{"apiGroups", "resources", "verbs"} {
					values := texts(role, "rules", i, field)
					if len(values) == 0 {
						t.Errorf("%s: rule %d has no %s", role.id(), i, field)
					}
					for _, value := range values {
						if strings.Contains(value, "*") {
							t.Errorf("%s: rule %d has %s %q", role.id(), i, field, value)
						}
					}
				}
				for _, verb := range texts(role, "rules", i, "verbs") {
					if slices.Contains([]string{"escalate", "bind", "impersonate"}, verb) {
						t.Errorf("%s may %s", role.id(), verb)
					}
				}
			}
		}
	})
}

// The only Secret that anybody may read is the webhook's own, by name and in the release's namespace.
func TestSecretsAreClosed(t *testing.T) {
	eachSet(t, func(t *testing.T, objects []object) {
		for _, role := range append(ofKind(objects, "Role"), ofKind(objects, "ClusterRole")...) {
			for i := range at[[]any](role, "rules") {
				if !slices.Contains(texts(role, "rules", i, "resources"), "secrets") {
					continue
				}
				if role.kind() != "Role" || role.namespace() != namespace {
					t.Errorf("%s touches Secrets", role.id())
				}
				verbs := texts(role, "rules", i, "verbs")
				if len(at[[]any](role, "rules", i, "resourceNames")) != 1 && !slices.Equal(verbs, []string{"create"}) {
					t.Errorf("%s may %v any Secret", role.id(), verbs)
				}
			}
		}
	})
}

// With watchNamespaces there is no access to anything of another namespace.
func TestWatchNamespacesNeedNoClusterRole(t *testing.T) {
	objects := parse(t, template(t, "--values", "values/watch-namespaces.yaml"))
	for _, role := range ofKind(objects, "ClusterRole") {
		for i := range at[[]any](role, "rules") {
			group := at[string](role, "rules", i, "apiGroups", 0)
			// Policies of the cluster belong to no namespace.
			policies := group == "sluice.flink.apache.org" && slices.Equal(texts(role, "rules", i, "resources"), []string{"clusterflinkpolicies"}) &&
				slices.Equal(texts(role, "rules", i, "verbs"), []string{"get", "list", "watch"})
			if group != "admissionregistration.k8s.io" && !policies {
				t.Errorf("%s gives access to group %q in the whole cluster", role.id(), group)
			}
		}
	}
	for _, name := range []string{"sluice-controller", "sluice-webhook", "flink"} {
		for _, watched := range []string{"streaming", "reporting"} {
			if !slices.ContainsFunc(ofKind(objects, "Role"), func(role object) bool { return role.name() == name && role.namespace() == watched }) {
				t.Errorf("no Role %s/%s", watched, name)
			}
		}
	}
	for _, webhook := range webhooks(objects) {
		if got := texts(webhook, "namespaceSelector", "matchExpressions", 0, "values"); !slices.Equal(got, []string{"streaming", "reporting"}) {
			t.Errorf("%s is called for %v", at[string](webhook, "name"), got)
		}
	}
	for _, deployment := range ofKind(objects, "Deployment") {
		if !slices.Contains(texts(deployment, "spec", "template", "spec", "containers", 0, "args"), "--watch-namespaces=streaming,reporting") {
			t.Errorf("%s is not told its namespaces", deployment.id())
		}
	}
}

// Everything that is named exists: roles and accounts of bindings, accounts and volumes of pods, ports and pods of the Service, the Service of the webhooks.
func TestReferences(t *testing.T) {
	// Value sets "provided" and "client-auth" leave these to somebody else.
	provided := []string{"platform-flink-operator", "platform:flink-job", "platform-controller", "platform-job", "platform-webhook", "sluice-config", "api-server-ca"}
	eachSet(t, func(t *testing.T, objects []object) {
		exists := func(kind, namespace, name string) bool {
			return slices.Contains(provided, name) || slices.ContainsFunc(objects, func(o object) bool {
				return o.kind() == kind && o.namespace() == namespace && o.name() == name
			})
		}
		for _, binding := range append(ofKind(objects, "RoleBinding"), ofKind(objects, "ClusterRoleBinding")...) {
			kind := at[string](binding, "roleRef", "kind")
			roleNamespace := binding.namespace()
			if kind == "ClusterRole" {
				roleNamespace = ""
			}
			if name := at[string](binding, "roleRef", "name"); !exists(kind, roleNamespace, name) {
				t.Errorf("%s: no %s %s", binding.id(), kind, name)
			}
			if name := at[string](binding, "subjects", 0, "name"); !exists("ServiceAccount", at[string](binding, "subjects", 0, "namespace"), name) {
				t.Errorf("%s: no ServiceAccount %s", binding.id(), name)
			}
		}
		for _, deployment := range ofKind(objects, "Deployment") {
			pod := at[map[string]any](deployment, "spec", "template", "spec")
			if name := at[string](pod, "serviceAccountName"); !exists("ServiceAccount", namespace, name) {
				t.Errorf("%s: no ServiceAccount %s", deployment.id(), name)
			}
			if missing := missing(at[map[string]any](deployment, "spec", "selector", "matchLabels"), at[map[string]any](deployment, "spec", "template", "metadata", "labels")); missing != "" {
				t.Errorf("%s does not select its own pods: %s", deployment.id(), missing)
			}
			var volumes []string
			for i := range at[[]any](pod, "volumes") {
				volumes = append(volumes, at[string](pod, "volumes", i, "name"))
				if name := at[string](pod, "volumes", i, "configMap", "name"); name != "" && !exists("ConfigMap", namespace, name) {
					t.Errorf("%s: no ConfigMap %s", deployment.id(), name)
				}
			}
			for i := range at[[]any](pod, "containers", 0, "volumeMounts") {
				if name := at[string](pod, "containers", 0, "volumeMounts", i, "name"); !slices.Contains(volumes, name) {
					t.Errorf("%s: no volume %s", deployment.id(), name)
				}
			}
		}
		var webhookPod map[string]any
		for _, deployment := range ofKind(objects, "Deployment") {
			if at[string](deployment, "spec", "selector", "matchLabels", "app.kubernetes.io/component") == "webhook" {
				webhookPod = at[map[string]any](deployment, "spec", "template")
			}
		}
		selectors := map[string]map[string]any{}
		for _, service := range ofKind(objects, "Service") {
			selectors[service.id()] = at[map[string]any](service, "spec", "selector")
			port := at[string](service, "spec", "ports", 0, "targetPort")
			if at[string](webhookPod, "spec", "containers", 0, "ports", 0, "name") != port {
				t.Errorf("%s: no port %s", service.id(), port)
			}
		}
		for _, budget := range ofKind(objects, "PodDisruptionBudget") {
			selectors[budget.id()] = at[map[string]any](budget, "spec", "selector", "matchLabels")
		}
		for id, selector := range selectors {
			if missing := missing(selector, at[map[string]any](webhookPod, "metadata", "labels")); missing != "" || len(selector) == 0 {
				t.Errorf("%s does not select the webhook's pods: %s", id, missing)
			}
		}
		for _, webhook := range webhooks(objects) {
			service := at[map[string]any](webhook, "clientConfig", "service")
			if !exists("Service", at[string](service, "namespace"), at[string](service, "name")) {
				t.Errorf("no Service %v", service)
			}
		}
	})
}

// missing is the first label of a selector that the labels do not have.
func missing(selector, labels map[string]any) string {
	for key, value := range selector {
		if labels[key] != value {
			return fmt.Sprintf("%s=%v", key, value)
		}
	}
	return ""
}

func webhooks(objects []object) []any {
	var found []any
	for _, configuration := range append(ofKind(objects, "MutatingWebhookConfiguration"), ofKind(objects, "ValidatingWebhookConfiguration")...) {
		found = append(found, at[[]any](configuration, "webhooks")...)
	}
	return found
}

func TestWebhookConfigurations(t *testing.T) {
	eachSet(t, func(t *testing.T, objects []object) {
		account := ""
		for _, deployment := range ofKind(objects, "Deployment") {
			if at[string](deployment, "spec", "selector", "matchLabels", "app.kubernetes.io/component") == "controller" {
				account = at[string](deployment, "spec", "template", "spec", "serviceAccountName")
			}
		}
		for _, webhook := range webhooks(objects) {
			name := at[string](webhook, "name")
			// Helm would own it, and blank it at the next upgrade.
			if _, present := at[map[string]any](webhook, "clientConfig")["caBundle"]; present {
				t.Errorf("%s: the chart sets caBundle", name)
			}
			rule := at[map[string]any](webhook, "rules", 0)
			if got := texts(rule, "resources"); !slices.Equal(got, []string{"flinkdeployments", "flinksessionjobs", "flinkstatesnapshots", "flinkbluegreendeployments"}) {
				t.Errorf("%s is called for %v", name, got)
			}
			if got := texts(rule, "operations"); !slices.Equal(got, []string{"CREATE", "UPDATE"}) {
				t.Errorf("%s is called at %v", name, got)
			}
			if at[string](rule, "scope") != "Namespaced" || at[string](webhook, "sideEffects") != "None" || at[float64](webhook, "timeoutSeconds") != 5 {
				t.Errorf("%s: scope, sideEffects or timeoutSeconds", name)
			}
			want := fmt.Sprintf(`request.userInfo.username != "system:serviceaccount:%s:%s"`, namespace, account)
			if got := at[string](webhook, "matchConditions", 0, "expression"); got != want {
				t.Errorf("%s lets through %s, while the controller is %s", name, got, want)
			}
			path := map[bool]string{true: "/mutate", false: "/validate"}[strings.HasPrefix(name, "mutate")]
			if got := at[string](webhook, "clientConfig", "service", "path"); got != path {
				t.Errorf("%s is served at %s", name, got)
			}
		}
	})
}

// The pods fit the "restricted" Pod Security Standard, and know their bounds.
func TestPodsAreRestricted(t *testing.T) {
	eachSet(t, func(t *testing.T, objects []object) {
		deployments := ofKind(objects, "Deployment")
		if len(deployments) == 0 {
			t.Fatal("no Deployment")
		}
		for _, deployment := range deployments {
			pod := at[map[string]any](deployment, "spec", "template", "spec")
			if !at[bool](pod, "securityContext", "runAsNonRoot") || at[float64](pod, "securityContext", "runAsUser") != 65532 ||
				at[string](pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
				t.Errorf("%s: pod security context %v", deployment.id(), pod["securityContext"])
			}
			container := at[map[string]any](pod, "containers", 0)
			security := at[map[string]any](container, "securityContext")
			if !at[bool](security, "readOnlyRootFilesystem") || at[bool](security, "allowPrivilegeEscalation") || security["allowPrivilegeEscalation"] == nil ||
				!slices.Equal(texts(security, "capabilities", "drop"), []string{"ALL"}) || len(texts(security, "capabilities", "add")) > 0 {
				t.Errorf("%s: container security context %v", deployment.id(), security)
			}
			for _, bound := range [][]any{{"resources", "limits", "memory"}, {"resources", "requests", "memory"}, {"resources", "requests", "cpu"}} {
				if at[string](container, bound...) == "" {
					t.Errorf("%s has no %v", deployment.id(), bound)
				}
			}
			for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
				port := at[string](container, probe, "httpGet", "port")
				if !slices.ContainsFunc(at[[]any](container, "ports"), func(p any) bool { return at[string](p, "name") == port }) {
					t.Errorf("%s: %s asks port %q", deployment.id(), probe, port)
				}
			}
		}
	})
}

// The certificate of cert-manager is for the Service's names, lands where the pods read it, and is the one whose CA is injected.
func TestCertManager(t *testing.T) {
	objects := parse(t, template(t, "--values", "values/cert-manager.yaml"))
	var serving object
	for _, certificate := range ofKind(objects, "Certificate") {
		if !at[bool](certificate, "spec", "isCA") {
			serving = certificate
		}
	}
	service := ofKind(objects, "Service")[0]
	if names := texts(serving, "spec", "dnsNames"); !slices.Contains(names, service.name()+"."+service.namespace()+".svc") {
		t.Errorf("the certificate is for %v", names)
	}
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		annotation := at[string](ofKind(objects, kind)[0], "metadata", "annotations", "cert-manager.io/inject-ca-from")
		if annotation != serving.namespace()+"/"+serving.name() {
			t.Errorf("%s: CA from %q", kind, annotation)
		}
	}
	for _, deployment := range ofKind(objects, "Deployment") {
		if at[string](deployment, "spec", "selector", "matchLabels", "app.kubernetes.io/component") != "webhook" {
			continue
		}
		secrets := []string{}
		for i := range at[[]any](deployment, "spec", "template", "spec", "volumes") {
			secrets = append(secrets, at[string](deployment, "spec", "template", "spec", "volumes", i, "secret", "secretName"))
		}
		if !slices.Contains(secrets, at[string](serving, "spec", "secretName")) {
			t.Errorf("the webhook mounts %v", secrets)
		}
	}
	issuers := ofKind(objects, "Issuer")
	for _, certificate := range ofKind(objects, "Certificate") {
		name := at[string](certificate, "spec", "issuerRef", "name")
		if !slices.ContainsFunc(issuers, func(o object) bool { return o.name() == name }) {
			t.Errorf("%s: no Issuer %s", certificate.id(), name)
		}
	}
}
