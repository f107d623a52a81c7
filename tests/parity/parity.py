#!/usr/bin/env python3
"""Compares Sluice's dense model with timm's: logits and the gradient of every parameter, in float32; and adapters with PEFT's.

Each case draws weights and a batch, hands both to sluice_parity_tool as safetensors and prints the tensor that differs most.
The last two take the pretrained DINOv2 that deploy/convert makes. Needs the packages of group `parity` of deploy/python.txt.
"""
import argparse
import collections
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
import peft
import safetensors.torch
import timm
import torch

TOLERANCE = 1e-4
SEED = 20240611
CLASSES = 10
EMBEDDING_SCALE = 0.03
QUERY_KEY_SCALE = 2
# Small adapters of both kinds on every linear layer that can have one, by the name of their case.
TARGETS = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]
ADAPTERS = {
    "peft_lora": peft.LoraConfig(r=4, lora_alpha=6, target_modules=TARGETS, modules_to_save=["head"]),
    "peft_ia3": peft.IA3Config(target_modules=TARGETS, feedforward_modules=["mlp.fc2"], modules_to_save=["head"]),
}
CONVERTER = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "convert" / "convert_dinov2.py"

Case = collections.namedtuple("Case", "name preset timm_name pixels batch pool")
CASES = [
    Case("vit_base", "vit_base", "vit_base_patch16_224", 224, 2, "token"),
    Case("vit_small", "vit_small", "vit_small_patch16_224", 224, 2, "token"),
    Case("vit_small_mean", "vit_small", "vit_small_patch16_224", 224, 2, "avg"),
    Case("clip_large", "vit_large_patch14_clip", "vit_large_patch14_clip_224", 224, 1, "token"),
    Case("clip_large_quickgelu", "vit_large_patch14_clip_quickgelu", "vit_large_patch14_clip_quickgelu_224", 112, 1, "token"),
    Case("dinov2_small", "vit_small_patch14_dinov2", "vit_small_patch14_dinov2", 112, 2, "token"),
]
# 8 x 8 patches, so the file's 37 x 37 positions are resampled; at 518 pixels they are not.
CONVERTED = Case("dinov2_pretrained", "vit_small_patch14_dinov2", "vit_small_patch14_dinov2", 112, 2, "token")
ONNX_NAME, ONNX_PIXELS = "dinov2_pretrained_onnx", 518


def make_timm(case, classes):
    model = timm.create_model(
        case.timm_name, pretrained=False, num_classes=classes, img_size=case.pixels, global_pool=case.pool
    )
    return model.eval()


def draw_weights(model):
    """New values for every parameter: nothing is zero or one, where errors would not show, attention is far from
    even, without which tokens grow alike and the query's gradient drowns in rounding, and the embeddings are so small that
    the first norm's epsilon counts."""
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if name.endswith("gamma") or ("norm" in name and name.endswith("weight")):
            value = 1 + 0.3 * noise
        elif name.endswith("bias"):
            value = 0.2 * noise
        elif name in ("cls_token", "pos_embed"):
            value = 0.5 * EMBEDDING_SCALE * noise
        else:
            value = noise / parameter[0].numel() ** 0.5
        if name.startswith("patch_embed"):
            value *= EMBEDDING_SCALE
        if name.endswith("qkv.weight"):
            value[: 2 * value.shape[1]] *= QUERY_KEY_SCALE
        parameter.data.copy_(value)


def draw_batch(case, classes):
    return {
        "images": torch.randn(case.batch, 3, case.pixels, case.pixels),
        "labels": torch.randint(classes, (case.batch,)),
    }


def expect(model, batch):
    """timm's logits and gradients of the summed cross-entropy, by name."""
    logits = model(batch["images"])
    torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum").backward()
    return {"logits": logits.detach(), **{name: parameter.grad for name, parameter in model.named_parameters()}}


