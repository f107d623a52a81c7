"""The dashboard of all sidecars and runs: what is on, what is wrong, how the telemetry does."""
from panels import BAD, GOOD, WARN, dashboard, row, series, stat, steps, table, timeline, variable
from run_overview import FIRES

JOB = 'job="sluice-sidecar",instance=~"$instance"'
RELAY = 'job="sluice-relay",instance=~"$relay"'
RUNS = 'instance=~"$instance",run=~"$run"'
ALERTS = 'ALERTS{alertname=~"Sluice.*",alertstate="firing"}'
FEW = steps((None, GOOD), (1, BAD))
SOME = steps((None, GOOD), (1, WARN))


def now():
    return [
        row("Now"),
        (4, [
            (3, stat("Sidecars up", "Answer their scrapes.", f"sum(up{{{JOB}}})")),
            (3, stat("Sidecars down", "Do not.", f"count(up{{{JOB}}}) - sum(up{{{JOB}}})", thresholds=FEW)),
            (3, stat("Runs on", "That have ranks which have not ended.", f"count(run:sluice_ranks:sum{{{RUNS}}} > 0) or vector(0)")),
            (3, stat("Ranks live", "With a stream.", f'sum(sluice_ranks{{{RUNS},state="live"}})')),
            (3, stat("Ranks lost", "Without a stream before their end.", f'sum(sluice_ranks{{{RUNS},state="lost"}})',
                     thresholds=FEW)),
            (3, stat("Alerts firing", "In Prometheus, all severities.", f"count({ALERTS}) or vector(0)", thresholds=FEW)),
            (3, stat("Failed commits, 1 h", "The sidecar could not write its state.",
                     'sum(increase(sluice_commit_failures_total{instance=~"$instance"}[1h]))', thresholds=FEW, decimals=0)),
            (3, stat("Refused messages, 1 h", "Of workers, all reasons.",
                     'sum(increase(sluice_rejected_total{instance=~"$instance"}[1h])) or vector(0)', thresholds=SOME, decimals=0)),
        ]),
    ]


def runs():
    columns = [
        (f"sluice_step{{{RUNS}}}", "Step", "locale"),
        (f"run:sluice_steps:rate5m{{{RUNS}}}", "Steps/s", None),
        (f"sluice_images_per_second{{{RUNS}}}", "Images/s", None),
        (f"sluice_loss{{{RUNS}}}", "Loss", None),
        (f"run:sluice_tokens_open:ratio_rate5m{{{RUNS}}}", "Open tokens", "percentunit"),
        (f"sluice_compute_saved_ratio{{{RUNS}}}", "Saved", "percentunit"),
        (f"run:sluice_ranks:sum{{{RUNS}}}", "Ranks", None),
        (f"sluice_coverage_ratio{{{RUNS}}}", "Coverage", "percentunit"),
        (f"sluice_breaker_level{{{RUNS}}}", "Breaker", None),
        (f"sum without (alert) (sluice_alerts_firing{{{RUNS}}})", "Alerts", None),
    ]
    names = {"run": "Run", "instance": "Sidecar"}
    names.update({f"Value #{chr(ord('A') + i)}": heading for i, (_, heading, _) in enumerate(columns)})
    units = {heading: unit for _, heading, unit in columns if unit}
    return [
        row("Runs"),
        (9, [(24, table("Runs", "Ended runs stay with their last values until the sidecar's state is removed.",
                        [(expr, "") for expr, _, _ in columns], names=names, units=units))]),
    ]


def alerts():
    names = {"alertname": "Alert", "severity": "Severity", "instance": "Sidecar", "run": "Run", "layer": "Layer",
             "probe": "Probe", "reason": "Reason"}
    return [
        row("Alerts"),
        (8, [
            (12, table("Firing in Prometheus", "What to do: deploy/README.md, a section for each.", [(ALERTS, "")], names=names,
                       hidden=("alertstate", "Value", "alert", "state"))),
            (12, timeline("At the sidecars", "In any run, before Prometheus' patience.",
                          [(f"max by (alert) (sluice_alerts_firing{{{RUNS}}})", "{{alert}}")], FIRES)),
        ]),
    ]


