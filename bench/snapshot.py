#!/usr/bin/env python3
"""Measures snapshots of a live process with many regions beside `gcore` of it: time and bytes.

    cargo build --release --bin inspect-gen --bin inspect
    bench/snapshot.py                    100,000 regions of 256 bytes, one in every 2560 bytes of a heap of 256 MB
    bench/snapshot.py --stride 512       half of the heap is regions
    bench/snapshot.py --stride 20480     a heap of 2 GB
    bench/snapshot.py --shuffle          the regions are registered in no order

The daemon's own dump (`inspect_dump_elf`, in C) and `inspect dump` from outside, where that is there, take turns with
`gcore`; a number is the median of all runs, of wall time and of processor time. The second says more where others use
the machine. What `gcore` takes to start is in its time; `gcore` of a process without a heap says how much that is. Each
writes to the same directory, by default one in memory if there is one, so that no disk is measured. Every snapshot must
hold every region. Needs gcc and gdb. Exit status 1 if the bar is not met.
"""

import argparse
import pathlib
import resource
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


def processor(daemon):
    """Seconds that the daemon and all that this script has run have spent on a processor."""
    own = int(pathlib.Path(f"/proc/{daemon.pid}/schedstat").read_text().split()[0]) / 1e9
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + others.ru_utime + others.ru_stime


def timed(daemon, work):
    start, spent = time.monotonic(), processor(daemon)
    work()
    return time.monotonic() - start, processor(daemon) - spent


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{command[0]} failed: {result.stdout}{result.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=256, help="bytes of a region")
    parser.add_argument("--stride", type=int, default=2560, help="bytes from one region to the next")
    parser.add_argument("--shuffle", action="store_true", help="register the regions in no order")
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
    command += ["shuffle"] if arguments.shuffle else []
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
                times[name].append(timed(daemon, work))
                sizes[name] = file.stat().st_size
    finally:
        daemon.kill()
        daemon.wait()
    if min(sizes.values()) < REGIONS * arguments.length:
        sys.exit("a snapshot lacks regions")
    heap = REGIONS * arguments.stride / 1e6
    print(f"{REGIONS} regions, {heap:.0f} MB of heap, medians of {arguments.rounds} runs")
    print(f"  gcore of a process without a heap takes {start_of_gcore(directory) * 1000:.0f} ms")
    return report(times, sizes)


def start_of_gcore(directory):
    """How long `gcore` takes where there is next to nothing to write."""
    idle = subprocess.Popen([directory / "daemon", "1", "8", "8", directory / "own"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        idle.stdout.readline()
        work = lambda: run(["gcore", "-o", directory / "core", str(idle.pid)])
        return statistics.median(timed(idle, work)[0] for _ in range(3))
    finally:
        idle.kill()
        idle.wait()


def report(times, sizes):
    median = {name: [statistics.median(one) for one in zip(*runs)] for name, runs in times.items()}
    met = True
    for name, (wall, spent) in median.items():
        faster, cheaper = (of_gcore / own for of_gcore, own in zip(median["gcore"], (wall, spent)))
        smaller = sizes["gcore"] / sizes[name]
        print(f"  {name:24} {wall * 1000:8.1f} ms {spent * 1000:8.1f} ms of a processor {sizes[name] / 1e6:8.1f} MB; "
              f"gcore : this {faster:.1f}, {cheaper:.1f} and {smaller:.1f}")
        met &= name == "gcore" or faster >= BAR
    print("the bar is met" if met else f"the bar is not met: {BAR} times as fast")
    return 0 if met else 1


if __name__ == "__main__":
    main()
