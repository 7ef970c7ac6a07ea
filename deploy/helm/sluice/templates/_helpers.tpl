{{/* Names. Every object's name starts with "sluice.fullname", so that two releases do not meet. */}}

{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "sluice.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sluice.controller.name" -}}{{ include "sluice.fullname" . }}-controller{{- end -}}
{{- define "sluice.webhook.name" -}}{{ include "sluice.fullname" . }}-webhook{{- end -}}
{{- define "sluice.config.name" -}}{{ include "sluice.fullname" . }}-config{{- end -}}
{{- define "sluice.plugins.name" -}}{{ include "sluice.fullname" . }}-plugins{{- end -}}
{{- define "sluice.lease.name" -}}{{ include "sluice.fullname" . }}-controller{{- end -}}

{{/* The self-signed Secret and cert-manager's have different names: going from one mode to the other never mixes their contents. */}}
{{- define "sluice.secret.name" -}}
{{- if eq .Values.certs.mode "cert-manager" -}}{{ include "sluice.fullname" . }}-webhook-cert{{- else -}}{{ include "sluice.fullname" . }}-webhook-tls{{- end -}}
{{- end -}}

{{- define "sluice.controller.serviceAccount" -}}
{{- if .Values.operatorServiceAccount.name -}}{{ .Values.operatorServiceAccount.name }}
{{- else if .Values.operatorServiceAccount.create -}}{{ include "sluice.controller.name" . }}
{{- else -}}{{ fail "operatorServiceAccount.create is false, so operatorServiceAccount.name must name the account to use" }}
{{- end -}}
{{- end -}}

{{- define "sluice.webhook.serviceAccount" -}}
{{- $account := .Values.webhook.serviceAccount -}}
{{- if $account.name -}}{{ $account.name }}
{{- else if $account.create -}}{{ include "sluice.webhook.name" . }}
{{- else -}}{{ fail "webhook.serviceAccount.create is false, so webhook.serviceAccount.name must name the account to use" }}
{{- end -}}
{{- end -}}

{{/* Labels. Call with the root, or with (list root "component"). The selector is the part that may never change. */}}

{{- define "sluice.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "sluice.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "sluice.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{- define "sluice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" or nothing: is this half of the webhook wanted? The half's own switch wins over webhook.create when it is set at all. */}}

{{- define "sluice.validator" -}}
{{- $own := .Values.webhook.validator.create -}}
{{- if kindIs "bool" $own -}}{{ ternary "true" "" $own }}{{- else -}}{{ ternary "true" "" .Values.webhook.create }}{{- end -}}
{{- end -}}

{{- define "sluice.mutator" -}}
{{- $own := .Values.webhook.mutator.create -}}
{{- if kindIs "bool" $own -}}{{ ternary "true" "" $own }}{{- else -}}{{ ternary "true" "" .Values.webhook.create }}{{- end -}}
{{- end -}}

{{- define "sluice.webhook" -}}{{ or (include "sluice.validator" .) (include "sluice.mutator" .) }}{{- end -}}

{{- define "sluice.adminPort" -}}
{{- coalesce .Values.metrics.port .Values.operatorHealth.port 8080 | int -}}
{{- end -}}

{{/* Namespaces as a JSON list, to be read with fromJsonArray. */}}
{{- define "sluice.jobNamespaces" -}}
{{- if .Values.jobServiceAccount.namespaces -}}{{ .Values.jobServiceAccount.namespaces | uniq | toJson }}
{{- else if .Values.watchNamespaces -}}{{ .Values.watchNamespaces | uniq | toJson }}
{{- else -}}{{ list .Release.Namespace | toJson }}
{{- end -}}
{{- end -}}
