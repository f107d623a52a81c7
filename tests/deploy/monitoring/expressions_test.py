#!/usr/bin/env python3
"""A real Prometheus with the shipped rules scrapes a real sidecar that is fed all that a rank can say, and a real relay that
passes on what another run's rank says: every metric that rules and dashboards name is exported, and every expression of a
panel, a variable or a rule is answered with data.

expressions_test.py SIDECAR
"""
import math
import re
import sys
import tempfile
import unittest

import peers
import rank
import shipped

RUN = "full"


class ExpressionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        rank.load_stubs(folder.name)
        cls.sidecar = peers.Sidecar(SIDECAR, f"{folder.name}/sidecar")
        cls.addClassCleanup(cls.sidecar.kill)
        cls.relay = peers.Sidecar(SIDECAR, f"{folder.name}/relay", "--relay", cls.sidecar.grpc)
        cls.addClassCleanup(cls.relay.kill)
        cls.prometheus = peers.Prometheus(f"{folder.name}/prometheus", [cls.sidecar], relays=[cls.relay])
        cls.addClassCleanup(cls.prometheus.kill)
        cls.rank = rank.Rank(cls.sidecar.grpc, RUN).greet()
        cls.rank.steps(20, full=True)
        refused = cls.rank.next()
        refused.snapshot.first_step = refused.snapshot.last_step = 1  # Without counters: malformed.
        cls.rank.up.put(refused)
        cls.relayed = rank.Rank(cls.relay.grpc, "relayed").greet()
        cls.feed()
        cls.families = peers.wait_for(lambda: cls.families_with_a_probe(), "the probe's metrics do not come")
        cls.variables = {"run": RUN, "layer": str(rank.LAYER), "probe": "legacy", "instance": cls.sidecar.http,
                         "relay": cls.relay.http, "__rate_interval": "1m"}

    @classmethod
    def families_with_a_probe(cls):
        families = {**shipped.exported(cls.relay.scrape()), **shipped.exported(cls.sidecar.scrape())}
        return families if "sluice_probe_checks_total" in families else None

    @classmethod
    def feed(cls):
        """Rates need counters that go on."""
        cls.rank.steps(2, full=True).probe(0.001)
        cls.relayed.steps(2).probe(0.001).wait()
        cls.rank.wait()

    def answered(self, expression):
        """Waits for a sample that is a number."""

        def look():
            self.feed()
            return any(not math.isnan(float(sample["value"][1])) for sample in self.prometheus.query(expression))

        peers.wait_for(look, f"no data: {expression}")

    def test_rules_and_dashboards_name_what_is_exported(self):
        texts = [rule["expr"] for rule in (*shipped.alerts().values(), *shipped.recordings().values())]
        for dashboard in shipped.dashboards().values():
            texts += [expression for _, expression in shipped.queries(dashboard)]
        names = set().union(*map(shipped.metric_names, texts))
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertIsNotNone(shipped.family(name, self.families), f"{name} is not exported")

    def test_dashboards_show_every_family(self):
        shown = set()
        for dashboard in shipped.dashboards().values():
            for _, expression in shipped.queries(dashboard):
                shown |= {shipped.family(name, self.families) for name in shipped.metric_names(expression)}
                for name, rule in shipped.recordings().items():
                    if name in expression:
                        shown |= {shipped.family(metric, self.families) for metric in shipped.metric_names(rule["expr"])}
        ours = {name for name in self.families if name.startswith("sluice_")}
        self.assertGreater(len(ours), 25)
        self.assertEqual(ours - shown, set(), "no dashboard shows these")

    def test_recorded_names_that_are_used_are_recorded(self):
        recorded = set(shipped.recordings())
        texts = [rule["expr"] for rule in (*shipped.alerts().values(), *shipped.recordings().values())]
        for dashboard in shipped.dashboards().values():
            texts += [expression for _, expression in shipped.queries(dashboard)]
        used = set(re.findall(r"\b[a-z_]+:sluice_\w+:\w+", " ".join(texts)))
        self.assertEqual(used - recorded, set(), "no rule records these")
        self.assertEqual(recorded - used, set(), "nothing uses these")

    def test_every_panel_has_data(self):
        for name, dashboard in shipped.dashboards().items():
            for where, expression in shipped.queries(dashboard):
                with self.subTest(dashboard=name, panel=where):
                    self.answered(shipped.substitute(expression, self.variables))

    def test_every_variable_has_values(self):
        for name, dashboard in shipped.dashboards().items():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                with self.subTest(dashboard=name, variable=variable["name"]):
                    text = shipped.substitute(variable["query"]["query"], self.variables)
                    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", text).groups()
                    self.answered(selector)
                    answer = self.prometheus.api(f"label/{label}/values", **{"match[]": selector})
                    self.assertIn(self.variables[variable["name"]], answer.get("data", []), text)

    def test_every_recording_rule_has_data(self):
        for name, rule in shipped.recordings().items():
            with self.subTest(record=name):
                self.answered(rule["expr"])
                self.answered(name)

    def test_every_alert_is_evaluated_on_data(self):
        for name, rule in shipped.alerts().items():
            with self.subTest(alert=name):
                self.prometheus.query(rule["expr"])  # Raises what is wrong with it; a healthy run gives no sample.
                # Selectors of the rule: each must find something in a run that lacks nothing.
                for selector in re.findall(r'(?:\w+:)?(?:sluice_\w+|\bup)(?::\w+)?(?:{[^}]*})?', rule["expr"]):
                    self.answered(selector)
        groups = self.prometheus.api("rules")["data"]["groups"]
        for rule in (rule for group in groups for rule in group["rules"]):
            self.assertEqual(rule["health"], "ok", rule)


if __name__ == "__main__":
    SIDECAR = sys.argv.pop(1)
    unittest.main(verbosity=2)
