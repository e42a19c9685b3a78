//! Producers and readers in C, made from the models: one source for each version and a program around them.

use std::fmt::Write as _;

use inspect_gen::model::{
    Aggregate, AggregateId, AggregateKind, Class, Field, Model, Scalar, Type,
};

use super::schema::{
    Datum, ELEMENTS, Leaf, RAW, Step, Version, Written, has_expected, is_optional, named, target,
    when,
};

const PREFIX: &str = "tests_evolution";

/// Registers an entry of each class as of one version, and writes three files: the table, the memory of its rows,
/// and a dump of both.
const PRODUCE: &str = r#"
INSPECT_WORKSPACE(workspace, 64, 65536);

static int append(const void *bytes, size_t size, void *file)
{
	return fwrite(bytes, 1, size, file) == size ? INSPECT_OK : INSPECT_E_ROOM;
}

static int add(struct inspect_runtime_table *table, struct tests_evolution_row row, const void *at, size_t size,
	       const char *name)
{
	struct inspect_handle handle;

	row.core.address = (uintptr_t)at;
	row.core.length = size;
	return inspect_register(table, &row, name, &handle);
}

static bool put(FILE *file, const void *at, size_t size)
{
	uint64_t head[2];

	head[0] = inspect_be64((uintptr_t)at);
	head[1] = inspect_be64(size);
	return fwrite(head, sizeof(head), 1, file) == 1 && fwrite(at, 1, size, file) == size;
}

static FILE *made(const char *path, const char *end)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.%s", path, end);
	return fopen(name, "wb");
}

int PRODUCE(const char *path)
{
	static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_evolution_row), 16, 256) / 8];
	static uint64_t buffer[8192];
	const struct inspect_dump_request request = { .consumer = &TESTS_EVOLUTION_CONSUMER_ALL };
	static struct inspect_runtime_table table;
	struct inspect_dump_report report;
	struct inspect_sink sink = { .write = append };
	size_t size;
	FILE *file;

	if (inspect_table_init(&table, memory, sizeof(memory), TESTS_EVOLUTION_DESCRIPTOR, 16) != INSPECT_OK ||
	    fill(&table) != INSPECT_OK || inspect_table_copy(&table, buffer, sizeof(buffer), &size) != INSPECT_OK)
		return 3;
	file = made(path, "table");
	if (file == NULL || fwrite(buffer, 1, size, file) != size || fclose(file) != 0)
		return 4;
	file = made(path, "memory");
	if (file == NULL || !write_memory(file) || fclose(file) != 0)
		return 5;
	file = made(path, "dump");
	sink.context = file;
	if (file == NULL || inspect_dump_elf(&request, &workspace, &sink, &report) != INSPECT_OK || fclose(file) != 0)
		return 6;
	return 0;
}
"#;

/// Prints the rows of a table and the memory behind them.
const READ: &str = r#"
static struct tests_evolution_layouts layouts;
static struct inspect_types types;

#define FIRST "%s"
#define NUMBER(name, value) printf(FIRST name "=%lld\n", path, (long long)(value))
#define UNSIGNED(name, value) printf(FIRST name "=%llu\n", path, (unsigned long long)(value))

static inline void print_text(const char *path, const char *name, struct inspect_bytes text)
{
	printf("%s%s=%.*s\n", path, name, (int)text.size, (const char *)text.data);
}

static inline void print_bytes(const char *path, const char *name, struct inspect_bytes bytes, size_t most)
{
	size_t i;

	printf("%s%s=", path, name);
	for (i = 0; i < bytes.size && i < most; i++)
		printf("%02x", bytes.data[i]);
	putchar('\n');
}

static inline const char *below(char *buffer, const char *path, const char *name)
{
	if (snprintf(buffer, 128, "%s%s", path, name) >= 128)
		exit(14);
	return buffer;
}

static inline const char *at(char *buffer, const char *path, const char *name, unsigned long long index)
{
	if (snprintf(buffer, 128, "%s%s.%llu", path, name, index) >= 128)
		exit(14);
	return buffer;
}
"#;

