"""Real programs for tests: sidecar, Prometheus, Alertmanager, and a receiver of its messages. All on free ports of the
loopback address; each ends with the test, also when that is killed."""
import http.server
import json
import pathlib
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

from shipped import MONITORING

PATIENCE = 120.0  # Seconds; bounds that a busy machine keeps.


def wait_for(what, said, seconds=PATIENCE):
    """The first true value of what(); said (a text or a function) tells what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{said() if callable(said) else said}; waited {seconds:.0f} s")
        time.sleep(0.1)


def get(url):
    """Body of an answer, errors of HTTP included; "" while nobody listens."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return ""


class Program:
    """A child process with its output in a file."""

    def __init__(self, arguments, log):
        self.log_file = pathlib.Path(log)
        with open(log, "ab") as out:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, arguments)], stdout=out, stderr=out,
                                            restore_signals=False)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def listening(self):
        """The address that it says it listens on."""
        pattern = re.compile(r'msg="Listening on" address=(\S+)')
        wait_for(lambda: pattern.search(self.log()), lambda: f"does not listen: {self.log()}")
        return pattern.search(self.log()).group(1)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Sidecar(Program):
    """options: more of its flags; with --relay it is a relay."""

    def __init__(self, program, folder, *options, listen="127.0.0.1:0"):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.program, ports = program, folder / "ports"
        super().__init__([program, "--listen", listen, "--http", "127.0.0.1:0", "--state", folder / "state", "--json", ports,
                          *options], folder / "log")
        wait_for(ports.exists, lambda: f"no ports: {self.log()}")
        said = json.loads(ports.read_text())
        self.grpc, self.http = said["grpc"], said["http"]

    def scrape(self):
        return get(f"http://{self.http}/metrics")


class Receiver:
    """Notes what Alertmanager sends to /NAME of its address."""

    def __init__(self):
        self.messages = []  # (receiver's name, message).
        messages = self.messages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append((self.path.strip("/"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def alerts(self, status="firing"):
        """(receiver, alert) of all that came."""
        return [(name, alert) for name, message in list(self.messages) for alert in message["alerts"] if alert["status"] == status]


class Alertmanager(Program):
    """With the shipped configuration, but impatient, and each receiver at `receiver`."""

    def __init__(self, folder, receiver):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        configuration = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
        configuration["route"].update(group_wait="100ms", group_interval="1s")
        for entry in configuration["receivers"]:
            entry["webhook_configs"] = [{"url": f"{receiver.url}/{entry['name']}", "send_resolved": True}]
        path = folder / "alertmanager.yml"
        path.write_text(yaml.safe_dump(configuration))
        super().__init__(["prometheus-alertmanager", f"--config.file={path}", f"--storage.path={folder}/data",
                          "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], folder / "log")
        self.address = self.listening()


class Prometheus(Program):
    """With the shipped rules and configuration for one machine, but everything once a second and no alert waiting longer
    than that."""

    def __init__(self, folder, sidecars, alertmanager=None, relays=()):
        self.folder = pathlib.Path(folder)
        (self.folder / "rules").mkdir(parents=True)
        (self.folder / "targets").mkdir()
        for path in (MONITORING / "rules").glob("*.yml"):
            content = yaml.safe_load(path.read_text())
            for rule in (rule for group in content["groups"] for rule in group["rules"]):
                if "for" in rule:
                    rule["for"] = "1s"
            (self.folder / "rules" / path.name).write_text(yaml.safe_dump(content))
        configuration = yaml.safe_load((MONITORING / "prometheus.local.yml").read_text())
        configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        neighbours = [alertmanager.address] if alertmanager else []
        configuration["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = neighbours
        # Its own port is not known yet.
        configuration["scrape_configs"] = [job for job in configuration["scrape_configs"] if "file_sd_configs" in job]
        path = self.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration))
        self.scrapes(sidecars, relays)
        super().__init__(["prometheus", f"--config.file={path}", f"--storage.tsdb.path={self.folder}/tsdb",
                          "--web.listen-address=127.0.0.1:0"], self.folder / "log")
        self.address = self.listening()

    def scrapes(self, sidecars, relays=()):
        """From now on these, by the shipped configuration's files of targets; a whole file at once."""
        for name, programs in (("sidecars", sidecars), ("relays", relays)):
            partial = self.folder / "targets" / f"{name}.partial"
            partial.write_text(yaml.safe_dump([{"targets": [program.http for program in programs]}]))
            partial.rename(self.folder / "targets" / f"{name}.yml")

    def api(self, path, **parameters):
        answer = get(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        return json.loads(answer) if answer else {"status": "error", "error": f"no answer: {self.log()}"}

    def query(self, expression):
        """Samples of an instant query; raises what is wrong with it."""
        answer = self.api("query", query=expression)
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer.get('error')}")
        return answer["data"]["result"]
