//! Everything that the packer refuses, as a person reads it: the code, the annotation's file and line, what was
//! expected, a way out. The image stays as it was. Each case is a small C program; its text is in
//! `snapshots/pack`.
//!
//! Every code of the family 09 has a case here or in `doctor.rs`.

mod pack_cases;

use std::collections::BTreeSet;

use inspect_gen::diag::Code;
use object::{Object as _, ObjectSection as _};
use pack_cases::{Workshop, golden};

/// What is wrong with a program's annotations, in addition to a good one.
const ANNOTATIONS: &[(&str, &str)] = &[
    ("E0903-key-twice", "R(CLASS, NAME(\"one\"), NAME(\"two\"), AT(good));"),
    (
        "E0903-field-twice",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"owner\", 1), INSPECT_INTEGER(\"owner\", 1));",
    ),
    (
        "E0903-stray-bytes",
        "static char stray[16] __attribute__((section(\"inspect_table\"), aligned(8), used)) = \"stray\";",
    ),
    (
        "E0903-does-not-end",
        "static struct inspect_pair p[] __attribute__((section(\"inspect_table\"), aligned(8))) \
         INSPECT_RETAIN = { INSPECT_BEGIN(&demo_app_inspect_v2), CLASS };",
    ),
    (
        "E0903-unknown-kind",
        "R(CLASS, NAME(\"a\"), AT(good), { .key = \"owner\", .kind = 9, .size = 128 });",
    ),
    ("E0904-slip", "R(INSPECT_TEXT(\"class\", \"conuter\"), NAME(\"a\"), AT(good));"),
    ("E0904-stranger", "R(INSPECT_TEXT(\"class\", \"spaceship\"), NAME(\"a\"), AT(good));"),
    ("E0904-none", "R(NAME(\"a\"), AT(good));"),
    ("E0905-slip", "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"ownr\", 1));"),
    ("E0905-stranger", "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"quantity\", 1));"),
    (
        "E0906-number-does-not-fit",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"small\", 256));",
    ),
    (
        "E0906-text-too-long",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_TEXT(\"title\", \"abcdef\"));",
    ),
    (
        "E0906-text-for-a-number",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_TEXT(\"owner\", \"root\"));",
    ),
    ("E0906-number-for-a-text", "R(CLASS, INSPECT_INTEGER(\"name\", 5), AT(good));"),
    ("E0906-text-for-the-address", "R(CLASS, NAME(\"a\"), INSPECT_TEXT(\"address\", \"good\"));"),
    ("E0906-no-address", "R(CLASS, NAME(\"a\"));"),
    (
        "E0906-counter-of-three-bytes",
        "R(CLASS, NAME(\"a\"), AT(good), \
         { .key = \"count\", .kind = INSPECT_PAIR_ADDRESS, .size = 128, .integer = 3, .address = &good });",
    ),
    ("E0906-range-without-end", "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"extent\", 4));"),
    (
        "E0906-counted-without-count",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"extent\", 2));",
    ),
    (
        "E0906-end-of-no-range",
        "R(CLASS, NAME(\"a\"), AT(good), INSPECT_ADDRESS(\"end\", &good), INSPECT_INTEGER(\"extent\", 0));",
    ),
    (
        "E0906-end-nowhere",
        "extern uint64_t gone __attribute__((weak));\n\
         R(CLASS, NAME(\"a\"), AT(good), INSPECT_ADDRESS(\"end\", &gone));",
    ),
    ("E0906-id-too-large", "R(CLASS, NAME(\"a\"), AT(good), INSPECT_INTEGER(\"id\", 0x80000000));"),
    ("E0907-name-twice", "static uint64_t other;\nR(CLASS, NAME(\"good\"), AT(other));"),
    (
        "E0907-said-differently",
        "R(CLASS, NAME(\"good\"), AT(good), INSPECT_PROPERTIES(INSPECT_SENSITIVE));",
    ),
    (
        "E0907-id-twice",
        "static uint64_t other;\n\
         R(CLASS, NAME(\"a\"), AT(other), INSPECT_INTEGER(\"id\", 5));\n\
         R(CLASS, NAME(\"b\"), AT(good), INSPECT_INTEGER(\"id\", 5));",
    ),
    ("E0908-no-descriptor", "INSPECT_RECORD(0, CLASS, NAME(\"a\"), AT(good));"),
    ("E0909-no-descriptor-there", "INSPECT_RECORD(&good, CLASS, NAME(\"a\"), AT(good));"),
    (
        "E0910-rows-longer-than-annotations",
        "#include \"demo_wide.inspect.h\"\n\
         INSPECT_RECORD(&demo_wide_inspect_v1, CLASS, NAME(\"a\"), AT(good));",
    ),
    (
        "E0912-another-section",
        "static struct inspect_pair inspect_pairs_9[] __attribute__((section(\"elsewhere\"), used)) = \
         { INSPECT_BEGIN(&demo_app_inspect_v2), CLASS, INSPECT_END() };",
    ),
];

/// Packs, and takes what was said. The image must stay as it is.
#[track_caller]
fn refused(workshop: &Workshop, image: &str, arguments: &[&str]) -> String {
    let before = workshop.read(image);
    let output = workshop.generator(&[&["pack", image], arguments].concat());
    let text = String::from_utf8(output.stderr).expect("text");
    let said = format!("{}{text}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{image}: {said}");
    assert!(workshop.read(image) == before, "{image} has changed");
    said
}

#[track_caller]
fn case(name: &str, said: &str) {
    assert!(said.contains(&name[..5]), "{name}: {said}");
    golden(name, said);
}

#[test]
fn annotations_that_are_wrong_are_refused_with_their_place() {
    let Some(workshop) = Workshop::new() else { return };
    for (name, source) in ANNOTATIONS {
        let image = workshop.program(name, source, &[]);
        case(name, &refused(&workshop, &image, &[]));
    }
}

/// What is wrong in an object is the same, and so is what is said.
#[test]
fn objects_are_refused_with_the_same_words() {
    let Some(workshop) = Workshop::new() else { return };
    for (name, source) in ANNOTATIONS {
        // What these lack is in the object of a schema, in the size of a section that may grow, or in a symbol
        // that another object may define.
        if ["E0909", "E0910", "E0906-end-nowhere"].iter().any(|it| name.starts_with(it)) {
            continue;
        }
        let image = workshop.object(name, source, &[]);
        let said = refused(&workshop, &image, &["--schema", "demo_app.inspect.o"]);
        assert!(said.contains(&name[..5]), "{name}: {said}");
    }
}

/// The rows would fit where the annotations are, and the tables would reach beyond.
#[test]
fn tables_that_do_not_fit_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let object = workshop.object(
        "tight",
        "#include \"demo_tight.inspect.h\"\n\
         INSPECT_RECORD(&demo_tight_inspect_v1, CLASS, NAME(\"a\"), AT(good));\n\
         int main(void) { return 0; }",
        &[],
    );
    let schema = "c/demo_tight.inspect.c";
    workshop.gcc(&[&object, schema, "demo_app.inspect.o", "inspect_runtime.o", "-o", "tight"]);
    let image = workshop.read("tight");
    let found = inspect_gen::pack::overview(&image, &[]).expect("an image");
    let rows: u64 = found.tables.iter().map(|it| u64::from(it.entry_size)).sum();
    assert_eq!(found.entries.len(), 2);
    assert!(rows <= found.sections[0].size, "{rows} bytes of rows: {:?}", found.sections);
    let said = refused(&workshop, "tight", &[]);
    assert!(said.contains("E0910") && said.contains("the tables take"), "{said}");
}

/// Each annotation asks for a row that is many times as long.
#[test]
fn tables_out_of_proportion_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let one = |index: u32| {
        let name = format!("NAME(\"{index}\")");
        format!("INSPECT_RECORD(&demo_huge_inspect_v1, CLASS, {name}, AT(good));\n")
    };
    let all: String = (0..200).map(one).collect();
    workshop.object("huge", &format!("#include \"demo_huge.inspect.h\"\n{all}"), &[]);
    let parts = ["huge.o", "c/demo_huge.inspect.c", "demo_app.inspect.o"];
    workshop.gcc(&[&["-r", "-nostdlib", "-o", "huge"], &parts[..]].concat());
    let said = refused(&workshop, "huge", &[]);
    assert!(said.contains("E0910") && said.contains("times as long as the file"), "{said}");
}

