#!/usr/bin/env python3
"""Sends labelled images to a training sluice-worker, which stores them and trains on them from its next epoch on.

Needs grpcio and grpcio-tools. The stubs are generated from proto/ into a temporary folder.

FOLDER has a folder per class. Up to --window images are under way at one time. When the worker goes away, those that were
not acknowledged are sent again to the one that comes back: their names make sure that each is stored once.

Options of TLS and the token are those of sluicectl; their files are read again for each new stream, so that they can be renewed.
"""
import argparse
import collections
import importlib
import ipaddress
import pathlib
import queue
import ssl
import sys
import tempfile
import threading
import time

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
MOST_BYTES = 16 << 20  # Larger images are not taken.
NAME = "ingest_images.py"


def load_stubs(folder):
    """Generates Python from the protocol and imports it: messages and service of worker.proto."""
    files = [str(path) for path in sorted(PROTO.glob("sluice/v1/*.proto"))]
    if protoc.main(["protoc", f"--proto_path={PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]):
        sys.exit(f"{NAME}: the stubs of {PROTO} cannot be generated, expected sluice/v1/*.proto there")
    sys.path.insert(0, folder)
    return importlib.import_module("sluice.v1.worker_pb2"), importlib.import_module("sluice.v1.worker_pb2_grpc")


def find_images(folder):
    """(name, path, class) of each image, by name: CLASS/FILE."""
    ends = {".jpg", ".jpeg", ".png"}
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in ends)
    return [(path.relative_to(folder).as_posix(), path, path.parent.name) for path in paths]


def is_loopback(address):
    """Whether HOST:PORT is this machine."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access(arguments):
    """Ends the program with one line about files that are missing or are not what they should be."""
    if (arguments.tls_cert or arguments.tls_key or arguments.tls_name) and not arguments.tls_ca:
        sys.exit(f"{NAME}: --tls-ca is missing, expected it beside --tls-cert, --tls-key and --tls-name")
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        sys.exit(f"{NAME}: --tls-cert and --tls-key belong together, expected both")
    try:
        if arguments.tls_ca:
            context = ssl.create_default_context(cafile=arguments.tls_ca)
            if arguments.tls_cert:
                context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
        if arguments.token_file:
            read_token(arguments.token_file)
    except OSError as error:  # SSLError is one.
        named = [path for path in (arguments.tls_ca, arguments.tls_cert, arguments.tls_key, arguments.token_file) if path]
        sys.exit(f"{NAME}: {', '.join(map(str, named))}: {error}")


def read_token(path):
    """The first line of the file."""
    return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()


class Sender:
    """Sends images over one stream after the other until each is answered."""

    def __init__(self, messages, services, arguments):
        self.messages, self.services, self.arguments = messages, services, arguments
        self.counts = collections.Counter()
        self.refused = []

    def address(self):
        """Where the worker is now: started again, it may have another port."""
        if self.arguments.worker:
            return self.arguments.worker
        return self.arguments.address_file.read_text(encoding="utf-8").strip()

    def open_channel(self):
        """A connection to the worker, and what each call on it says of the caller."""
        address, given = self.address(), self.arguments
        # A proxy for web pages is none for a worker.
        options = [("grpc.enable_http_proxy", 0), ("grpc.max_send_message_length", 2 * MOST_BYTES)]
        metadata = []
        if given.token_file:
            if not given.tls_ca and not is_loopback(address):
                sys.exit(f"{NAME}: --tls-ca is missing, expected it: the token would go to {address} without TLS")
            metadata.append(("authorization", "Bearer " + read_token(given.token_file)))
        if not given.tls_ca:
            return grpc.insecure_channel(address, options=options), metadata
        if given.tls_name:
            options.append(("grpc.ssl_target_name_override", given.tls_name))
        pair = (given.tls_key.read_bytes(), given.tls_cert.read_bytes()) if given.tls_cert else (None, None)
        credentials = grpc.ssl_channel_credentials(given.tls_ca.read_bytes(), *pair)
        return grpc.secure_channel(address, credentials, options=options), metadata

    def send(self, images):
        """Sends all; the answer of the worker decides what is left when a stream breaks."""
        left = collections.OrderedDict((name, (path, label)) for name, path, label in images)
        last_progress = time.monotonic()
        while left:
            before = len(left)
            try:
                self.stream(left)
            except (grpc.RpcError, OSError) as error:
                code = error.code() if isinstance(error, grpc.RpcError) else None
                passing = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
                if len(left) < before:
                    last_progress = time.monotonic()
                if (code is not None and code not in passing) or time.monotonic() - last_progress > self.arguments.patience:
                    raise
                time.sleep(0.2)

    def stream(self, left):
        """One stream: sends what is left, at most a window of it ahead of the answers."""
        window = threading.Semaphore(self.arguments.window)
        end = threading.Event()
        failure = queue.SimpleQueue()

        def requests():
            try:
                for name, (path, label) in list(left.items()):
                    while not window.acquire(timeout=0.2):
                        if end.is_set():
                            return
                    yield self.messages.IngestImagesRequest(image_id=name, image=path.read_bytes(), class_name=label)
            except OSError as error:
                failure.put(error)

        channel, metadata = self.open_channel()
        with channel:
            try:
                for answer in self.services.WorkerStub(channel).IngestImages(requests(), metadata=metadata):
                    window.release()
                    del left[answer.image_id]
                    self.answered(answer)
            finally:
                end.set()
        if not failure.empty():
            sys.exit(f"{NAME}: {failure.get()}")

    def answered(self, answer):
        """Stored or a duplicate: it is durable. Anything else is a refusal that sending again does not change."""
        status = self.messages.IngestStatus.Name(answer.status).removeprefix("INGEST_STATUS_").lower()
        self.counts[status] += 1
        if status not in ("stored", "duplicate"):
            self.refused.append(f"{answer.image_id}: {status}: {answer.detail}")
        elif self.arguments.acknowledged:
            with self.arguments.acknowledged.open("a", encoding="utf-8") as file:
                file.write(answer.image_id + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="a folder per class, with .jpg, .jpeg and .png files")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--worker", help="HOST:PORT of rank 0's service")
    place.add_argument("--address_file", type=pathlib.Path, help="a file with it: service.rank0 of the run's folder")
    parser.add_argument("--window", type=int, default=128, help="images under way at one time (%(default)s)")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds without an answer (%(default)s)")
    parser.add_argument("--acknowledged", type=pathlib.Path, help="file that gets the name of each durable image")
    path = pathlib.Path
    parser.add_argument("--tls-ca", type=path, help="authorities in PEM of the worker's certificate; without: no TLS")
    parser.add_argument("--tls-cert", type=path, help="certificate chain in PEM that is shown to it")
    parser.add_argument("--tls-key", type=path, help="its private key in PEM")
    parser.add_argument("--tls-name", help="name that the worker's certificate must have; without: the host that is called")
    parser.add_argument("--token-file", type=path, help="file with a token, sent over TLS or to this machine alone")
    arguments = parser.parse_args()
    check_access(arguments)
    images = find_images(arguments.folder)
    if not images:
        sys.exit(f"{NAME}: '{arguments.folder}' has no image, expected CLASS/FILE that ends in .jpg, .jpeg or .png")
    with tempfile.TemporaryDirectory() as folder:
        sender = Sender(*load_stubs(folder), arguments)
        try:
            sender.send(images)
        except grpc.RpcError as error:
            sys.exit(f"{NAME}: {error.code().name}: {error.details()}")
        except OSError as error:
            sys.exit(f"{NAME}: {error}")
        except KeyboardInterrupt:
            sys.exit(130)
    for line in sender.refused:
        print(line)
    print(", ".join(f"{status} {count}" for status, count in sorted(sender.counts.items())))
    sys.exit(1 if sender.refused else 0)


if __name__ == "__main__":
    main()
