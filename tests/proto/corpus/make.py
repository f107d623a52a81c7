"""Prints the messages of one version of the protocol, every body with every field, as version_test.cc reads them:
`NAME HEX`, one per line. Run once for a version that is published, with the Python classes of its protocol:
  python -m grpc_tools.protoc -I proto --python_out=OUT proto/sluice/v1/*.proto; PYTHONPATH=OUT python make.py > v1.hex
Two ranks of a run of 20 steps, of which rank 0 is here."""

from google.protobuf.descriptor import FieldDescriptor
from sluice.v1 import telemetry_pb2 as telemetry

BINS = {"bins": 28, "score_histogram": 64}
BODIES = {
    "probe_result": {"probe": "old", "step": 20, "images": 100, "loss": 1.5, "difference_standard_error": 0.01,
                     "accuracy": 0.75, "baseline_loss": 1.25},
    "checkpoint_saved": {"step": 20, "name": "checkpoint-20.safetensors", "bytes": 1000, "micros": 2000},
    "breaker_action_done": {"directive_version": 1, "action": 2, "step": 20, "error": "none"},
    "directive_applied": {"version": 1, "step": 20},
    "directive_refused": {"version": 1, "reason": 1, "detail": "why"},
    "run_ended": {"step": 20, "error": "as planned"},
}


def message(seq):
    result = telemetry.WorkerMessage()
    identity = result.identity
    identity.run, identity.rank, identity.incarnation, identity.seq = "old-and-new", 0, 1700000000000000000, seq
    identity.lease_epoch = 1 if seq else 0
    return result


def fill_counters(counters, step):
    """Every field of Counters, in proportion to the step."""
    for field in counters.DESCRIPTOR.fields:
        if field.name == "layers":
            layer = counters.layers.add(layer=2)
            for part in layer.DESCRIPTOR.fields[1:]:
                if part.name in BINS:
                    getattr(layer, part.name).extend([step] * BINS[part.name])
                else:
                    setattr(layer, part.name, 64 * step)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            histogram = getattr(counters, field.name)
            histogram.bins.extend([step] * BINS["bins"])
            histogram.sum_micros = 3 * step
        else:
            setattr(counters, field.name, step)


def snapshot(step):
    result = message(step)
    body = result.snapshot
    body.first_step = body.last_step = step
    body.coalesced = 1
    fill_counters(body.counters, step)
    body.layers.add(layer=2, threshold=0.25, target_rate=0.5)
    body.directive_version, body.rate_alerts_silent = 3, True
    body.loss, body.train_accuracy, body.learning_rate, body.gradient_norm = 1.5, 0.5, 0.001, 2.5
    body.images_per_second, body.accuracy_dense, body.accuracy_gated, body.compute_saved_ratio = 100.5, 0.5, 0.25, 0.125
    return result


def hello():
    result = message(0)
    body = result.hello
    body.instance, body.world_size, body.program_version = "instance", 2, "0.1.0"
    body.required_features.extend(["telemetry", "thresholds", "in_force"])
    body.gates.add(layer=2, scorer="head", policy="threshold", threshold=0.25, target_rate=0.5)
    directive = body.in_force
    directive.run, directive.version, directive.reason, directive.based_on_step = "old-and-new", 3, "why", 1
    directive.layers.add(layer=2, threshold=0.25, target_rate=0.5)
    directive.group_scales.add(group="blocks.3.attn.head.1", scale=2.5)
    directive.rehearsal_share, directive.breaker_action, directive.breaker_level = 0.25, 3, 3
    fill_counters(body.start_counters, 0)
    return result


def main():
    messages = [("hello", hello())] + [("snapshot", snapshot(step)) for step in range(1, 21)]
    for seq, (name, fields) in enumerate(BODIES.items(), start=21):
        event = message(seq)
        for field, value in fields.items():
            setattr(getattr(event, name), field, value)
        messages.append((name, event))
    activity = message(len(messages))
    activity.group_activity.first_step, activity.group_activity.last_step = 1, 20
    activity.group_activity.groups.add(group="blocks.3.attn.head.1", active_steps=5)
    messages.append(("group_activity", activity))
    for name, worker_message in messages:
        print(name, worker_message.SerializeToString().hex())


if __name__ == "__main__":
    main()
