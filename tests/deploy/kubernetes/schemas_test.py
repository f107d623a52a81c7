"""Every manifest of every overlay obeys its schema, with no key that nobody knows. Of the kinds outside of Kubernetes
there are models, which drop unknown keys without a word: what they give back must be what they got."""
import copy
import unittest

import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as monitoring
from kubeflow_trainer_api import models as jobsets

import overlays

VERSION = "1.33"


def without_none(value):
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def round_trip(item):
    if item["kind"] == "JobSet":
        return jobsets.JobsetV1alpha2JobSet.from_dict(item).to_dict()
    model = {"PodMonitor": monitoring.PodMonitor, "PrometheusRule": monitoring.PrometheusRule}[item["kind"]]
    return model.model_validate(item).model_dump(mode="json", by_alias=True)


def check(item):
    """Raises ValueError or AssertionError that names what is wrong."""
    if item["kind"] in ("JobSet", "PodMonitor", "PrometheusRule"):
        assert without_none(round_trip(copy.deepcopy(item))) == item, f"{item['kind']}: keys that the model does not know"
        if item["kind"] != "JobSet":
            return
        for job in item["spec"]["replicatedJobs"]:
            check({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job["name"]}, "spec": job["template"]["spec"]})
        return
    try:
        kubernetes_validate.validate(item, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise ValueError(f"{item['kind']} {item['metadata']['name']}: {error.message} at {list(error.path)}") from error


class SchemasTest(unittest.TestCase):
    def test_every_manifest_is_valid(self):
        for overlay in overlays.overlays():
            self.assertGreater(len(overlay.objects), 8, overlay.name)
            for item in overlay.objects:
                with self.subTest(overlay=overlay.name, kind=item["kind"], name=item["metadata"]["name"]):
                    check(item)

    def test_the_kinds_that_belong_to_it_are_there(self):
        common = {"Namespace", "ConfigMap", "PersistentVolumeClaim", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor",
                  "PrometheusRule"}
        for overlay in overlays.overlays():
            kinds = {item["kind"] for item in overlay.objects}
            self.assertLessEqual(common, kinds, overlay.name)
            self.assertEqual("JobSet" if overlay.name == "gpu" else "Job", *(kinds & {"Job", "JobSet"}))
            self.assertIn("Deployment", kinds)

    def test_an_unknown_key_is_found_in_every_kind(self):
        for overlay in overlays.overlays():
            for item in overlay.objects:
                if "spec" not in item:
                    continue
                item["spec"]["planted"] = 1
                with self.subTest(kind=item["kind"]), self.assertRaises((ValueError, AssertionError)):
                    check(item)

    def test_an_unknown_key_is_found_in_the_pods_of_a_jobset(self):
        jobset = overlays.Overlay("gpu").get("JobSet", "ranks")
        pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
        pod["containers"][0]["livenessProbe"]["planted"] = 1
        with self.assertRaises((ValueError, AssertionError)):
            check(jobset)


if __name__ == "__main__":
    unittest.main()
