"""The status page of a real sidecar in a real Chromium, fed by made-up ranks: page_test.py SIDECAR [SCREENSHOTS].
SCREENSHOTS is a folder for pictures that a person looks at."""
import pathlib
import sys
import unittest

import made_up
import page_case as world
import rank
from page_case import BAD, CHARTS, POINTS, RUN, SIZES, PageTest


def setUpModule():
    world.set_up(PROGRAM)


class Content(PageTest):
    def test_charts_have_a_line_per_layer_and_move(self):
        page = self.open()
        before = page.evaluate(POINTS)
        self.assertEqual({name: len(lines) for name, lines in before.items()}, CHARTS)
        self.assertEqual(set(sum(before.values(), [])), {world.ranks[0].step // 10})  # A point per window.
        world.feed(50)
        self.until(page, f"Object.values({POINTS}).flat().every(n => n === {world.ranks[0].step // 10})")
        self.assertIn(f"at step {world.ranks[0].step // 10 * 10}:", page.get_attribute("#chart-rate canvas", "aria-label"))

    def test_numbers_of_the_run(self):
        page = self.open()
        self.until(page, "document.querySelector('#tiles').textContent.includes('50.0 %')")
        for text in (f"Step{world.ranks[0].step}", "Compute saved50.0 %", "gated 50.0 %", "Breaker0 of 3"):
            self.assertIn(text, page.text_content("#tiles"))
        self.assertEqual(page.text_content("#ladder [aria-current]"), "0 closed")
        self.assertIn("2 live, 0 lost, 0 ended, of 2", page.text_content("#ranks-summary"))
        self.assertIn("satellite+1.20 %+2.00 %", page.text_content("#probes tbody"))
        self.assertIn("blocks.3.attn.head.1× 2.50", page.text_content("#groups"))
        self.assertRegex(page.text_content("#timeline"), r"steps \d+–\d+Directive \d+layer 2: ema: mean score")

    def test_a_rank_that_falls_behind_is_named(self):
        page = self.open()
        world.ranks[0].wander(5).wait()
        self.addCleanup(lambda: world.ranks[1].wander(5).wait())
        self.until(page, "document.querySelector('#ranks-summary').textContent.includes('Furthest behind: rank 1, by 5 steps')")

    def test_the_rank_that_others_wait_for_is_named(self):
        page = self.open()
        self.assertNotIn("wait for", page.text_content("#ranks-summary"))
        self.assertIn("Own work", page.text_content("#ranks thead"))
        world.ranks[1].own_seconds = 0.9
        self.addCleanup(world.feed, 10)
        self.addCleanup(setattr, world.ranks[1], "own_seconds", 0.5)
        world.feed(10)
        self.until(page, "document.querySelector('#ranks-summary').textContent.includes('The others wait for rank 1: it works 900.0 ms')")
        self.until(page, "document.querySelector('#ranks .warn')?.textContent === '900.0 ms'")
        self.assertRegex(page.text_content("#ranks tbody tr:nth-child(2)"), r"rank 1live\d+–900\.0 ms2\.0 ms4120")

    def test_an_alert_appears_and_goes(self):
        loud = rank.Rank(world.sidecar.grpc, "loud").greet()
        self.addCleanup(made_up.end, loud)
        page = self.open()
        self.assertEqual(page.locator("#alerts li[data-alert=activation_rate]").count(), 0)
        loud.steps(20, rate=0.97).wait()
        alert = page.wait_for_selector("#alerts li[data-alert=activation_rate]")
        self.assertIn("Activation rate in loud since step 10: layer 2: activation rate 0.970", alert.text_content())
        page.click("#alerts li[data-alert=activation_rate] a")
        self.until(page, "document.querySelector('#name').textContent === 'loud'")
        self.assertIn("loud", page.title())
        page.wait_for_selector("#timeline li[data-kind=alert]")
        loud.steps(10, rate=0.5).wait()
        page.wait_for_selector("#alerts li[data-alert=activation_rate]", state="detached")

    def test_a_probe_that_got_worse_moves_the_breaker(self):
        forgetful = made_up.TwoGates(world.sidecar.grpc, "forgetful").greet()
        self.addCleanup(made_up.end, forgetful)
        for _ in range(3):
            forgetful.wander(10).probe(0.06)
        forgetful.wander(20).wait()
        page = self.open("forgetful")
        page.wait_for_selector("#ladder li:nth-child(2)[aria-current]")
        self.assertRegex(page.text_content("#breaker-reason"), r"Since step \d+: breaker: level 0 to 1 .*probe legacy")
        self.assertEqual(page.text_content("#probes .warn"), "+6.00 %")
        self.assertIn("above it", page.get_attribute("#chart-probes canvas", "aria-label"))
        page.wait_for_selector("#timeline li[data-kind=breaker]")

    def test_text_of_clients_is_text(self):
        page = self.open()
        made_up.set_threshold(world.ranks[0].channel, RUN, 0.41, BAD)
        self.until(page, "text => document.querySelector('#timeline').textContent.includes(text)", arg=BAD)
        self.assertIn(BAD, page.text_content("#groups"))
        self.assertEqual(page.locator("main img").count(), 0)
        self.assertIsNone(page.evaluate("window.owned ?? null"))

    def test_a_directive_between_two_windows_is_not_forgotten(self):
        page = self.open()
        version = made_up.set_threshold(world.ranks[0].channel, RUN, 0.45, "by hand, as a test").directive.version
        titles = "what => [...document.querySelectorAll('#timeline .what')].some(node => node.textContent === what)"
        self.until(page, titles, f"Directive {version}, between two windows")
        world.feed(20)  # The directive of the next window takes its place in the run's state.
        self.until(page, titles, f"Directive {version}")

    def test_directives_alone_and_more_of_them(self):
        page = self.open()
        page.wait_for_selector("#timeline li:nth-child(15)")
        page.click("#more")
        page.wait_for_selector("#timeline li:nth-child(16)")
        page.check("#only-directives")
        page.wait_for_selector("#timeline li[data-kind=decision]", state="detached")
        self.assertGreater(page.locator("#timeline li[data-kind=directive]").count(), 0)

    def test_a_run_that_is_not_known_is_said(self):
        page = self.open()
        page.goto(f"http://{world.sidecar.http}/#/nobody")
        self.until(page, "document.querySelector('#no-run').textContent.includes('no run “nobody”')")
        self.assertFalse(page.is_visible("#shown"))


class Access(PageTest):
    def test_no_width_makes_it_scroll_sideways(self):
        for size, (width, _) in SIZES.items():
            for scheme in ("light", "dark"):
                page = self.open(size=size, scheme=scheme)
                page.click("#windows summary")
                page.wait_for_timeout(300)  # For the pictures alone: charts follow their boxes.
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width, size)
                wide = page.evaluate("width => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && "
                                     "!e.closest('.scroll *, .skip') && e.getBoundingClientRect().right > width + 0.5).map(e => e.outerHTML.slice(0, 80))", width)
                self.assertEqual(wide, [], size)
                if PICTURES:
                    page.screenshot(path=f"{PICTURES}/{size}-{scheme}.png", full_page=True)

    def test_contrast_of_every_text(self):
        code = (pathlib.Path(__file__).parent / "contrast.js").read_text()
        for scheme in ("light", "dark"):
            page = self.open(scheme=scheme)
            page.click("#windows summary")
            found = page.evaluate(code)
            self.assertGreater(len(found), 50)
            self.assertGreaterEqual(found[0][0], 4.5, (scheme, found[:5]))

    def test_the_keyboard_reaches_everything(self):
        page = self.open()
        reachable = page.evaluate("""() => [...document.querySelectorAll('a[href], button, input, select, summary, canvas[tabindex], .scroll')]
            .filter(e => e.checkVisibility()).map((e, i) => { e.dataset.test = i; return i; })""")
        seen = set()
        for _ in range(2 * len(reachable)):
            page.keyboard.press("Tab")
            now = page.evaluate("[document.activeElement.dataset.test, getComputedStyle(document.activeElement).outlineStyle]")
            if now[0] is not None:
                seen.add(int(now[0]))
                self.assertNotEqual(now[1], "none", "the focus cannot be seen")
        # Links that were drawn anew meanwhile lost their number.
        self.assertGreaterEqual(len(seen), len(reachable) - 6)
        self.assertEqual(set(reachable) - seen - {int(i) for i in page.evaluate(
            "[...Array(200).keys()].filter(i => !document.querySelector(`[data-test='${i}']`))")}, set())

    def test_charts_and_runs_answer_to_keys(self):
        page = self.open()
        page.focus("#chart-rate canvas")
        page.keyboard.press("Home")
        self.assertRegex(page.text_content("#chart-rate .readout"), r"^Step 10: after block 2 0\.\d+, after block 4 0\.\d+$")
        page.keyboard.press("ArrowRight")
        self.assertRegex(page.text_content("#chart-rate .readout"), r"^Step 20: ")
        page.keyboard.press("Escape")
        self.assertEqual(page.text_content("#chart-rate .readout"), "")
        page.focus("#chart-rate .legend button")
        page.keyboard.press("Space")
        self.assertEqual(page.get_attribute("#chart-rate .legend button", "aria-pressed"), "false")
        self.assertEqual(page.evaluate("Chart.getChart(document.querySelector('#chart-rate canvas')).getVisibleDatasetCount()"), 1)

    def test_lines_differ_by_more_than_colour(self):
        page = self.open()
        dashes = page.evaluate("Chart.getChart(document.querySelector('#chart-rate canvas')).data.datasets.map(d => d.borderDash.join())")
        self.assertEqual(len(set(dashes)), 2, dashes)
        drawn = page.evaluate("[...document.querySelectorAll('#chart-rate .legend line')].map(l => l.getAttribute('stroke-dasharray'))")
        self.assertEqual(drawn, [dash.replace(",", " ") for dash in dashes])


class Restart(PageTest):
    quiet = False  # The browser says that nobody answers.

    def test_history_survives_and_the_page_comes_back(self):
        page = self.open()
        before = page.evaluate(POINTS)
        for one in world.ranks:
            one.up.put(None)
        world.sidecar.kill()
        page.wait_for_selector("#connection[data-state=away]")
        world.sidecar.restart()
        page.wait_for_selector("#connection[data-state=live]")
        self.until(page, "document.querySelector('#ranks-summary').textContent.includes('0 live, 2 lost')")
        self.assertEqual(page.evaluate(POINTS), before)
        fresh = self.open()
        self.assertEqual(fresh.evaluate(POINTS), before)
        self.assertGreater(fresh.locator("#timeline li[data-kind=directive]").count(), 0)
        self.until(fresh, "document.querySelector('#maps canvas')?.ariaLabel.startsWith('Image 40, ')")
        self.assertEqual(self.errors, [])


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    PICTURES = sys.argv[2] if len(sys.argv) > 2 else None
    unittest.main(argv=sys.argv[:1], verbosity=2)
