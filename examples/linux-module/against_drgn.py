#!/usr/bin/env python3
"""Compares what `inspect` says of a dump with what drgn says, field by field.

    inspect show --json physical.core 'schema:*' --depth 3 >shown.json
    against_drgn.py physical.core lookout.ko shown.json

drgn finds the kernel's memory by itself, walking page tables of its own, and has the types from the DWARF of the
module, which nobody here wrote either. It is given nothing but the address of each entry, and how it is to be followed.
Prints how many values of each entry are the same, and every difference; 1 is the status if there is any.
"""
import json
import struct
import sys

import drgn
from drgn.helpers.linux.list import list_for_each_entry

# Which list a head begins: the struct of its elements, and the member that links them.
LISTS = {
    ("lookout_book", "visits"): ("struct lookout_visit", "link"),
    ("task_struct", "children"): ("struct task_struct", "sibling"),
}
# As <linux/sched.h> has them.
NAMES = {
    ("task_struct", "__state"): {
        "interruptible": 0x1, "uninterruptible": 0x2, "stopped": 0x4, "traced": 0x8, "parked": 0x40, "dead": 0x80,
        "wake_kill": 0x100, "waking": 0x200, "no_load": 0x400, "new": 0x800, "freezable": 0x2000,
    },
    ("task_struct", "flags"): {
        "vcpu": 0x1, "idle": 0x2, "exiting": 0x4, "io_worker": 0x10, "wq_worker": 0x20, "fork_no_exec": 0x40,
        "signaled": 0x400, "mem_alloc": 0x800, "kswapd": 0x20000, "kthread": 0x200000,
    },
    ("task_struct", "policy"): {"normal": 0, "fifo": 1, "round_robin": 2, "batch": 3, "idle": 5, "deadline": 6},
}
BASIC = {"uint": "unsigned int", "ulong": "unsigned long", "atomic<u64>": "unsigned long", "char": "char"}
ARRAY, POINTER, STRUCT = drgn.TypeKind.ARRAY, drgn.TypeKind.POINTER, drgn.TypeKind.STRUCT
# Notes in place of a value that is not shown.
HIDDEN = {"sensitive", "budget", "no memory", "unreadable"}
ELF64_BIG, EM_S390, PT_LOAD = b"\2\2", 22, 1
# Where the first page of s390x leads to the note of the kernel, as its <asm/lowcore.h> has it.
VMCORE_INFO = 0xE0C


class Drgn:
    """What a comparison asks a debugger for. Things are objects of drgn, or act like them."""

    name = "drgn"

    def __init__(self, program):
        self.program = program

    def pointer_at(self, address):
        return drgn.Object(self.program, "unsigned long", address=address).value_()

    def object_at(self, kind, address):
        return drgn.Object(self.program, kind, address=address)

    def elements(self, thing, count):
        return [thing[index] for index in range(count)]

    def linked(self, kind, head, member):
        return list(list_for_each_entry(kind, head.address_of_(), member))


