#!/usr/bin/env python3
"""Compares what `inspect` says of a kernel with what drgn and `crash` say who have the kernel's debug symbols.

    inspect show --json physical.core 'schema:*' --depth 4 --elements 200000 --values 4000000 >shown.json
    against_debuggers.py --crash CRASH --symbols VMLINUX --module lookout.ko physical.core shown.json

Both find entries by symbols of their own, and have offsets from the DWARF of the kernel and of the module: of the
schemas they know the names of types. Prints for each struct how many of its members were compared and whether all of
their values are the same, and of the kernel's log whether its lines are; then every difference. 1 is the status if
there is any.

With `--consumer NAME CORE SHOWN`, once or more, dumps for a consumer are opened, too: by drgn, and, where the log is
among what he may see, by `crash --minimal`.
"""
import argparse
import json
import logging
import os
import re
import subprocess
import sys

import drgn
from drgn.helpers.linux.percpu import per_cpu_ptr
from drgn.helpers.linux.printk import get_dmesg

from against_drgn import POINTER, Comparison, Drgn, plain, program_of, value_of

# Where a debugger finds an entry whose name is not that of a variable: as C has it, and with the number of the
# instance. What each processor has is written as crash does.
PLACES = {
    "log_ring": "&prb",
    "descs": "&prb->desc_ring.descs",
    "infos": "&prb->desc_ring.infos",
    "pgdat": "node_data[{}]",
    "mem_section": "mem_section[{}]",
    "timekeeper": "&tk_core.timekeeper",
    "idle_task": "idle_threads:{}",
    "cpu_counts": "cpu_counts:{}",
    "alarm": "cpu_counts:{}",
    "stores": "stores[{}]",
    "pulse": "&pulses[{}]",
}
# Rows of memory that a list or an array leads to, and has no name.
NAMELESS = {"visit", "block"}
LINES = "lines of the log"


class Ended(Exception):
    """`crash` is not there any more."""


