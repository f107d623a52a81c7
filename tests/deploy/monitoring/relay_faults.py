"""Faults of relays, for faults_test.py: what it has beside them is its class's."""
import signal

import peers
import rank


class RelayFaults:
    def relayed(self, name):
        """A rank, its relay and the relay's sidecar."""
        upstream = self.started(peers.Sidecar(self.sidecar.program, self.folder / name / "upstream"))
        options = ["--relay", upstream.grpc, "--upstream.stall-seconds", 2]
        relay = self.started(peers.Sidecar(self.sidecar.program, self.folder / name / "relay", *options))
        return rank.Rank(relay.grpc, name).greet().steps(20).wait(), relay, upstream

    def relays_lose_their_sidecars(self):
        """The sidecar of one is killed, that of the other stands still; both come again. Then a relay is killed."""
        _, first, killed = self.relayed("upstream-killed")
        run, second, stopped = self.relayed("upstream-stopped")
        self.prometheus.scrapes([self.sidecar, self.second], [first, second])
        for relay in (first, second):
            self.scraped(f'sluice_relay_upstream_up{{instance="{relay.http}"}} == 1 and sluice_relay_ranks == 1')
        killed.kill()
        stopped.process.send_signal(signal.SIGSTOP)
        run.steps(1)  # It owes an answer now.
        for relay in (first, second):
            self.arrived("SluiceRelayCutOff", instance=relay.http)
        self.started(peers.Sidecar(self.sidecar.program, self.folder / "upstream-killed" / "again", listen=killed.grpc))
        stopped.process.send_signal(signal.SIGCONT)
        for relay in (first, second):
            self.arrived("SluiceRelayCutOff", status="resolved", instance=relay.http)
        first.kill()
        self.arrived("SluiceRelayDown", instance=first.http)
        self.prometheus.scrapes([self.sidecar, self.second])