def run_tool(tool, case, weights, batch, folder, options=()):
    """The tool's logits and gradients by name; empty if it failed, after it has said why."""
    safetensors.torch.save_file(batch, folder / "batch")
    command = [tool, "--preset", case.preset, "--pool", case.pool, "--image_size", str(case.pixels)]
    command += ["--weights", weights, "--batch", folder / "batch", "--output", folder / "output", *options]
    if subprocess.run(command, check=False).returncode != 0:
        return {}
    return safetensors.torch.load_file(folder / "output")


def difference(actual, expected):
    """||a - b|| / ||b||; infinite for another shape, for what is not finite and for a `b` of zeros, which shows nothing."""
    if actual.shape != expected.shape or not expected.norm() > 0:
        return float("inf")
    result = ((actual.double() - expected.double()).norm() / expected.double().norm()).item()
    return result if numpy.isfinite(result) else float("inf")


def split_qkv(tensors):
    """Weights of query, key and value apart: the value's gradient is by far the largest and would hide the others'. The
    bias stays whole, for the key's has no gradient but rounding."""
    result = {}
    for name, tensor in tensors.items():
        if name.endswith("attn.qkv.weight") and tensor.shape[0] % 3 == 0:
            result.update((f"{name}[{part}]", rows) for part, rows in zip("qkv", tensor.chunk(3)))
        else:
            result[name] = tensor
    return result


def compare(name, about, actual, expected):
    """Prints one line; whether all tensors are there and alike."""
    if not actual:
        print(f"{name}: FAILED: the tool ended with an error", flush=True)
        return False
    actual, expected = split_qkv(actual), split_qkv(expected)
    if actual.keys() != expected.keys():
        print(f"{name}: FAILED: tensors of one side only: {sorted(actual.keys() ^ expected.keys())[:5]}", flush=True)
        return False
    errors = {key: difference(actual[key], expected[key]) for key in expected}
    worst = max(errors, key=errors.get)
    good = errors[worst] <= TOLERANCE
    first = next(iter(expected))
    print(
        f"{name}: {'ok' if good else 'FAILED'}: worst {worst} {errors[worst]:.1e} of {len(errors)} tensors, "
        f"{first} {errors[first]:.1e} ({about})",
        flush=True,
    )
    return good


def check_random(case, tool, folder):
    model = make_timm(case, CLASSES)
    draw_weights(model)
    batch = draw_batch(case, CLASSES)
    safetensors.torch.save_file(model.state_dict(), folder / "weights")
    actual = run_tool(tool, case, folder / "weights", batch, folder)
    about = f"{case.timm_name}, {case.pixels} px, batch {case.batch}, pool {case.pool}"
    return compare(case.name, about, actual, expect(model, batch))


def plain_name(name):
    """A parameter of PEFT's live model by the name that its file has, without the prefix."""
    for part, plain in (("base_model.model.", ""), (".default", ""), ("head.modules_to_save", "head")):
        name = name.replace(part, plain)
    return name


def check_adapters(name, tool, folder):
    """An adapter that PEFT has saved on top of timm's model: logits, and gradients of all that PEFT trains; and back."""
    case = next(case for case in CASES if case.name == "vit_small")
    model = make_timm(case, CLASSES)
    draw_weights(model)
    safetensors.torch.save_file(model.state_dict(), folder / "weights")
    model = peft.get_peft_model(model, ADAPTERS[name]).eval()
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad and "head" not in parameter_name:
            parameter.data.add_(0.05 * torch.randn_like(parameter))  # Beside weights of about as much.
    model.save_pretrained(folder / "adapters")
    batch = draw_batch(case, CLASSES)
    options = ["--adapters", folder / "adapters", "--saved_adapters", folder / "saved"]
    actual = run_tool(tool, case, folder / "weights", batch, folder, options)
    if actual:
        # What Sluice has saved, in PEFT, on the same weights.
        plain = make_timm(case, CLASSES)
        plain.load_state_dict(safetensors.torch.load_file(folder / "weights"))
        back = peft.PeftModel.from_pretrained(plain, folder / "saved").eval()
        with torch.no_grad():
            if not torch.equal(back(batch["images"]), model(batch["images"])):
                print(f"{name}: FAILED: PEFT gets other logits from the adapters that Sluice saved", flush=True)
                return False
    expected = {plain_name(key): value for key, value in expect(model, batch).items() if value is not None}
    return compare(name, f"PEFT on {case.timm_name}, {case.pixels} px, batch {case.batch}", actual, expected)


