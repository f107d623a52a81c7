"""containers_test.py SIDECAR SLUICECTL [WORKER]: deploy/Dockerfile and deploy/compose.yaml, without an engine: linted, and what
they say about the programs is what the programs say themselves. With an engine: compose_live.sh."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import compose
import yaml

TOP = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = TOP / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
# The package's own command ends with 0 whatever happens.
COMPOSER = pathlib.Path(compose.__file__).parent / "docker-compose"
PROGRAMS = {}
OURS = {"rank0": "sluice-worker", "rank1": "sluice-worker", "sidecar": "sluice-sidecar"}


def run(*arguments, environment=None):
    return subprocess.run(list(map(str, arguments)), env=environment or dict(os.environ), capture_output=True, text=True,
                          timeout=120, check=False)


def configured(*files):
    done = run(COMPOSER, *[a for name in files for a in ("-f", DEPLOY / name)], "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def help_of(program, *command):
    return run(PROGRAMS[program], *command, "--help").stdout


def stage(name):
    """The lines of a target of the Dockerfile, continued ones as one."""
    text = DOCKERFILE.replace("\\\n", " ")
    return re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL).group(1)


def seconds(text):
    return sum(float(n) * {"m": 60, "s": 1}[u] for n, u in re.findall(r"([\d.]+)([ms])", text))


class LintTest(unittest.TestCase):
    def test_hadolint_has_nothing_to_say(self):
        for path in (DEPLOY / "Dockerfile", pathlib.Path(__file__).parent / "Dockerfile.monitoring"):
            done = run("hadolint", path)
            self.assertEqual((0, ""), (done.returncode, done.stdout))

    def test_hadolint_finds_a_planted_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "Dockerfile"
            path.write_text(DOCKERFILE + "RUN cd /opt && apt-get install curl\n")
            self.assertEqual(1, run("hadolint", path).returncode)

    def test_compose_takes_its_files(self):
        for files in (["compose.yaml"], ["compose.yaml", "compose.gpu.yaml"], ["compose.yaml", "compose.relay.yaml"]):
            done = run(COMPOSER, *[a for name in files for a in ("-f", DEPLOY / name)], "config", "-q")
            self.assertEqual((0, ""), (done.returncode, done.stderr), files)

    def test_compose_finds_an_unknown_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "compose.yaml"
            path.write_text((DEPLOY / "compose.yaml").read_text().replace("stop_grace_period", "stop_grace"))
            self.assertNotEqual(0, run(COMPOSER, "-f", path, "config", "-q").returncode)


class ContextTest(unittest.TestCase):
    def setUp(self):
        lines = (TOP / ".dockerignore").read_text().splitlines()
        self.kept = {line[1:] for line in lines if line.startswith("!")}
        self.assertIn("*", lines)

    def test_all_that_is_compiled_is_in_it(self):
        folders = set(re.findall(r"^add_subdirectory\((\w+)\)", (TOP / "CMakeLists.txt").read_text(), re.MULTILINE))
        self.assertLessEqual(folders | {"CMakeLists.txt", "deploy/cmake"}, self.kept)
        copied = set(re.findall(r"^COPY (\S+) /\S*$", stage("source"), re.MULTILINE))
        self.assertLessEqual(folders | {"CMakeLists.txt", "deploy/cmake"}, copied)

    def test_all_that_is_copied_is_in_it(self):
        copied = [word for words in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in words.split()]
        for path in copied + re.findall(r"type=bind,source=([^,]+)", DOCKERFILE):
            self.assertTrue(any(path == kept or path.startswith(kept + "/") for kept in self.kept), path)

    def test_lists_that_are_installed_are_groups(self):
        lines = [line for name in ("packages.txt", "python.txt") for line in (DEPLOY / name).read_text().splitlines()]
        wanted = set(re.findall(r"from=lists,source=/lists/([^,]+)", DOCKERFILE))
        self.assertLessEqual({"build", "run", "run-worker", "libtorch", "cuda"}, wanted)
        self.assertLessEqual(wanted, {line.split()[0] for line in lines if line})

    def test_nothing_else_is(self):
        for kept in self.kept - {"build/image"}:
            self.assertTrue((TOP / kept).exists(), kept)


class ImagesTest(unittest.TestCase):
    def test_libraries_of_the_programs_are_in_their_images(self):
        packages = [line.split() for line in (DEPLOY / "packages.txt").read_text().splitlines() if line.startswith("run")]
        for program, groups in (("sluice-sidecar", {"run"}), ("sluicectl", {"run"}), ("sluice-worker", {"run", "run-worker"})):
            if program not in PROGRAMS:
                continue
            installed = {spec.split("=")[0] for group, spec in packages if group in groups}
            dynamic = run("objdump", "-p", PROGRAMS[program]).stdout
            # LibTorch's are staged, and a base image has the compiler's.
            apart = re.compile(r"lib(torch|c10|gomp|gcc_s|stdc|[cm]\.so)|ld-")
            names = {name for name in re.findall(r"NEEDED +(\S+)", dynamic) if not apart.match(name)}
            self.assertGreater(len(names), 3)
            for name in names:
                owners = set(re.findall(r"^(\S+?):(?:amd64:)? ", run("dpkg", "-S", f"*/{name}").stdout, re.MULTILINE))
                # What these bring along by themselves.
                brought = {"libgrpc29", "zlib1g"}
                self.assertTrue(owners & (installed | brought), f"{program} needs {name} of {owners}, installed: {installed}")

    def test_they_run_as_nobody_in_particular(self):
        for target in ("worker", "sidecar"):
            self.assertRegex(stage(target), r"(?m)^USER 10001:10001$")
            self.assertRegex(stage(target), r"(?m)^HEALTHCHECK ")

    def test_variables_are_options_of_the_programs(self):
        for target, command in (("worker", ["train"]), ("sidecar", [])):
            if f"sluice-{target}" not in PROGRAMS:
                continue
            names = re.findall(r"(SLUICE_\w+)=", stage(target))
            self.assertTrue(names)
            for name in names:
                self.assertIn(f"(Env:{name})", help_of(f"sluice-{target}", *command))

    def test_ports_are_those_of_the_programs(self):
        defaults = re.findall(r"TEXT=127\.0\.0\.1:(\d+)", help_of("sluice-sidecar"))
        self.assertEqual(defaults, re.search(r"^EXPOSE (.*)$", stage("sidecar"), re.MULTILINE).group(1).split())
        self.assertEqual(defaults, re.findall(r"SLUICE_(?:LISTEN|HTTP)=0\.0\.0\.0:(\d+)", stage("sidecar")))
        asked = re.search(r'HEALTHCHECK .*"(127\.0\.0\.1:\d+)"\]', stage("worker")).group(1)
        if "sluice-worker" in PROGRAMS:
            self.assertIn(f"auto ({asked} + local rank", help_of("sluice-worker", "train"))

    def test_cuda_is_of_one_version(self):
        pins = dict(re.findall(r"^(?:libtorch|cuda) (\S+)==(\S+)$", (DEPLOY / "python.txt").read_text(), re.MULTILINE))
        for name in ("nvidia-cuda-runtime", "nvidia-cuda-nvcc", "nvidia-cuda-cccl", "nvidia-nvvm"):
            self.assertTrue(pins[name].startswith("13.0."), name)


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.config = configured("compose.yaml")
        self.services = self.config["services"]

    def test_the_programs_take_what_they_are_given(self):
        for name, program in OURS.items():
            if program not in PROGRAMS:
                continue
            service = self.services[name]
            files = {v["target"]: v["source"] for v in service["volumes"] if v["type"] == "bind"}
            arguments = [files.get(a, a) for a in service.get("command") or []]
            environment = {k: v for k, v in service.get("environment", {}).items()}
            done = run(PROGRAMS[program], *arguments, "--print-config", environment={"PATH": os.environ["PATH"], **environment})
            self.assertEqual(0, done.returncode, done.stderr)
            for key, value in environment.items():
                if key.startswith("SLUICE_"):
                    self.assertIn(f"(Env:{key})", help_of(program, *arguments[:1]))
                    self.assertIn(value, done.stdout)

    def test_ranks_are_as_many_as_they_say(self):
        ranks = [self.services[name]["environment"] for name in ("rank0", "rank1")]
        self.assertEqual([str(r) for r in range(len(ranks))], [rank["RANK"] for rank in ranks])
        self.assertEqual({(str(len(ranks)), "rank0", "0")}, {(r["WORLD_SIZE"], r["MASTER_ADDR"], r["LOCAL_RANK"]) for r in ranks})

    def test_ports_are_on_the_loopback_address_and_known(self):
        known = set(re.findall(r"TEXT=127\.0\.0\.1:(\d+)", help_of("sluice-sidecar"))) | {"9090", "9093", "3000"}
        published = {p["published"] for s in self.services.values() for p in s.get("ports", [])}
        self.assertEqual(known, published)
        for service in self.services.values():
            for port in service.get("ports", []):
                self.assertEqual(("127.0.0.1", port["published"]), (port["host_ip"], str(port["target"])))
        scraped = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())
        targets = [t for job in scraped["scrape_configs"] for c in job.get("static_configs", []) for t in c["targets"]]
        for host, port in (t.split(":") for t in targets if not t.startswith("localhost")):
            self.assertIn(int(port), [p["target"] for p in self.services[host]["ports"]])
            self.assertIn("watch", self.services[host]["networks"])

    def test_every_variable_is_in_the_readme(self):
        variables = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
        self.assertGreater(len(variables), 10)
        readme = (DEPLOY / "README.md").read_text()
        self.assertEqual([], [name for name in sorted(variables) if f"`{name}`" not in readme])

    def test_only_the_sidecar_is_in_both_networks(self):
        self.assertTrue(self.config["networks"]["ranks"]["internal"])
        both = [name for name, s in self.services.items() if {"ranks", "watch"} <= s["networks"].keys()]
        self.assertEqual(["sidecar"], both)

    def test_containers_may_do_little(self):
        for name, service in self.services.items():
            self.assertEqual((True, ["ALL"], ["no-new-privileges:true"]),
                             (service["read_only"], service["cap_drop"], service["security_opt"]), name)

    def test_what_is_mounted_is_there(self):
        for name, service in self.services.items():
            for volume in service["volumes"]:
                if volume["type"] == "bind":
                    self.assertTrue(pathlib.Path(volume["source"]).exists(), f"{name}: {volume['source']}")
                    self.assertTrue(volume["read_only"], name)
        self.assertIn("SLUICE_RUN_FOLDER=/var/lib/sluice/run", stage("worker"))
        self.assertIn("SLUICE_STATE=/var/lib/sluice/state", stage("sidecar"))
        for name, target in (("rank0", "/var/lib/sluice/run"), ("rank1", "/var/lib/sluice/run"),
                             ("sidecar", "/var/lib/sluice/state")):
            self.assertIn(target, [v["target"] for v in self.services[name]["volumes"] if v["type"] == "volume"])

    def test_what_starts_after_what(self):
        for name, service in self.services.items():
            for other, how in service.get("depends_on", {}).items():
                if (name, other) != ("rank1", "rank0"):
                    self.assertEqual("service_healthy", how["condition"], name)
            self.assertTrue("healthcheck" in service or name in OURS, name)

    def test_there_is_time_to_save(self):
        if "sluice-worker" not in PROGRAMS:
            self.skipTest("without LibTorch there is no worker")
        grace = float(re.search(r"--grace_seconds FLOAT=(\d+)", help_of("sluice-worker", "train")).group(1))
        for name in ("rank0", "rank1"):
            self.assertGreater(seconds(self.services[name]["stop_grace_period"]), grace)

    def test_a_gpu_for_each_rank(self):
        services = configured("compose.yaml", "compose.gpu.yaml")["services"]
        devices = [services[n]["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for n in ("rank0", "rank1")]
        self.assertEqual([["0"], ["1"]], devices)
        self.assertEqual({"cuda"}, {services[n]["build"]["args"]["VARIANT"] for n in ("rank0", "rank1")})
        self.assertIn("auto | cpu | cuda", help_of("sluice-worker", "train") if "sluice-worker" in PROGRAMS else "auto | cpu | cuda")

    def test_a_relay_between_ranks_and_sidecar(self):
        services = configured("compose.yaml", "compose.relay.yaml")["services"]
        relay = services["relay"]
        images = dict(re.findall(r"(SLUICE_\w+)=(\S+)", stage("sidecar")))
        done = run(PROGRAMS["sluice-sidecar"], *relay["command"], "--print-config",
                   environment={"PATH": os.environ["PATH"], **images})
        self.assertEqual(0, done.returncode, done.stderr)
        listens, http = (images[name].split(":")[1] for name in ("SLUICE_LISTEN", "SLUICE_HTTP"))
        self.assertEqual(["--relay", f"sidecar:{listens}"], relay["command"])
        for name in ("rank0", "rank1"):
            self.assertEqual(f"relay:{listens}", services[name]["environment"]["SLUICE_SIDECAR"])
            self.assertEqual("service_healthy", services[name]["depends_on"]["relay"]["condition"])
        self.assertEqual({"ranks", "watch"}, set(relay["networks"]))
        for key in ("read_only", "cap_drop", "security_opt", "image", "restart"):
            self.assertEqual(services["sidecar"][key], relay[key], key)
        self.assertNotIn("ports", relay)
        # Prometheus finds it where its configuration looks.
        scraped = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
        file, = (f for job in scraped if job["job_name"] == "sluice-relay" for f in job["file_sd_configs"][0]["files"])
        mounted = {v["target"]: v["source"] for v in services["prometheus"]["volumes"] if v["type"] == "bind"}
        targets = yaml.safe_load(pathlib.Path(mounted[f"/etc/prometheus/{file}"]).read_text())
        self.assertEqual([{"targets": [f"relay:{http}"]}], targets)
        self.assertIn("/etc/prometheus/prometheus.yml", mounted)


if __name__ == "__main__":
    PROGRAMS.update((pathlib.Path(path).name, path) for path in sys.argv[1:])
    unittest.main(argv=sys.argv[:1])
