{{/* The pod template of a role. Takes a dict: root, component, and for workers `worker`, their entry in .Values.workers. */}}
{{- define "headwater.pod" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $worker := default dict .worker }}
metadata:
  labels:
    {{- include "headwater.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
    checksum/secret: {{ include (print $root.Template.BasePath "/secret.yaml") $root | sha256sum }}
    {{- with mergeOverwrite (dict) $values.podAnnotations (default dict $worker.podAnnotations) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "headwater.podBasics" $root | nindent 2 }}
  terminationGracePeriodSeconds: {{ add (int $values.preStopSeconds) (ternary 20 $values.config.shutdownGraceSeconds (kindIs "invalid" $values.config.shutdownGraceSeconds) | ceil | int) (int $values.shutdownMarginSeconds) }}
  {{- with concat $values.extraInitContainers (include "headwater.migration" $root | fromYamlArray) }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: headwater
      {{- include "headwater.containerBasics" $root | nindent 6 }}
      args: [serve]
      ports:
        - {name: http, containerPort: 8080, protocol: TCP}
      env:
        {{- $own := list }}
        {{- if .worker }}
        {{- $own = list (dict "name" "HEADWATER_ROLES" "value" "worker") (dict "name" "HEADWATER_WORKER_POOLS" "value" (join "," $worker.pools)) }}
        {{- with $worker.slots }}
        {{- $own = append $own (dict "name" "HEADWATER_WORKER_SLOTS" "value" (int . | toString)) }}
        {{- end }}
        {{- end }}
        {{- include "headwater.env" (dict "root" $root "own" (concat $own $values.extraEnv (default list $worker.extraEnv))) | nindent 8 }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ int $values.preStopSeconds | quote }}]
      startupProbe:
        httpGet: {path: /health/live, port: http}
        {{- toYaml $values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        {{- toYaml $values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        {{- toYaml $values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml (default $values.resources $worker.resources) | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
        - {name: secrets, mountPath: /etc/headwater/secrets, readOnly: true}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: data
      {{- if include "headwater.claim" $root }}
      persistentVolumeClaim: {claimName: {{ include "headwater.claim" $root | quote }}}
      {{- else }}
      emptyDir: {sizeLimit: {{ $values.dataSizeLimit }}}
      {{- end }}
    - name: tmp
      emptyDir: {sizeLimit: 1Gi}
    - name: secrets
      {{- if or $values.secretFiles.values $values.secretFiles.existingSecrets }}
      projected:
        defaultMode: 0440
        sources:
          {{- if $values.secretFiles.values }}
          - secret: {name: {{ include "headwater.fullname" $root }}-files}
          {{- end }}
          {{- range $values.secretFiles.existingSecrets }}
          - secret: {name: {{ . | quote }}}
          {{- end }}
      {{- else }}
      emptyDir: {sizeLimit: 1Mi}
      {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $placement := dict }}
  {{- range $what := list "nodeSelector" "tolerations" "affinity" }}
  {{- $placement = set $placement $what (default (get $values $what) (get $worker $what)) }}
  {{- end }}
  {{- with include "headwater.placement" $placement | trim }}
  {{- nindent 2 . }}
  {{- end }}
  {{- if $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range $values.topologySpreadConstraints }}
    - {{ toYaml . | nindent 6 | trim }}
      labelSelector:
        matchLabels:
          {{- include "headwater.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Where a pod may be. Takes a dict: nodeSelector, tolerations, affinity. */}}
{{- define "headwater.placement" -}}
{{- range $what := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $ $what }}
{{ $what }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "headwater.podBasics" -}}
serviceAccountName: {{ include "headwater.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "headwater.containerBasics" -}}
image: {{ include "headwater.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{- define "headwater.migration" -}}
{{- if and .Values.migration.enabled (include "headwater.external" .) }}
- name: migrate
  {{- include "headwater.containerBasics" . | nindent 2 }}
  args: [migrate]
  env:
    {{- include "headwater.env" (dict "root" . "own" .Values.extraEnv) | nindent 4 }}
  {{- with .Values.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: tmp, mountPath: /tmp}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The variables of a container. Takes a dict: root, own. Of one name the last wins, and stands there once. */}}
{{- define "headwater.env" -}}
{{- $seen := list }}
{{- $kept := list }}
{{- range concat (include "headwater.settings" .root | fromYamlArray) .own | reverse }}
{{- if not (has .name $seen) }}
{{- $seen = append $seen .name }}
{{- $kept = prepend $kept . }}
{{- end }}
{{- end }}
{{- toYaml $kept }}
{{- end }}

{{- define "headwater.settings" -}}
- {name: HEADWATER_HOST, value: 0.0.0.0}
- {name: HEADWATER_PORT, value: "8080"}
- {name: HEADWATER_DATA_DIR, value: /data}
- {name: HEADWATER_SECRETS_DIR, value: /etc/headwater/secrets}
{{- range $name, $value := .Values.config }}
{{- if include "headwater.given" $value }}
{{- $variable := printf "HEADWATER_%s" (snakecase $name | upper) }}
- name: {{ $variable }}
  valueFrom: {configMapKeyRef: {name: {{ include "headwater.fullname" $ }}, key: {{ $variable }}}}
{{- end }}
{{- end }}
{{- range $name, $secret := .Values.secrets }}
{{- if or $secret.value $secret.existingSecret }}
- name: HEADWATER_{{ snakecase $name | upper }}
  valueFrom: {secretKeyRef: {name: {{ default (include "headwater.fullname" $) $secret.existingSecret | quote }}, key: {{ $secret.key | quote }}}}
{{- end }}
{{- end }}
{{- end }}

{{- define "headwater.given" -}}
{{- if not (or (kindIs "invalid" .) (and (kindIs "map" .) (empty .))) }}true{{ end }}
{{- end }}
