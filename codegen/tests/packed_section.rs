//! A table that stands in the section of a program, as a packer leaves it, beside one of run time: the program
//! finds both through one walk, in Rust and in C. The table is a constant that this test makes.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

mod rust_support;

use inspect_format::abi::{CoreEntry, Order, phase, table_flags};
use inspect_format::table::TableWriter;
use inspect_gen::emit;
use rust_support::{build, model, succeed, write};
use support::{STRICT, has, run};

const SCHEMA: &str = "
    schema test.section version 1;
    class counter: u64 { key: bed }
    entry row {}
";

/// A row whose address counts from the header, 16 bytes behind it.
fn packed() -> Vec<u8> {
    let number = inspect_format::hash::class_number("test.section", "counter");
    let history = [1];
    let mut writer = TableWriter::new(Order::NATIVE, 8, "test.section", 1, 64, &history).unwrap();
    writer.flags(table_flags::RELATIVE);
    let name = writer.string("packed").unwrap();
    let core = CoreEntry {
        state: phase::LIVE,
        class: number,
        address: 16,
        length: 8,
        name,
        ..CoreEntry::ZERO
    };
    writer.row(&core, &[]).unwrap();
    writer.finish()
}

const RUST: &str = r##"
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
use inspect_runtime::{registry, RuntimeTable};
use schemas::test_section as s;
use std::cell::UnsafeCell;
use std::ops::ControlFlow;

#[repr(C, align(8))]
struct Packed(UnsafeCell<[u8; SIZE]>);
unsafe impl Sync for Packed {}

#[unsafe(link_section = "inspect_table")]
#[used]
static PACKED: Packed = Packed(UnsafeCell::new(BYTES));
static TABLE: RuntimeTable<s::Row, 4> = RuntimeTable::new();
static COUNTER: u64 = 7;

fn main() {
    let start = std::hint::black_box(PACKED.0.get()) as u64;
    TABLE.register(s::Row::of::<s::class::Counter>(&COUNTER).name("registered")).unwrap();
    let counter = &raw const COUNTER as u64;
    for table in registry::tables() {
        let table = table.unwrap();
        let mut buffer = vec![0; table.buffer_size(2)];
        table.entries(&mut buffer, &mut |entry| {
            let mut name = [0; 32];
            let name = table.text(entry.core.name, &mut name).unwrap();
            let place = match entry.core.address {
                at if at == start + 16 => "behind the header",
                at if at == counter => "the counter",
                _ => "elsewhere",
            };
            println!("{name}: {place}, run time {}", table.is_run_time());
            ControlFlow::Continue(())
        }).unwrap();
    }
}
"##;

const C: &str = r#"
#include "test_section.inspect.h"
#include <stdio.h>

static unsigned char packed[SIZE] __attribute__((section("inspect_table"), aligned(8))) INSPECT_RETAIN = { BYTES };
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct test_section_row), 4, 64) / 8];
static uint64_t counter = 7;

static int print_row(const struct inspect_entry *entry, const char *name, void *context)
{
	const char *place = entry->address == (uintptr_t)packed + 16 ? "behind the header"
			    : entry->address == (uintptr_t)&counter  ? "the counter" : "elsewhere";
	const struct inspect_runtime_table *table = (const struct inspect_runtime_table *)context;

	printf("%s: %s, run time %s\n", name, place,
	       (table->header->flags & INSPECT_TABLE_RUNTIME) != 0 ? "true" : "false");
	return 0;
}

static int print_table(const struct inspect_runtime_table *table, void *context)
{
	(void)context;
	return inspect_for_each(table, print_row, (void *)(uintptr_t)table);
}

int main(void)
{
	struct inspect_runtime_table table;
	struct test_section_row row = { 0 };
	struct inspect_handle handle;

	row.core.class_number = TEST_SECTION_CLASS_COUNTER;
	row.core.address = (uintptr_t)&counter;
	row.core.length = sizeof(counter);
	if (inspect_table_init(&table, memory, sizeof(memory), TEST_SECTION_DESCRIPTOR, 4) != 0 ||
	    inspect_register(&table, &row, "registered", &handle) != 0)
		return 1;
	return inspect_tables_for_each(print_table, NULL);
}
"#;

const FOUND: &str = "\
packed: behind the header, run time false
registered: the counter, run time true
";

#[test]
fn a_program_finds_what_is_packed_and_what_is_registered() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(&[SCHEMA]);
    write(folder.path(), &emit::rust::emit(&model));
    write(folder.path(), &emit::c::emit(&model));
    let bytes = packed();
    let list = bytes.iter().map(|byte| format!("{byte},")).collect::<String>();
    let with = |text: &str, list: &str| {
        text.replace("SIZE]", &format!("{}]", bytes.len())).replace("BYTES", list)
    };

    let program = build(folder.path(), &with(RUST, &format!("[{list}]")));
    let output = std::process::Command::new(program).output().expect("the program runs");
    succeed(&output, "the program in Rust");
    assert_eq!(String::from_utf8_lossy(&output.stdout), FOUND, "Rust");

    let c = folder.path().join("c");
    std::fs::write(c.join("main.c"), with(C, &list)).expect("a program");
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| has(compiler)) {
        let sources = ["main.c", "test_section.inspect.c", "inspect_runtime.c", "-o", "main"];
        let mut arguments = vec!["-std=c11", "-I."];
        arguments.extend(STRICT);
        arguments.extend(sources);
        run(&c, compiler, &arguments).expect("the program compiles");
        let program = c.join("main").display().to_string();
        assert_eq!(run(&c, &program, &[]).as_deref(), Ok(FOUND), "{compiler}");
    }
}
