{{/* The default configuration directory. */}}

{{/* The keys of a nested or flat YAML mapping, flattened, one a line. Call with (list "prefix." mapping). */}}
{{- define "sluice.flatKeys" -}}
{{- $prefix := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "map" $value -}}{{ include "sluice.flatKeys" (list (printf "%s%s." $prefix $key) $value) }}
{{- else -}}{{ printf "%s%s\n" $prefix $key }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The chart's defaults without the keys in "keys" (a list): a key that stands twice is an error to a YAML reader. Call with (list root keys). */}}
{{- define "sluice.defaults" -}}
{{- $keys := index . 1 -}}
{{- range $line := (index . 0).Files.Get "conf/config.yaml" | trim | splitList "\n" -}}
{{- $key := regexFind "^[^#:\\s][^:]*" $line -}}
{{- if not (and $key (has $key $keys)) }}
{{ $line }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The data of the ConfigMap. */}}
{{- define "sluice.configuration" -}}
{{- $values := .Values.defaultConfiguration -}}
{{- $yaml := index $values "config.yaml" | default "" -}}
{{- $legacy := index $values "flink-conf.yaml" | default "" -}}
{{- $log4j := index $values "log4j-console.properties" | default "" -}}
{{- $logback := index $values "logback-console.xml" | default "" -}}
{{- if and $yaml $legacy -}}
{{- fail "defaultConfiguration: set either config.yaml or flink-conf.yaml, not both; of the two files flink-conf.yaml would win and the other be ignored" -}}
{{- end -}}
{{- $keys := list -}}
{{- if $yaml -}}
{{- $parsed := fromYaml $yaml -}}
{{- if hasKey $parsed "Error" -}}
{{- fail (printf "defaultConfiguration.config.yaml is not a YAML mapping: %s" $parsed.Error) -}}
{{- end -}}
{{- $keys = include "sluice.flatKeys" (list "" $parsed) | trim | splitList "\n" -}}
{{- else if $legacy -}}
{{- range regexFindAll "(?m)^\\s*[^#:\\s][^:\\n]*: " $legacy -1 -}}{{- $keys = append $keys (trimSuffix ": " . | trim) -}}{{- end -}}
{{- end -}}
{{- $defaults := "" -}}
{{- if $values.append -}}{{- $defaults = include "sluice.defaults" (list . $keys) | trim -}}{{- end -}}
{{ ternary "flink-conf.yaml" "config.yaml" (ne $legacy "") }}: |
  {{- list $defaults (trim $yaml) (trim $legacy) | compact | join "\n\n" | nindent 2 }}
{{- $defaultLog4j := ternary (.Files.Get "conf/log4j-console.properties" | trim) "" $values.append }}
{{- with list $defaultLog4j (trim $log4j) | compact | join "\n\n" }}
log4j-console.properties: |
  {{- . | nindent 2 }}
{{- end }}
{{- /* Two XML documents in one file are no document: the user's replaces the chart's. */}}
{{- with trim $logback | default (ternary (.Files.Get "conf/logback-console.xml" | trim) "" $values.append) }}
logback-console.xml: |
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}
