"""The overlays of deploy/kubernetes, as `kubectl kustomize` makes them."""
import pathlib
import subprocess

import yaml

TOP = pathlib.Path(__file__).resolve().parents[3]
KUBERNETES = TOP / "deploy" / "kubernetes"
NAMES = ("cpu", "gpu", "relay", "tls")


def build(folder):
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    return list(yaml.safe_load_all(done.stdout))


class Overlay:
    def __init__(self, name):
        self.name = name
        self.objects = build(KUBERNETES / "overlays" / name)

    def of(self, kind):
        return [item for item in self.objects if item["kind"] == kind]

    def get(self, kind, name):
        found = [item for item in self.of(kind) if item["metadata"]["name"] == name]
        assert len(found) == 1, f"{self.name}: {len(found)} of {kind} {name}, expected one"
        return found[0]

    def jobs(self):
        """(name of the pods' Job, its spec), also of those inside of a JobSet."""
        for job in self.of("Job"):
            yield job["metadata"]["name"], job["spec"]
        for jobset in self.of("JobSet"):
            for job in jobset["spec"]["replicatedJobs"]:
                yield f"{jobset['metadata']['name']}-{job['name']}-0", job["template"]["spec"]

    def templates(self):
        """(who, pod template) of all pods."""
        for name, spec in self.jobs():
            yield f"{self.name}: job {name}", spec["template"]
        for deployment in self.of("Deployment"):
            yield f"{self.name}: deployment {deployment['metadata']['name']}", deployment["spec"]["template"]

    def containers(self):
        """(who, pod template, container), native sidecars included."""
        for who, template in self.templates():
            for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
                yield f"{who}: {container['name']}", template, container

    def environment(self, container):
        """What a container's variables are, as far as the manifests say it; what only the cluster knows is '0'."""
        result = {}
        for source in container.get("envFrom", []):
            result.update(self.get("ConfigMap", source["configMapRef"]["name"])["data"])
        for variable in container.get("env", []):
            result[variable["name"]] = variable.get("value", "0")
        return result


def overlays():
    return [Overlay(name) for name in NAMES]


def selects(labels, template):
    return labels.items() <= template["metadata"]["labels"].items()
