#!/usr/bin/env python3
"""Measures `import` and `verify` beside `pahole` printing the same structs, of a kernel's BTF and of a large binary
with DWARF.

    cargo build --release --bin inspect-gen
    bench/import.py                        the kernel of .ci/kernel-types, or the one that runs
    bench/import.py --units 40             more DWARF: each unit has all types of the kernel
    bench/import.py --dwarf PROGRAM --types conn,stats

The binary with DWARF is made here, since distributions keep theirs in other places: C files, each with all types of
the kernel, as `bpftool` writes them. Wall time and peak memory come from wait4; the programs take turns, and a number
is the median of all runs. Needs pahole; bpftool and gcc for the second part. The bar is half of pahole's time and
half of its memory; exit status 1 if it is not met.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from compile import ROOT, measure

TYPES = (
    "task_struct pglist_data zone net_device sk_buff timekeeper printk_ringbuffer mem_section uts_namespace "
    "inode super_block request_queue dentry page mm_struct vm_area_struct rq cfs_rq sock module"
).split()
BAR = 0.5


def kernel():
    for path in (ROOT / "target/kernel/vmlinux", pathlib.Path("/sys/kernel/btf/vmlinux")):
        if path.exists():
            return path
    sys.exit("no kernel's types: .ci/kernel-types fetches them")


def large_binary(directory, image, units):
    """A program with all types of the kernel in each of its units."""
    bpftool = shutil.which("bpftool", path="/usr/sbin:/usr/bin:/sbin:/bin")
    header = directory / "vmlinux.h"
    with open(header, "w") as output:
        subprocess.run([bpftool, "btf", "dump", "file", image, "format", "c"], stdout=output, check=True)
    objects = []
    for number in range(units):
        source = directory / f"unit{number}.c"
        main = "int main(void) { return 0; }" if number == 0 else f"int unit{number};"
        if number == units - 1:
            # Who wants this one has to look at all units.
            main += " struct bench_last { struct list_head list; int number; } bench_last;"
        source.write_text(f'#include "vmlinux.h"\n{main}\n')
        target = directory / f"unit{number}.o"
        command = ["gcc", "-w", "-g", "-O0", "-fno-eliminate-unused-debug-types", "-c", source, "-o", target]
        subprocess.run(command, check=True, cwd=directory)
        objects.append(target)
    program = directory / "program"
    subprocess.run(["gcc", *objects, "-o", program], check=True)
    for file in objects:
        file.unlink()
    return program


def compare(generator, image, types, form, directory, rounds):
    """Prints the ratios for one binary; whether the bar is met."""
    schema = directory / "bench.inspect"
    command = [generator, "import", image, *types, "--from", form, "-o"]
    subprocess.run([*command, schema], check=True, stderr=subprocess.DEVNULL)
    # The same structs: those that were asked for, and those that they hold.
    structs = re.findall(r"^struct (\w+) ", schema.read_text(), re.MULTILINE)
    commands = {
        "import": [*command, directory / "again.inspect"],
        "verify": [generator, "verify", image, "--from", form, "--schema", schema],
        "pahole": ["pahole", "-F", form, "-C", ",".join(structs), image],
    }
    found = measure(commands, directory, rounds)
    peer = found["pahole"]
    size = pathlib.Path(image).stat().st_size
    print(f"\n{form}, {size / 1e6:.0f} MB, {len(types)} structs asked for, {len(structs)} in all")
    met = True
    for name, measurement in found.items():
        time, memory = measurement.time / peer.time, measurement.memory / peer.memory
        good = name == "pahole" or (time <= BAR and memory <= BAR)
        met &= good
        print(
            f"  {name:8} {measurement.time:8.3f} s {measurement.memory / 1e6:8.1f} MB"
            f"   x {time:.2f} time, x {memory:.2f} memory{'' if good else '   MISSED'}"
        )
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", default=ROOT / "target/release/inspect-gen", type=pathlib.Path)
    parser.add_argument("--units", default=20, type=int, help="units of the binary with DWARF")
    parser.add_argument("--dwarf", type=pathlib.Path, help="another binary with DWARF")
    parser.add_argument("--types", help="its types")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--directory", type=pathlib.Path, help="keep the files here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or pathlib.Path(temporary)
        directory.mkdir(exist_ok=True, parents=True)
        met = compare(arguments.generator, kernel(), TYPES, "btf", directory, arguments.rounds)
        program = arguments.dwarf or large_binary(directory, kernel(), arguments.units)
        types = arguments.types.split(",") if arguments.types else [*TYPES, "bench_last"]
        met &= compare(arguments.generator, program, types, "dwarf", directory, arguments.rounds)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
