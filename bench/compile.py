#!/usr/bin/env python3
"""Measures the compiler against its peers on the same shapes, and says whether its bars hold.

    cargo build --release --bin inspect-gen
    cargo build --release --manifest-path bench/prost/Cargo.toml
    bench/compile.py

Wall time and peak memory come from wait4, for the process and its children, by way of bench/launch.c. The programs
take turns, so that a slow moment of the machine meets all of them; a number is the median of all runs. Needs gcc and
Debian's flatbuffers-compiler, protobuf-compiler and capnproto; a peer that is missing is left out aloud, and its bars
count as not met. Exit status 1 if a bar is not met.
"""

import argparse
import atexit
import functools
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import shapes

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Measurement:
    """Seconds and bytes of several runs of one program."""

    def __init__(self):
        self.seconds = []
        self.peak_bytes = []

    @property
    def time(self):
        return statistics.median(self.seconds)

    @property
    def memory(self):
        return statistics.median(self.peak_bytes)


@functools.cache
def launcher():
    """The program that starts what is measured, compiled once; it goes when this process does."""
    directory = tempfile.TemporaryDirectory()
    atexit.register(directory.cleanup)
    program = pathlib.Path(directory.name) / "launch"
    subprocess.run(["gcc", "-O2", "-o", program, ROOT / "bench/launch.c"], check=True)
    return program


def run(command, directory):
    """Runs a command in a fresh output directory and returns its wall time and peak memory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    done = subprocess.run([launcher(), *command], cwd=directory, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with status {done.returncode}")
    nanoseconds, kilobytes = done.stdout.split()
    return int(nanoseconds) / 1e9, int(kilobytes) * 1024


def measure(commands, directory, rounds):
    """Runs all commands in turn, `rounds` times."""
    found = {name: Measurement() for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds, peak = run(command, directory / name.replace(" ", "_"))
            found[name].seconds.append(seconds)
            found[name].peak_bytes.append(peak)
    return found


def ours(generator, paths):
    """Our commands: what is compared with the peers."""
    schema = paths["inspect"]
    return {
        f"inspect-gen --emit {emit}": [generator, schema, "-o", ".", "--emit", emit]
        for emit in ("c", "rust", "rust,c")
    }


def peers(paths, prost):
    """The commands of the peers that are installed."""
    commands = {
        "flatc --cpp": ["flatc", "--cpp", paths["fbs"]],
        "flatc --cpp --rust": ["flatc", "--cpp", "--rust", paths["fbs"]],
        "protoc --cpp_out": ["protoc", f"-I{paths['proto'].parent}", "--cpp_out=.", paths["proto"]],
        "capnp compile -oc++": [
            "capnp", "compile", f"--src-prefix={paths['capnp'].parent}", "-oc++:.", paths["capnp"],
        ],
        "prost-build": [prost, paths["proto"], "."],
    }
    present = {}
    for name, command in commands.items():
        if shutil.which(command[0]):
            present[name] = command
        else:
            print(f"left out, not installed: {name}", file=sys.stderr)
    return present


def table(found, base):
    """A Markdown table of medians, with ratios to `base`."""
    print("| command | time, s | memory, MB | time ratio |")
    print("|---|--:|--:|--:|")
    for name, measured in found.items():
        ratio = f"{measured.time / found[base].time:.2f}" if base in found else ""
        print(f"| `{name}` | {measured.time:.3f} | {measured.memory / 1e6:.0f} | {ratio} |")
    print()


class Bars:
    """The demands and whether they are met."""

    def __init__(self):
        self.met = True
        print("| bar | measured | limit | |")
        print("|---|--:|--:|---|")

    def check(self, what, value, limit):
        good = value is not None and value <= limit
        self.met &= good
        shown = "not measured" if value is None else f"{value:.2f}"
        print(f"| {what} | {shown} | {limit:.2f} | {'pass' if good else 'FAIL'} |")


def ratio(found, name, peer, quantity="time"):
    """How much of the peer's time or memory a command took; None where the peer is missing."""
    if name not in found or peer not in found:
        return None
    return getattr(found[name], quantity) / getattr(found[peer], quantity)


def compare(bars, found):
    c, rust, both = (f"inspect-gen --emit {emit}" for emit in ("c", "rust", "rust,c"))
    bars.check("`--emit c` : `flatc --cpp`", ratio(found, c, "flatc --cpp"), 1.0)
    bars.check("`--emit rust` : prost-build", ratio(found, rust, "prost-build"), 1.0)
    bars.check("both : `flatc --cpp --rust`", ratio(found, both, "flatc --cpp --rust"), 1.5)
    bars.check("both : protoc", ratio(found, both, "protoc --cpp_out"), 1.0)
    bars.check("both : capnp", ratio(found, both, "capnp compile -oc++"), 1.0)
    for name, peer in ((c, "flatc --cpp"), (rust, "flatc --cpp --rust"), (both, "flatc --cpp --rust")):
        bars.check(f"memory of `{name}` : `{peer}`", ratio(found, name, peer, "memory"), 2.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generator", default=ROOT / "target/release/inspect-gen", type=pathlib.Path)
    parser.add_argument("--prost", default=ROOT / "bench/prost/target/release/bench-prost", type=pathlib.Path)
    parser.add_argument("--structs", default=10_000, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    options = parser.parse_args()
    generator = options.generator.resolve()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        out = directory / "out"
        small, large = options.structs, 4 * options.structs

        paths = shapes.write(small, directory / "small")
        commands = {**ours(generator, paths), **peers(paths, options.prost.resolve())}
        print(f"{small} structs of {len(shapes.FIELDS)} fields, median of {options.rounds} runs\n")
        found = measure(commands, out, options.rounds)
        table(found, "flatc --cpp")

        paths = shapes.write(large, directory / "large")
        print(f"{large} structs\n")
        grown = measure(ours(generator, paths), out, max(1, options.rounds // 2))
        table(grown, "")

        paths = shapes.write(1, directory / "one")
        started = measure(ours(generator, paths), out, 4 * options.rounds)
        print("One struct\n")
        table(started, "")

        bars = Bars()
        compare(bars, found)
        for name, measured in grown.items():
            # Four times the input may take four times the time, and a quarter more for caches.
            bars.check(f"`{name}`, {large} : {small} structs", measured.time / found[name].time, 5.0)
        for name, measured in started.items():
            bars.check(f"start-up of `{name}`, ms", measured.time * 1000, 10.0)
    sys.exit(0 if bars.met else 1)


if __name__ == "__main__":
    main()
