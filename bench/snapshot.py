#!/usr/bin/env python3
"""Measures snapshots of a live process with many regions beside `gcore` of it: time and bytes.

    cargo build --release --bin inspect-gen --bin inspect
    bench/snapshot.py                    100,000 regions of 256 bytes, one in every 2560 bytes of a heap of 256 MB
    bench/snapshot.py --stride 512       half of the heap is regions

The daemon's own dump (`inspect_dump_elf`, in C) and `inspect dump` from outside, where that is there, take turns with
`gcore`; a number is the median of all runs, wall time. Each writes to the same directory, by default one in memory if
there is one, so that no disk is measured. Every snapshot must hold every region. Needs gcc and gdb. Exit status 1 if
the bar is not met.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGIONS = 100_000
BAR = 10


def build(directory, generator):
    here = ROOT / "bench/snapshot"
    subprocess.run([generator, here / "daemon.inspect", "-o", directory / "out"], check=True)
    generated = directory / "out/c"
    command = ["gcc", "-O2", "-DINSPECT_POSIX", f"-I{generated}", "-o", directory / "daemon", here / "daemon.c",
               *sorted(generated.glob("*.c"))]
    subprocess.run(command, check=True)
    return directory / "daemon"


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{command[0]} failed: {result.stdout}{result.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=256, help="bytes of a region")
    parser.add_argument("--stride", type=int, default=2560, help="bytes from one region to the next")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generator", default=ROOT / "target/release/inspect-gen")
    parser.add_argument("--inspect", default=ROOT / "target/release/inspect")
    parser.add_argument("--directory", default="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        sys.exit(compare(pathlib.Path(name), arguments))


def compare(directory, arguments):
    own, other, core = directory / "own", directory / "other", directory / "core"
    program = build(directory, arguments.generator)
    command = [program, str(REGIONS), str(arguments.length), str(arguments.stride), own]
    daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if daemon.stdout.readline() != "ready\n":
            sys.exit("the daemon has ended")

        def by_itself():
            daemon.stdin.write("\n")
            daemon.stdin.flush()
            if daemon.stdout.readline() != "0\n":
                sys.exit("the daemon cannot dump")

        dump = [arguments.inspect, "dump", f"pid:{daemon.pid}", "--consumer", "report", "-o", other]
        contestants = {"the daemon's own dump": (by_itself, own)}
        known = subprocess.run([arguments.inspect, "dump", "--help"], capture_output=True)
        if known.returncode == 0:
            contestants["inspect dump"] = (lambda: run(dump), other)
        contestants["gcore"] = (lambda: run(["gcore", "-o", core, str(daemon.pid)]),
                                directory / f"core.{daemon.pid}")
        times = {name: [] for name in contestants}
        sizes = {}
        for _ in range(arguments.rounds):
            for name, (work, file) in contestants.items():
                file.unlink(missing_ok=True)
                times[name].append(timed(work))
                sizes[name] = file.stat().st_size
    finally:
        daemon.kill()
        daemon.wait()
    if min(sizes.values()) < REGIONS * arguments.length:
        sys.exit("a snapshot lacks regions")
    return report(times, sizes)


def report(times, sizes):
    medians = {name: statistics.median(all_times) for name, all_times in times.items()}
    met = True
    print(f"{REGIONS} regions, medians of {len(times['gcore'])} runs")
    for name, median in medians.items():
        ratio, bytes_ratio = medians["gcore"] / median, sizes["gcore"] / sizes[name]
        print(f"  {name:24} {median * 1000:9.1f} ms  {sizes[name] / 1e6:8.1f} MB  "
              f"{ratio:6.1f} times as fast as gcore, {bytes_ratio:5.1f} times as small")
        met &= name == "gcore" or ratio >= BAR
    print("the bar is met" if met else f"the bar is not met: {BAR} times as fast")
    return 0 if met else 1


if __name__ == "__main__":
    main()