/// Reads the files of each producer, and prints what one version sees in them.
const READ_MAIN: &str = r#"
int READ(const char *path)
{
	static unsigned char table_bytes[1 << 16], memory[1 << 16];
	size_t size = load(path, "table", table_bytes, sizeof(table_bytes));
	size_t length = load(path, "memory", memory, sizeof(memory));
	struct inspect_table table;
	struct inspect_error error;
	struct inspect_row row;
	const unsigned char *data;
	uint64_t i;

	if (tests_evolution_table_parse(&table, table_bytes, size, &error) != 0 ||
	    inspect_types_parse(&types, &table, &error) != 0 ||
	    tests_evolution_layouts_bind(&layouts, &table, &types, &error) != 0) {
		printf("error=%d at %llu\n", (int)error.kind, (unsigned long long)error.offset);
		return 0;
	}
	for (i = 0; inspect_row_at(&table, i, &row); i++) {
		if (!inspect_row_is_live(row))
			continue;
		data = lookup(memory, length, inspect_row_address(row), inspect_row_length(row));
		if (data == NULL)
			return 7;
		print_row(row, data, (size_t)inspect_row_length(row));
	}
	return 0;
}
"#;

const LOAD: &str = r#"
/* Rows come in any order. */
static const unsigned char *lookup(const unsigned char *memory, size_t size, uint64_t address, uint64_t length)
{
	size_t at = 0;

	while (size - at >= 16) {
		uint64_t here = inspect_get_u64(memory + at + 8, true);

		if (inspect_get_u64(memory + at, true) == address && here == length)
			return memory + at + 16;
		at += 16 + (size_t)here;
	}
	return NULL;
}
static size_t load(const char *path, const char *end, unsigned char *to, size_t size)
{
	char name[4096];
	FILE *file;
	size_t got;

	snprintf(name, sizeof(name), "%s.%s", path, end);
	file = fopen(name, "rb");
	if (file == NULL)
		exit(9);
	got = fread(to, 1, size, file);
	fclose(file);
	return got;
}
"#;

/// The program around the sources of all versions: `VERSION PATH` for producers, `PATH ...` for readers.
pub(crate) fn program(versions: &[Version], is_reader: bool) -> String {
    let verb = if is_reader { "read" } else { "produce" };
    let mut out = "#include <stdio.h>\n#include <stdlib.h>\n\n".to_owned();
    for version in versions {
        let _ = writeln!(out, "int {verb}_v{}(const char *path);", version.number);
    }
    let _ = writeln!(out, "static int (*const versions[])(const char *path) = {{");
    for version in versions {
        let _ = writeln!(out, "\t{verb}_v{},", version.number);
    }
    out.push_str("};\n\nint main(int argc, char **argv)\n{\n");
    out.push_str(if is_reader {
        "\tsize_t i;\n\tint at;\n\n\tfor (at = 1; at < argc; at++)\n\
         \t\tfor (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {\n\
         \t\t\tprintf(\"@ %s %u\\n\", argv[at], (unsigned)i + 1);\n\
         \t\t\tif (versions[i](argv[at]) != 0)\n\t\t\t\treturn 1;\n\t\t}\n\treturn 0;\n}\n"
    } else {
        "\treturn argc == 3 ? versions[atoi(argv[1]) - 1](argv[2]) : 2;\n}\n"
    });
    out
}

/// What the schema has captured as of a version: `late` in the last one only.
pub(crate) fn captured(version: &Version) -> String {
    let define = if version.is_latest() { "#define HAS_LATE 1\n" } else { "" };
    format!("{define}#include \"v{}/c/{PREFIX}.inspect.c\"\n", version.number)
}

/// A producer as of a version.
pub(crate) fn producer(written: Written<'_>) -> String {
    let version = written.version;
    let model = &version.model;
    let mut out = String::new();
    out.push_str("#include <stdio.h>\n#include <string.h>\n\n#include \"foreign.h\"\n");
    let folder = format!("v{}/c", version.number);
    let _ = writeln!(
        out,
        "#include \"{folder}/inspect_dump.h\"\n#include \"{folder}/{PREFIX}.inspect.h\"\n"
    );
    let _ = writeln!(out, "#define PRODUCE produce_v{}\n", version.number);
    let mut fill = String::new();
    let mut write = String::new();
    for class in written.classes() {
        let (ty, count) = target(class);
        let name = &class.naming.name;
        let count = count.map_or_else(String::new, |count| format!("[{count}]"));
        let _ = writeln!(out, "static {} the_{name}{count};", type_word(model, ty));
        for leaf in written.memory(class) {
            fill.push_str(&set(model, &format!("the_{name}"), &leaf));
        }
        fill.push_str("\tmemset(&row, 0, sizeof(row));\n");
        let upper = name.to_uppercase();
        let _ = writeln!(fill, "\trow.core.class_number = TESTS_EVOLUTION_CLASS_{upper};");
        let _ = writeln!(
            fill,
            "\trow.core.properties = TESTS_EVOLUTION_CLASS_{upper}_PROPERTIES | {};",
            written.extra().naming.c
        );
        let _ = writeln!(fill, "\trow.core.instance = {}u;", written.instance(class));
        for (index, datum) in written.row(class) {
            let field = &version.entry().fields[index];
            if field.ty == Type::String {
                continue;
            }
            let leaf = Leaf { steps: Vec::new(), ty: field.ty.clone(), is_bits: false, datum };
            fill.push_str(&set(model, &format!("row.{}", field.naming.c), &leaf));
        }
        let _ = writeln!(
            fill,
            "\tif (add(table, row, &the_{name}, sizeof(the_{name}), \"{name}\") != INSPECT_OK)\n\t\treturn 1;"
        );
        let _ = writeln!(
            write,
            "\tif (!put(file, &the_{name}, sizeof(the_{name})))\n\t\treturn false;"
        );
    }
    let (before, after) = PRODUCE.split_once("int PRODUCE").expect("the last function");
    out.push_str(before);
    let _ = writeln!(
        out,
        "static int fill(struct inspect_runtime_table *table)\n{{\n\tstruct {PREFIX}_row row;\n\n{fill}\treturn INSPECT_OK;\n}}\n\n\
         static bool write_memory(FILE *file)\n{{\n{write}\treturn true;\n}}\n\nint PRODUCE(const char *path);\n"
    );
    out + "int PRODUCE" + after
}

