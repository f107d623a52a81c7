#!/usr/bin/env python3
"""Every alert is driven to fire by a real fault and reaches a real Alertmanager's receiver.

The rules are the shipped ones but for `for`, which is a second, as are the intervals of scraping and evaluation (peers.py).
What the faults are: FAULTS. A run without fault beside them must stay without alert.

faults_test.py SIDECAR SLUICECTL [WORKER]
"""
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import peers
import rank
import shipped
from relay_faults import RelayFaults

CALM = "calm"
# The sidecar calls a stream silent after 120 seconds.
SILENCE = 240.0


class Calm(threading.Thread):
    """A healthy run that goes on step by step, follows its directives, and checks a probe that is kept."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.rank = rank.Rank(address, CALM).greet()
        self.over = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.over.wait(0.5):
                self.rank.apply().steps(2).probe(0.001, "kept").wait()
        except AssertionError as failure:
            self.failure = failure


class FaultsTest(RelayFaults, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.could_not = set()  # Alerts whose faults need rights that this test does not have.
        rank.load_stubs(folder.name)
        cls.receiver = peers.Receiver()
        cls.alertmanager = cls.started(peers.Alertmanager(cls.folder / "alertmanager", cls.receiver))
        cls.sidecar = cls.started(peers.Sidecar(SIDECAR, cls.folder / "a"))
        cls.second = cls.started(peers.Sidecar(SIDECAR, cls.folder / "b"))
        cls.prometheus = cls.started(peers.Prometheus(cls.folder / "prometheus", [cls.sidecar], cls.alertmanager))
        cls.calm = Calm(cls.sidecar.grpc)
        cls.calm.start()

    @classmethod
    def started(cls, program):
        cls.addClassCleanup(program.kill)
        return program

    def rank(self, run, **how):
        return rank.Rank(self.sidecar.grpc, run, **how)

    def scraped(self, expression):
        """Waits until Prometheus has it."""
        peers.wait_for(lambda: self.prometheus.query(expression), lambda: f"no sample of {expression}")

    def arrived(self, alert, status="firing", seconds=peers.PATIENCE, **labels):
        """Waits for an alert at the receiver of its severity."""
        wanted = {"alertname": alert, "severity": shipped.alerts()[alert]["labels"]["severity"], **labels}

        def look():
            for receiver, message in self.receiver.alerts(status):
                if wanted.items() <= message["labels"].items():
                    self.assertEqual(receiver, wanted["severity"], message)
                    return message
            return None

        message = peers.wait_for(look, lambda: f"{wanted} did not come as {status}; Prometheus: {self.prometheus.api('alerts')}", seconds)
        for text in message["annotations"].values():
            self.assertNotRegex(text, "error|no value")
        return message

    # The faults. Each brings about what its alert is for, by the protocol, a signal or a limit of the system.

    def too_few_tokens_open(self):
        self.rank("shut").greet().steps(30, rate=0.02).wait()
        self.arrived("SluiceActivationRate", run="shut", layer=str(rank.LAYER))

    def scores_change(self):
        self.rank("drifts").greet().steps(110, score=0.5).steps(110, score=0.9).wait()
        self.arrived("SluiceEntropyDrift", run="drifts")

    def a_probe_gets_worse(self):
        run = self.rank("forgets").greet().steps(2).probe(0.0).wait()
        self.scraped('sluice_probe_checks_total{run="forgets"}')
        for _ in range(5):
            run.steps(2).probe(0.05)
        run.wait()
        self.arrived("SluiceProbeDelta", run="forgets", probe="legacy")
        self.arrived("SluiceBreakerRaised", run="forgets")
        self.arrived("SluiceRetentionBurnsFast", probe="legacy")

    def a_probe_is_worse_now_and_then(self):
        run = self.rank("wanes").greet().steps(2).probe(0.0, "waning").wait()
        self.scraped('sluice_probe_checks_total{run="wanes"}')
        for check in range(12):
            run.steps(2).probe(0.05 if check % 4 == 1 else 0.0, "waning")
        run.wait()
        self.arrived("SluiceRetentionBurnsSlowly", probe="waning")

    def a_group_is_nearly_never_updated(self):
        run = self.rank("dormant").greet().steps(100)
        message = run.next()
        activity = message.group_activity
        activity.first_step, activity.last_step = 1, 100
        activity.groups.add(group="blocks.1.attn.head.0", active_steps=1)
        activity.groups.add(group="blocks.1.attn.head.1", active_steps=100)
        run.up.put(message)
        run.wait()
        self.arrived("SluiceGradientScale", run="dormant")

    def a_run_does_not_apply_its_directive(self):
        run = self.rank("deaf").greet().steps(10).wait()
        command = [SLUICECTL, "set-threshold", "deaf", "--layer", str(rank.LAYER), "--threshold", "0.6", "--sidecar", self.sidecar.grpc]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        run.steps(120).wait()
        self.arrived("SluiceDirectiveMismatch", run="deaf")

    def a_loss_is_not_finite(self):
        run = self.rank("poisoned").greet().steps(5)
        message = run.snapshot()
        message.snapshot.loss = float("nan")
        run.up.put(message)
        run.wait()
        self.arrived("SluiceNonFinite", run="poisoned")
        run.steps(40).wait()
        self.arrived("SluiceNonFinite", status="resolved", run="poisoned")

    def one_of_two_ranks_says_nothing(self):
        self.half = [self.rank("half", rank=i, world=2).greet() for i in range(2)]
        self.half[0].steps(60).wait()
        self.arrived("SluiceCoverageLow", run="half")

    def a_message_is_malformed(self):
        run = self.rank("malformed").greet().steps(2)
        message = run.next()
        message.snapshot.first_step = message.snapshot.last_step = 3
        run.up.put(message)
        run.wait()
        self.arrived("SluiceMessagesRefused", reason="malformed")

    def a_ring_is_full(self):
        run = self.rank("hurried").greet().steps(2).wait()
        self.scraped('sluice_telemetry_coalesced_total{run="hurried"}')
        message = run.snapshot()
        message.snapshot.coalesced = 5
        run.up.put(message)
        run.wait()
        self.arrived("SluiceTelemetryCoalesced", run="hurried")

    def a_rank_is_killed(self):
        """A real training where there is a worker: one rank of two."""
        if WORKER is None:
            self.skipTest("no sluice-worker in this build")
        folder = self.folder / "killed"
        options = {"run.name": "killed", "run.folder": folder, "sidecar": self.sidecar.grpc, "nproc": 2, "model.dim": 32,
                   "model.depth": 3, "model.heads": 2, "data.train_subset": "first:512", "data.eval_subset": "first:64",
                   "train.batch": 24, "train.steps": 1000000, "train.threads": 1, "gate.mode": "compact",
                   "gate.policy": "threshold", "gate.rate": 0.3, "collective.timeout": 20, "worker.listen": "off"}
        worker = self.started(peers.Program([WORKER, "train", *(f"--{name}={value}" for name, value in options.items())],
                                            self.folder / "killed.log"))
        peers.wait_for(lambda: self.prometheus.query('sluice_step{run="killed"} > 10'), worker.log, 120)
        children = pathlib.Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()
        self.assertEqual(len(children), 2, worker.log())
        subprocess.run(["kill", "-KILL", children[1]], check=True)
        self.arrived("SluiceRankLost", run="killed")

    def a_rank_falls_silent(self):
        self.arrived("SluiceTelemetryLost", seconds=SILENCE, run="silent")

    def the_disk_is_full(self):
        """The system lets the second sidecar write no further; then it does again."""
        run = rank.Rank(self.second.grpc, "stuck").greet().steps(20).wait()
        # Less than one page of its log: also after it has begun that anew.
        resource.prlimit(self.second.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

        def fails():
            run.steps(20)
            return "commit failed" in self.second.log()

        peers.wait_for(fails, self.second.log)
        # Scraped from now on: the run stands still for as long as Prometheus knows it, which is what it would see after ten
        # minutes.
        self.prometheus.scrapes([self.sidecar, self.second])
        self.arrived("SluiceRunNotAdvancing", run="stuck", instance=self.second.http)
        self.scraped(f'sluice_commit_failures_total{{instance="{self.second.http}"}}')
        resource.prlimit(self.second.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        run.wait()
        self.arrived("SluiceCommitsFailing", instance=self.second.http)

    def a_disk_is_nearly_full(self):
        """A sidecar with its state on a small disk of its own, which something else fills."""
        small = self.folder / "small"
        small.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", small]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            self.could_not.add("SluiceDiskFilling")
            self.skipTest("may not mount a small disk")
        self.addClassCleanup(subprocess.run, ["umount", "--lazy", small], check=False)
        third = self.started(peers.Sidecar(SIDECAR, small / "c"))
        self.prometheus.scrapes([self.sidecar, self.second, third])
        self.scraped(f'sluice_state_free_bytes{{instance="{third.http}"}} > 4e6')
        (small / "other").write_bytes(b"x" * (30 << 20))
        self.arrived("SluiceDiskFilling", instance=third.http)
        (small / "other").unlink()
        self.arrived("SluiceDiskFilling", status="resolved", instance=third.http)
        self.prometheus.scrapes([self.sidecar, self.second])

    def a_checkpoint_cannot_be_saved(self):
        run = self.rank("unsaved").greet().steps(5)
        for step, error in ((5, "No space left on device"), (6, "")):
            message = run.steps(1).next()
            saved = message.checkpoint_saved
            saved.step, saved.name, saved.error = step, f"checkpoint-{step}.safetensors", error
            run.up.put(message)
            run.wait()
            self.arrived("SluiceCheckpointFailed", status="firing" if error else "resolved", run="unsaved")

    def a_state_is_damaged(self):
        """A sidecar that finds something else where its state was, until somebody takes note."""
        state = self.folder / "damaged" / "state"
        state.mkdir(parents=True)
        (state / "sluice.db").write_bytes(b"planted " * 2048)
        damaged = self.started(peers.Sidecar(SIDECAR, self.folder / "damaged"))
        self.prometheus.scrapes([self.sidecar, self.second, damaged])
        self.arrived("SluiceStateQuarantined", instance=damaged.http)
        subprocess.run([SLUICECTL, "storage", "acknowledge", "--sidecar", damaged.grpc], check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.arrived("SluiceStateQuarantined", status="resolved", instance=damaged.http)
        self.prometheus.scrapes([self.sidecar, self.second])

    def a_sidecar_is_killed(self):
        self.second.process.send_signal(signal.SIGKILL)
        self.arrived("SluiceSidecarDown", instance=self.second.http)

    def no_sidecar_is_known(self):
        self.prometheus.scrapes([])
        self.arrived("SluiceSidecarAbsent")

    def amtool(self, *command):
        return subprocess.run(["amtool", *command, f"--alertmanager.url=http://{self.alertmanager.address}"], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=60).stdout

    def amtool_knows_them(self):
        said = self.amtool("alert", "query")
        for alert in ("SluiceActivationRate", "SluiceProbeDelta", "SluiceTelemetryLost", "SluiceSidecarDown"):
            self.assertIn(alert, said)
        self.amtool("silence", "add", "run=shut", "--duration=8h", "--comment=WHY")
        peers.wait_for(lambda: "SluiceActivationRate" not in self.amtool("alert", "query", "run=shut"), "the silence is none")

    FAULTS = [too_few_tokens_open, scores_change, a_probe_gets_worse, a_probe_is_worse_now_and_then, a_group_is_nearly_never_updated,
              a_run_does_not_apply_its_directive, a_loss_is_not_finite, one_of_two_ranks_says_nothing, a_message_is_malformed,
              a_ring_is_full, a_rank_is_killed, a_checkpoint_cannot_be_saved, the_disk_is_full,
              a_disk_is_nearly_full, a_state_is_damaged, RelayFaults.relays_lose_their_sidecars, a_sidecar_is_killed, a_rank_falls_silent]

    def test_every_alert_fires_by_a_real_fault_and_arrives(self):
        silent = self.rank("silent").greet().steps(2).wait()
        for fault in self.FAULTS:
            with self.subTest(fault=fault.__name__):
                started = time.monotonic()
                fault(self)
                print(f"{fault.__name__}: {time.monotonic() - started:.1f} s", flush=True)
        del silent
        self.amtool_knows_them()
        self.calm.over.set()
        self.calm.join(60)
        self.assertIsNone(self.calm.failure)
        self.assertGreater(len(self.prometheus.query(f'sluice_step{{run="{CALM}"}} > 20')), 0)
        self.no_sidecar_is_known()
        came = {alert["labels"]["alertname"] for _, alert in self.receiver.alerts()}
        self.assertEqual(set(shipped.alerts()) - came, self.could_not)
        for _, alert in self.receiver.alerts():
            labels = alert["labels"]
            # Without its five minutes' patience that one fires for any run that stands still at its first two scrapes.
            if labels["alertname"] == "SluiceRunNotAdvancing":
                continue
            self.assertFalse(labels.get("run") == CALM or labels.get("probe") == "kept", alert)


if __name__ == "__main__":
    # Inherited by the sidecars: a write beyond the limit fails, as on a full disk, and is no signal.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    SIDECAR, SLUICECTL, WORKER = (sys.argv[1:4] + [None])[:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
