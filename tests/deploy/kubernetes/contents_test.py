"""contents_test.py SIDECAR SLUICECTL [WORKER]: what manifests say about Sluice's programs is what the programs say
themselves: flags, ports, probes, metrics. And manifests agree with each other."""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

import overlays

sys.path.append(str(overlays.KUBERNETES))
import make_rules  # noqa: E402  (deploy/kubernetes)

sys.path.append(str(overlays.TOP / "tests" / "deploy" / "monitoring"))
import peers  # noqa: E402

PROGRAMS = {}


def run(arguments, environment=None):
    return subprocess.run(list(map(str, arguments)), env=environment or {"PATH": os.environ["PATH"]}, capture_output=True,
                          text=True, timeout=120, check=False)


def help_of(*command):
    return run([PROGRAMS[command[0]], *command[1:], "--help"]).stdout


def program_of(container):
    return {"sluice-worker": "sluice-worker", "sluice-sidecar": "sluice-sidecar"}[container["image"].split(":")[0]]


def is_relay(container):
    return "--relay" in container["args"]


def flag(container, name):
    return container["args"][container["args"].index(name) + 1]


def printed_options(container, environment, config):
    """What the program says its options are with these arguments and variables."""
    arguments = ["/etc/sluice/train.toml" == a and str(config) or a for a in container["args"]]
    return run([PROGRAMS[program_of(container)], *arguments, "--print-config"], environment)


class FlagsTest(unittest.TestCase):
    def test_the_programs_take_what_they_are_given(self):
        for overlay in overlays.overlays():
            for who, _, container in overlay.containers():
                if program_of(container) not in PROGRAMS:
                    continue
                with self.subTest(who=who), tempfile.TemporaryDirectory() as folder:
                    config = pathlib.Path(folder) / "train.toml"
                    config.write_text(overlay.get("ConfigMap", "train")["data"]["train.toml"])
                    done = printed_options(container, overlay.environment(container), config)
                    self.assertEqual(0, done.returncode, done.stderr)
                    for name, value in overlay.environment(container).items():
                        # A variable that no option has would be passed over without a word.
                        if name.startswith("SLUICE_"):
                            self.assertIn(f"(Env:{name})", help_of(program_of(container), *container["args"][:1]), name)
                            self.assertIn(value, done.stdout)

    def test_a_flag_that_is_unknown_would_be_found(self):
        _, _, container = next(iter(overlays.Overlay("relay").containers()))
        planted = dict(container, args=container["args"] + ["--planted", "sidecar:50551"])
        self.assertNotEqual(0, printed_options(planted, None, "").returncode)

    def test_volumes_are_what_is_written_to(self):
        for overlay in overlays.overlays():
            for who, _, container in overlay.containers():
                if is_relay(container):
                    # It keeps nothing.
                    self.assertFalse("--state" in container["args"] or "volumeMounts" in container, who)
                    continue
                mounts = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
                name = "--state" if program_of(container) == "sluice-sidecar" else "--run.folder"
                self.assertIn(flag(container, name), mounts, who)


