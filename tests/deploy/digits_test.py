"""deploy/convert/convert_digits.py: scikit-learn's digits come out of the IDX files as they are."""
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

from sklearn.datasets import load_digits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy" / "convert"))
import convert_digits  # noqa: E402


def read(path):
    """The values of an IDX file of bytes, and its shape: from the format's description, nothing of the converter's."""
    data = path.read_bytes()
    assert data[:3] == b"\0\0\x08", data[:3]
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return list(data[4 + 4 * data[3] :]), shape


class DigitsTest(unittest.TestCase):
    def test_every_image_is_in_one_file_with_its_label(self):
        digits = load_digits()
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder) / "new"
            program = pathlib.Path(convert_digits.__file__)
            subprocess.run([sys.executable, program, "--output", folder], check=True, stdout=subprocess.DEVNULL)
            found = []
            for name in ("train", "t10k"):
                pixels, shape = read(folder / f"{name}-images-idx3-ubyte")
                labels, count = read(folder / f"{name}-labels-idx1-ubyte")
                self.assertEqual(shape, (count[0], 8, 8))
                self.assertEqual(len(pixels), 64 * count[0])
                found.append([(label, tuple(pixels[64 * i : 64 * i + 64])) for i, label in enumerate(labels)])
            expected = sorted(
                (int(label), tuple(round(float(v) * 255 / 16) for v in image.ravel()))
                for label, image in zip(digits.target, digits.images)
            )
            self.assertEqual(sorted(found[0] + found[1]), expected)
            self.assertGreaterEqual(len(found[1]), 490)
            for split in found:
                counts = [sum(label == digit for label, _ in split) for digit in range(10)]
                self.assertLessEqual(max(counts) - min(counts), 0.12 * max(counts), counts)

    def test_black_is_0_and_white_is_255(self):
        self.assertEqual(convert_digits.image_file([[[0, 16]]])[-2:], b"\x00\xff")

    def test_what_is_no_digit_is_named(self):
        for call, text in (
            (lambda: convert_digits.image_file([[[0, 17]]]), "image 0 has a pixel of 17"),
            (lambda: convert_digits.image_file([[[0]], [[0, 1]]]), "image 1 is not 1 x 1"),
            (lambda: convert_digits.image_file([]), "no image"),
            (lambda: convert_digits.label_file([3, 10]), "label 1 is 10"),
            (lambda: convert_digits.convert([[[0]]], [1, 2], pathlib.Path("unused")), "1 images have 2 labels"),
        ):
            with self.assertRaises(convert_digits.ConvertError) as caught:
                call()
            self.assertIn(text, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
