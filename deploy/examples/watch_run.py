#!/usr/bin/env python3
"""Lists the runs that a sluice-sidecar knows and watches one of them.

Needs grpcio and grpcio-tools. The stubs are generated from proto/ into a temporary folder.
"""
import argparse
import importlib
import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def load_stubs(proto, folder):
    """Generates Python from the protocol and imports it: messages and service of runs.proto."""
    files = [str(path) for path in sorted(proto.glob("sluice/v1/*.proto"))]
    if protoc.main(["protoc", f"--proto_path={proto}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]):
        sys.exit(f"watch_run.py: the stubs of {proto} cannot be generated, expected sluice/v1/*.proto there")
    sys.path.insert(0, folder)
    return importlib.import_module("sluice.v1.runs_pb2"), importlib.import_module("sluice.v1.runs_pb2_grpc")


def line(state):
    """One update, for people."""
    loss = f"{state.loss:.4f}" if state.HasField("loss") else "-"
    layers = "  ".join(
        f"layer {layer.layer}: threshold {layer.threshold:.4f} rate {layer.activation_rate:.3f}" for layer in state.layers
    )
    return f"step {state.step}  loss {loss}  {layers}  directive {state.directive.version} {state.directive.reason}"


def watch(messages, runs, arguments):
    """Prints updates until the run has ended or enough were printed."""
    known = [state.run for state in runs.ListRuns(messages.ListRunsRequest(), timeout=arguments.timeout).runs]
    print("runs:", ", ".join(known) or "none", flush=True)
    run = arguments.run or next(iter(known), None)
    if run is None:
        sys.exit(f"watch_run.py: sidecar {arguments.sidecar} knows no run, expected at least one")
    for count, update in enumerate(runs.WatchRun(messages.WatchRunRequest(run=run)), start=1):
        print(line(update.state), flush=True)
        if len(update.state.ranks) == update.state.world_size and all(rank.ended for rank in update.state.ranks):
            print(run, "has ended")
            return
        if count == arguments.count:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sidecar", default="127.0.0.1:50551", help="HOST:PORT (%(default)s)")
    parser.add_argument("--run", help="name of the run; the one with the newest activity if not given")
    parser.add_argument("--count", type=int, default=0, help="end after so many updates; 0 is no limit")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds to wait for the list (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        messages, services = load_stubs(PROTO, folder)
        # A proxy for web pages is none for a sidecar.
        with grpc.insecure_channel(arguments.sidecar, options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                watch(messages, services.RunsStub(channel), arguments)
            except grpc.RpcError as error:
                sys.exit(f"watch_run.py: {error.code().name}: {error.details()}")
            except KeyboardInterrupt:
                pass


if __name__ == "__main__":
    main()
