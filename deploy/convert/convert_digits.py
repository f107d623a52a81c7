#!/usr/bin/env python3
"""Writes scikit-learn's digits (1,797 images of 8 x 8) as IDX files, split into train and t10k."""
import argparse
import os
import pathlib
import struct
import sys
import tempfile

GREATEST = 16  # What a pixel of these images is at most.
TEST_EVERY = 18  # Of 18 images of a class, in their order, 5 are for testing.
TEST_OF = 5


class ConvertError(Exception):
    """One line for the user."""


def split(labels):
    """Indices of the images to train on and to test on, rising: of every class the same share."""
    seen = {}
    train, test = [], []
    for index, label in enumerate(labels):
        count = seen.get(label, 0)
        seen[label] = count + 1
        (test if count % TEST_EVERY < TEST_OF else train).append(index)
    return train, test


def image_file(images):
    """Rows of pixels from 0 to GREATEST as an IDX file of bytes from 0 to 255."""
    if not images:
        raise ConvertError("there is no image")
    rows, columns = len(images[0]), len(images[0][0])
    pixels = bytearray()
    for number, image in enumerate(images):
        if len(image) != rows or any(len(row) != columns for row in image):
            raise ConvertError(f"image {number} is not {rows} x {columns}")
        for value in (value for row in image for value in row):
            if not 0 <= value <= GREATEST:
                raise ConvertError(f"image {number} has a pixel of {value}, expected 0 to {GREATEST}")
            pixels.append(round(value * 255 / GREATEST))
    return struct.pack(">BBBBIII", 0, 0, 8, 3, len(images), rows, columns) + bytes(pixels)


def label_file(labels):
    """Labels from 0 to 9 as an IDX file."""
    for number, label in enumerate(labels):
        if label not in range(10):
            raise ConvertError(f"label {number} is {label}, expected 0 to 9")
    return struct.pack(">BBBBI", 0, 0, 8, 1, len(labels)) + bytes(labels)


def write_atomically(data, output):
    """What carries the final name is whole."""
    handle, partial = tempfile.mkstemp(dir=output.parent, prefix=output.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, output)
    except BaseException:
        os.unlink(partial)
        raise


def convert(images, labels, output):
    """Writes both splits into the folder; how many images each has."""
    if len(images) != len(labels):
        raise ConvertError(f"{len(images)} images have {len(labels)} labels")
    output.mkdir(parents=True, exist_ok=True)
    sizes = []
    for name, indices in zip(("train", "t10k"), split(labels)):
        write_atomically(image_file([images[i] for i in indices]), output / f"{name}-images-idx3-ubyte")
        write_atomically(label_file([labels[i] for i in indices]), output / f"{name}-labels-idx1-ubyte")
        sizes.append(len(indices))
    return sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for the four files")
    arguments = parser.parse_args()
    from sklearn.datasets import load_digits

    digits = load_digits()
    try:
        sizes = convert(digits.images.tolist(), digits.target.tolist(), arguments.output)
    except (ConvertError, OSError) as error:
        sys.exit(f"convert_digits.py: {error}")
    print(f"{arguments.output}: {sizes[0]} images to train on, {sizes[1]} to test on")


if __name__ == "__main__":
    main()