fn type_word(model: &Model, ty: &Type) -> String {
    match ty {
        Type::Aggregate(id) => format!("struct {}", model[*id].naming.c),
        Type::Scalar(Scalar::U64) => "uint64_t".to_owned(),
        other => panic!("no class points at {other:?}"),
    }
}

/// An assignment.
fn set(model: &Model, variable: &str, leaf: &Leaf) -> String {
    let mut place = variable.to_owned();
    for step in &leaf.steps {
        match step {
            Step::Field(id, index) => {
                // Members of what has no name are its holder's.
                if let Some(naming) = &model[*id].fields[*index].naming {
                    let _ = write!(place, ".{}", naming.c);
                }
            }
            Step::Index(index) => {
                let _ = write!(place, "[{index}]");
            }
        }
    }
    match (&leaf.datum, &leaf.ty) {
        (Datum::Int(value), Type::Scalar(scalar)) if scalar.fixed_order().is_some() => {
            format!("\t{place} = inspect_{}({value}u);\n", scalar.word())
        }
        (Datum::Int(value), _) => {
            let suffix = if *value < 0 { "ll" } else { "ull" };
            format!("\t{place} = {value}{suffix};\n")
        }
        (Datum::Float(value), _) => format!("\t{place} = {value};\n"),
        (Datum::Text(text), _) => format!("\tmemcpy({place}, \"{text}\", {});\n", text.len()),
        (Datum::Bytes(bytes), _) => {
            let text: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
            format!("\tmemcpy({place}, \"{text}\", {});\n", bytes.len())
        }
    }
}

/// A reader as of a version.
pub(crate) fn reader(version: &Version) -> String {
    let model = &version.model;
    let mut out = "#include <stdio.h>\n#include <stdlib.h>\n\n".to_owned();
    let number = version.number;
    let _ =
        writeln!(out, "#include \"v{number}/c/{PREFIX}.decode.h\"\n\n#define READ read_v{number}");
    out.push_str(READ);
    out.push_str(LOAD);
    // Those that others hold come first; inline ones belong to whom they stand in.
    let mut aggregates: Vec<AggregateId> = Vec::new();
    for class in version.classes() {
        if let Type::Aggregate(id) = target(class).0 {
            collect(model, *id, &mut aggregates);
        }
    }
    for id in &aggregates {
        out.push_str(&print_aggregate(model, *id));
    }
    out.push_str(&print_row(version));
    let _ = writeln!(out, "\nint READ(const char *path);");
    out + READ_MAIN
}

fn collect(model: &Model, id: AggregateId, out: &mut Vec<AggregateId>) {
    for (_, field) in named(model, id) {
        let inner = match &field.ty {
            Type::Aggregate(inner) => Some(*inner),
            Type::Array(element, _) => match **element {
                Type::Aggregate(inner) => Some(inner),
                _ => None,
            },
            _ => None,
        };
        if let Some(inner) = inner {
            collect(model, inner, out);
        }
    }
    // Unions are printed by the struct with their tag.
    if !model[id].union && !out.contains(&id) {
        out.push(id);
    }
}

/// The word that the names of an aggregate's decoders begin with.
fn decoder(aggregate: &Aggregate) -> String {
    match aggregate.kind {
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust => {
            format!("{PREFIX}_{}", aggregate.naming.c)
        }
        _ => aggregate.naming.c.clone(),
    }
}