class PortsTest(unittest.TestCase):
    def test_the_sidecar_has_its_own_ports(self):
        text = help_of("sluice-sidecar")
        grpc, http = (re.search(rf"--{name} TEXT=127.0.0.1:(\d+)", text).group(1) for name in ("listen", "http"))
        for overlay in overlays.overlays():
            for who, _, container in overlay.containers():
                if program_of(container) != "sluice-sidecar":
                    continue
                self.assertEqual((grpc, http), tuple(flag(container, f).split(":")[1] for f in ("--listen", "--http")), who)
                named = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
                self.assertLessEqual(named.items(), {"grpc": grpc, "http": http}.items(), who)
                self.assertIn("http", named)
            for service in overlay.of("Service"):
                if service["metadata"]["name"] == "sidecar":
                    self.assertEqual({grpc, http}, {str(port["port"]) for port in service["spec"]["ports"]})

    def test_ports_go_by_names_that_pods_have(self):
        for overlay in overlays.overlays():
            for service in overlay.of("Service"):
                pods = [t for _, t in overlay.templates() if overlays.selects(service["spec"]["selector"], t)]
                self.assertEqual(1, len(pods), service["metadata"]["name"])
                names = {p["name"] for c in pods[0]["spec"]["containers"] for p in c.get("ports", [])}
                self.assertLessEqual({port["targetPort"] for port in service["spec"]["ports"]}, names)
            monitor = overlay.get("PodMonitor", "sidecar")["spec"]
            scraped = [c["name"] for _, t, c in overlay.containers()
                       if overlays.selects(monitor["selector"]["matchLabels"], t)
                       and monitor["podMetricsEndpoints"][0]["port"] in {p["name"] for p in c.get("ports", [])}]
            self.assertEqual(["sidecar"], scraped, overlay.name)

    def test_a_relay_is_called_by_its_ranks_and_calls_the_sidecar(self):
        overlay = overlays.Overlay("relay")
        (_, job), = overlay.jobs()
        pod = job["template"]["spec"]
        relay, = (c for c in pod["initContainers"] if is_relay(c))
        self.assertEqual("Always", relay["restartPolicy"])
        self.assertEqual(flag(relay, "--listen"), overlay.environment(pod["containers"][0])["SLUICE_SIDECAR"])
        host, port = flag(relay, "--relay").split(":")
        service = overlay.get("Service", host)["spec"]
        self.assertIn(port, {str(p["port"]) for p in service["ports"]})
        deployment = overlay.get("Deployment", "sidecar")["spec"]["template"]
        self.assertTrue(overlays.selects(service["selector"], deployment))
        # Its metrics are asked for under another job's name than the sidecar's.
        monitor = overlay.get("PodMonitor", "relay")["spec"]
        self.assertTrue(overlays.selects(monitor["selector"]["matchLabels"], job["template"]))
        endpoint, = monitor["podMetricsEndpoints"]
        self.assertIn(endpoint["port"], {p["name"] for p in relay["ports"]})
        self.assertEqual(["sluice-relay"], [r["replacement"] for r in endpoint["relabelings"]])
        # And a rank does not wait for it to have found the sidecar.
        self.assertEqual({"/healthz"}, {relay[p]["httpGet"]["path"] for p in ("startupProbe", "livenessProbe")})

    def test_policies_let_through_what_is_used(self):
        for overlay in overlays.overlays():
            closed = overlay.get("NetworkPolicy", "nobody-else")["spec"]
            self.assertEqual(({}, ["Ingress", "Egress"]), (closed["podSelector"], closed["policyTypes"]))
            for policy in overlay.of("NetworkPolicy"):
                labels = policy["spec"]["podSelector"].get("matchLabels", {})
                self.assertTrue(any(overlays.selects(labels, t) for _, t in overlay.templates()), policy["metadata"]["name"])
            ports = {way: {str(port["port"]) for policy in overlay.of("NetworkPolicy")
                           for rule in policy["spec"].get(way, []) for port in rule.get("ports", [])}
                     for way in ("ingress", "egress")}
            self.assertEqual({"ingress": {"9464", "50551"}, "egress": {"50551", "53"}}, ports)
            # Prometheus reaches every pod that a monitor has it ask.
            for monitor in overlay.of("PodMonitor"):
                labels = monitor["spec"]["selector"]["matchLabels"]
                for _, template in overlay.templates():
                    named = {p["name"]: p["containerPort"] for c in template["spec"].get("initContainers", []) +
                             template["spec"]["containers"] for p in c.get("ports", [])}
                    asked = {named[e["port"]] for e in monitor["spec"]["podMetricsEndpoints"] if e["port"] in named}
                    open_ports = {port["port"] for policy in overlay.of("NetworkPolicy")
                                  if overlays.selects(policy["spec"]["podSelector"].get("matchLabels", {}), template)
                                  for rule in policy["spec"].get("ingress", []) for port in rule.get("ports", [])}
                    if overlays.selects(labels, template):
                        self.assertLessEqual(asked, open_ports, (overlay.name, monitor["metadata"]["name"]))


