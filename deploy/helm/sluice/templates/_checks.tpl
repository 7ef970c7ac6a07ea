{{/* Values of the Java operator's chart that have no meaning here. The schema lets them through to this place only so that the answer can say what to
     do with each, all at once; any other unknown value is refused by the schema itself. */}}
{{- define "sluice.refused" -}}
{{- $values := .Values -}}
{{- if hasKey $values "jvmArgs" }}
  jvmArgs: there is no JVM. Remove it; memory is operatorPod.resources and operatorPod.webhook.resources.
{{- end }}
{{- if hasKey $values "tls" }}
  tls: keystores are not read. Remove it; PEM files come from a Secret through operatorVolumes and operatorVolumeMounts.
{{- end }}
{{- if hasKey $values "postStart" }}
  postStart: the image has no shell to run a hook in. Remove it; use operatorPod.initContainers or operatorPod.sidecarContainers.
{{- end }}
{{- if hasKey $values.webhook "keystore" }}
  webhook.keystore: the webhook reads PEM and needs no password. Remove it; see certs.mode.
{{- end }}
{{- if hasKey $values.logging "framework" }}
  logging.framework: Sluice has one logger. Remove it; see logging.format and logging.level. Flink's logging is unchanged in defaultConfiguration.
{{- end }}
{{- if hasKey $values.rbac "nodesRule" }}
  rbac.nodesRule: Sluice does not read nodes. Remove it.
{{- end }}
{{- range $file := list "log4j-operator.properties" "logback-operator.xml" }}
{{- if hasKey $values.defaultConfiguration $file }}
  defaultConfiguration.{{ $file }}: Sluice does not use Log4j or Logback. Remove it; see logging.format and logging.level.
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.checks" -}}
{{- with include "sluice.refused" . | trim -}}
{{- fail (printf "these values of the Java operator's chart do not exist in Sluice:\n  %s\nThe whole list is in the chart's README.md." .) -}}
{{- end -}}
{{- if and .Values.webhook.clientAuth.names (not .Values.webhook.clientAuth.caConfigMap) -}}
{{- fail "webhook.clientAuth.names is set, but webhook.clientAuth.caConfigMap is not: name the ConfigMap with the CA of these certificates" -}}
{{- end -}}
{{- $metrics := .Values.metrics.port -}}
{{- $health := .Values.operatorHealth.port -}}
{{- if and $metrics $health (ne (int $metrics) (int $health)) -}}
{{- fail (printf "metrics.port is %v and operatorHealth.port is %v, but both are served by one port: set one of them, or both to the same" $metrics $health) -}}
{{- end -}}
{{- if eq (include "sluice.adminPort" .) "9443" -}}
{{- fail "metrics.port or operatorHealth.port is 9443, which is the port that the webhook serves admission on: take another" -}}
{{- end -}}
{{- end -}}
