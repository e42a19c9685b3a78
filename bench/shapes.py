"""Writes the same N structs of eight fields as .inspect, .fbs, .proto and .capnp: shapes.py N DIRECTORY."""

import pathlib
import sys

# Name, and the type in each language. Every struct holds the same eight, as a schema of counters and
# identities would: what is measured is the compiler, not the wit of the schema.
FIELDS = [
    ("id", "u64", "uint64", "uint64", "UInt64"),
    ("start", "i64", "int64", "int64", "Int64"),
    ("length", "u32", "uint32", "uint32", "UInt32"),
    ("offset", "i32", "int32", "int32", "Int32"),
    ("ratio", "f64", "double", "double", "Float64"),
    ("scale", "f32", "float", "float", "Float32"),
    ("count", "u32", "uint32", "uint32", "UInt32"),
    ("live", "bool", "bool", "bool", "Bool"),
]


def inspect(count):
    yield "schema bench.shapes version 1;\n"
    for index in range(count):
        yield f"\nstruct shape_{index} {{\n"
        for name, kind, *_ in FIELDS:
            yield f"    {name}: {kind},\n"
        yield "}\n"


def flatbuffers(count):
    yield "namespace bench;\n"
    for index in range(count):
        yield f"\ntable Shape{index} {{\n"
        for name, _, kind, *_ in FIELDS:
            yield f"  {name}: {kind};\n"
        yield "}\n"


def protobuf(count):
    yield 'syntax = "proto3";\npackage bench;\n'
    for index in range(count):
        yield f"\nmessage Shape{index} {{\n"
        for number, (name, _, _, kind, _) in enumerate(FIELDS, 1):
            yield f"  {kind} {name} = {number};\n"
        yield "}\n"


def capnp(count):
    yield "@0xdbb9ad1f14bf0b36;\n"
    for index in range(count):
        yield f"\nstruct Shape{index} {{\n"
        for number, (name, *_, kind) in enumerate(FIELDS):
            yield f"  {name} @{number} :{kind};\n"
        yield "}\n"


LANGUAGES = {"inspect": inspect, "fbs": flatbuffers, "proto": protobuf, "capnp": capnp}


def write(count, directory):
    """Writes shapes.<extension> for every language and returns their paths by extension."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {}
    for extension, lines in LANGUAGES.items():
        paths[extension] = directory / f"shapes.{extension}"
        paths[extension].write_text("".join(lines(count)))
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(int(sys.argv[1]), sys.argv[2])