class ProbesTest(unittest.TestCase):
    def probes(self, kind):
        for overlay in overlays.overlays():
            for who, _, container in overlay.containers():
                found = [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]
                self.assertGreaterEqual(len(found), 2, who)
                yield from ((who, container, probe[kind]) for probe in found if kind in probe)

    def test_the_sidecar_answers_its_probes(self):
        with tempfile.TemporaryDirectory() as folder:
            sidecar = peers.Sidecar(PROGRAMS["sluice-sidecar"], pathlib.Path(folder) / "sidecar")
            try:
                seen = set()
                for who, container, probe in self.probes("httpGet"):
                    self.assertIn(probe["port"], [port["name"] for port in container["ports"]], who)
                    answer = peers.get(f"http://{sidecar.http}{probe['path']}")
                    self.assertEqual("ok", answer.strip(), f"{who}: {probe['path']}")
                    seen.add(probe["path"])
                self.assertEqual({"/healthz", "/readyz"}, seen)
            finally:
                sidecar.kill()

    def test_a_rank_is_asked_as_it_can_be(self):
        commands = {tuple(probe["command"]) for _, _, probe in self.probes("exec")}
        self.assertEqual(1, len(commands))
        command = list(commands.pop())
        self.assertEqual("sluicectl", command[0])
        if "sluice-worker" in PROGRAMS:
            self.assertIn(f"auto ({command[-1]} + local rank", help_of("sluice-worker", "train"))
        # 4: nobody there. A command that it does not understand is something else.
        self.assertEqual(4, run([PROGRAMS["sluicectl"], *command[1:-1], "127.0.0.1:1"]).returncode)
        self.assertNotEqual(4, run([PROGRAMS["sluicectl"], *command[1:-2], "planted", "127.0.0.1:1"]).returncode)

    def test_a_pod_ends_after_its_rank(self):
        if "sluice-worker" not in PROGRAMS:
            self.skipTest("without LibTorch there is no worker")
        grace = float(re.search(r"--grace_seconds FLOAT=(\d+)", help_of("sluice-worker", "train")).group(1))
        for overlay in overlays.overlays():
            for _, job in overlay.jobs():
                self.assertGreater(job["template"]["spec"]["terminationGracePeriodSeconds"], grace)


