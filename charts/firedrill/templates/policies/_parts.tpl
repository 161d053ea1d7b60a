{{/* A policy's head: its name, whom it judges, and that an error refuses. */}}
{{- define "firedrill.policy" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels: {{- include "firedrill.labels" $root | nindent 4 }}
spec: {policyName: {{ $name }}, validationActions: [Deny]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "firedrill.labels" $root | nindent 4 }}
spec:
  failurePolicy: Fail
{{- end }}

{{/* Whether it is the operator or the reaper as itself; whoever is impersonated has another name. */}}
{{- define "firedrill.isReverter" -}}
request.userInfo.username in [{{ include "firedrill.operator" . | squote }}, {{ include "firedrill.reaper" . | squote }}]
{{- end }}
{{- define "firedrill.reverters" -}}
matchConditions:
- name: reverters
  expression: {{ include "firedrill.isReverter" . }}
{{- end }}

{{/* Maps A and B are the same but for KEYS, a list in CEL. */}}
{{- define "firedrill.same" -}}
{{- $a := index . 0 -}}{{- $b := index . 1 -}}{{- $keys := index . 2 -}}
({{ $a }}.all(k, k in {{ $keys }} || (k in {{ $b }} && {{ $a }}[k] == {{ $b }}[k])) && {{ $b }}.all(k, k in {{ $keys }} || k in {{ $a }}))
{{- end }}

{{/* Where the fault with this slug is, without the signs of what the injection created; and its pre-image. */}}
{{- define "firedrill.at" -}}
variables.fault[?'firedrill.dev/at-{{ . }}'].orValue('').replace('/+', '/')
{{- end }}
{{- define "firedrill.was" -}}
variables.fault[?'firedrill.dev/was-{{ . }}'].orValue('')
{{- end }}

{{/* What every policy about a revert knows: the mark before and after, and the fault's own annotations,
     which count only where no other fault is. The mark may have been taken away by somebody, and
     `kubectl rollout undo` may have brought the fault back after its revert. */}}
{{- define "firedrill.revert" -}}
- name: before
  expression: oldObject.metadata.?labels[?'firedrill.dev/fault'].orValue('')
- name: after
  expression: object.metadata.?labels[?'firedrill.dev/fault'].orValue('')
- name: revokes
  expression: variables.after.endsWith('.revoked') && variables.before in ['', variables.after, variables.after.replace('.revoked', '.armed')]
- name: fault
  expression: "variables.revokes ? dyn(oldObject.metadata.?annotations.orValue({})) : dyn({})"
- name: spec
  expression: dyn(object.spec)
- name: oldSpec
  expression: dyn(oldObject.spec)
{{- end }}
