"""Parts of Grafana's dashboards as plain dictionaries: panels, variables, and a layout of 24 columns."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GOOD, WARN, BAD, PLAIN = "green", "orange", "red", "text"


def steps(*pairs):
    """Thresholds: colour from a value on; the first value is None, minus infinity."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


def targets(queries, **more):
    """queries: an expression, or a list of (expression, legend)."""
    if isinstance(queries, str):
        queries = [(queries, "__auto")]
    return [
        {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend, **more}
        for i, (expr, legend) in enumerate(queries)
    ]


def panel(kind, title, description, queries, unit, *, thresholds=None, options=None, custom=None, low=None, high=None,
          decimals=None, mappings=None, query=None):
    defaults = {"unit": unit, "thresholds": thresholds or steps((None, PLAIN)), "mappings": mappings or []}
    bounds = {"min": low, "max": high, "decimals": decimals}
    defaults.update({name: value for name, value in bounds.items() if value is not None})
    if custom is not None:
        defaults["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": targets(queries, **(query or {})),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options or {},
    }


def stat(title, description, queries, unit="short", *, graph=False, **more):
    """One number; with graph, its course behind it."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "textMode": "auto",
    }
    return panel("stat", title, description, queries, unit, options=options, query={"instant": not graph}, **more)


def series(title, description, queries, unit="short", *, bands=False, bars=False, stepped=False, log=False, **more):
    """Lines over time; with bands, the thresholds are drawn."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if stepped else "linear",
        "fillOpacity": 60 if bars else 0,
        "lineWidth": 2,
        "showPoints": "never",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed+area" if bands else "off"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, unit, options=options, custom=custom, **more)


def heatmap(title, description, expr):
    """Of a histogram's buckets."""
    options = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Viridis", "steps": 64},
        "yAxis": {"unit": "short", "decimals": 2, "axisPlacement": "left"},
        "cellGap": 0,
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    }
    return panel("heatmap", title, description, [(expr, "{{le}}")], "short", options=options, query={"format": "heatmap"})


def timeline(title, description, queries, mappings):
    """States over time."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel("state-timeline", title, description, queries, "short", options=options, mappings=mappings,
                 custom={"fillOpacity": 80, "lineWidth": 0})


def table(title, description, queries, *, names, hidden=(), units=None):
    """One row per set of labels; the queries are merged. names: column (`Value #A`, a label) to heading, in order."""
    result = panel("table", title, description, queries, "short", options={"showHeader": True, "cellHeight": "sm"},
                   custom={"align": "auto", "filterable": True}, query={"instant": True, "format": "table"})
    order = {name: i for i, name in enumerate(names)}
    exclude = {name: True for name in ("Time", "__name__", "job", *hidden)}
    result["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": exclude, "indexByName": order, "renameByName": dict(names)}},
    ]
    result["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in (units or {}).items()
    ]
    return result


def values(**texts):
    """Mappings of values to texts and colours: _1=("text", colour)."""
    options = {name[1:]: {"text": text, "color": color, "index": i} for i, (name, (text, color)) in enumerate(texts.items())}
    return [{"type": "value", "options": options}]


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def variable(name, label, query, *, many=True):
    """Values of a label; with many, several or all at once."""
    result = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": "variable"},
        "refresh": 2,
        "sort": 3,
        "multi": many,
        "includeAll": many,
    }
    if many:
        result["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return result


def place(lines):
    """lines: (height, [(width, panel), …]), or a row. Numbers the panels and lays them out from the top."""
    panels, y = [], 0
    for line in lines:
        height, parts = (1, [(24, line)]) if isinstance(line, dict) else line
        x = 0
        for width, part in parts:
            panels.append({"id": len(panels) + 1, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **part})
            x += width
        y += height
    return panels


def dashboard(uid, title, description, variables, lines, alerts, links):
    """alerts: the expression whose samples are drawn as annotations."""
    source = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1,
              "regex": "", "current": {"selected": True, "text": "Prometheus", "value": "sluice-prometheus"}}
    annotation = {"name": "Alerts", "datasource": SOURCE, "enable": True, "iconColor": BAD, "expr": alerts,
                  "titleFormat": "{{alertname}}", "textFormat": "{{layer}} {{probe}}", "tagKeys": "severity"}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["sluice"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [source, *variables]},
        "annotations": {"list": [annotation]},
        "links": [
            {"type": "link", "title": name, "url": f"/d/{target}", "keepTime": True, "icon": "dashboard", "tags": [],
             "asDropdown": False, "includeVars": False, "targetBlank": False, "tooltip": ""}
            for name, target in links
        ],
        "panels": place(lines),
    }
