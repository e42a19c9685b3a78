#!/usr/bin/env python3
"""Measures `inspect dump` of half a core beside `cp` of as many bytes, and says whether its bar holds.

    cargo build --release --bin inspect --bin inspect-gen
    bench/dump.py            a core of 1 GiB
    bench/dump.py --full     one of 4 GiB, of which 2 GiB are allowed

A program in C has two variables as large as that, of which a consumer may see one. Its core is made of its file and
of random bytes in place of the variables; there is no need to run it. Both programs read from the page cache and
write to a file system on disk, whose cache is written back before each run, and take turns; a number is the median. Exit status 1 if the bar is not met.
"""

import argparse
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BAR = 1.2
SCHEMA = """schema bench.dump version 1;
/// Bytes.
class shown: [u8] { }
/// Bytes.
class hidden: [u8] { }
/// An entry.
entry region { }
/// Whoever measures.
consumer bench { allow: [class shown] }
"""
PROGRAM = """#include "bench_dump.inspect.h"
unsigned char shown[%dul] __attribute__((aligned(4096)));
unsigned char hidden[%dul] __attribute__((aligned(4096)));
BENCH_DUMP_ANNOTATE_SHOWN(shown, "shown");
BENCH_DUMP_ANNOTATE_HIDDEN(hidden, "hidden");
void _start(void) { for (;;) { } }
"""
PT_LOAD = 1


def build(directory, half, generator):
    """Builds the program, packed, and returns its path."""
    (directory / "bench.inspect").write_text(SCHEMA)
    (directory / "bench.c").write_text(PROGRAM % (half, half))
    call = lambda *command: subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    call(generator, "bench.inspect", "-o", "out", "--emit", "c")
    call("gcc", "-O1", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-static", "-no-pie", "-mcmodel=large", "-Iout/c",
         "-o", "bench", "bench.c", "out/c/bench_dump.inspect.c", "out/c/inspect_runtime.c")
    call(generator, "pack", "bench")
    return directory / "bench"


def write_core(program, path):
    """Writes what a core of the program would be."""
    image = program.read_bytes()
    offset, = struct.unpack_from("<Q", image, 32)
    count, = struct.unpack_from("<H", image, 56)
    headers = [struct.unpack_from("<IIQQQQQQ", image, offset + 56 * index) for index in range(count)]
    loads = [header for header in headers if header[0] == PT_LOAD]
    ident = bytearray(image[:64])
    struct.pack_into("<H", ident, 16, 4)
    struct.pack_into("<Q", ident, 32, 64)
    struct.pack_into("<Q", ident, 40, 0)
    struct.pack_into("<HHHH", ident, 56, len(loads), 0, 0, 0)
    at = 4096
    table = b""
    places = []
    for kind, flags, start, address, _, file_size, memory_size, _ in loads:
        at += (address - at) % 4096
        table += struct.pack("<IIQQQQQQ", kind, flags, at, address, 0, memory_size, memory_size, 4096)
        places.append((at, image[start:start + file_size], memory_size))
        at += memory_size
    noise = os.urandom(1 << 24)
    with open(path, "wb") as core:
        core.write(bytes(ident) + table)
        for place, data, size in places:
            core.seek(place)
            core.write(data)
            left = size - len(data)
            while left > 0:
                left -= core.write(noise[:left])


def measure(command, output):
    """Wall time of a command that writes `output`, with what was written before on disk."""
    output.unlink(missing_ok=True)
    os.sync()
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="a core of 4 GiB")
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the core")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--place", type=pathlib.Path, default=ROOT / "target", help="where files go")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/release")
    arguments = parser.parse_args()
    half = (4096 if arguments.full else arguments.size) << 19
    inspect, generator = (arguments.programs.resolve() / name for name in ("inspect", "inspect-gen"))
    with tempfile.TemporaryDirectory(dir=arguments.place) as name:
        directory = pathlib.Path(name)
        program = build(directory, half, generator)
        core, like, small = directory / "core", directory / "half", directory / "small"
        write_core(program, core)
        with open(like, "wb") as out, open(core, "rb") as source:
            os.sendfile(out.fileno(), source.fileno(), 4096, 0)
            done = 0
            while done < half:
                done += os.copy_file_range(source.fileno(), out.fileno(), half - done, 4096 + done)
        copy = ["cp", "--sparse=never", str(like), str(directory / "copy")]
        dump = [str(inspect), "dump", str(core), "-o", str(small), "--consumer", "bench"]
        times = {"cp": [], "dump": []}
        for turn in range(arguments.runs + 1):
            for key, command, output in (("cp", copy, directory / "copy"), ("dump", dump, small)):
                seconds = measure(command, output)
                # The first turn fills the page cache.
                if turn > 0:
                    times[key].append(seconds)
        size = small.stat().st_size
        if not half <= size <= half + (1 << 20):
            sys.exit(f"the dump has {size} bytes, expected {half} and a little more")
    copied, dumped = statistics.median(times["cp"]), statistics.median(times["dump"])
    ratio = dumped / copied
    print(f"cp of {half >> 20} MiB: {copied:.2f} s; dump of {half >> 20} MiB out of {half >> 19} MiB: {dumped:.2f} s")
    print(f"dump : cp = {ratio:.2f}, at most {BAR}: {'met' if ratio <= BAR else 'NOT MET'}")
    print("runs:", {key: [round(value, 2) for value in values] for key, values in times.items()})
    sys.exit(ratio > BAR)


if __name__ == "__main__":
    main()