def retention():
    probe = '{probe=~"$probe"}'
    return [
        row("Retention: 95 % of a probe's checks within its limit, over 28 days"),
        (8, [
            (6, stat("Budget left", "Below 0 the objective is missed.",
                     [(f"probe:sluice_retention_budget:remaining28d{probe}", "{{probe}}")], "percentunit", decimals=0,
                     thresholds=steps((None, BAD), (0, WARN), (0.25, GOOD)))),
            (10, series("Share of checks that were worse", "5 % is the objective; 72 % in an hour or 30 % in six pages.",
                        [(f"probe:sluice_retention_error:ratio1h{probe}", "{{probe}}, 1 h"),
                         (f"probe:sluice_retention_error:ratio6h{probe}", "{{probe}}, 6 h"),
                         (f"probe:sluice_retention_error:ratio3d{probe}", "{{probe}}, 3 d")], "percentunit", low=0, high=1,
                        thresholds=steps((None, GOOD), (0.05, WARN), (0.3, BAD)), bands=True)),
            (8, series("Checks", "In each interval, by result.",
                       [('sum by (result) (increase(sluice_probe_checks_total{instance=~"$instance",probe=~"$probe"}'
                         "[$__rate_interval]))", "{{result}}")], bars=True, low=0)),
        ]),
    ]


def telemetry():
    return [
        row("Telemetry"),
        (8, [
            (8, series("Ranks", "By run and state.", [(f"sluice_ranks{{{RUNS}}}", "{{run}} {{state}}")], stepped=True, low=0,
                       decimals=0)),
            (8, series("Coverage", "Share of ranks and steps that each run's last window covers.",
                       [(f"sluice_coverage_ratio{{{RUNS}}}", "{{run}}")], "percentunit", low=0, high=1,
                       thresholds=steps((None, BAD), (0.9, GOOD)), bands=True)),
            (8, series("Steps per second", "By run.", [(f"run:sluice_steps:rate5m{{{RUNS}}}", "{{run}}")], low=0)),
        ]),
        (8, [
            (6, series("Coalesced snapshots per second", "Merged because a worker's ring was full; no count is lost.",
                       [(f"rate(sluice_telemetry_coalesced_total{{{RUNS}}}[$__rate_interval])", "{{run}}")], low=0)),
            (6, series("Refused messages", "Since the sidecar's start, by reason.",
                       [('sluice_rejected_total{instance=~"$instance"}', "{{instance}} {{reason}}")], stepped=True, low=0)),
            (6, series("Failed commits", "Since the sidecar's start.",
                       [('sluice_commit_failures_total{instance=~"$instance"}', "{{instance}}")], stepped=True, low=0)),
            (6, series("State", "1: can be written. Damaged files that were set aside and not acknowledged.",
                       [('sluice_state_writable{instance=~"$instance"}', "{{instance}} can be written"),
                        ('sluice_state_quarantined{instance=~"$instance"}', "{{instance}} set aside")], stepped=True, low=0,
                       decimals=0)),
        ]),
        row("Sidecars"),
        (7, [
            (3, series("Up", "1: answers its scrape.", [(f"up{{{JOB}}}", "{{instance}}")], stepped=True, low=0, high=1, decimals=0)),
            (4, series("Disk of the state, free", "A share; a ticket under 10 % and 1 GiB.",
                       [('sluice_state_free_bytes{instance=~"$instance"} / sluice_state_size_bytes{instance=~"$instance"}', "{{instance}}")],
                       "percentunit", low=0, high=1, thresholds=steps((None, BAD), (0.1, GOOD)), bands=True)),
            (3, series("State file", "What it holds.", [('sluice_state_bytes{instance=~"$instance"}', "{{instance}}")], "bytes", low=0)),
            (4, series("Commit", "How long the state takes to be durable; nothing is acknowledged before.",
                       [(f"histogram_quantile({q}, sum by (instance, le) (rate(sluice_commit_seconds_bucket"
                         '{instance=~"$instance"}[$__rate_interval])))', f"{{{{instance}}}} p{100 * q:.0f}") for q in (0.5, 0.99)], "s", low=0)),
            (4, series("Scrape duration", "How long /metrics takes.", [(f"scrape_duration_seconds{{{JOB}}}", "{{instance}}")], "s",
                       low=0)),
            (3, series("Samples of a scrape", "Grows with runs, layers and probes.",
                       [(f"scrape_samples_scraped{{{JOB}}}", "{{instance}}")], low=0)),
            (3, table("Versions", "Of the sidecars.", [('sluice_build_info{instance=~"$instance"}', "")],
                      names={"instance": "Sidecar", "version": "Version"}, hidden=("Value",))),
        ]),
    ]


