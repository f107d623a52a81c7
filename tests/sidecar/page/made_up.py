"""A sidecar that can be started again where it was, and a made-up run of two gate layers and several ranks."""
import importlib
import math
import struct
import zlib

from peers import Program, Sidecar, wait_for
from rank import BINS, TOKENS, Rank

DEEP = 4  # The second gate layer; the first is rank.LAYER.


class LastingSidecar(Sidecar):
    """Keeps its ports and its state over a restart."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        super().__init__(program, folder)

    def restart(self):
        self.kill()
        ports = self.folder / "ports-again"
        Program.__init__(self, [self.program, "--listen", self.grpc, "--http", self.http, "--state", self.folder / "state",
                                "--json", ports], self.folder / "log-again")
        wait_for(ports.exists, lambda: f"no ports: {self.log()}")


class TwoGates(Rank):
    own_seconds = 0.5  # That it works before a step's first collective.

    def greet(self, scales=None):
        message = self.message()
        hello = message.hello
        hello.instance, hello.world_size = "made-up", self.world
        for layer in (2, DEEP):
            hello.gates.add(layer=layer, scorer="head", policy="threshold", threshold=0.3)
        if scales:
            hello.in_force.run, hello.in_force.version, hello.in_force.breaker_action = self.run, 1, 1
            for layer in (2, DEEP):
                hello.in_force.layers.add(layer=layer, threshold=0.3)
            for group, scale in scales.items():
                hello.in_force.group_scales.add(group=group, scale=scale)
        self.counters.layers.add(layer=DEEP).score_histogram.extend([0] * BINS)
        self.up.put(message)
        if not self.greeted.wait(60):
            raise AssertionError(f"{self.run}: no answer to Hello: {self.failure}")
        return self

    def step_once(self):
        """One more step of curves that wander, with every number set."""
        turn = (self.step + 1) / 30
        score, rate = 0.4 + 0.05 * math.cos(turn), 0.25 + 0.08 * math.cos(turn)
        layer = self.counters.layers[1]
        layer.tokens_open += round(rate * TOKENS)
        layer.tokens_closed += TOKENS - round(rate * TOKENS)
        layer.score_sum_micro += round(score * 1e6) * TOKENS
        layer.score_square_sum_micro += round(score * score * 1e6) * TOKENS
        layer.score_histogram[math.floor(math.acos(1 - 2 * score) / math.pi * BINS)] += TOKENS
        message = self.snapshot(rate=0.4 + 0.1 * math.sin(turn), score=0.5 + 0.05 * math.sin(turn), full=True)
        snapshot = message.snapshot
        snapshot.layers.add(layer=DEEP, threshold=0.3)
        snapshot.timing.own_seconds, snapshot.timing.exposed_seconds, snapshot.timing.open_tokens = self.own_seconds, 0.002, 412
        snapshot.loss = 0.4 + 2 * math.exp(-turn / 4)
        snapshot.directive_version = max((directive.version for directive in self.directives), default=1)
        self.up.put(message)

    def wander(self, steps):
        for _ in range(steps):
            self.step_once()
        return self


def grey_png(side, value):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([value]) * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def show_map(one, labels, opens, side=3):
    """A map at the present step: images of one grey, called `labels`, with gates after blocks 2 and 4, of which gate k leaves
    the patches opens[k] open. A patch's score is its number over 255."""
    message = one.next()
    sent = message.token_map
    sent.step, sent.rows, sent.columns = one.step, side, side
    for number, label in enumerate(labels):
        image = sent.images.add(image_id=40 + number, label=label, thumbnail=grey_png(4 * side, 200))
        for layer, patches in zip((2, DEEP), opens):
            bits = sum(1 << patch for patch in patches)
            image.layers.add(layer=layer, open=bits.to_bytes((side * side + 7) // 8, "little"), scores=bytes(range(side * side)))
    one.up.put(message)
    return one


def end(one):
    """As a run that ends as planned."""
    message = one.next()
    message.run_ended.step = one.step
    one.up.put(message)
    one.wait().up.put(None)


def set_threshold(channel, run, threshold, reason):
    """As an operator does."""
    messages = importlib.import_module("sluice.v1.runs_pb2")
    service = importlib.import_module("sluice.v1.runs_pb2_grpc").RunsStub(channel)
    return service.SetThreshold(messages.SetThresholdRequest(run=run, layer=2, threshold=threshold, reason=reason))
