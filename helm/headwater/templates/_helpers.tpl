{{- define "headwater.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Names of Services hold no dot and begin with a letter, those of releases may do otherwise. */}}
{{- define "headwater.fullname" -}}
{{- $name := printf "%s-%s" .Release.Name (include "headwater.name" .) }}
{{- if .Values.fullnameOverride }}
{{- $name = .Values.fullnameOverride }}
{{- else if contains (include "headwater.name" .) .Release.Name }}
{{- $name = .Release.Name }}
{{- end }}
{{- regexReplaceAll "^([0-9])" ($name | replace "." "-") "r${1}" | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "headwater.selector" -}}
app.kubernetes.io/name: {{ include "headwater.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "headwater.labels" -}}
{{ include "headwater.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "headwater.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "headwater.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "headwater.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* "true" with a database of the operator's own, else empty: the store is then embedded in the one pod. */}}
{{- define "headwater.external" -}}
{{- with .Values.secrets.databaseUrl }}{{ if or .value .existingSecret }}true{{ end }}{{ end }}
{{- end }}

{{- define "headwater.claim" -}}
{{- if .Values.persistence.existingClaim }}
{{- .Values.persistence.existingClaim }}
{{- else if and .Values.persistence.enabled (not (include "headwater.external" .)) }}
{{- printf "%s-data" (include "headwater.fullname" .) }}
{{- end }}
{{- end }}

{{/* A setting as the environment variable wants it. Helm reads every number as a float, and shows large ones as 1e+06. */}}
{{- define "headwater.setting" -}}
{{- if kindIs "slice" . }}
{{- join "," . }}
{{- else if kindIs "map" . }}
{{- $pairs := list }}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%d" $name (int64 $value)) }}{{ end }}
{{- join "," $pairs }}
{{- else if kindIs "float64" . }}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ toString . }}{{ end }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{- define "headwater.checks" -}}
{{- if not (include "headwater.external" .) }}
{{- if gt (int .Values.replicaCount) 1 }}
{{- fail "replicaCount: more than one replica needs a database of your own; set secrets.databaseUrl" }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- fail "autoscaling.enabled: more than one replica needs a database of your own; set secrets.databaseUrl" }}
{{- end }}
{{- if .Values.workers }}
{{- fail "workers: workers in pods of their own need a database of your own; set secrets.databaseUrl" }}
{{- end }}
{{- end }}
{{- if eq (include "headwater.auth" .) "none" }}
{{- fail "config.auth: none is possible on loopback only, and pods listen on every address; leave it at keys" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas: must not be more than autoscaling.maxReplicas" }}
{{- end }}
{{- range $name, $worker := .Values.workers }}
{{- with $worker.autoscaling }}
{{- if hasKey $worker "replicas" }}
{{- fail (printf "workers.%s: set either replicas or autoscaling" $name) }}
{{- end }}
{{- if gt (default 1 .minReplicas | int) (int .maxReplicas) }}
{{- fail (printf "workers.%s.autoscaling.minReplicas: must not be more than maxReplicas" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $what := list "commonLabels" "podLabels" }}
{{- range $label := keys (get $.Values $what) }}
{{- if has $label (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart") }}
{{- fail (printf "%s: %s is set by the chart, which finds its pods by it; take another label" $what $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $secret := .Values.secrets }}
{{- if and $secret.value $secret.existingSecret }}
{{- fail (printf "secrets.%s: set either value or existingSecret" $name) }}
{{- end }}
{{- end }}
{{- if and .Values.workflows (not (include "headwater.applyKey" .)) }}
{{- fail "workflows: applying them needs an API key with the role admin; set secrets.adminKey or apply.existingSecret" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (eq (default "none" .Values.config.metricsAuth) "keys") (not .Values.serviceMonitor.existingSecret) }}
{{- fail "serviceMonitor: with config.metricsAuth=keys a scrape needs an API key; set serviceMonitor.existingSecret" }}
{{- end }}
{{- end }}

{{/* Whether callers show API keys: the pods listen on every address, where the service asks for them by itself. */}}
{{- define "headwater.auth" -}}
{{- default "keys" .Values.config.auth }}
{{- end }}

{{/* The Secret and key that hold the API key of the apply job, as a secretKeyRef; empty without one. */}}
{{- define "headwater.applyKey" -}}
{{- $admin := default dict .Values.secrets.adminKey }}
{{- if .Values.apply.existingSecret }}
{name: {{ .Values.apply.existingSecret | quote }}, key: {{ .Values.apply.key | quote }}}
{{- else if or $admin.existingSecret $admin.value }}
{name: {{ default (include "headwater.fullname" .) $admin.existingSecret | quote }}, key: {{ $admin.key | quote }}}
{{- end }}
{{- end }}
