#!/usr/bin/env python3
"""The dashboards as Grafana's own schema library reads them, their layout, and what Grafana is provisioned with."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import shipped

GRAFANA = shipped.MONITORING / "grafana"


def losses(before, after, path=""):
    """Where a value of `before` is missing or another in `after`."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{path}/{key}"
            else:
                yield from losses(value, after[key], f"{path}/{key}")
    elif isinstance(before, list):
        if not isinstance(after, list) or len(after) != len(before):
            yield path
        else:
            for i, (old, new) in enumerate(zip(before, after)):
                yield from losses(old, new, f"{path}/{i}")
    elif before != after:
        yield path


class DashboardsTest(unittest.TestCase):
    def setUp(self):
        self.dashboards = shipped.dashboards()

    def test_there_are_both(self):
        self.assertEqual(set(self.dashboards), {"run_overview", "sidecar_fleet"})

    def test_they_are_what_the_generator_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, GRAFANA / "make_dashboards.py", folder], check=True)
            for name in self.dashboards:
                new = pathlib.Path(folder, f"{name}.json").read_text(encoding="utf-8")
                old = (GRAFANA / "dashboards" / f"{name}.json").read_text(encoding="utf-8")
                self.assertEqual(old, new, f"{name}.json is old: run make_dashboards.py")

    def test_grafanas_library_reads_them_and_drops_nothing(self):
        register_default_plugins()  # Else panels' options would be taken as they are.
        for name, dashboard in self.dashboards.items():
            read = json.loads(JSONEncoder(sort_keys=True, indent=2).encode(Dashboard.from_json(dashboard)))
            # These are Prometheus' own, and no part of the schema.
            own = {f"/annotations/list/0/{field}" for field in ("titleFormat", "textFormat", "tagKeys")}
            self.assertEqual(set(losses(dashboard, read)) - own, set(), f"{name}: the library does not know these")

    def test_every_panel_is_described_and_has_a_unit(self):
        for name, dashboard in self.dashboards.items():
            for panel in dashboard["panels"]:
                if panel["type"] == "row":
                    continue
                with self.subTest(dashboard=name, panel=panel["title"]):
                    self.assertTrue(panel["title"] and panel["description"])
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                    self.assertTrue(panel["targets"])

    def test_panels_lie_side_by_side(self):
        for name, dashboard in self.dashboards.items():
            taken, numbers = {}, set()
            for panel in dashboard["panels"]:
                place = panel["gridPos"]
                self.assertNotIn(panel["id"], numbers)
                numbers.add(panel["id"])
                self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                for x in range(place["x"], place["x"] + place["w"]):
                    for y in range(place["y"], place["y"] + place["h"]):
                        self.assertNotIn((x, y), taken, f"{name}: {panel['title']} lies on {taken.get((x, y))}")
                        taken[x, y] = panel["title"]
            height = 1 + max(y for _, y in taken)
            self.assertEqual(len(taken), 24 * height, f"{name}: there are gaps")

    def test_variables_are_defined_and_used(self):
        for name, dashboard in self.dashboards.items():
            defined = {variable["name"] for variable in dashboard["templating"]["list"]}
            text = json.dumps([dashboard["panels"], dashboard["annotations"], dashboard["templating"]])
            used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__all"}
            self.assertEqual(used, defined, name)

    def test_links_lead_to_the_other_dashboard(self):
        uids = {dashboard["uid"] for dashboard in self.dashboards.values()}
        self.assertEqual(len(uids), 2)
        for name, dashboard in self.dashboards.items():
            targets = {link["url"].removeprefix("/d/") for link in dashboard["links"]}
            self.assertEqual(targets, uids - {dashboard["uid"]}, name)

    def test_the_data_source_is_the_provisioned_one(self):
        sources = yaml.safe_load((GRAFANA / "provisioning/datasources/sluice.yml").read_text())["datasources"]
        default = [source for source in sources if source.get("isDefault")]
        self.assertEqual([source["type"] for source in default], ["prometheus"])
        for name, dashboard in self.dashboards.items():
            chosen = [v for v in dashboard["templating"]["list"] if v["type"] == "datasource"]
            self.assertEqual([v["current"]["value"] for v in chosen], [default[0]["uid"]], name)
        configuration = yaml.safe_load((shipped.MONITORING / "prometheus.yml").read_text())
        self.assertEqual(default[0]["jsonData"]["timeInterval"], configuration["global"]["scrape_interval"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
