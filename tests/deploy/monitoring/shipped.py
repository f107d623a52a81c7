"""What deploy/monitoring ships, as tests read it."""
import json
import pathlib
import re

import yaml

TOP = pathlib.Path(__file__).resolve().parents[3]
MONITORING = TOP / "deploy" / "monitoring"


def rules(path):
    """All rules of a rule file."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules(MONITORING / "rules" / "alerts.yml")}


def recordings():
    return {rule["record"]: rule for rule in rules(MONITORING / "rules" / "recording.yml")}


def dashboards():
    folder = MONITORING / "grafana" / "dashboards"
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def queries(dashboard):
    """(where, expression) of every panel and annotation of a dashboard."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]


def substitute(text, variables):
    """An expression as Grafana sends it, with a value for each variable."""
    for name, value in sorted(variables.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text


def metric_names(expression):
    """Names of ours: families' and histograms' samples."""
    return set(re.findall(r"(?<![\w:])sluice_\w+(?!\w|:)", expression))


def family(name, families):
    """The family of a sample's name, or None."""
    if name in families:
        return name
    stem = re.sub(r"_(bucket|sum|count)$", "", name)
    return stem if families.get(stem) == "histogram" else None


def exported(scrape):
    """Families of a scrape in the text format: name to type."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", scrape, re.MULTILINE))
