#!/usr/bin/env python3
"""Writes dashboards/*.json from run_overview.py and sidecar_fleet.py. Needs Python alone.

make_dashboards.py [FOLDER]: into FOLDER instead.
"""
import json
import pathlib
import sys

import run_overview
import sidecar_fleet


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "dashboards"
    for module in (run_overview, sidecar_fleet):
        text = json.dumps(module.build(), indent=2, ensure_ascii=False)
        (folder / f"{module.__name__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
