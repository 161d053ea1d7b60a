#!/bin/bash
# What vm-check.sh runs in the virtual machine. The last line but one says what held, as JSON.
set -euo pipefail
. "$(dirname "$0")/env.sh"
work=$(mktemp -d)
began=$SECONDS
failed=()
told=()
say() { printf '%5d s  %s\n' "$((SECONDS - began))" "$1"; }
# check WHAT COMMAND...: says whether it holds; none ends the whole check
check() {
  local what=$1 from=$SECONDS code=0
  shift
  "$@" >"$work/out" 2>&1 || code=$?
  if [ $code = 0 ]; then
    say "holds: $what ($((SECONDS - from)) s)"
  else
    say "DOES NOT HOLD: $what"
    sed 's/^/         /' "$work/out" | tail -40
    failed+=("$what")
  fi
  told+=("$(jq -cn --arg what "$what" --argjson holds "$([ $code = 0 ] && echo true || echo false)" --argjson seconds $((SECONDS - from)) '{$what, $holds, $seconds}')")
}
verdict() { # FILE: runs an experiment of the demo to its verdict
  local code=0 said
  said=$("$HERE/shell.sh" firedrill -n shop run -f "$work/$1" --wait --yes 2>&1) || code=$?
  echo "$said"
  verdicts+=("$(tail -12 <<<"$said" | grep -E '^[^ ]+ (Passed|ObjectiveMissed|Inconclusive)' | head -1)")
  [ -n "${verdicts[-1]}" ]
}
killed() { # a container that takes more memory than its limit
  kubectl run hungry --image=registry.local/busybox:1 --image-pull-policy=Never --restart=Never \
    --overrides='{"spec": {"containers": [{"name": "hungry", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
      "command": ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"], "resources": {"limits": {"memory": "16Mi"}}}]}}'
  kubectl wait pod/hungry --for=jsonpath='{.status.containerStatuses[0].state.terminated.reason}'=OOMKilled --timeout="$(seconds 60)"
  kubectl delete pod hungry --timeout="$(seconds 30)"
}
bridges_unfiltered() { [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)" = 0 ]; }
not_enabled() {
  local links
  links=$(find /etc/systemd/system /etc/rc?.d -name '*alertmanager*' -type l -not -name 'K*')
  [ -z "$links" ] || { echo "$links"; return 1; }
}
# A group of our own at the top, as in a container: it holds a process, so it hands nothing down.
in_container() {
  unshare -m -C bash -c 'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && "$1/preflight.sh"' bash "$HERE"
}
refused_in_container() {
  local said
  ! said=$(in_container 2>&1) || return 1
  echo "$said"
  [ "$(wc -l <<<"$said")" = 2 ] && grep -q 'cgroupns=host' <<<"$said"
}
verdicts=()
cgroup=$([ -f /sys/fs/cgroup/cgroup.controllers ] && echo v2 || echo v1)
machine="$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r), cgroup $cgroup, $(systemctl --version | head -1 | cut -d' ' -f1,2)"
say "$machine"
[ $cgroup = v1 ] || say "the root hands down: $(cat /sys/fs/cgroup/cgroup.subtree_control)"
for file in 1-heals-by-itself 2-noticed-in-time; do
  # The same experiments, with objectives and pauses that this machine can keep.
  SLOW=$SLOW perl -pe 's/(within|duration|stableFor|steadyFor): (\d+)s/"$1: " . $2 * $ENV{SLOW} . "s"/ge;
    s/interval: (\d+)ms/"interval: " . $1 * $ENV{SLOW} . "ms, timeout: 2s"/e' "$ROOT/experiments/demo/$file.yaml" >"$work/$file.yaml"
done

"$HERE/trace.sh" look "$work/before"
[ $cgroup = v1 ] || check "a container that cannot hand controllers down is told so" refused_in_container
check "no service that was installed for it starts with the machine" not_enabled
check "the cluster comes up" "$HERE/up.sh"
check "the machine's own bridges are not filtered" bridges_unfiltered
check "a container that takes more memory than its limit is OOMKilled" killed
check "operator and reaper run" "$HERE/operator.sh"
check "the shop runs" "$HERE/shop.sh"
check "podKill runs to its verdict" verdict 1-heals-by-itself.yaml
check "badRollout runs to its verdict" verdict 2-noticed-in-time.yaml
check "everything is killed and the cluster comes up again" eval 'kill_everything; "$HERE/up.sh"'
check "the cluster goes" "$HERE/down.sh"
"$HERE/trace.sh" look "$work/after"
check "nothing is left behind" "$HERE/trace.sh" compare "$work/before" "$work/after"
printf '%s\n' "${verdicts[@]}"
echo "evidence: $(jq -cn --arg machine "$machine" --argjson checks "[$(IFS=,; echo "${told[*]}")]" --arg verdicts "$(printf '%s\n' "${verdicts[@]}")" \
  '{$machine, $checks, verdicts: ($verdicts | split("\n"))}')"
echo "vm-check: $((${#told[@]} - ${#failed[@]})) of ${#told[@]} hold on $machine, in $(((SECONDS - began) / 60)) min"
[ ${#failed[@]} = 0 ]
