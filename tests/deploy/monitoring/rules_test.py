#!/usr/bin/env python3
"""The configurations by promtool and amtool; every alert has a case that fires, one that does not, and a runbook."""
import pathlib
import re
import subprocess
import unittest

import yaml

import shipped

CASES = pathlib.Path(__file__).resolve().parent / "rules"
README = shipped.TOP / "deploy" / "README.md"


def said(*command):
    """What a program printed; raises if it fails."""
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stdout}")
    return result.stdout


def sections(text):
    """Runbook sections: anchor to text, as GitHub makes anchors."""
    parts = re.split(r"^#{2,4} (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-"): body for title, body in zip(parts[1::2], parts[2::2])}


class RulesTest(unittest.TestCase):
    def test_promtool_takes_the_configurations_and_their_rules(self):
        for name in ("prometheus.yml", "prometheus.local.yml"):
            output = said("promtool", "check", "config", shipped.MONITORING / name)
            self.assertIn("rules/alerts.yml", output)
            self.assertIn("rules/recording.yml", output)

    def test_promtool_has_nothing_to_blame_in_the_rules(self):
        said("promtool", "check", "rules", "--lint-fatal", *(shipped.MONITORING / "rules").glob("*.yml"))

    def test_both_configurations_scrape_the_same_jobs(self):
        both = [yaml.safe_load((shipped.MONITORING / name).read_text()) for name in ("prometheus.yml", "prometheus.local.yml")]
        jobs = [[job["job_name"] for job in configuration["scrape_configs"]] for configuration in both]
        self.assertEqual(*jobs)
        self.assertEqual(jobs[0][:2], ["sluice-sidecar", "sluice-relay"])
        self.assertEqual(both[0]["scrape_configs"][0]["static_configs"], [{"targets": ["sidecar:9464"]}])

    def test_every_alert_fires_in_one_case_and_does_not_in_another(self):
        fires, misses = set(), set()
        for path in sorted(CASES.glob("*.test.yml")):
            said("promtool", "test", "rules", path)
            for case in yaml.safe_load(path.read_text())["tests"]:
                for look in case["alert_rule_test"]:
                    (fires if look.get("exp_alerts") else misses).add(look["alertname"])
        self.assertEqual(fires, set(shipped.alerts()))
        self.assertEqual(misses, set(shipped.alerts()))

    def test_every_alert_has_a_runbook(self):
        runbooks = sections(README.read_text())
        for name, rule in shipped.alerts().items():
            with self.subTest(alert=name):
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                self.assertTrue(rule["annotations"]["summary"] and rule["annotations"]["description"])
                file, anchor = rule["annotations"]["runbook_url"].split("#")
                self.assertEqual(file, "deploy/README.md")
                self.assertIn(anchor, runbooks)
                for part in ("Means:", "Look:", "Do:"):
                    self.assertIn(part, runbooks[anchor])

    def test_the_commands_of_runbooks_exist(self):
        readme = README.read_text()
        runbooks = readme[readme.index("## Runbook"):]
        commands = set(re.findall(r"`sluicectl ([a-z-]+)", runbooks))
        self.assertGreater(len(commands), 3)
        known = set(re.findall(r"^sluicectl ([a-z-]+)", (shipped.TOP / "README.md").read_text(), re.MULTILINE))
        self.assertEqual(commands - known, set())

    def test_alertmanager_sends_each_severity_to_its_receiver(self):
        configuration = shipped.MONITORING / "alertmanager.yml"
        said("amtool", "check-config", configuration)
        for rule in shipped.alerts().values():
            severity = rule["labels"]["severity"]
            output = said("amtool", "config", "routes", "test", f"--config.file={configuration}",
                          f"--verify.receivers={severity}", f"severity={severity}", f"alertname={rule['alert']}")
            self.assertEqual(output.splitlines()[-1], severity)

    def test_alertmanager_names_alerts_that_exist(self):
        text = (shipped.MONITORING / "alertmanager.yml").read_text()
        self.assertEqual(set(re.findall(r"\bSluice\w+", text)) - set(shipped.alerts()), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