def kernel_of(core):
    """The memory of the dump. drgn has to be told what a dump of s390x by QEMU leaves to whoever reads it: that its
    one block, at 0, is physical memory, and where the kernel's note is, which the first page of that leads to."""
    with open(core, "rb") as file:
        identification, machine, at, count = struct.unpack(">16s2xH12xQ16xH6x", file.read(64))
        if identification[4:6] != ELF64_BIG or machine != EM_S390:
            kernel = drgn.Program()
            kernel.set_core_dump(core)
            return kernel
        file.seek(at)
        segments = [struct.unpack(">I4xQ16xQ16x", file.read(56)) for _ in range(count)]
    start, size = next((offset, size) for kind, offset, size in segments if kind == PT_LOAD)

    def read(address, count):
        with open(core, "rb") as file:
            file.seek(start + address)
            return file.read(count)

    note = struct.unpack(">Q", read(VMCORE_INFO, 8))[0]
    name_size, length = struct.unpack(">II", read(note, 8))
    kernel = drgn.Program(vmcoreinfo=read(note + 12 + (name_size + 3) // 4 * 4, length))
    kernel.set_core_dump(core)
    kernel.add_memory_segment(0, size, lambda address, count, offset, physical: read(address, count), True)
    return kernel


def program_of(core, module):
    """What has the types of the module, and the memory of the dump."""
    kernel = kernel_of(core)
    program = drgn.Program(kernel.platform)
    program.add_memory_segment(0, 2**64 - 1, lambda address, count, offset, physical: kernel.read(address, count))
    program.extra_module("lookout", create=True).try_file(module)
    return program


def type_of(program, table, name):
    """The type of C for one of the schema."""
    if name.startswith("*"):
        return program.pointer_type(type_of(program, table, name[1:]))
    if name in BASIC:
        return program.type(BASIC[name])
    if "::" in name:
        table, name = name.split("::")
    for candidate in (f"struct {name}", f"struct {table.replace('.', '_')}_{name}"):
        try:
            found = program.type(candidate)
        except LookupError:
            continue
        if not found.is_complete():
            continue
        return found
    raise LookupError(f"{table} {name}")


def value_of(program, debugger, entry):
    """The object that an entry is about; None where only its address is known."""
    address, extent = int(entry["address"], 16), entry["extent"]
    if extent == "address only":
        return None
    if extent != "direct":
        address = debugger.pointer_at(address)
    name = entry["type"]
    if not name.startswith("["):
        return debugger.object_at(type_of(program, entry["table"], name), address)
    element = type_of(program, entry["table"], name.strip("[]"))
    value = entry["value"]
    # Of text a debugger needs no more than where it begins; how long an array is, the entry says.
    count = len(value) if isinstance(value, list) else 0
    return debugger.object_at(program.array_type(element, count), address)


class Comparison:
    def __init__(self, debugger):
        self.debugger = debugger
        # How many values are the same, and of which members; values that are not, and of which.
        self.same, self.members, self.differences, self.different = 0, set(), [], set()

    def leaf(self, path, found, expected, owner):
        if found == expected:
            self.same += 1
            self.members.add(owner)
        else:
            self.different.add(owner)
            self.differences.append(f"{path}: inspect says {found!r}, {self.debugger.name} {expected!r}")

    def compare(self, path, value, thing, owner=None):
        """What `inspect` shows, and the same of the debugger; the owner is the member that it stands in."""
        kind = plain(thing.type_).kind
        if isinstance(value, dict) and value.get("@note") in HIDDEN and "@address" not in value:
            return
        if owner in NAMES:
            values = value if isinstance(value, list) else [value]
            numbers = [NAMES[owner][it] if it in NAMES[owner] else int(it, 16) for it in values]
            self.leaf(path, sum(numbers), thing.value_(), owner)
        elif owner in LISTS and isinstance(value, list):
            self.elements(path, value, self.debugger.linked(LISTS[owner][0], thing, LISTS[owner][1]), owner)
        elif kind == POINTER:
            self.pointer(path, value, thing, owner)
        elif isinstance(value, dict):
            name = plain(thing.type_).tag
            for member, part in value.items():
                self.compare(f"{path}.{member}", part, thing.member_(member), (name, member))
        elif isinstance(value, list):
            self.array(path, value, thing, owner)
        elif kind == ARRAY and isinstance(value, str):
            self.leaf(path, value, thing.string_().decode(), owner)
        elif kind == STRUCT:
            self.wrapped(path, value, thing, owner)
        else:
            number = int(value, 16) if isinstance(value, str) else int(value)
            # The same bits may be a number with a sign to one of them.
            expected = int(thing.value_())
            bits = 8 * plain(thing.type_).size
            self.leaf(path, number, expected + (((number >= 0) - (expected >= 0)) << bits), owner)

    def pointer(self, path, value, thing, owner):
        if isinstance(value, str) or value is None:
            self.leaf(path, int(value or "0", 16), thing.value_(), owner)
            return
        self.leaf(path, int(value["@address"], 16), thing.value_(), owner)
        target = value.get("@value")
        if isinstance(target, list):
            self.array(path, target, thing, owner)
        elif isinstance(target, str) and target.startswith("0x") or target is None:
            return
        elif isinstance(target, str):
            self.leaf(path, target, thing.string_().decode(), owner)
        else:
            self.compare(path, target, thing[0], owner)

    def array(self, path, value, thing, owner):
        for index, (part, thing) in enumerate(zip(value, self.debugger.elements(thing, len(value)))):
            self.compare(f"{path}[{index}]", part, thing, owner)

    def elements(self, path, value, things, owner):
        shown = [it for it in value if "@address" in it]
        if len(shown) == len(value):
            self.leaf(f"{path} (count)", len(shown), len(things), owner)
        for index, (part, thing) in enumerate(zip(shown, things)):
            self.pointer(f"{path}[{index}]", part, thing, owner)

    def wrapped(self, path, value, thing, owner):
        """A struct around a number, as the kernel's atomics are, or bytes that the schema knows nothing of."""
        if isinstance(value, str):
            self.leaf(path, value, thing.to_bytes_().hex(), owner)
        else:
            self.compare(path, value, thing.member_(plain(thing.type_).members[0].name), owner)


def plain(kind):
    """A type behind its names."""
    while kind.kind == drgn.TypeKind.TYPEDEF:
        kind = kind.type
    return kind


def main():
    core, module, shown = sys.argv[1:]
    program, failed = program_of(core, module), False
    debugger = Drgn(program)
    with open(shown) as file:
        entries = json.load(file)
    for entry in entries:
        thing, comparison = value_of(program, debugger, entry), Comparison(debugger)
        if thing is None:
            continue
        name = f"{entry['name']} {entry['instance']}"
        if not isinstance(entry["value"], str):
            comparison.compare(name, entry["value"], thing)
        print(f"same {comparison.same} {name} {entry['type']}")
        for difference in comparison.differences:
            print(f"different {difference}")
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
