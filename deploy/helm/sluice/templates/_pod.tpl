{{/* What the pods of both programs have in common. */}}

{{/* A setting of operatorPod, or the one of operatorPod.webhook in its place. Call with (dict "root" $ "component" "webhook" "key" "affinity"). */}}
{{- define "sluice.pod.setting" -}}
{{- $pod := .root.Values.operatorPod -}}
{{- $value := index $pod .key -}}
{{- if and (eq .component "webhook") (index $pod.webhook .key) -}}{{- $value = index $pod.webhook .key -}}{{- end -}}
{{- if $value -}}{{ toYaml (dict .key $value) }}{{- end -}}
{{- end -}}

{{/* Pod metadata. Call with (list root "component"). */}}
{{- define "sluice.pod.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "sluice.selectorLabels" . | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  {{- with $root.Values.operatorPod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ index . 1 }}
  {{- if $root.Values.defaultConfiguration.create }}
  # A change of the default configuration starts new pods, which read it.
  checksum/config: {{ include "sluice.configuration" $root | sha256sum }}
  {{- end }}
  {{- with $root.Values.operatorPod.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Scheduling, DNS, pull secrets and security of a pod. Call with (list root "component"). */}}
{{- define "sluice.pod.spec" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "priorityClassName" "nodeSelector" "affinity" "tolerations" "dnsPolicy" "dnsConfig" }}
{{- with include "sluice.pod.setting" (dict "root" $root "component" $component "key" $key) }}
{{ . }}
{{- end }}
{{- end }}
{{- with include "sluice.pod.setting" (dict "root" $root "component" $component "key" "topologySpreadConstraints") }}
{{ . }}
{{- else }}
# Spread over nodes and zones where there are several; a cluster of one node runs them all the same.
topologySpreadConstraints:
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sluice.selectorLabels" (list $root $component) | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Probes on the admin port. */}}
{{- define "sluice.probes" -}}
{{- with .Values.operatorHealth -}}
startupProbe:
  httpGet:
    path: /healthz
    port: metrics
  {{- toYaml .startupProbe | nindent 2 }}
livenessProbe:
  httpGet:
    path: /healthz
    port: metrics
  {{- toYaml .livenessProbe | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  {{- toYaml .readinessProbe | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Environment that both programs read: where they are and who they are. */}}
{{- define "sluice.env" -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end -}}

{{/* Arguments that both programs take. */}}
{{- define "sluice.args" -}}
- --admin-listen=0.0.0.0:{{ include "sluice.adminPort" . }}
- --config-dir=/etc/sluice/conf
- --log-format={{ .Values.logging.format }}
- --log-level={{ .Values.logging.level }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," (uniq .) }}
{{- end }}
{{- if .Values.plugins.list }}
- --plugins=/etc/sluice/plugins/plugins.yaml
{{- end }}
{{- end -}}

{{/* Where both programs find the list of plugins, and their modules. */}}
{{- define "sluice.plugins.mounts" -}}
{{- with .Values.plugins }}
{{- if .list }}
- name: plugins
  mountPath: /etc/sluice/plugins
  readOnly: true
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.plugins.volumes" -}}
{{- if .Values.plugins.list }}
- name: plugins
  configMap:
    name: {{ include "sluice.plugins.name" . }}
{{- end }}
{{- with .Values.plugins.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