fn print_aggregate(model: &Model, id: AggregateId) -> String {
    let aggregate = &model[id];
    let word = decoder(aggregate);
    let mut body = String::new();
    if has_expected(aggregate) {
        let _ = writeln!(body, "\tNUMBER(\".check\", {word}_check(view, NULL) == 0);");
    }
    for (_, field) in named(model, id) {
        body.push_str(&print_field(model, aggregate, field));
    }
    format!(
        "\nstatic void print_{word}(const char *path, const struct {word}_view *view)\n{{\n\tchar name[128];\n\n\t(void)name;\n{body}}}\n"
    )
}

fn naming(field: &Field) -> (&str, &str) {
    let naming = field.naming.as_ref().expect("a name");
    (&naming.name, &naming.c)
}

fn print_field(model: &Model, aggregate: &Aggregate, field: &Field) -> String {
    let word = decoder(aggregate);
    let (name, c) = naming(field);
    let print = match &field.ty {
        Type::Aggregate(id) if field.tag.is_some() => print_union(model, aggregate, field, *id),
        Type::Aggregate(id) => {
            print_inner(&model[*id], name, &format!("{word}_get_{c}(view, &inner)"))
        }
        Type::Array(element, _) => {
            let count = match field.count {
                Some(_) => format!("if (!{word}_count_{c}(view, &count))\n\t\t\texit(10);"),
                None => format!("count = (int64_t){word}_length_{c}(view);"),
            };
            let print = match &**element {
                Type::Aggregate(id) => {
                    let inner = decoder(&model[*id]);
                    format!(
                        "struct {inner}_view inner;\n\n\t\t\tif (!{word}_get_{c}(view, (uint64_t)i, &inner))\n\t\t\t\texit(11);\n\
                         \t\t\tprint_{inner}(at(name, path, \".{name}\", (unsigned long long)i), &inner);"
                    )
                }
                _ => format!(
                    "printf(FIRST \".{name}.%d=%llu\\n\", path, (int)i, (unsigned long long){word}_get_{c}(view, (uint64_t)i));"
                ),
            };
            format!(
                "\t{{\n\t\tint64_t count, i;\n\n\t\t{count}\n\t\tNUMBER(\".{name}.length\", count);\n\
                 \t\tfor (i = 0; i < count; i++) {{\n\t\t\t{print}\n\t\t}}\n\t}}\n"
            )
        }
        ty => print_value(model, name, ty, field.bits.is_some(), &format!("{word}_get_{c}(view)")),
    };
    if !is_optional(field) {
        return print;
    }
    format!(
        "\tif (!{word}_has_{c}(view)) {{\n\t\tprintf(FIRST \".{name}=absent\\n\", path);\n\t}} else {{\n{print}\t}}\n"
    )
}

/// A struct inside, or that it is not there.
fn print_inner(inner: &Aggregate, name: &str, get: &str) -> String {
    let word = decoder(inner);
    format!(
        "\t{{\n\t\tstruct {word}_view inner;\n\n\t\tif (!{get})\n\t\t\tprintf(FIRST \".{name}=absent\\n\", path);\n\
         \t\telse\n\t\t\tprint_{word}(below(name, path, \".{name}\"), &inner);\n\t}}\n"
    )
}

fn print_union(model: &Model, aggregate: &Aggregate, field: &Field, id: AggregateId) -> String {
    let (union, word) = (&model[id], decoder(&model[id]));
    let (name, c) = naming(field);
    let tag = &field.tag.as_ref().expect("a tag").text;
    let tag = aggregate.fields.iter().find(|it| it.name() == tag).expect("the tag");
    let outer = decoder(aggregate);
    let mut cases = String::new();
    for (_, arm) in named(model, id) {
        match when(arm) {
            Some(values) => values.iter().for_each(|value| {
                let _ = writeln!(cases, "\t\tcase {value}:");
            }),
            None => cases.push_str(if union.fields.iter().any(is_optional) {
                "\t\tdefault:\n\t\tleft_over:\n"
            } else {
                "\t\tdefault:\n"
            }),
        }
        let (arm_name, arm_c) = naming(arm);
        // An older table meant something else by the value.
        if is_optional(arm) {
            let _ =
                writeln!(cases, "\t\t\tif (!{word}_has_{arm_c}(view))\n\t\t\t\tgoto left_over;");
        }
        let get = format!("{word}_get_{arm_c}(view");
        let path = format!("{name}.{arm_name}");
        cases.push_str(&match &arm.ty {
            Type::Bytes(_) => {
                format!("\tprint_bytes(path, \".{path}\", {get}), {RAW});\n")
            }
            Type::Aggregate(id) => print_inner(&model[*id], &path, &format!("{get}, &inner)")),
            ty => print_value(model, &path, ty, false, &format!("{get})")),
        });
        cases.push_str("\t\t\tbreak;\n");
    }
    format!(
        "\t{{\n\t\tconst struct {outer}_view *around = view;\n\t\tstruct {word}_view union_view;\n\n\
         \t\tif (!{outer}_get_{c}(around, &union_view))\n\t\t\texit(12);\n\
         \t\tswitch ({outer}_get_{}(around)) {{\n{}\t\t}}\n\t}}\n",
        naming(tag).1,
        cases.replace("(view", "(&union_view"),
    )
}

