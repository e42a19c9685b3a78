#!/usr/bin/env python3
"""Measures `inspect list` on the core of a kernel beside tools that look at the same file.

    cargo build --release --bin inspect
    bench/vmcore.py                    65,000 segments, 280 MB; then ten times the bytes for the memory
    bench/vmcore.py --keep DIRECTORY   writes the cores there and leaves them

The core is one of a hypervisor that looked at page tables: a program header for each page or two, none next to
another, and one table at the end. With the root's address given, the peer is `readelf -lW`, which reads the same
headers; without it all memory is searched, and the peer is memmem(3) over the mapped file. drgn only opens the
core; it is taken from target/drgn, where .ci/run installs it, and left out aloud if it is not installed. Wall time
and peak memory come from wait4; the programs take turns, and a number is the median of all runs, of a file that is in
the page cache. Exit status 1 if a bar is not met.
"""

import argparse
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

from compile import ROOT, measure

SEGMENTS = 65_000
BASE = 0xFFFF_8880_0000_0000
PAGE = 4096
ENTRIES, STRINGS = 1, 2

# What drgn asks of a kernel before it opens a core.
ABOUT = b"""OSRELEASE=6.1.0
PAGESIZE=4096
SYMBOL(init_uts_ns)=ffffffff82600000
SYMBOL(swapper_pg_dir)=ffffffff82610000
NUMBER(phys_base)=0
NUMBER(pgtable_l5_enabled)=0
NUMBER(KERNEL_IMAGE_SIZE)=1073741824
LENGTH(mem_section)=2048
KERNELOFFSET=0
"""