class Session:
    """A running `crash`, which answers one command after another."""

    END = "hexadecimal: 600613"

    def __init__(self, program, *arguments):
        # What somebody has written into files at home is no part of this.
        environment = dict(os.environ, TERM="dumb", HOME="/nonexistent")
        self.process = subprocess.Popen([program, "-s", *arguments], env=environment, text=True, errors="replace",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.ask("set scroll off")

    def ask(self, command):
        """What the command prints. The command behind it marks where that ends."""
        try:
            self.process.stdin.write(f"{command}\neval 0x600613\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        said = []
        for line in self.process.stdout:
            if line.startswith(self.END):
                for _ in ("decimal", "octal", "binary"):
                    self.process.stdout.readline()
                return "".join(said)
            said.append(line)
        raise Ended(f"crash has ended: {''.join(said).strip()}")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Crash:
    """`crash` as a debugger that a comparison asks; drgn says what the types of things are called."""

    name = "crash"

    def __init__(self, session, program):
        self.session, self.program, self.known = session, program, {}
        session.ask("gdb set print elements 0")

    def value(self, expression):
        """What an expression of C is. Much is asked for more than once: parents, for instance."""
        if expression not in self.known:
            said = self.session.ask(f"p {expression}")
            _, found, printed = said.partition(" = ")
            if not found:
                raise LookupError(f"crash does not know {expression}: {said.strip()}")
            self.known[expression] = Printed(printed).value()
        return self.known[expression]

    def pointer_at(self, address):
        return self.value(f"*(unsigned long *){address:#x}")

    def object_at(self, kind, address):
        if kind.kind == drgn.TypeKind.ARRAY:
            return Thing(self, kind, f"*({kind.type.type_name()} *){address:#x}@{kind.length}")
        return Thing(self, kind, f"(*({kind.type_name()} *){address:#x})")

    def elements(self, thing, count):
        if plain(thing.type_).kind != POINTER or count == 0:
            return [thing[index] for index in range(count)]
        element = plain(thing.type_).type
        all_of_them = self.value(f"*{thing.pointer()}@{count}")
        if isinstance(all_of_them, bytes):
            all_of_them = all_of_them.ljust(count, b"\0")
        return [Thing(self, element, f"{thing.pointer()}[{index}]", it) for index, it in enumerate(all_of_them)]

    def linked(self, kind, head, member):
        found = self.session.ask(f"list -H {self.value('&' + head.expression):#x} -o {kind.split()[-1]}.{member}")
        pointer = self.program.pointer_type(self.program.type(kind))
        addresses = [] if "empty" in found else found.split()
        if not all(re.fullmatch("[0-9a-f]+", it) for it in addresses):
            raise LookupError(f"crash does not follow {head.expression}: {found.strip()}")
        return [Thing(self, pointer, f"(({kind} *)0x{it})", int(it, 16)) for it in addresses]

    def place(self, expression):
        variable, colon, number = expression.partition(":")
        if colon:
            said = self.session.ask(f"p {variable}")
            found = re.search(rf"\[{number}\]: ([0-9a-f]+)", said)
            if not found:
                raise LookupError(f"crash does not know {expression}: {said.strip()}")
            return int(found[1], 16)
        return int(self.value(expression))


class Thing:
    """What `crash` printed, with the methods of an object of drgn that a comparison calls."""

    def __init__(self, crash, kind, expression, printed=None):
        self.crash, self.type_, self.expression, self.printed = crash, kind, expression, printed

    def tree(self):
        if self.printed is None:
            self.printed = self.crash.value(self.expression)
        return self.printed

    def member_(self, name):
        kind = plain(self.type_).member(name).type
        return Thing(self.crash, kind, f"{self.expression}.{name}", self.tree()[name])

    def __getitem__(self, index):
        kind = plain(self.type_)
        if kind.kind == POINTER:
            return Thing(self.crash, kind.type, f"{self.pointer()}[{index}]")
        return Thing(self.crash, kind.type, f"{self.expression}[{index}]", self.tree()[index])

    def pointer(self):
        """It is one: an expression that is the same wherever it was found."""
        return f"(({plain(self.type_).type.type_name()} *){self.value_():#x})"

    def value_(self):
        if self.tree() is None:
            raise LookupError(f"crash has no number for {self.expression}")
        return int(self.tree())

    def string_(self):
        tree = self.tree()
        return (tree if isinstance(tree, bytes) else tree.text).partition(b"\0")[0]

    def to_bytes_(self):
        said = self.crash.session.ask(f"gdb x/{plain(self.type_).size}xb &{self.expression}")
        bytes_of_line = (line.partition(":")[2].split() for line in said.splitlines())
        return bytes(int(it, 16) for line in bytes_of_line for it in line)


class Address(int):
    """A pointer, and the text that it leads to where it is one to text."""

    text = None


class Printed:
    """Reads what gdb prints of a value: numbers, text, lists of elements, and members by their names."""

    TOKEN = re.compile(
        r"""\s*(?:(?P<repeats><repeats\s(?P<times>\d+)\stimes>)|(?P<symbol><[^>]*>)|(?P<text>"(?:\\.|[^"\\])*")
        |(?P<letter>'(?:\\.|[^'\\])*')|(?P<number>-?(?:0x[0-9a-f]+|\d+))|(?P<name>\w+)|(?P<sign>[{}=,()*.]))""",
        re.VERBOSE | re.DOTALL)
    ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "e": 27}

    def __init__(self, text):
        self.tokens = [(it.lastgroup if it.lastgroup != "times" else "repeats", it) for it in self.TOKEN.finditer(text)]
        self.at = 0

    def peek(self, ahead=0):
        if self.at + ahead >= len(self.tokens):
            return None, ""
        kind, found = self.tokens[self.at + ahead]
        return kind, found[kind]

    def next(self):
        found = self.peek()
        self.at += 1
        return found

    def skip_if(self, text):
        if self.peek()[1] == text:
            self.at += 1
            return True
        return False

    def value(self):
        kind, token = self.next()
        if token == "{":
            return self.several()
        if token == "(":
            # A type before a value, of a pointer that is printed alone; or constants that are one value.
            depth = 1
            while depth and self.at < len(self.tokens):
                depth += {"(": 1, ")": -1}.get(self.next()[1], 0)
            return self.value() if self.peek()[0] == "number" else None
        if kind in ("text", "letter"):
            self.at -= 1
            return self.characters()
        if kind in ("name", "symbol"):
            # Of constants, and of what cannot be read, nobody asks for the number.
            return {"true": 1, "false": 0}.get(token)
        number = Address(int(token, 0))
        while self.peek()[0] in ("symbol", "letter", "text"):
            kind, token = self.next()
            if kind == "text":
                number.text = self.bytes_of(token)
        return number

    def several(self):
        """Members, or elements, up to the brace that closes them."""
        members, elements = {}, []
        while not self.skip_if("}"):
            if self.peek()[0] == "name" and self.peek(1)[1] == "=":
                name = self.next()[1]
                self.at += 1
                members[name] = self.value()
            else:
                element = self.value()
                kind, found = self.tokens[self.at]
                times = 1
                if kind == "repeats":
                    times, self.at = int(found["times"]), self.at + 1
                elements.extend([element] * times)
            self.skip_if(",")
        # A struct without a name belongs to the one around it.
        for inner in (it for it in elements if members and isinstance(it, dict)):
            members.update(inner)
        return members or elements

    def characters(self):
        """Text, which gdb prints in pieces where it repeats itself."""
        found = b""
        while True:
            piece = self.bytes_of(self.next()[1])
            if self.peek()[0] == "repeats":
                piece *= int(self.tokens[self.at][1]["times"])
                self.at += 1
            found += piece
            if self.peek()[1] != "," or self.peek(1)[0] not in ("text", "letter"):
                return found
            self.at += 1

    def bytes_of(self, token):
        def escaped(found):
            code = found[1]
            value = int(code, 8) if code[0] in "01234567" else self.ESCAPES.get(code, ord(code))
            return chr(value)
        return re.sub(r"\\([0-7]{1,3}|.)", escaped, token[1:-1]).encode("latin-1", "replace")


class DrgnWithSymbols(Drgn):
    def place(self, expression):
        """drgn has no expressions in C, and few kinds of them are needed."""
        variable, colon, number = expression.partition(":")
        if colon:
            return per_cpu_ptr(self.program[variable].address_of_(), int(number)).value_()
        words = re.findall(r"\w+|&", expression)
        thing = self.program[words[expression.startswith("&")]]
        for word in words[1 + expression.startswith("&"):]:
            thing = thing[int(word)] if word.isdigit() else thing.member_(word)
        return (thing.address_of_() if expression.startswith("&") else thing).value_()


def place_of(entry):
    """Where a debugger has to find an entry, as an expression."""
    return PLACES.get(entry["name"], f"&{entry['name']}").format(entry["instance"])


class Result:
    """What one debugger says to all entries."""

    def __init__(self, program, debugger, entries):
        self.debugger, self.differences = debugger, []
        # Names of members by their structs, and the structs with a value that is not the same.
        self.members, self.different = {}, set()
        # How many entries have been found by a symbol, and those that it cannot read.
        self.placed, self.misplaced, self.unread = 0, False, []
        # What else was compared, and whether it is the same.
        self.others = {}
        for entry in entries:
            try:
                self.take(program, entry)
            except (LookupError, drgn.FaultError):
                self.unread.append(f"{entry['name']} {entry['instance']}")

    def take(self, program, entry):
        if entry["class"] not in NAMELESS:
            expected = self.debugger.place(place_of(entry))
            self.placed += 1
            if int(entry["address"], 16) != expected:
                self.misplaced = True
                self.differ(f"the address of {entry['name']} {entry['instance']}", entry["address"], hex(expected))
        thing = value_of(program, self.debugger, entry)
        # The text is compared as the part of the ring that it is, and line by line.
        if thing is None or isinstance(entry["value"], str):
            return
        comparison = self.comparison(entry, entry["value"], thing)
        self.differences += comparison.differences
        for owners, add in ((comparison.members, self.add), (comparison.different, self.add_different)):
            for owner in owners:
                add(*(owner or ("", entry["name"])))
        # What would be noticed of it, if it were wrong.
        wrong = falsified(entry["value"])
        if wrong is not None and not self.comparison(entry, wrong, thing).differences:
            self.differences.append(f"a wrong value in {entry['name']} was not noticed")

    def comparison(self, entry, value, thing):
        comparison = Comparison(self.debugger)
        comparison.compare(f"{entry['name']} {entry['instance']}", value, thing)
        return comparison

    def add(self, struct, member):
        self.members.setdefault(struct, set()).add(member)

    def add_different(self, struct, member):
        self.add(struct, member)
        self.different.add(struct)

    def differ(self, what, found, expected):
        self.differences.append(f"{what}: inspect says {found}, {self.debugger.name} {expected}")

    def lists(self, what, found, expected):
        """Compares one by one what is no entry."""
        self.others[what] = found == expected
        for number, (one, other) in enumerate(zip(found, expected)):
            if one != other:
                self.differ(f"number {number} of the {what}", repr(one), repr(other))
        if len(found) != len(expected):
            self.differ(f"number of the {what}", len(found), len(expected))


def falsified(value):
    """The same with one number changed, if there is one that a comparison looks at."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    if isinstance(value, (int, float)):
        return value ^ 1
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        wrong = None if str(key).startswith("@") else falsified(part)
        if wrong is not None:
            changed = value.copy()
            changed[key] = wrong
            return changed
    return None


class Log:
    """The kernel's log, from the ring as `inspect` shows it."""

    def __init__(self, entries):
        # The time of each record, and its lines.
        self.records = []
        ring = next(it for it in entries if it["name"] == "prb")["value"]["@value"]
        descs, infos = (ring["desc_ring"][name]["@value"] for name in ("descs", "infos"))
        data = bytes(ring["text_data_ring"]["data"]["@value"])
        first, last = (int(ring["desc_ring"][name]) for name in ("tail_id", "head_id"))
        for number in range(first, last + 1):
            desc, info = (it[number % len(descs)] for it in (descs, infos))
            # Only what is complete and has not been given to somebody else.
            if as_number(desc["state_var"]) % 2**64 != number | 2 << 62:
                continue
            begin, end = (int(desc["text_blk_lpos"][name]) for name in ("begin", "next"))
            # A text that would reach around the end stands at the beginning; odd places are none.
            start = begin % len(data) if begin // len(data) == end // len(data) else 0
            length = 0 if begin % 2 else int(info["text_len"])
            microseconds = int(info["ts_nsec"]) // 1000
            time = f"[{microseconds // 1000000:5}.{microseconds % 1000000:06}] "
            # The identity of its descriptor stands before it.
            text = data[start + 8:][:length].decode("utf-8", "replace")
            self.records.append((time, text.split("\n")))

    def lines(self, debugger):
        """As a debugger prints it: before later lines of a record, `crash` leaves the time's room."""
        later = {"drgn": lambda time: "", "crash": lambda time: " " * len(time)}[debugger]
        return [(later(time) if number else time) + line
                for time, lines in self.records for number, line in enumerate(lines)]


def as_number(value):
    return int(value, 0) if isinstance(value, str) else int(value)


def nodes_of(entries):
    """Number, pages and address of each node."""
    nodes = (it for it in entries if it["class"] == "pgdat")
    return [(it["instance"], it["value"]["node_spanned_pages"], int(it["address"], 16)) for it in nodes]


def nodes_of_crash(session):
    said = session.ask("kmem -n").split("\n")
    rows = (after.split() for line, after in zip(said, said[1:]) if line.startswith("NODE "))
    return [(int(row[0]), int(row[1]), int(row[2], 16)) for row in rows]


def with_debuggers(options, entries, log):
    """What drgn says to a dump, and what `crash` does."""
    program = drgn.Program()
    program.set_core_dump(options.core)
    program.load_debug_info([options.symbols, options.module])
    of_drgn = Result(program, DrgnWithSymbols(program), entries)
    of_drgn.lists(LINES, log.lines("drgn"), get_dmesg(program).decode("utf-8", "replace").splitlines())

    session = Session(options.crash, options.symbols, options.core)
    session.ask(f"mod -s lookout {options.module}")
    of_crash = Result(program, Crash(session, program), entries)
    of_crash.lists(LINES, log.lines("crash"), session.ask("log").splitlines())
    of_crash.lists("nodes of kmem -n", nodes_of(entries), nodes_of_crash(session))
    session.close()
    return of_drgn, of_crash


def verdict(is_same):
    return "equal" if is_same else "DIFFERENT"


def print_table(results):
    """How many members of which struct were compared, and how that went; then what is no struct."""
    print("{:24}{:18}{}".format("members", *(it.debugger.name for it in results)))
    structs = sorted(set().union(*(it.members for it in results)) - {""})
    for name in structs + [""]:
        print_row(name or "variables", results, lambda it: (len(it.members.get(name, ())), name not in it.different))
    print_row("addresses of symbols", results, lambda it: (it.placed, not it.misplaced))
    for what in sorted(set().union(*(it.others for it in results))):
        print_row(what, results, lambda it: ("", it.others.get(what)))
    for result in results:
        if result.unread:
            print(f"{result.debugger.name} cannot read {', '.join(result.unread)}")


def print_row(title, results, about):
    cells = []
    for count, is_same in map(about, results):
        cells.append("{:>4} {:13}".format(count, "" if is_same is None else verdict(is_same)))
    print(f"{title:20}{''.join(cells)}".rstrip())


def print_consumer(options, name, core, shown):
    """Opens a dump for a consumer, with what `inspect` shows of it, and returns what is wrong."""
    with open(shown) as file:
        entries = [it for it in json.load(file) if not is_hidden(it["value"])]
    factor = os.path.getsize(options.core) // os.path.getsize(core)
    step = 10 ** (len(str(factor)) - 1)
    print(f"\n{name}: a dump that is more than {factor // step * step:,} times smaller")
    differences = print_values(name, entries, program_of(core, options.module))
    if any(it["name"] == "prb" for it in entries):
        differences += print_log(options, name, Log(entries), core)
    return differences


def print_values(name, entries, program):
    """What drgn finds in a dump for a consumer."""
    differences, structs = [], set()
    for entry in entries:
        comparison = Comparison(Drgn(program))
        try:
            thing = value_of(program, Drgn(program), entry)
        except drgn.FaultError:
            # What a pointer leads to may be there without the pointer.
            continue
        if thing is not None and not isinstance(entry["value"], str):
            comparison.compare(f"{name}: {entry['name']} {entry['instance']}", entry["value"], thing)
            differences += comparison.differences
            structs.update(owner[0].removeprefix("linux_printk_") for owner in comparison.members if owner)
    print(f"drgn: {verdict(not differences)}: {', '.join(sorted(structs))}")
    return differences if structs else [f"{name}: nothing was compared"]


def print_log(options, name, log, core):
    """The kernel's log in a dump for a consumer, which is what `crash --minimal` is for."""
    program = drgn.Program()
    program.set_core_dump(core)
    program.load_debug_info([options.symbols])
    session = Session(options.crash, "--minimal", options.symbols, core)
    said = {"drgn": get_dmesg(program).decode("utf-8", "replace"), "crash": session.ask("log")}
    session.close()
    is_same = {it: bool(log.records) and log.lines(it) == said[it].splitlines() for it in said}
    print(f"drgn: {verdict(is_same['drgn'])}: {LINES}")
    print(f"crash --minimal: {verdict(is_same['crash'])}: {LINES}")
    return [f"{name}: {it} has another log" for it in said if not is_same[it]]


def is_hidden(value):
    return value is None or isinstance(value, dict) and "@note" in value


def compare_all(options, entries):
    """Prints how everything compares, and returns what is wrong."""
    results = with_debuggers(options, entries, Log(entries))
    print_table(results)
    failures = [text for it in results for text in it.differences]
    for result in results:
        if not options.partial:
            failures += [f"{result.debugger.name} cannot read {name}" for name in result.unread]
        if not result.members:
            failures.append(f"nothing was compared with {result.debugger.name}")
    for name, core, shown in options.consumer:
        failures += print_consumer(options, name, core, shown)
    return failures


def main():
    parser = argparse.ArgumentParser()
    for name in ("crash", "symbols", "module"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--consumer", nargs=3, action="append", default=[], metavar=("NAME", "CORE", "SHOWN"))
    parser.add_argument("--partial", action="store_true", help="not all memory can be read, by whomever")
    parser.add_argument("core")
    parser.add_argument("shown")
    options = parser.parse_args()
    # What drgn does not find in a dump that lacks memory is no news.
    logging.getLogger("drgn").setLevel(logging.ERROR)
    with open(options.shown) as file:
        entries = json.load(file)
    try:
        failures = compare_all(options, entries)
    except (Ended, OSError, drgn.MissingDebugInfoError) as error:
        sys.exit(f"against_debuggers.py: {error}")
    for failure in failures:
        print(f"different {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