class MetricsTest(unittest.TestCase):
    def test_the_rules_are_those_of_monitoring(self):
        written = (overlays.KUBERNETES / "base" / "prometheus-rule.yaml").read_text()
        self.assertEqual(make_rules.manifest(), written, "run deploy/kubernetes/make_rules.py")
        shipped = [group for path in make_rules.RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
        for overlay in overlays.overlays():
            groups = overlay.get("PrometheusRule", "sluice")["spec"]["groups"]
            self.assertCountEqual(shipped, groups)

    def test_metrics_are_names_that_the_sidecar_has(self):
        program = pathlib.Path(PROGRAMS["sluice-sidecar"]).read_bytes()
        rules = json.dumps(overlays.Overlay("cpu").get("PrometheusRule", "sluice"))
        names = set(re.findall(r"(?<![\w:])sluice_\w+(?![\w:])", rules)) - {"sluice_"}
        groups = set(re.findall(r'"name": "(sluice_\w+)"', rules))
        self.assertGreater(len(names - groups), 10)
        for name in names - groups:
            stem = re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertTrue(re.search(rb"(?<!\w)" + stem.encode() + rb"(?!\w)", program), name)

    def test_the_job_has_the_name_that_rules_go_by(self):
        for overlay in overlays.overlays():
            relabel = overlay.get("PodMonitor", "sidecar")["spec"]["podMetricsEndpoints"][0]["relabelings"]
            self.assertIn({"action": "replace", "targetLabel": "job", "replacement": "sluice-sidecar"}, relabel)


class RanksTest(unittest.TestCase):
    def test_all_say_the_same_number_of_ranks(self):
        for overlay in overlays.overlays():
            (name, job), = overlay.jobs()
            budget = overlay.get("PodDisruptionBudget", "ranks")["spec"]
            self.assertEqual((job["completions"],) * 2, (job["parallelism"], budget["minAvailable"]), overlay.name)
            pod = job["template"]["spec"]
            environment = overlay.environment(pod["containers"][0])
            self.assertEqual(str(job["completions"]), environment["WORLD_SIZE"])
            index = pod["containers"][0]["env"][-1]
            self.assertEqual(("RANK", "metadata.annotations['batch.kubernetes.io/job-completion-index']"),
                             (index["name"], index["valueFrom"]["fieldRef"]["fieldPath"]))
            # Rank 0 as the cluster's names have it, of a headless service that shows pods before they are ready.
            self.assertEqual(f"{name}-0.{pod['subdomain']}", environment["MASTER_ADDR"])
            if overlay.name != "gpu":
                service = overlay.get("Service", pod["subdomain"])["spec"]
                self.assertEqual(("None", True), (service["clusterIP"], service["publishNotReadyAddresses"]))
            else:
                network = overlay.get("JobSet", "ranks")["spec"]["network"]
                self.assertEqual((pod["subdomain"], True), (network["subdomain"], network["publishNotReadyAddresses"]))

    def test_the_jobset_has_the_pods_of_the_job(self):
        job = copy.deepcopy(dict(overlays.Overlay("cpu").jobs())["ranks"]["template"]["spec"])
        pods = dict(overlays.Overlay("gpu").jobs())["ranks-rank-0"]["template"]["spec"]
        for key in ("args", "envFrom", "ports", "startupProbe", "livenessProbe", "securityContext"):
            self.assertEqual(job["containers"][0][key], pods["containers"][0][key], key)
        self.assertEqual(job["securityContext"], pods["securityContext"])

    def test_what_is_named_is_there(self):
        for overlay in overlays.overlays():
            self.assertEqual({"sluice"}, {i["metadata"].get("namespace", "sluice") for i in overlay.objects})
            for item in overlay.objects:
                self.assertEqual(item["kind"] != "Namespace", "namespace" in item["metadata"], item["metadata"]["name"])
            for _, template in overlay.templates():
                for volume in template["spec"]["volumes"]:
                    if "persistentVolumeClaim" in volume:
                        overlay.get("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
                    if "configMap" in volume:
                        overlay.get("ConfigMap", volume["configMap"]["name"])


class SecurityTest(unittest.TestCase):
    def test_pods_may_do_little(self):
        for overlay in overlays.overlays():
            labels = overlay.get("Namespace", "sluice")["metadata"]["labels"]
            self.assertEqual("restricted", labels["pod-security.kubernetes.io/enforce"])
            for who, template, container in overlay.containers():
                pod, own = template["spec"]["securityContext"], container["securityContext"]
                self.assertIs(False, template["spec"]["automountServiceAccountToken"], who)
                self.assertEqual((True, "RuntimeDefault"), (pod["runAsNonRoot"], pod["seccompProfile"]["type"]), who)
                self.assertEqual((False, True, ["ALL"]), (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"],
                                                          own["capabilities"]["drop"]), who)
                self.assertLessEqual({"cpu", "memory"}, container["resources"]["requests"].keys(), who)
                self.assertIn("memory", container["resources"]["limits"], who)


if __name__ == "__main__":
    PROGRAMS.update((pathlib.Path(path).name, path) for path in sys.argv[1:])
    unittest.main(argv=sys.argv[:1])
