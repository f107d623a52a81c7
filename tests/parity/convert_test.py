#!/usr/bin/env python3
"""deploy/convert/convert_dinov2.py refuses a source that is not the one it knows, in one line that names the tensor."""
import contextlib
import copy
import errno
import io
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

import numpy
import onnx
from onnx import numpy_helper
from safetensors.numpy import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy" / "convert"))
import convert_dinov2  # noqa: E402


def tensor(graph, name):
    return next(tensor for tensor in graph.initializer if tensor.name == name)


class ConvertTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.whole = onnx.load(str(convert_dinov2.installed_source())).graph

    def setUp(self):
        self.graph = copy.deepcopy(self.whole)

    def expect_error(self, *texts):
        with self.assertRaises(convert_dinov2.ConvertError) as caught:
            convert_dinov2.convert(self.graph)
        for text in texts:
            self.assertIn(text, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def run_main(self, *arguments):
        """What main() says when it ends the process; None if it returns."""
        before, sys.argv = sys.argv, ["convert_dinov2.py", *map(str, arguments)]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                convert_dinov2.main()
        except SystemExit as ended:
            return ended.code
        finally:
            sys.argv = before
        return None

    def test_every_parameter_has_its_values(self):
        result = convert_dinov2.convert(self.graph)
        self.assertEqual(len(result), 6 + 14 * 12)
        theirs = "backbone.encoder.layer.7."
        key = numpy_helper.to_array(tensor(self.graph, theirs + "attention.attention.key.bias"))
        numpy.testing.assert_array_equal(result["blocks.7.attn.qkv.bias"][384:768], key)
        node = next(n for n in self.graph.node if n.name == "/backbone/encoder/layer.7/mlp/fc1/MatMul")
        weight = numpy_helper.to_array(tensor(self.graph, node.input[1]))
        numpy.testing.assert_array_equal(result["blocks.7.mlp.fc1.weight"], weight.T)
        self.assertEqual(result["pos_embed"].shape, (1, 1 + 37 * 37, 384))

    def test_a_missing_tensor_is_named(self):
        for name in ("backbone.layernorm.bias", "backbone.encoder.layer.3.layer_scale2.lambda1"):
            with self.subTest(name):
                self.graph = copy.deepcopy(self.whole)
                self.graph.initializer.remove(tensor(self.graph, name))
                self.expect_error(f"'{name}' is missing")

    def test_a_missing_matrix_is_named_by_its_node(self):
        self.graph.initializer.remove(tensor(self.graph, "onnx::MatMul_1966"))
        self.expect_error("/layer.0/attention/attention/key/", "0 constant inputs, expected 1")

    def test_a_wrong_shape_is_named_with_both(self):
        wrong = tensor(self.graph, "backbone.encoder.layer.11.norm2.weight")
        wrong.CopyFrom(numpy_helper.from_array(numpy.ones(385, numpy.float32), wrong.name))
        self.expect_error("'backbone.encoder.layer.11.norm2.weight'", "[385]", "[384]")

    def test_another_type_is_refused(self):
        wrong = tensor(self.graph, "backbone.layernorm.weight")
        wrong.CopyFrom(numpy_helper.from_array(numpy.ones(384, numpy.float16), wrong.name))
        self.expect_error("'backbone.layernorm.weight'", "FLOAT16", "expected FLOAT ")

    def test_what_is_left_over_is_named(self):
        self.graph.initializer.append(
            numpy_helper.from_array(numpy.ones(384, numpy.float32), "backbone.encoder.layer.12.norm1.bias")
        )
        self.expect_error("'backbone.encoder.layer.12.norm1.bias' is left over")

    def test_one_tensor_does_not_stand_for_two(self):
        nodes = {node.name: node for node in self.graph.node}
        path = "/backbone/encoder/layer.0/attention/attention/"
        nodes[path + "query/MatMul"].input[1] = nodes[path + "key/MatMul"].input[1]
        self.expect_error("'onnx::MatMul_1966' stands for two parameters")

    def test_values_that_are_not_finite_are_refused(self):
        wrong = tensor(self.graph, "backbone.layernorm.weight")
        wrong.CopyFrom(numpy_helper.from_array(numpy.full(384, numpy.nan, numpy.float32), wrong.name))
        self.expect_error("'norm.weight'", "not finite")

    def test_a_failure_leaves_the_older_file_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            (folder / "cut.onnx").write_bytes(convert_dinov2.installed_source().read_bytes()[:1000])
            empty = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
            onnx.save(empty, str(folder / "empty.onnx"))
            (folder / "out").write_text("older")
            for source, text in (("cut.onnx", "cut.onnx"), ("none.onnx", "none.onnx"), ("empty.onnx", "expected 1")):
                said = self.run_main("--source", folder / source, "--output", folder / "out")
                self.assertIn(text, said)
                self.assertNotIn("\n", said)
                self.assertEqual((folder / "out").read_text(), "older")
            self.assertEqual({path.name for path in folder.iterdir()}, {"cut.onnx", "empty.onnx", "out"})

    def test_an_error_without_words_is_named_by_its_kind(self):
        with unittest.mock.patch.object(convert_dinov2.onnx, "load", side_effect=MemoryError()):
            said = self.run_main("--source", "a.onnx", "--output", "out")
        self.assertEqual(said, "convert_dinov2.py: 'a.onnx' cannot be read as ONNX: MemoryError")

    def test_a_disk_that_is_full_leaves_the_older_file(self):
        def write_a_part(_, path, **__):
            pathlib.Path(path).write_text("part")
            raise OSError(errno.ENOSPC, "No space left on device")

        with tempfile.TemporaryDirectory() as temporary:
            output = pathlib.Path(temporary) / "out"
            output.write_text("older")
            with unittest.mock.patch.object(convert_dinov2, "save_file", write_a_part):
                self.assertIn("No space left on device", self.run_main("--output", output))
            self.assertEqual(output.read_text(), "older")
            self.assertEqual([path.name for path in output.parent.iterdir()], ["out"])

    def test_a_folder_in_place_of_the_file_is_refused_and_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            (folder / "out").mkdir()
            self.assertIn("out", self.run_main("--output", folder / "out"))
            self.assertEqual([path.name for path in folder.iterdir()], ["out"])

    def test_the_file_is_whole(self):
        with tempfile.TemporaryDirectory() as temporary:
            output = pathlib.Path(temporary) / "new" / "out"
            self.assertIsNone(self.run_main("--output", output))
            expected = convert_dinov2.convert(self.graph)
            written = load_file(output)
            self.assertEqual(written.keys(), expected.keys())
            for name, value in expected.items():
                numpy.testing.assert_array_equal(written[name], value)
            self.assertEqual([path.name for path in output.parent.iterdir()], ["out"])


if __name__ == "__main__":
    unittest.main()
