#!/usr/bin/env python3
"""Writes base/prometheus-rule.yaml from deploy/monitoring/rules."""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parent / "monitoring" / "rules"
HEAD = """# Written by ../make_rules.py from deploy/monitoring/rules: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sluice
spec:
  groups:
"""


def groups(path):
    """The lines under `groups:`, two deeper."""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = lines[lines.index("groups:") + 1:]
    return "".join(f"  {line}\n" if line else "\n" for line in body)


def manifest():
    return HEAD + "".join(groups(RULES / name) for name in ("recording.yml", "alerts.yml"))


if __name__ == "__main__":
    (HERE / "base" / "prometheus-rule.yaml").write_text(manifest(), encoding="utf-8")
