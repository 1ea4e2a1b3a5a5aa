"""Runs all benchmarks, or the named ones: `python -m benchmarks [--scale 0.1] [name ...]`.

Add here: the name of a module that is not a benchmark. Modules with a `measure` function are found by their names.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.measuring import show


def main() -> None:
    """Parses the arguments, measures, and prints one JSON object; progress goes to standard error."""
    names = [
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in {"__main__", "measuring", "splink_plain"}
    ]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print JSON.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names)}; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, e.g. 0.05 (default 1)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(unknown)}; known: {', '.join(names)}")
    results = {}
    for name in arguments.names or names:
        print(f"measuring {name} ...", file=sys.stderr)
        results[name] = importlib.import_module(f"benchmarks.{name}").measure(arguments.scale)
    show({"scale": arguments.scale, **results})


if __name__ == "__main__":
    main()