MEMMEM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    static const unsigned char magic[] = { 0x89, 'I', 'N', 'S', 'P', 'R', 'T', '\n' };
    struct stat status;
    int file = open(argv[argc - 1], O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0)
        return 2;
    const unsigned char *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    const unsigned char *end = at + status.st_size;
    unsigned found = 0;
    while ((at = memmem(at, end - at, magic, sizeof(magic))) != NULL) {
        found++;
        at++;
    }
    printf("%u\n", found);
    return found == 0;
}
"""


def table():
    """A table of one entry, as docs/format.md has it."""
    strings = b"\0log\0\0\0\0"
    row = struct.pack("<IIIIQQQQIHBBQ", 2, 7, 9, 0, 0, 0x1000, 64, 0, 1, 0, 0, 0, 0)
    directory_at = 96
    rows_at = directory_at + 2 * 24
    size = rows_at + len(row) + len(strings)
    header = struct.pack("<8sBBHIQIIIIQQIIQQQQ", b"\x89INSPCT\n", 1, 8, 1, directory_at, size, 0, 2, 1, 64,
                         1, 0, 0, 0, 0, 0, 5, 0)
    directory = struct.pack("<IIQQ", ENTRIES, 0, rows_at, len(row))
    directory += struct.pack("<IIQQ", STRINGS, 0, rows_at + len(row), len(strings))
    return header + directory + row + strings


def page(address):
    """A page with a root and the table that it leads to."""
    block = table()
    root = struct.pack("<8sBBHIQQQQQQ", b"\x89INSPRT\n", 1, 8, 1, 64, 64, 64 + len(block), 0, 0, address, 0)
    return (root + block).ljust(PAGE, b"\0")


def write_core(path, segments, size, sparse):
    """A core of so many segments and bytes; the address of its root."""
    dice = random.Random(5)
    content = dice.randbytes(1 << 22)
    about = ABOUT.ljust(-(-len(ABOUT) // 4) * 4, b"\n")
    note = struct.pack("<III8s", 5, 400, 0, b"QEMU") + bytes(400)
    note += struct.pack("<III12s", 11, len(about), 0, b"VMCOREINFO") + about
    count = segments + 1
    headers_end = 64 + count * 56 + 64
    per = (size - headers_end) // segments
    # Whole pages, more in some segments than in others, so that the sum is right.
    sizes = [per // PAGE * PAGE + (PAGE if dice.random() < per % PAGE / PAGE else 0) for _ in range(segments)]
    sizes[-1] = max(sizes[-1], PAGE)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    extended = count >= 0xFFFF
    out = bytearray(struct.pack("<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, 64 + count * 56 if extended else 0, 0,
                                64, 56, min(count, 0xFFFF), 64, int(extended), 0))
    out += struct.pack("<IIQQQQQQ", 4, 0, headers_end, 0, 0, len(note), len(note), 0)
    offset, address, physical, places = headers_end + len(note), BASE, 0x1000, []
    for length in sizes:
        out += struct.pack("<IIQQQQQQ", 1, 7, offset, address, physical, length, length, 0)
        places.append((offset, address, length))
        offset, physical, address = offset + length, physical + length + PAGE, address + length + 2 * PAGE
    out += struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, count, 0, 0)
    root = places[-1][1]
    with open(path, "wb") as file:
        file.write(out)
        file.write(note)
        if not sparse:
            for _, _, length in places[:-1]:
                start = dice.randrange(len(content) - length)
                file.write(content[start:start + length])
        file.seek(places[-1][0])
        file.write(page(root))
        file.truncate(offset)
    return root


def commands(directory, inspect, core, root):
    source = directory / "memmem.c"
    source.write_text(MEMMEM)
    subprocess.run(["gcc", "-O2", source, "-o", directory / "memmem"], check=True)
    found = {
        "inspect, root given": [inspect, "list", "--root", hex(root), core],
        "readelf -lW": ["readelf", "-lW", core],
        "inspect, by scan": [inspect, "list", core],
        "memmem": [directory / "memmem", core],
        "cat": ["cat", core],
    }
    own = ROOT / "target/drgn/bin/python"
    python = own if own.exists() else sys.executable
    if subprocess.run([python, "-c", "import drgn"], stderr=subprocess.DEVNULL).returncode != 0:
        print("left out, not installed: drgn", file=sys.stderr)
    else:
        code = "import sys, drgn; drgn.Program().set_core_dump(sys.argv[1])"
        command = [python, "-c", code, core]
        if subprocess.run(command).returncode == 0:
            found["drgn"] = command
            found["python, import drgn"] = [python, "-c", "import drgn"]
        else:
            print("left out, does not open the core: drgn", file=sys.stderr)
    if shutil.which("readelf") is None:
        sys.exit("needs readelf")
    return found


def check(command):
    """The one entry is listed."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0 or "log" not in result.stdout:
        sys.exit(f"{command}: {result.stdout}{result.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    parser.add_argument("--megabytes", type=int, default=280)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--inspect", default=ROOT / "target/release/inspect", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="the directory of the cores")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.keep or pathlib.Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        size = options.megabytes * 1_000_000
        core, large = directory / "vmcore", directory / "vmcore10"
        root = write_core(core, options.segments, size, False)
        large_root = write_core(large, options.segments, 10 * size, True)
        inspect = options.inspect.resolve()
        runs = commands(directory, inspect, core, root)
        for name in ("inspect, root given", "inspect, by scan"):
            check(runs[name])
        found = measure(runs, directory / "out", options.rounds)
        grown = measure(
            {
                "root": [inspect, "list", "--root", hex(large_root), large],
                "scan": [inspect, "list", large],
            },
            directory / "out",
            3,
        )
    print(f"{options.segments:,} segments, {options.megabytes} MB")
    for name, it in found.items():
        print(f"  {name:<20} {it.time * 1000:7.1f} ms  {it.memory / 1e6:6.1f} MB")
    given, scan = found["inspect, root given"], found["inspect, by scan"]
    bars = [
        ("root given, beside readelf -lW", given.time / found["readelf -lW"].time, 0.2),
        ("by scan, beside memmem", scan.time / found["memmem"].time, 1.2),
        ("memory with ten times the bytes, root given", grown["root"].memory / given.memory, 1.1),
        ("memory with ten times the bytes, by scan", grown["scan"].memory / scan.memory, 1.1),
    ]
    met = True
    for what, value, limit in bars:
        met &= value <= limit
        print(f"  {what:<45} {value:6.2f}  (at most {limit})  {'ok' if value <= limit else 'NOT MET'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
