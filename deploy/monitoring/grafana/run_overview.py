"""The dashboard of one run: is the gate healthy, what did it save, what was forgotten."""
from panels import BAD, GOOD, WARN, dashboard, heatmap, row, series, stat, steps, timeline, values, variable

RUN = 'run="$run"'
LAYER = 'run="$run",layer=~"$layer"'
PROBE = 'run="$run",probe=~"$probe"'
LIMITS = steps((None, BAD), (0.1, GOOD), (0.9, BAD))
RISE = steps((None, GOOD), (0.01, WARN), (0.02, BAD))
FEW = steps((None, GOOD), (1, BAD))
RUNGS = values(_0=("closed", GOOD), _1=("tighter", WARN), _2=("tighter twice", WARN), _3=("rehearses", WARN),
               _4=("backbone frozen", BAD), _5=("rolled back", BAD))
FIRES = values(_0=("quiet", GOOD), _1=("fires", BAD))


def mean(name):
    """Mean of a histogram's durations."""
    interval = f"{{{RUN}}}[$__rate_interval]"
    return f"rate({name}_sum{interval}) / (rate({name}_count{interval}) > 0)"


def quantile(q, name):
    return f"histogram_quantile({q}, rate({name}_bucket{{{RUN}}}[$__rate_interval]))"


def durations(title, description, name):
    queries = [(quantile(0.5, name), "median"), (mean(name), "mean"), (quantile(0.99, name), "p99")]
    return series(title, description, queries, "s", log=True)


def now():
    return [
        row("Now"),
        (4, [
            (3, stat("Step", "Newest step that every rank has reached.", f"sluice_step{{{RUN}}}", "locale")),
            (3, stat("Steps per second", "Mean of five minutes.", f"run:sluice_steps:rate5m{{{RUN}}}", graph=True, decimals=2)),
            (3, stat("Images per second", "Of all ranks.", f"sluice_images_per_second{{{RUN}}}", graph=True, decimals=1)),
            (3, stat("Loss", "Of the newest step's open images.", f"sluice_loss{{{RUN}}}", graph=True, decimals=3)),
            (3, stat("Accuracy", "Newest dense evaluation.", f'sluice_accuracy_ratio{{{RUN},split="dense"}}', "percentunit",
                     decimals=1)),
            (3, stat("Compute saved", "1 − time of a step over that of a dense one, as last measured.",
                     f"sluice_compute_saved_ratio{{{RUN}}}", "percentunit", decimals=0,
                     thresholds=steps((None, BAD), (0, GOOD)))),
            (3, stat("Alerts that fire", "At the sidecar, before Prometheus' patience.",
                     f"sum(sluice_alerts_firing{{{RUN}}})", thresholds=FEW)),
            (3, stat("Breaker", "Rung of the forgetting breaker.", f"sluice_breaker_level{{{RUN}}}", mappings=RUNGS)),
        ]),
        (4, [
            (3, stat("Ranks live", "With a stream.", f'sluice_ranks{{{RUN},state="live"}}')),
            (3, stat("Ranks lost", "Without a stream before their end.", f'sluice_ranks{{{RUN},state="lost"}}', thresholds=FEW)),
            (3, stat("Coverage", "Of the last window's ranks and steps.", f"sluice_coverage_ratio{{{RUN}}}", "percentunit",
                     decimals=0, thresholds=steps((None, BAD), (0.9, WARN), (0.99, GOOD)))),
            (3, stat("Open tokens", "At the last gate, mean of five minutes.",
                     f"run:sluice_tokens_open:ratio_rate5m{{{RUN}}}", "percentunit", graph=True, decimals=1)),
            (3, stat("Skipped images", "Kept out of the loss, mean of five minutes.",
                     f"run:sluice_images_skipped:ratio_rate5m{{{RUN}}}", "percentunit", graph=True, decimals=1)),
            (3, stat("Directive", "Version in force.", f"sluice_directive_version{{{RUN}}}", "none")),
            (3, stat("Largest gradient scale", "1: no group is scaled; above 4 is an alert.",
                     f"sluice_max_gradient_scale{{{RUN}}}", decimals=2, thresholds=steps((None, GOOD), (2, WARN), (4, BAD)))),
            (3, stat("Dormant groups", "Parameter groups whose updates are scaled up.", f"sluice_dormant_groups{{{RUN}}}")),
        ]),
    ]


