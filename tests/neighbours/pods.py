"""firedrill's pods as the chart installs them: what they took of their memory, and whether they are still the same."""
import contextlib
import glob
import json
import os

from cluster import eventually, kubectl

MIB = 1 << 20
# Where a container's cgroup says the most that it held: of cgroup v1, of v2.
PEAKS = ("memory/{}/memory.max_usage_in_bytes", "{}/memory.peak")


class Meter:
    """The most memory that a container has held since this was made, all that counts towards its limit. Where the kernel
    cannot begin anew (cgroup v2 before Linux 6.12), since the container has started."""

    def __init__(self, node, pod, container):
        group = f"{os.environ['ID']}-{node}/kubepods/*/pod{pod}/{container}"
        [path] = [path for peak in PEAKS for path in glob.glob(f"/sys/fs/cgroup/{peak.format(group)}")]
        try:
            self.file = open(path, "rb+", buffering=0)
            self.file.write(b"0")
        except OSError:
            self.file = open(path, "rb", buffering=0)

    def read(self):
        self.file.seek(0)
        return int(self.file.read()) / MIB


class Pod:
    """The operator or the reaper, of which there is one pod with one container."""

    def __init__(self, component, namespace):
        self.component, self.namespace = component, namespace
        self.deployment = f"deployment/firedrill-{component}"
        path = "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}"
        self.limit = int(kubectl("-n", namespace, "get", self.deployment, "-o", path).removesuffix("Mi"))
        self.begin()

    def begin(self):
        """From here on its memory and its restarts count anew."""
        self.most, self.restarted = 0.0, False
        self.meet()

    def meet(self):
        """Waits for its container, which is the one that is looked at from here on."""
        self.container = eventually(f"a container of the {self.component}", 60, self.running)
        self.meter = Meter(*self.container)

    def running(self):
        """Node, UID and container of its pod; none while it does not run."""
        selector = f"app.kubernetes.io/name=firedrill,app.kubernetes.io/component={self.component}"
        pods = json.loads(kubectl("-n", self.namespace, "get", "pods", "-l", selector, "-o", "json"))["items"]
        for pod in pods:
            for container in pod["status"].get("containerStatuses", []):
                if "running" in container["state"] and "deletionTimestamp" not in pod["metadata"]:
                    return pod["spec"]["nodeName"], pod["metadata"]["uid"], container["containerID"].removeprefix("containerd://")
        return None

    def peak(self):
        """The most memory that it has held, in MiB; of a container that has ended, as far as was looked."""
        with contextlib.suppress(OSError):
            self.most = max(self.most, self.meter.read())
        return self.most

    def has_restarted(self):
        """Whether its container is another one, or has ended."""
        self.restarted = self.restarted or self.running() != self.container
        return self.restarted

    def replace(self):
        """Puts another pod in its place, which must come to work; what either of them took counts."""
        self.peak()
        self.has_restarted()
        kubectl("-n", self.namespace, "rollout", "restart", self.deployment)
        kubectl("-n", self.namespace, "rollout", "status", self.deployment, "--timeout=60s")
        self.meet()
