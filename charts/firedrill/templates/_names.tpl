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
Without a Secret that it mounts no pod starts, and all that Helm says is that it waited too long. What is rendered
without a cluster cannot be judged, and what a parent chart brings may come with this release.
Of: the root, the value that names the Secret, that name, the key that it must have, and what to write there.
*/}}
{{- define "firedrill.secretIsThere" -}}
{{- $root := index . 0 -}}{{- $value := index . 1 -}}{{- $name := index . 2 -}}{{- $key := index . 3 -}}
{{- if and $name $root.Chart.IsRoot (lookup "v1" "Namespace" "" "kube-system") -}}
{{- $namespace := $root.Release.Namespace -}}
{{- $secret := lookup "v1" "Secret" $namespace $name -}}
{{- $create := printf "kubectl -n %s create secret generic %s --from-literal=%s=%s" $namespace $name $key (index . 4) -}}
{{- if not $secret -}}
{{- fail (printf "%s: there is no Secret %s in namespace %s; create it first: %s" $value $name $namespace $create) -}}
{{- else if not (hasKey ($secret.data | default dict) $key) -}}
{{- fail (printf "%s: Secret %s in namespace %s has no key `%s`; delete it and create it anew: %s" $value $name $namespace $key $create) -}}
{{- end -}}
{{- end -}}
{{- end }}