/// A value that has no fields.
fn print_value(model: &Model, name: &str, ty: &Type, is_bits: bool, get: &str) -> String {
    match ty {
        Type::Scalar(Scalar::F64) => format!("\tprintf(FIRST \".{name}=%g\\n\", path, {get});\n"),
        Type::Scalar(scalar) if scalar.is_signed() => format!("\tNUMBER(\".{name}\", {get});\n"),
        Type::Enum(_) if !is_bits => format!("\tNUMBER(\".{name}\", {get});\n"),
        Type::Scalar(_) | Type::Enum(_) => format!("\tUNSIGNED(\".{name}\", {get});\n"),
        Type::Flags(id) => {
            let mut out = format!("\tUNSIGNED(\".{name}\", {get});\n");
            for member in &model[*id].members {
                let _ = writeln!(
                    out,
                    "\tUNSIGNED(\".{name}.{}\", ({get} & {}) >> {});",
                    member.naming.name, member.naming.c, member.first
                );
            }
            out
        }
        Type::String => format!("\tprintf(FIRST \".{name}=%s\\n\", path, {get});\n"),
        Type::Text(_) => format!("\tprint_text(path, \".{name}\", {get});\n"),
        Type::Bytes(length) => format!("\tprint_bytes(path, \".{name}\", {get}, {length});\n"),
        other => panic!("{name}: nobody prints {other:?}"),
    }
}

fn print_row(version: &Version) -> String {
    let model = &version.model;
    let mut out = "\nstatic void print_row(struct inspect_row row, const unsigned char *data, size_t size)\n{\n\
                   \tchar start[128], name[128];\n\tconst char *path = below(start, inspect_row_name(row), \".row\");\n\n\
                   \t(void)name;\n\t(void)size;\n\t(void)data;\n\
                   \tUNSIGNED(\".class\", inspect_row_class(row));\n\tUNSIGNED(\".instance\", inspect_row_instance(row));\n\
                   \tUNSIGNED(\".length\", inspect_row_length(row));\n\
                   \tUNSIGNED(\".properties\", inspect_row_core(row).properties);\n"
        .to_owned();
    let properties = version.schema().properties.as_ref().expect("properties");
    for member in &properties.members {
        let _ = writeln!(
            out,
            "\tNUMBER(\".properties.{}\", (inspect_row_core(row).properties & {}) != 0);",
            member.naming.name, member.naming.c
        );
    }
    for field in &version.entry().fields {
        let get = format!("{PREFIX}_row_get_{}(row)", field.naming.c);
        out.push_str(&print_value(model, &field.naming.name, &field.ty, false, &get));
    }
    out.push_str("\tpath = inspect_row_name(row);\n\tswitch (inspect_row_class(row)) {\n");
    for class in version.classes() {
        out.push_str(&print_class(model, class));
    }
    out + "\tdefault:\n\t\tbreak;\n\t}\n}\n"
}

fn print_class(model: &Model, class: &Class) -> String {
    let (ty, count) = target(class);
    let Type::Aggregate(id) = ty else { return String::new() };
    let word = decoder(&model[*id]);
    let (elements, path) = match count {
        Some(_) => (ELEMENTS, "at(name, path, \"\", i)"),
        None => (1, "path"),
    };
    format!(
        "\tcase TESTS_EVOLUTION_CLASS_{}: {{\n\t\tstruct {word}_view view;\n\t\tunsigned i;\n\n\
         \t\tfor (i = 0; i < {elements}; i++) {{\n\
         \t\t\tif ({word}_open(&view, &layouts, data + i * (size / {elements}), size / {elements}, NULL) != 0)\n\
         \t\t\t\texit(13);\n\t\t\tprint_{word}({path}, &view);\n\t\t}}\n\t\tbreak;\n\t}}\n",
        class.naming.name.to_uppercase()
    )
}
