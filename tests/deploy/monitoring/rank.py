"""A rank of a made-up run: speaks the protocol with a real sidecar as a worker does, and says what a test wants."""
import importlib
import math
import queue
import sys
import threading
import time

import grpc
from google.protobuf.descriptor import FieldDescriptor
from grpc_tools import protoc

from shipped import TOP

LAYER = 2
TOKENS = 1000  # Of a step.
BINS = 64


def load_stubs(folder):
    """Generates Python from the protocol into folder and imports it."""
    files = [str(path) for path in sorted((TOP / "proto").glob("sluice/v1/*.proto"))]
    if protoc.main(["protoc", f"--proto_path={TOP / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]):
        raise AssertionError("the stubs cannot be generated")
    sys.path.insert(0, str(folder))


class Rank:
    """Not thread-safe, but for the thread of its own that reads."""

    def __init__(self, address, run, rank=0, world=1):
        self.messages = importlib.import_module("sluice.v1.telemetry_pb2")
        services = importlib.import_module("sluice.v1.telemetry_pb2_grpc")
        self.run, self.rank, self.world = run, rank, world
        self.step, self.seq, self.epoch, self.acknowledged, self.version = 0, 0, 0, 0, 0
        self.counters = self.messages.WorkerMessage().snapshot.counters
        layer = self.counters.layers.add(layer=LAYER)
        layer.score_histogram.extend([0] * BINS)
        for histogram in (self.counters.step, self.counters.gate_decision, self.counters.inference):
            histogram.bins.extend([0] * 28)
        self.directives, self.failure = [], None
        self.up, self.greeted = queue.Queue(), threading.Event()
        # A proxy for web pages is none for a sidecar.
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self.stream = services.TelemetryStub(self.channel).Stream(iter(self.up.get, None))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for message in self.stream:
                if message.HasField("hello_reply"):
                    self.epoch = message.hello_reply.lease_epoch
                    self.greeted.set()
                elif message.HasField("ack"):
                    self.acknowledged = message.ack.durable_seq
                elif message.HasField("directive"):
                    self.directives.append(message.directive)
        except grpc.RpcError as error:
            self.failure = error

    def greet(self):
        message = self.message()
        hello = message.hello
        hello.instance, hello.world_size = "made-up", self.world
        hello.gates.add(layer=LAYER, scorer="head", policy="threshold", threshold=0.3)
        self.up.put(message)
        if not self.greeted.wait(120):
            raise AssertionError(f"{self.run}: no answer to Hello: {self.failure}")
        return self

    def message(self):
        message = self.messages.WorkerMessage()
        identity = message.identity
        identity.run, identity.rank, identity.incarnation = self.run, self.rank, 1
        identity.lease_epoch, identity.seq = self.epoch, self.seq
        return message

    def next(self):
        self.seq += 1
        return self.message()

    def snapshot(self, rate=0.4, score=0.5, full=False):
        """Of one more step, in which `rate` of the tokens were open and all had `score`. full: every number is set."""
        self.step += 1
        counters, layer = self.counters, self.counters.layers[0]
        counters.steps = self.step
        counters.images_open += 30
        counters.images_skipped += 2
        counters.backward_steps += 1
        layer.tokens_open += round(rate * TOKENS)
        layer.tokens_closed += TOKENS - round(rate * TOKENS)
        layer.score_sum_micro += round(score * 1e6) * TOKENS
        layer.score_square_sum_micro += round(score * score * 1e6) * TOKENS
        layer.score_histogram[min(BINS - 1, math.floor(math.acos(1 - 2 * score) / math.pi * BINS))] += TOKENS
        for histogram, count, width in ((counters.step, 20, 0.7e6), (counters.gate_decision, 8, 190), (counters.inference, 15, 2e4)):
            histogram.bins[count] += 1
            histogram.sum_micros += round(width)
        message = self.next()
        snapshot = message.snapshot
        snapshot.first_step = snapshot.last_step = self.step
        snapshot.counters.CopyFrom(counters)
        snapshot.layers.add(layer=LAYER, threshold=0.3)
        snapshot.loss, snapshot.learning_rate, snapshot.directive_version = 1.5, 1e-3, self.version
        if full:
            fill_numbers(snapshot)
        return message

    def steps(self, count, **how):
        for _ in range(count):
            self.up.put(self.snapshot(**how))
        return self

    def apply(self):
        """Follows the newest directive, as rank 0 of a worker does."""
        if self.directives and self.directives[-1].version > self.version:
            self.version = self.directives[-1].version
            message = self.next()
            message.directive_applied.version, message.directive_applied.step = self.version, self.step + 1
            self.up.put(message)
        return self

    def probe(self, delta, name="legacy"):
        """A check of a legacy probe at the present step, whose loss is `delta` over its baseline."""
        message = self.next()
        result = message.probe_result
        result.probe, result.step, result.images = name, self.step, 100
        result.baseline_loss, result.loss, result.accuracy, result.difference_standard_error = 1.0, 1.0 + delta, 0.5, 1e-4
        self.up.put(message)
        return self

    def wait(self, seconds=120):
        """Until all is acknowledged."""
        deadline = time.monotonic() + seconds
        while self.acknowledged < self.seq:
            if self.failure is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.run}: acknowledged up to {self.acknowledged} of {self.seq}: {self.failure}")
            time.sleep(0.02)
        return self


def fill_numbers(snapshot):
    """Shares and accuracies are in [0, 1], other numbers take anything. Fields that the protocol gains later as well."""
    for field in snapshot.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_DOUBLE and getattr(snapshot, field.name) == 0:
            setattr(snapshot, field.name, 0.5)
    if snapshot.DESCRIPTOR.name == "GateSnapshot":
        fill_numbers(snapshot.timing)