def relays():
    per_second = [(f"sum(rate(sluice_relay_{name}_total{{{RELAY}}}[$__rate_interval]))", legend)
                  for name, legend in (("messages", "taken"), ("forwarded", "forwarded"), ("merged", "merged"))]
    columns = [
        (f"sluice_relay_upstream_up{{{RELAY}}}", "Connected", None),
        (f"sluice_relay_ranks{{{RELAY}}}", "Ranks", None),
        (f"sluice_relay_waiting_bytes{{{RELAY}}}", "Waiting", "bytes"),
        (f"sluice_relay_reconnects_total{{{RELAY}}}", "Streams lost", None),
    ]
    names = {"instance": "Relay"}
    names.update({f"Value #{chr(ord('A') + i)}": heading for i, (_, heading, _) in enumerate(columns)})
    return [
        row("Relays: sidecars beside the ranks of a node, which pass on what these say"),
        (4, [
            (4, stat("Relays up", "Answer their scrapes.", f"sum(up{{{RELAY}}})")),
            (4, stat("Relays down", "Do not.", f"count(up{{{RELAY}}}) - sum(up{{{RELAY}}})", thresholds=FEW)),
            (4, stat("Cut off", "Have no stream to their sidecar.",
                     f"count(sluice_relay_upstream_up{{{RELAY}}}) - sum(sluice_relay_upstream_up{{{RELAY}}})", thresholds=FEW)),
            (4, stat("Ranks behind relays", "With a stream to one.", f"sum(sluice_relay_ranks{{{RELAY}}})")),
            (4, stat("Waiting", "In all relays, for the sidecars to take it.", f"sum(sluice_relay_waiting_bytes{{{RELAY}}})", "bytes",
                     graph=True)),
            (4, stat("Streams lost, 1 h", "To sidecars; the ranks behind come again.",
                     f"sum(increase(sluice_relay_reconnects_total{{{RELAY}}}[1h]))", thresholds=SOME, decimals=0)),
        ]),
        (8, [
            (8, series("Messages of ranks per second", "Taken, sent to the sidecars, and snapshots that gave way to newer ones.",
                       per_second, low=0)),
            (8, series("Waiting, longest five", "Messages that the sidecar has not taken yet: at most 64 of each rank.",
                       [(f"topk(5, sluice_relay_waiting_bytes{{{RELAY}}})", "{{instance}}")], "bytes", low=0)),
            (8, table("Each relay", "Streams lost since it was started.", [(expr, "") for expr, _, _ in columns], names=names,
                      units={heading: unit for _, heading, unit in columns if unit})),
        ]),
    ]


def build():
    variables = [
        variable("instance", "Sidecar", 'label_values(up{job="sluice-sidecar"}, instance)'),
        variable("relay", "Relay", 'label_values(up{job="sluice-relay"}, instance)'),
        variable("run", "Run", 'label_values(sluice_step{instance=~"$instance"}, run)'),
        variable("probe", "Legacy probe", 'label_values(sluice_probe_checks_total{instance=~"$instance"}, probe)'),
    ]
    return dashboard("sluice-fleet", "Sluice: sidecars and fleet", "All sidecars, relays and runs: state, alerts, retention, telemetry.",
                     variables, [*now(), *runs(), *alerts(), *retention(), *telemetry(), *relays()], ALERTS, [("Run", "sluice-run")])
