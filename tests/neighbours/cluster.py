"""The API server: what it is asked, and how long something is waited for."""
import datetime
import http.client
import json
import os
import ssl
import subprocess
import time

GROUPS = {
    "experiments": "apis/firedrill.dev/v1alpha1", "experimentruns": "apis/firedrill.dev/v1alpha1",
    "networkpolicies": "apis/networking.k8s.io/v1", "services": "api/v1",
}


class Untrue(Exception):
    """Something came of an attack that must not come of it."""


def must(holds, what):
    if not holds:
        raise Untrue(what)


class Refused(Exception):
    """The API server does not take it; the text says why."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


class Api:
    """One connection to the API server, as the administrator or as mallory: an attack is many requests."""

    def __init__(self, user=None):
        pki = os.environ["STATE"] + "/pki"
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        self.connection = http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=30, context=context)
        self.headers = {"Content-Type": "application/json"} | ({"Impersonate-User": user} if user else {})

    def ask(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        if answer.status >= 300:
            raise Refused(answer.status, said.get("message", str(answer.status)))
        return said


def at(kind, namespace, name=""):
    """The path of an object, or of all of a kind."""
    return f"/{GROUPS[kind]}/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")


def get(kind, namespace, name):
    return Api().ask("GET", at(kind, namespace, name))


def kubectl(*args, body=None):
    said = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(args)}: {said.stderr.strip()}")
    return said.stdout


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def eventually(what, limit, look):
    """What `look` gives once that is something."""
    end = time.time() + limit
    while time.time() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {limit} s in vain for {what}")