/// A table for another machine stands where this machine's are.
#[test]
fn a_table_of_another_target_is_refused() {
    let Some(workshop) = Workshop::new() else { return };
    for machine in ["s390x", "i686"] {
        let arguments = ["app.inspect", "-o", "foreign", "--emit", "table", "--target", machine];
        assert!(workshop.generator(&arguments).status.success(), "{machine}");
        let table = format!("foreign/table/demo_app.{machine}.table");
        let source = format!(
            "__asm__(\".section inspect_table,\\\"aw\\\"\\n.balign 8\\n.incbin \\\"{table}\\\"\\n\
             .balign 8\\n.text\");"
        );
        let object = workshop.object(machine, &source, &["-U__linux__"]);
        let said = refused(&workshop, &object, &["--schema", "demo_app.inspect.o"]);
        assert!(said.contains("E0909") && said.contains("of another target"), "{machine}: {said}");
    }
}

/// The kernel's loader could not relocate it.
#[test]
fn a_kernel_module_for_mips_is_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let compiler = "mips-linux-gnu-gcc";
    if !pack_cases::support::has(compiler) {
        return;
    }
    let module = "__asm__(\".section .gnu.linkonce.this_module,\\\"aw\\\"\\n.space 8\\n.text\");";
    workshop.write("module.c", format!("{}{module}\n", pack_cases::GOOD));
    let sources = ["module.c", "c/demo_app.inspect.c"];
    let flags = ["-r", "-nostdlib", "-Ic", "-O1", "-w", "-U__linux__", "-o", "module.ko"];
    workshop.run(compiler, &[&flags[..], &sources].concat());
    let said = refused(&workshop, "module.ko", &[]);
    assert!(said.contains("E0902") && said.contains("MIPS"), "{said}");
}

