"""The status page of a real training run in a real Chromium: live_run_test.py SIDECAR SLUICECTL WORKER [SCREENSHOTS].
Charts move, the map shows what the gate decided, an alert that is provoked appears. SCREENSHOTS is a folder for pictures
that a person looks at."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from playwright.sync_api import sync_playwright

import peers

RUN = "line-7"
OPTIONS = {"run.name": RUN, "nproc": 2, "model.dim": 32, "model.depth": 4, "model.heads": 2, "data.domain": "invert",
           "data.train_subset": "first:2048", "data.eval_subset": "first:64", "train.batch": 32, "train.steps": 1000000,
           "train.threads": 1, "gate.mode": "compact", "gate.layer": "1,2", "gate.policy": "threshold", "gate.threshold": "0.5,0.4",
           "gate.rate": "0.5,0.3", "ledger.every": 50, "eval.every": 100, "telemetry.map_every": 20, "telemetry.poll_seconds": 0.1,
           "worker.listen": "off", "collective.timeout": 60}
WINDOWS = "Object.fromEntries([...document.querySelectorAll('.charts canvas')].map(c => [c.closest('figure').id," \
          " Chart.getChart(c).data.datasets.map(d => d.data.length)]))"


class LiveRunTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        top = pathlib.Path(folder.name)
        # An operator's threshold is followed back so slowly that its alert stays.
        os.environ["SLUICE_THRESHOLD_MAX_CHANGE"] = "0.001"
        self.sidecar = self.started(peers.Sidecar(PROGRAMS[0], top / "sidecar"))
        options = {**OPTIONS, "run.folder": top / "run", "sidecar": self.sidecar.grpc}
        self.worker = self.started(peers.Program([PROGRAMS[2], "train", *(f"--{key}={value}" for key, value in options.items())],
                                                 top / "worker.log"))
        playwright = sync_playwright().start()
        self.addCleanup(playwright.stop)
        self.browser = playwright.chromium.launch(executable_path="/usr/bin/chromium",
                                                  args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        self.addCleanup(self.browser.close)

    def started(self, program):
        self.addCleanup(program.kill)
        return program

    def open(self):
        page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120000)
        self.errors = []
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"http://{self.sidecar.http}/")
        self.until(page, "!document.querySelector('#shown').hidden")
        return page

    def until(self, page, expression):
        return peers.wait_for(lambda: page.evaluate(expression),
                              lambda: f"not true: {expression}; {page.text_content('body')}; {self.worker.log()}")

    def map_is_what_the_sidecar_keeps(self, page):
        self.until(page, "document.querySelectorAll('#maps canvas').length === 4")
        # One that stays while it is compared.
        step = page.locator("#map-step option").nth(0).get_attribute("value")
        page.evaluate("document.querySelector('#map-step').focus()")
        kept = json.loads(peers.get(f"http://{self.sidecar.http}/api/runs/{RUN}/maps"))["maps"]
        self.assertIn(step, [one["step"] for one in kept])
        self.assertEqual([(7, 7)] * len(kept), [(one["rows"], one["columns"]) for one in kept])
        newest = kept[-1]
        for image in newest["images"]:
            self.assertEqual([1, 2], [layer["layer"] for layer in image["layers"]])
            bits = [int.from_bytes(base64.b64decode(layer["open"]), "little") for layer in image["layers"]]
            # What a gate closes stays closed.
            self.assertEqual(0, bits[1] & ~bits[0])
            self.assertGreater(bits[0].bit_count(), 5)
        self.assertRegex(page.get_attribute("#maps canvas", "aria-label"), r"^Image \d+, .+: \d+ of 49 patches open after block 1")

    def test_a_run_is_seen_live(self):
        page = self.open()
        self.until(page, f"Object.values({WINDOWS}).every(lines => lines.length > 0 && lines.every(n => n >= 3))")
        before = page.evaluate(WINDOWS)
        self.assertEqual({"chart-rate": 2, "chart-threshold": 2, "chart-entropy": 2, "chart-loss": 1},
                         {name: len(lines) for name, lines in before.items()})
        self.until(page, f"Object.values({WINDOWS}).every(lines => lines.every(n => n >= {before['chart-rate'][0] + 3}))")
        self.map_is_what_the_sidecar_keeps(page)
        self.assertEqual(0, page.locator("#alerts li").count())
        subprocess.run([PROGRAMS[1], "set-threshold", RUN, "--layer", "2", "--threshold", "0.99", "--sidecar", self.sidecar.grpc],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)
        alert = page.wait_for_selector("#alerts li[data-alert=activation_rate]")
        self.assertRegex(alert.text_content(), rf"Activation rate in {RUN} since step \d+: layer 2: activation rate 0\.0")
        self.until(page, "[...document.querySelectorAll('#timeline .what')].some(what => what.textContent.startsWith('Directive'))")
        page.wait_for_selector("#timeline li[data-kind=alert]")
        self.assertIn("2 live", page.text_content("#ranks-summary"))
        if PICTURES:
            self.pictures(page)
        self.assertEqual(self.errors, [])

    def pictures(self, page):
        self.until(page, "document.querySelector('#tiles').textContent.match(/Compute saved-?[0-9.]+ %/)")
        for name, width, height in (("desktop", 1280, 900), ("phone", 390, 844)):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(500)  # Charts follow their boxes.
                page.screenshot(path=f"{PICTURES}/live-{name}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    PROGRAMS, PICTURES = sys.argv[1:4], (sys.argv[4:] + [None])[0]
    unittest.main(argv=sys.argv[:1], verbosity=2)