def load_converted(pixels, file):
    """timm's model without a classifier, its state loaded strictly; positions are resampled by timm."""
    model = make_timm(CONVERTED._replace(pixels=pixels), 0)
    state = timm.models.vision_transformer.checkpoint_filter_fn(safetensors.torch.load_file(file), model)
    model.load_state_dict(state, strict=True)
    return model


def check_converted(tool, file, folder):
    """The converted file in timm and in the tool. Without a classifier the logits are the features."""
    model = load_converted(CONVERTED.pixels, file)
    batch = draw_batch(CONVERTED, model.num_features)
    actual = run_tool(tool, CONVERTED, file, batch, folder)
    actual = {name: value for name, value in actual.items() if not name.startswith("head.")}
    about = f"features, {CONVERTED.pixels} px, batch {CONVERTED.batch}"
    return compare(CONVERTED.name, about, actual, expect(model, batch))


def onnx_features(images):
    """What the network that was converted computes: tokens after its last norm, by ONNX Runtime."""
    spec = importlib.util.spec_from_file_location("convert_dinov2", CONVERTER)
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    network = onnx.load(str(converter.installed_source()))
    for axis, size in enumerate(images.shape):
        network.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    del network.graph.output[:]
    network.graph.output.append(
        onnx.helper.make_tensor_value_info("/backbone/layernorm/Add_1_output_0", onnx.TensorProto.FLOAT, None)
    )
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {network.graph.input[0].name: images.numpy()})[0])


def check_onnx(file):
    """The converted weights against the network that they came from: what compares two readers of one file cannot show."""
    images = torch.randn(1, 3, ONNX_PIXELS, ONNX_PIXELS)
    with torch.no_grad():
        tokens = load_converted(ONNX_PIXELS, file).forward_features(images)
    expected = onnx_features(images)
    actual = {"class token": tokens[:, 0], "patch tokens": tokens[:, 1:]}
    about = f"ONNX Runtime on the source, {ONNX_PIXELS} px, batch 1"
    return compare(ONNX_NAME, about, actual, {"class token": expected[:, 0], "patch tokens": expected[:, 1:]})


def check(name, tool):
    torch.manual_seed(SEED)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if name in ADAPTERS:
            return check_adapters(name, tool, folder)
        for case in CASES:
            if case.name == name:
                return check_random(case, tool, folder)
        file = folder / "converted"
        subprocess.run([sys.executable, CONVERTER, "--output", file], check=True, stdout=subprocess.DEVNULL)
        return check_onnx(file) if name == ONNX_NAME else check_converted(tool, file, folder)


def main():
    names = [case.name for case in CASES] + list(ADAPTERS) + [CONVERTED.name, ONNX_NAME]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, required=True, help="sluice_parity_tool")
    parser.add_argument("case", nargs="*", help=f"of {', '.join(names)}; all if none is given")
    arguments = parser.parse_args()
    for name in set(arguments.case) - set(names):
        sys.exit(f"parity.py: case '{name}' is unknown, expected one of {', '.join(names)}")
    # timm's own formula of attention, not the function that Sluice calls too.
    timm.layers.set_fused_attn(False)
    if not all([check(name, arguments.tool) for name in arguments.case or names]):
        sys.exit(f"parity.py: over the tolerance of {TOLERANCE:g} (seed {SEED})")


if __name__ == "__main__":
    main()
