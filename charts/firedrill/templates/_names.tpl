{{- define "firedrill.labels" -}}
app.kubernetes.io/name: firedrill
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "firedrill.image" -}}
{{- $repository := required "image.repository is empty: name the image that holds firedrill, for example --set image.repository=registry.example.com/firedrill" .Values.image.repository -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The user names of the two identities that revert. */}}
{{- define "firedrill.operator" -}}
system:serviceaccount:{{ .Release.Namespace }}:firedrill-operator
{{- end }}
{{- define "firedrill.reaper" -}}
system:serviceaccount:{{ .Values.reaper.namespace }}:firedrill-reaper
{{- end }}

{{/* What every pod of ours has: the restricted pod security standard, and where it may run. */}}
{{- define "firedrill.pod" -}}
terminationGracePeriodSeconds: 5
securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "firedrill.confined" -}}
{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}
