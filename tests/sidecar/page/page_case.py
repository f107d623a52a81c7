"""What the tests of the status page share: a real sidecar fed by made-up ranks, and its page in a real Chromium."""
import pathlib
import tempfile
import unittest

from playwright.sync_api import sync_playwright

import made_up
import rank
from peers import wait_for

RUN, BAD = "line-7", "<img src=x onerror=window.owned=1>"
OPENS = [[0, 4, 8], [0]]  # Patches that each gate leaves open in the map.
SIZES = {"phone": (390, 844), "small": (320, 640), "desktop": (1280, 900)}
PATIENCE = 60  # Seconds; a bound that a busy machine keeps.
POINTS = "Object.fromEntries([...document.querySelectorAll('.charts canvas')].map(c => [c.closest('figure').id," \
         " Chart.getChart(c).data.datasets.map(d => d.data.length)]))"
CHARTS = {"chart-rate": 2, "chart-threshold": 2, "chart-entropy": 2, "chart-loss": 1}


def set_up(program):
    """For setUpModule."""
    # What closes these is the test's end.
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    top = pathlib.Path(folder.name)
    (top / "stubs").mkdir()
    rank.load_stubs(top / "stubs")
    global sidecar, ranks, browser
    sidecar = made_up.LastingSidecar(program, top / "sidecar")
    unittest.addModuleCleanup(lambda: sidecar.kill())
    ranks = [made_up.TwoGates(sidecar.grpc, RUN, i, 2).greet({"blocks.3.attn.head.1": 2.5, BAD: 1.5}) for i in range(2)]
    feed(200)
    made_up.show_map(ranks[0], [""], [range(9), range(9)])
    feed(10)
    made_up.show_map(ranks[0], ["boot", BAD], OPENS)
    ranks[0].probe(0.004, "fashion").probe(0.012, "satellite").wait()
    playwright = sync_playwright().start()
    unittest.addModuleCleanup(playwright.stop)
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium",
                                         args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
    unittest.addModuleCleanup(browser.close)


def feed(steps):
    for one in ranks:
        one.wander(steps)
    for one in ranks:
        one.wait()


class PageTest(unittest.TestCase):
    quiet = True  # No error of the console is expected.

    def open(self, run=RUN, size="desktop", scheme="light"):
        width, height = SIZES[size]
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.addCleanup(page.close)
        page.set_default_timeout(1000 * PATIENCE)
        self.errors, self.asked = [], set()
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.add(request.url))
        page.goto(f"http://{sidecar.http}/#/{run}")
        page.wait_for_selector("#shown:not([hidden])")
        self.until(page, f"Object.values({POINTS}).every(lines => lines.some(n => n > 0))")
        return page

    @staticmethod
    def until(page, expression, arg=None):
        # Playwright's own waiting evaluates texts inside the page, which the page's policy refuses.
        wait_for(lambda: page.evaluate(expression, arg), lambda: f"not true: {expression}; {page.text_content('body')}", PATIENCE)

    def tearDown(self):
        if self.quiet:
            self.assertEqual(self.errors, [])
        self.assertTrue(self.asked and all(url.startswith(f"http://{sidecar.http}/") for url in self.asked), self.asked)
