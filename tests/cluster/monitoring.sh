#!/bin/bash
# Prometheus :9090, Alertmanager :9093 and a receiver :9099 that writes down every notification with
# its time, in namespace cp. Their rules are the shop's (experiments/demo/rules.yml) and $STATE/mon/rules/*.yml.
#
# usage: monitoring.sh start|stop|reload [prometheus|alertmanager|receiver ...]
#   GROUP_WAIT=0s EVALUATION=1s    settings of a start
#   RULES=experiments/demo/rules.yml    the rules beside those of $STATE/mon/rules
#   WEBHOOK=http://10.96.94.80:9480/v1/alertmanager    where notifications go beside the receiver
set -euo pipefail
. "$(dirname "$0")/env.sh"
mon=$STATE/mon
action=$1
shift
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(receiver alertmanager prometheus)
if [ "$action" = stop ]; then
  for part in "${parts[@]}"; do
    pid=$(cat "$STATE/run/$part.pid" 2>/dev/null) || continue
    stop "$part"
    until_ok 10 bash -c "! kill -0 $pid"
  done
  exit 0
fi
mkdir -p "$mon"/{rules,data,am}
[ -f "$mon/token" ] || head -c 18 /dev/urandom | base64 >"$mon/token"
tls="{ca_file: $STATE/pki/ca.crt, cert_file: $STATE/pki/admin.crt, key_file: $STATE/pki/admin.key}"
cat >"$mon/prometheus.yml" <<YAML
global: {scrape_interval: $(seconds 1), scrape_timeout: $(seconds 1), evaluation_interval: ${EVALUATION:-$(seconds 1)}}
rule_files: [${RULES:-$ROOT/experiments/demo/rules.yml}, $mon/rules/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
scrape_configs:
- job_name: pods
  fallback_scrape_protocol: PrometheusText0.0.4
  kubernetes_sd_configs: [{role: pod, api_server: "https://$CONTROL_IP:6443", tls_config: $tls}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
  - {source_labels: [__meta_kubernetes_pod_phase], regex: Running, action: keep}
  - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], separator: ":", target_label: __address__}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
  - {source_labels: [__meta_kubernetes_pod_label_k8s_app], regex: (.+), target_label: app}
  - {source_labels: [__meta_kubernetes_pod_label_app], regex: (.+), target_label: app}
YAML
cat >"$mon/alertmanager.yml" <<YAML
route: {receiver: hook, group_by: [alertname, namespace], group_wait: ${GROUP_WAIT:-0s}, group_interval: 1s, repeat_interval: 1h}
receivers:
- name: hook
  webhook_configs:
  - {url: "http://127.0.0.1:9099/", send_resolved: true}
  - url: "${WEBHOOK:-http://10.96.94.80:9480/v1/alertmanager}"
    send_resolved: false
    http_config: {authorization: {credentials_file: $mon/token}}
YAML
cat >"$mon/firedrill.yaml" <<YAML
prometheus: {url: "http://$CONTROL_IP:9090"}
alertmanager: {url: "http://$CONTROL_IP:9093"}
webhook: {listen: "0.0.0.0:9480", tokenFile: $mon/token}
# What is to be proven is proven within one test.
debriefs: {policy: {spacing: 1s}}
YAML
if [ "$action" = reload ]; then
  for port in 9090 9093; do inside cp curl -sf -XPOST "http://127.0.0.1:$port/-/reload"; done
  exit 0
fi
in_cp=(nsenter --net="$(netns cp)")
for part in "${parts[@]}"; do
  case $part in
    receiver) start receiver "${in_cp[@]}" python3 "$HERE/receiver.py" "$mon/alerts.jsonl" ;;
    alertmanager) start alertmanager "${in_cp[@]}" prometheus-alertmanager --config.file="$mon/alertmanager.yml" \
      --storage.path="$mon/am" --web.listen-address=:9093 --cluster.listen-address= ;;
    # One that was stopped leaves its last samples behind; they are soon looked back at no more.
    prometheus) start prometheus "${in_cp[@]}" "$BIN/prometheus" --config.file="$mon/prometheus.yml" --query.lookback-delta="$(seconds 5)" \
      --storage.tsdb.path="$mon/data" --storage.tsdb.retention.time=6h --web.listen-address=:9090 --web.enable-lifecycle ;;
  esac
done
for part in "${parts[@]}"; do
  case $part in
    alertmanager) until_ok 20 inside cp curl -sf http://127.0.0.1:9093/-/ready ;;
    prometheus) until_ok 20 inside cp curl -sf http://127.0.0.1:9090/-/ready ;;
  esac
done
