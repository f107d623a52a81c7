"""The colours of lines on the status page can be told apart with each kind of colour blindness."""
import itertools
import pathlib
import re
import unittest

CSS = pathlib.Path(__file__).resolve().parents[3] / "sidecar" / "page" / "page.css"
LEAST = 20.0  # CIE 1976 difference; 2.3 is just noticeable side by side, thin lines need far more.
# What an eye without one kind of cones sees, in linear sRGB (Machado, Oliveira, Fernandes 2009, severity 1).
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour):
    shares = (int(colour[i:i + 2], 16) / 255 for i in (0, 2, 4))
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def lab(rgb):
    r, g, b = (min(1.0, max(0.0, share)) for share in rgb)
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b,
           (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116 for share in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour, eye):
    rgb = linear(colour)
    return lab([sum(weight * share for weight, share in zip(row, rgb)) for row in eye])


class PaletteTest(unittest.TestCase):
    def test_lines_can_be_told_apart(self):
        palettes = [re.findall(r"--series-\d: #([0-9a-f]{6})", line) for line in CSS.read_text().splitlines() if "--series-0" in line]
        self.assertEqual([len(palette) for palette in palettes], [6, 6])  # Light and dark.
        for palette, (name, eye) in itertools.product(palettes, EYES.items()):
            for a, b in itertools.combinations(palette, 2):
                apart = sum((p - q) ** 2 for p, q in zip(seen(a, eye), seen(b, eye))) ** 0.5
                self.assertGreater(apart, LEAST, f"{a} and {b} with {name}")


if __name__ == "__main__":
    unittest.main()
