"""Runs every benchmark, or those named: `python -m benchmarks [--scale 0.1] [name ...]`.

Add here: a module of this folder that measures nothing itself; one with a `measure` function is found by its name.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.measuring import show


def main() -> None:
    """Parse the arguments, measure, print one JSON object; progress goes to standard error."""
    names = [
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in {"__main__", "measuring", "splink_demos"}
    ]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print JSON.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names)}; none means all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, e.g. 0.05 (default 1)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(unknown)}; there are {', '.join(names)}")
    results = {}
    for name in arguments.names or names:
        print(f"measuring {name} ...", file=sys.stderr)
        results[name] = importlib.import_module(f"benchmarks.{name}").measure(arguments.scale)
    show({"scale": arguments.scale, **results})


if __name__ == "__main__":
    main()
