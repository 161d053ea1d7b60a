"""One run with our own clients beside it."""
import json
import os
import time

import cluster
import truth
from cluster import IMAGE, NAMESPACE, kubectl
from judge import TIMEOUT


class Trial:
    def __init__(self, name, scenario, phase, runtime, audit):
        self.name, self.scenario, self.phase, self.runtime = name, scenario, phase, runtime
        self.audit, self.began = truth.Audit(audit, NAMESPACE), time.time()
        # Of the operator, from its end to the first look of its successor.
        self.absence = self.found = None
        address = kubectl("-n", NAMESPACE, "get", "service", scenario.target, "-o", "jsonpath={.spec.clusterIP}")
        self.victims = cluster.containers(NAMESPACE, f"app={scenario.target}")
        # An operator that is restarted may come up on another node.
        self.clients = {
            node: truth.Client(f"/run/netns/{os.environ['ID']}-{node}", address, scenario.path, TIMEOUT) for node in cluster.nodes()}

    def run(self):
        """From its creation to its end, and to the end of what it measures."""
        for client in self.clients.values():
            client.start()
        try:
            self.create(self.name)
            self.scenario.meanwhile(self)
            kubectl("-n", NAMESPACE, "wait", "--for=condition=Complete", f"experimentrun/{self.name}", "--timeout=120s")
            # A run may be over before the truth is.
            cluster.wait_for(self.sees_it_back, 60, "our own clients to see it down and back")
            cluster.whole(self.scenario.target)
        finally:
            for client in self.clients.values():
                client.finish()

    def create(self, name):
        run = {
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": name},
            "spec": {"experiment": "accuracy", "template": self.scenario.template()}}
        kubectl("-n", NAMESPACE, "create", "-f", "-", body=json.dumps(run))

    def status(self):
        found = kubectl("-n", NAMESPACE, "get", "experimentrun", self.name, "--ignore-not-found", "-o", "json")
        return json.loads(found or "{}").get("status", {})

    def client(self):
        """The one on the operator's node, or on the first while there is none."""
        return self.clients[cluster.operators_node() or cluster.nodes()[0]]

    def sees_it_back(self):
        """Whether every client has seen it down, and good since for as long as proves a recovery."""
        return all(client.is_back(self.scenario.stable + 0.5) for client in self.clients.values())

    def events(self):
        return self.audit.read()

    def changes(self):
        """When the fault was set and taken away, by what the object held."""
        if self.scenario.kills:
            return []
        if "badRollout" in self.scenario.fault:
            image = lambda body: body["spec"]["template"]["spec"]["containers"][0]["image"]
            return truth.changes(self.events(), "deployments", self.scenario.target, image, IMAGE)
        selector = lambda body: body["spec"]["selector"]
        return truth.changes(self.events(), "services", "back", selector, {"app": "back"})

    def reverted(self):
        changes = self.changes()
        return changes[1] if len(changes) > 1 else None

    def probed(self, after):
        """What the target served the operator."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began))
        log = kubectl("-n", NAMESPACE, "logs", "-l", f"app={self.scenario.target}", "--tail=-1", f"--since-time={since}")
        return [one for one in truth.requests(log, "firedrill/", after) if one.path == self.scenario.path]

    def newcomers(self):
        return cluster.containers(NAMESPACE, f"app={self.scenario.target}")