#[test]
fn findings_are_read_by_programs_too() {
    let Some(workshop) = Workshop::new() else { return };
    let (name, source) = ANNOTATIONS.iter().find(|(name, _)| *name == "E0907-name-twice").unwrap();
    let image = workshop.program(name, source, &[]);
    for form in ["json", "github"] {
        let said = refused(&workshop, &image, &["--message-format", form]);
        case(&format!("{name}-{form}"), &said);
    }
}

#[test]
fn files_that_are_no_images_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let program = workshop.program("program", "", &[]);
    let whole = workshop.read(&program);
    workshop.write("cut", &whole[..whole.len() / 2]);
    case("E0901-cut-off", &refused(&workshop, "cut", &[]));

    workshop.write("archive.a", "!<arch>\n");
    case("E0902-archive", &refused(&workshop, "archive.a", &[]));
    workshop.write("text", "not an image\n");
    case("E0902-text", &refused(&workshop, "text", &[]));
    workshop.write("signed.ko", signed(&whole));
    case("E0902-signed", &refused(&workshop, "signed.ko", &[]));
    let mut core = whole.clone();
    core[16] = 4;
    workshop.write("core", &core);
    case("E0902-core", &refused(&workshop, "core", &[]));
    let mut bare = whole.clone();
    // `e_shoff`, then `e_shnum` and `e_shstrndx`.
    bare[0x28..0x30].fill(0);
    bare[0x3c..0x40].fill(0);
    workshop.write("bare", &bare);
    case("E0902-no-section-headers", &refused(&workshop, "bare", &[]));
    let mut unknown = whole;
    unknown[18..20].copy_from_slice(&0x1234_u16.to_le_bytes());
    workshop.write("unknown", &unknown);
    case("E0902-machine", &refused(&workshop, "unknown", &[]));

    let object = workshop.object("slim", "", &["-flto", "-fno-fat-lto-objects"]);
    case("E0902-link-time-optimisation", &refused(&workshop, &object, &[]));
    let object = workshop.object("plain", "", &[]);
    let said = refused(&workshop, &object, &["--detached", "plain.table"]);
    case("E0902-detached-object", &said);
    assert!(!workshop.path("plain.table").exists(), "a table was written");
}

/// With the end of a signed kernel module.
fn signed(image: &[u8]) -> Vec<u8> {
    let mut signed = image.to_vec();
    signed.extend([0; 20]);
    signed.extend([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 8]);
    signed.extend(b"~Module signature appended~\n");
    signed
}

