#!/usr/bin/env python3
"""Measures the packer on many annotations beside the link of the same image and beside `objcopy IMAGE COPY`.

    cargo build --release --bin inspect-gen
    bench/pack.py                      100,000 annotations over 100 classes, then 400,000
    bench/pack.py --entries 100000     one size

Wall time and peak memory come from wait4; the programs take turns, and a number is the median of all runs. Needs
gcc and binutils. All files lie in one directory (`--directory`, by default a temporary one): on a disk the packer
also waits until its file is there, which neither the linker nor objcopy does. Exit status 1 if a bar is not met.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from compile import ROOT, measure

CLASSES = 100
PER_FILE = 2000


def schema():
    classes = "\n".join(f"/// Kind {n}.\nclass kind{n:02}: u64 {{}}" for n in range(CLASSES))
    return f"schema bench.many version 1;\n\nentry row {{}}\n\n{classes}\n"


def sources(directory, count):
    """C files that annotate `count` variables."""
    files = []
    for start in range(0, count, PER_FILE):
        lines = ['#include "bench_many.inspect.h"']
        for n in range(start, min(start + PER_FILE, count)):
            lines.append(f"static uint64_t v{n};")
            lines.append(f'BENCH_MANY_ANNOTATE_KIND{n % CLASSES:02}(v{n}, "name{n:06}");')
        file = directory / f"many{start // PER_FILE}.c"
        file.write_text("\n".join(lines) + "\n")
        files.append(file)
    return files


def build(directory, generator, count):
    """The objects of a program with `count` annotations."""
    (directory / "schema.inspect").write_text(schema())
    subprocess.run([generator, "schema.inspect", "-o", "out"], cwd=directory, check=True)
    (directory / "main.c").write_text("int main(void) { return 0; }\n")
    generated = directory / "out/c"
    files = sources(directory, count) + [directory / "main.c", *generated.glob("inspect_runtime.c"),
                                         *generated.glob("*.inspect.c")]
    objects = []
    for number, file in enumerate(files):
        target = directory / f"{number}.o"
        command = ["gcc", "-c", "-fPIE", f"-I{generated}", file, "-o", target]
        subprocess.run(command, check=True)
        objects.append(target)
    return objects


def check_table(generator, image, count):
    """Every annotation has an entry; the size of the table follows from them."""
    result = subprocess.run([generator, "pack", "--check", image], capture_output=True, text=True)
    found = re.search(r": (\d+) entries in (\d+) bytes", result.stdout)
    if result.returncode != 0 or not found or int(found[1]) != count:
        sys.exit(f"the packed image is not whole: {result.stdout}{result.stderr}")
    rest = (int(found[2]) - count * 64) / count
    print(f"  {int(found[2]) / count:.1f} bytes an entry: 64, its name (11), and {rest - 11:.3f} of the table's own")


def compare(directory, generator, count, rounds):
    print(f"{count:,} annotations over {CLASSES} classes")
    objects = build(directory, generator, count)
    link = ["gcc", "-pie", "-o", "linked", *objects]
    subprocess.run(link, cwd=directory, check=True)
    image = directory / "linked"
    found = measure(
        {
            "link": link,
            "objcopy": ["objcopy", image, "copy"],
            "pack": [generator, "pack", "-q", image, "-o", "packed"],
        },
        directory,
        rounds,
    )
    check_table(generator, directory / "pack/packed", count)
    size = image.stat().st_size
    on_disk = (directory / "pack/packed").stat().st_blocks * 512
    pack = found["pack"]
    rows = [
        ("time beside the link", pack.time / found["link"].time, 1.0),
        ("time beside objcopy", pack.time / found["objcopy"].time, 2.0),
        ("memory beside the image", pack.memory / size, 3.0),
    ]
    print(f"  image of {size / 1e6:.0f} MB; link {found['link'].time:.3f} s, objcopy {found['objcopy'].time:.3f} s")
    print(f"  packed, it takes {on_disk / 1e6:.0f} MB on the disk")
    for what, value, limit in rows:
        verdict = "ok" if value <= limit else "NOT MET"
        print(f"  {what:<26} {value:6.2f}  (at most {limit})  {verdict}")
    return pack.time, all(value <= limit for _, value, limit in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, action="append", help="how many annotations; may repeat")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generator", default=ROOT / "target/release/inspect-gen", type=pathlib.Path)
    parser.add_argument("--directory", help="where the files lie")
    options = parser.parse_args()
    sizes = options.entries or [100_000, 400_000]
    times, met = [], True
    for count in sizes:
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            time, fine = compare(pathlib.Path(directory), options.generator.resolve(), count, options.rounds)
            times.append(time)
            met &= fine
    if len(sizes) == 2:
        growth = (times[1] / times[0]) / (sizes[1] / sizes[0])
        verdict = "ok" if growth <= 1.25 else "NOT MET"
        met &= growth <= 1.25
        print(f"{sizes[1]:,} take {growth:.2f} times as long an entry as {sizes[0]:,}  (at most 1.25)  {verdict}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
