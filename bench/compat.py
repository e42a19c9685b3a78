#!/usr/bin/env python3
"""Measures `compat` and `lock` beside `check` on the same schema, and says whether the bar holds.

    cargo build --release --bin inspect-gen
    bench/compat.py

Two comparisons of 10,000 structs with their lock: nothing has changed, and every tenth struct has grown by a field of the
next version, so that the schema is compiled twice. The programs take turns, so that a slow moment of the machine meets
all of them; a number is the median of all runs. Exit status 1 if a bar is not met.
"""

import argparse
import pathlib
import sys
import tempfile

import shapes
from compile import Bars, ROOT, measure, table


def grown(text):
    """The schema of the next version: every tenth struct has one field more."""
    head, *structs = text.split("\nstruct ")
    for index in range(0, len(structs), 10):
        structs[index] = structs[index].replace("}", "    #[since(2)] more: u64,\n}", 1)
    return "\nstruct ".join([head.replace("version 1", "version 2"), *structs])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generator", default=ROOT / "target/release/inspect-gen", type=pathlib.Path)
    parser.add_argument("--structs", default=10_000, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    options = parser.parse_args()
    generator = options.generator.resolve()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        out = directory / "out"
        same, more = directory / "same.inspect", directory / "more.inspect"
        same.write_text("".join(shapes.inspect(options.structs)))
        more.write_text(grown(same.read_text()))
        lock = directory / "released.lock"
        measure({"lock": [generator, "lock", same, "--lock", lock]}, out, 1)
        commands = {
            "check": [generator, "check", same],
            "compat": [generator, "compat", same, "--against", lock],
            "lock --check": [generator, "lock", same, "--lock", lock, "--check"],
            "check --lock": [generator, "check", same, "--lock", lock],
            "check, grown": [generator, "check", more],
            "compat, grown": [generator, "compat", more, "--against", lock],
        }
        print(f"{options.structs} structs of {len(shapes.FIELDS)} fields, median of {options.rounds} runs\n")
        found = measure(commands, out, options.rounds)
        table(found, "check")
        bars = Bars()
        for name, base in (("compat", "check"), ("compat, grown", "check, grown")):
            bars.check(f"`{name}` : `{base}`", found[name].time / found[base].time, 2.0)
    sys.exit(0 if bars.met else 1)


if __name__ == "__main__":
    main()
