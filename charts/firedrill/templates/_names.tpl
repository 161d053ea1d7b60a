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

{{/* Beside the webhook's, which has a Service. */}}
{{- define "firedrill.readyPort" -}}
{{ add .Values.webhook.port 1 }}
{{- end }}

{{/*
Without the webhook's Secret no pod starts, and all that Helm says is that it waited too long. What is rendered
without a cluster cannot be judged, and what a parent chart brings may come with this release.
*/}}
{{- define "firedrill.secretIsThere" -}}
{{- $name := .Values.webhook.tokenSecret -}}
{{- if and $name .Chart.IsRoot (lookup "v1" "Namespace" "" "kube-system") -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $name -}}
{{- $create := printf "kubectl -n %s create secret generic %s --from-literal=token=\"$(openssl rand -base64 18)\"" .Release.Namespace $name -}}
{{- if not $secret -}}
{{- fail (printf "webhook.tokenSecret: there is no Secret %s in namespace %s; create it first: %s" $name .Release.Namespace $create) -}}
{{- else if not (hasKey ($secret.data | default dict) "token") -}}
{{- fail (printf "webhook.tokenSecret: Secret %s in namespace %s has no key `token`; delete it and create it anew: %s" $name .Release.Namespace $create) -}}
{{- end -}}
{{- end -}}
{{- end }}