#[test]
fn a_schema_that_is_missing_or_another_one_is_named() {
    let Some(workshop) = Workshop::new() else { return };
    let object = workshop.object("lone", "", &[]);
    case("E0908-nobody-brings-it", &refused(&workshop, &object, &[]));
    let with = |file: &str| refused(&workshop, &object, &["--schema", file]);
    case("E0908-brings-no-schema", &with("lone.c"));
    let older = "out-older.inspect/table/demo_app.x86_64.table";
    case("E0909-another-version", &with(older));
    case("E0908-another-schema", &with("demo_wide.inspect.o"));
    case("E0909-a-program", &{
        let program = workshop.program("program", "", &[]);
        with(&program)
    });
    let table = "out-app.inspect/table/demo_app.x86_64.table";
    let mut foreign = workshop.read(table);
    foreign[9] = 4;
    foreign[56..60].fill(0);
    workshop.write("foreign.table", &foreign);
    case("E0909-another-target", &with("foreign.table"));
    let said = workshop.generator(&["pack", &object, "--schema", "nowhere.o"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("E0001"));
}

#[test]
fn pointers_that_nobody_can_follow_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let object = workshop.object("odd", "", &[]);
    let mut bytes = workshop.read(&object);
    let at = {
        let file = object::File::parse(&*bytes).expect("an object");
        let holder = file.section_by_name(".relainspect_table").expect("relocations");
        holder.file_range().expect("bytes").0 as usize
    };
    // R_X86_64_TPOFF64: a thread-local variable.
    bytes[at + 8..at + 12].copy_from_slice(&18_u32.to_le_bytes());
    workshop.write("odd.o", &bytes);
    let said = refused(&workshop, "odd.o", &["--schema", "demo_app.inspect.o"]);
    case("E0911-thread-local", &said);

    let source = "extern uint64_t elsewhere; R(CLASS, NAME(\"a\"), AT(elsewhere));";
    let image = workshop.program("library", source, &["-shared"]);
    let said = refused(&workshop, &image, &["--detached", "library.table"]);
    case("E0911-elsewhere", &said);
    assert!(!workshop.path("library.table").exists(), "a table was written");
}

/// Every way to leave the types out: of a program, a table of its own, an object, and a program that has
/// them already. Where nothing is sensitive, they may go.
#[test]
fn types_that_say_what_is_sensitive_stay() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "#include \"demo_secret.inspect.h\"\nstatic struct demo_secret_user root;\n\
        DEMO_SECRET_ANNOTATE_USER(root, \"root\");\nint main(void) { return 0; }";
    let object = workshop.object("secret", source, &[]);
    let parts = ["c/demo_secret.inspect.c", "demo_app.inspect.o", "inspect_runtime.o"];
    workshop.gcc(&[&[object.as_str()], &parts[..], &["-o", "secret"]].concat());
    let without = ["--types", "detached"];
    let said = refused(&workshop, "secret", &without);
    case("E0914-sensitive", &said);
    let apart = ["--detached", "secret.table"];
    assert_eq!(refused(&workshop, "secret", &[&without[..], &apart].concat()), said);
    assert!(!workshop.path("secret.table").exists(), "a table was written");
    workshop.gcc(&["-c", "c/demo_secret.inspect.c", "-o", "demo_secret.inspect.o"]);
    let schemas = ["--schema", "demo_secret.inspect.o", "--schema", "demo_app.inspect.o"];
    let said = refused(&workshop, &object, &[&without[..], &schemas].concat());
    assert!(said.contains("E0914"), "{said}");
    let packed = workshop.generator(&["pack", "secret"]);
    assert!(packed.status.success());
    assert!(refused(&workshop, "secret", &without).contains("E0914"));

    let plain = workshop.program("harmless", "", &[]);
    let apart = ["pack", &plain, "--types", "detached", "--detached", "harmless.table"];
    assert!(workshop.generator(&apart).status.success());
    let table = workshop.read("harmless.table");
    let table = inspect_format::table::Table::parse(&table).expect("a table");
    assert!(table.sections().types.is_empty() && !table.sections().schema.is_empty());
}

#[test]
fn a_group_that_the_linker_may_drop_is_refused() {
    let Some(workshop) = Workshop::new() else { return };
    let source = "__asm__(\".section inspect_table,\\\"awG\\\",@progbits,a_group,comdat\\n.zero 8\\n.text\");";
    let object = workshop.object("group", source, &[]);
    let said = refused(&workshop, &object, &["--schema", "demo_app.inspect.o"]);
    case("E0912-group", &said);
}

#[test]
fn every_code_has_a_case() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/pack");
    let entries = std::fs::read_dir(folder).expect("the golden files");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let found: BTreeSet<String> =
        names.map(|name| name.to_string_lossy().chars().take(5).collect()).collect();
    for code in Code::ALL.iter().map(|code| code.name()).filter(|name| name[1..].starts_with("09"))
    {
        assert!(found.contains(code), "{code} has no case");
    }
}