def gate():
    return [
        row("Gate"),
        (8, [
            (8, series("Activation rate", "Share of the last window's patch tokens that each gate opened; 10 % to 90 % is sound.",
                       [(f"sluice_gate_activation_ratio{{{LAYER}}}", "layer {{layer}}")], "percentunit", low=0, high=1,
                       thresholds=LIMITS, bands=True)),
            (8, series("Threshold and score", "θ of the newest step, and the moving average of the windows' mean score.",
                       [(f"sluice_gate_threshold{{{LAYER}}}", "θ, layer {{layer}}"),
                        (f"sluice_gate_entropy_ema{{{LAYER}}}", "score, layer {{layer}}")], low=0, high=1)),
            (8, series("Spread of scores", "Standard deviation in the last window; median and 90th percentile of five minutes.",
                       [(f"sluice_gate_entropy_stddev{{{LAYER}}}", "deviation, layer {{layer}}"),
                        (f"run_layer:sluice_gate_entropy:p50_rate5m{{{LAYER}}}", "median, layer {{layer}}"),
                        (f"run_layer:sluice_gate_entropy:p90_rate5m{{{LAYER}}}", "p90, layer {{layer}}")], low=0, high=1)),
        ]),
        (8, [
            (8, heatmap("Scores of patch tokens", "How many tokens had which score, all chosen layers.",
                        f"sum by (le) (increase(sluice_gate_entropy_bucket{{{LAYER}}}[$__rate_interval]))")),
            (8, series("Tokens per second", "At the last gate.",
                       [(f"rate(sluice_tokens_total{{{RUN}}}[$__rate_interval])", "{{state}}")], bars=True, low=0)),
            (8, series("Steps that changed parameters", "Share of the last window's steps.",
                       [(f"sluice_backward_trigger_ratio{{{RUN}}}", "share")], "percentunit", low=0, high=1)),
        ]),
    ]


def learning():
    return [
        row("Learning"),
        (8, [
            (8, series("Loss", "Of the newest step's open images.", [(f"sluice_loss{{{RUN}}}", "loss")])),
            (8, series("Accuracy", "Open training images; validation set evaluated densely and gated.",
                       [(f"sluice_accuracy_ratio{{{RUN}}}", "{{split}}")], "percentunit", low=0, high=1)),
            (4, series("Gradient norm", "Before clipping.", [(f"sluice_gradient_norm{{{RUN}}}", "norm")], log=True)),
            (4, series("Learning rate", "Of the newest step.", [(f"sluice_learning_rate{{{RUN}}}", "rate")], "sci")),
        ]),
        row("Not forgetting"),
        (8, [
            (8, series("Rise of the probes' loss", "Over each legacy probe's baseline; above 2 % is worse.",
                       [(f"sluice_probe_loss_delta_ratio{{{PROBE}}}", "{{probe}}")], "percentunit", thresholds=RISE, bands=True)),
            (6, series("Checks of probes", "In each interval, by result.",
                       [(f"sum by (result) (increase(sluice_probe_checks_total{{{PROBE}}}[$__rate_interval]))", "{{result}}")],
                       bars=True, low=0)),
            (5, series("Breaker", "Rung: 1 and 2 tighten, 3 rehearses, 4 freezes, 5 rolls back.",
                       [(f"sluice_breaker_level{{{RUN}}}", "rung")], stepped=True, low=0, high=5, decimals=0)),
            (5, stat("Retention budget left", "Of 28 days, all runs; below 0 the objective of 95 % is missed.",
                     [('probe:sluice_retention_budget:remaining28d{probe=~"$probe"}', "{{probe}}")], "percentunit", decimals=0,
                     thresholds=steps((None, BAD), (0, WARN), (0.25, GOOD)))),
        ]),
    ]


def cost():
    return [
        row("Time"),
        (8, [
            (5, durations("Step", "Data wait included, evaluation and checkpoints excluded; per rank.", "sluice_step_seconds")),
            (5, durations("Gate's decision", "From the scores' readiness to the packed rows.", "sluice_gate_decision_seconds")),
            (4, durations("Evaluation", "One batch's forward without gradients.", "sluice_inference_seconds")),
            (5, series("Straggler", "How much longer the slowest rank works than the median one before a step's first collective: all wait for it.",
                       [(f"sluice_straggler_seconds{{{RUN}}}", "slowest over median")], "s", low=0)),
            (5, series("Share of a step's time", "What the gate takes to decide, and what it saves against a dense step.",
                       [(f"run:sluice_gate_decision:ratio_rate5m{{{RUN}}}", "decision"),
                        (f"sluice_compute_saved_ratio{{{RUN}}}", "saved")], "percentunit")),
        ]),
        row("Steering and alerts"),
        (7, [
            (6, series("Directive in force", "Version.", [(f"sluice_directive_version{{{RUN}}}", "version")], stepped=True,
                       decimals=0)),
            (6, series("Dormant groups", "How many, and the largest scale of their updates.",
                       [(f"sluice_dormant_groups{{{RUN}}}", "groups"), (f"sluice_max_gradient_scale{{{RUN}}}", "largest scale")])),
            (12, timeline("Alerts at the sidecar", "Before Prometheus' patience; runbook: deploy/README.md.",
                          [(f"sluice_alerts_firing{{{RUN}}}", "{{alert}}")], FIRES)),
        ]),
    ]


def build():
    variables = [
        variable("run", "Run", "label_values(sluice_step, run)", many=False),
        variable("layer", "Gate layer", f"label_values(sluice_gate_threshold{{{RUN}}}, layer)"),
        variable("probe", "Legacy probe", f"label_values(sluice_probe_checks_total{{{RUN}}}, probe)"),
    ]
    return dashboard("sluice-run", "Sluice: run", "One run: gate, learning, forgetting, time, steering.", variables,
                     [*now(), *gate(), *learning(), *cost()],
                     f'ALERTS{{alertname=~"Sluice.*",alertstate="firing",{RUN}}}', [("Sidecars and fleet", "sluice-fleet")])
