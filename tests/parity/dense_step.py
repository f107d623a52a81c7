#!/usr/bin/env python3
"""Sluice's dense training step over timm's in eager PyTorch: forward, summed cross-entropy, backward, AdamW (fused there).

Same shapes, batch, float32 and threads; the two take turns, step by step, and the ratio is the median of neighbours'. Neither
side clips. Needs the packages of group `parity` of deploy/python.txt.
"""
import argparse
import pathlib
import statistics
import subprocess
import time

import timm
import torch

LR = 1e-4
WEIGHT_DECAY = 0.05

# Name, options of sluice_dense_steps, arguments of timm's VisionTransformer.
CASES = {
    "vit_192": (
        ["--model.preset", "vit_nano", "--model.dim", "192", "--model.depth", "12", "--model.heads", "3"],
        {"img_size": 28, "patch_size": 4, "in_chans": 1, "embed_dim": 192, "depth": 12, "num_heads": 3},
    ),
    "vit_small": (
        ["--model.preset", "vit_small"],
        {"img_size": 224, "patch_size": 16, "in_chans": 3, "embed_dim": 384, "depth": 12, "num_heads": 6},
    ),
}


class Timm:
    def __init__(self, shape, batch, classes, autocast):
        self.model = timm.models.VisionTransformer(num_classes=classes, **shape).train()
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        rest = [p for p in self.model.parameters() if p.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=LR, fused=True)
        self.images = torch.randn(batch, shape["in_chans"], shape["img_size"], shape["img_size"])
        self.labels = torch.randint(classes, (batch,))
        self.autocast = autocast

    def step(self):
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            logits = self.model(self.images)
        torch.nn.functional.cross_entropy(logits.float(), self.labels, reduction="sum").backward()
        self.optimizer.step()
        return time.perf_counter() - start


class Sluice:
    def __init__(self, tool, options):
        self.process = subprocess.Popen(
            [tool, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("dense_step.py: sluice_dense_steps ended")
        return float(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def measure(arguments):
    options, shape = CASES[arguments.case]
    autocast = "bf16" if arguments.autocast else "off"
    common = [("batch", arguments.batch), ("classes", 10), ("threads", arguments.threads), ("autocast", autocast)]
    sluice = Sluice(arguments.tool, [*options, *(f"--{name}={value}" for name, value in common)])
    timms = Timm(shape, arguments.batch, 10, arguments.autocast)
    for _ in range(2):
        sluice.step(), timms.step()
    ours, theirs, ratios = [], [], []
    before = timms.step()
    for _ in range(arguments.rounds):
        ours.append(sluice.step())
        after = timms.step()
        theirs.append(after)
        ratios.append(2 * ours[-1] / (before + after))
        before = after
    sluice.close()
    print(
        f"{arguments.case}, batch {arguments.batch}, {arguments.threads} threads, autocast {autocast}: "
        f"Sluice {1e3 * statistics.median(ours):.1f} ms, timm {1e3 * statistics.median(theirs):.1f} ms, "
        f"ratio {statistics.median(ratios):.3f} (median of {len(ratios)}, "
        f"quartiles {statistics.quantiles(ratios)[0]:.3f} to {statistics.quantiles(ratios)[2]:.3f})",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, required=True, help="sluice_dense_steps")
    parser.add_argument("--case", choices=sorted(CASES), default="vit_192")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--autocast", action="store_true", help="products and attention in bfloat16, on both sides")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measure(arguments)


if __name__ == "__main__":
    main()
