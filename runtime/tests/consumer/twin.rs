//! The same consumers and entries as a C program, and what it answers.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use inspect_runtime::Consumer;

use crate::Case;
use crate::rules::consumers_in_c;

/// What `inspect_consumer_allows` says of each case; nothing where there is no C compiler, which is
/// said.
pub(crate) fn answers(consumers: &[Consumer], cases: &[Case]) -> Option<Vec<bool>> {
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("twin.c");
    std::fs::write(&source, program(consumers, cases)).expect("the program is written");
    let binary = directory.path().join("twin");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codegen/c");
    let compiled = Command::new("gcc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-I"])
        .args([&include, &source, Path::new("-o"), &binary])
        .output();
    let output = match compiled {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "gcc: {error}");
            eprintln!("skipped: there is no gcc ({error})");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(&binary).output().expect("the program runs");
    assert!(output.status.success());
    let answers = output.stdout.iter().map(|byte| *byte == b'1').collect::<Vec<_>>();
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

fn program(consumers: &[Consumer], cases: &[Case]) -> String {
    let mut out = String::from("#include \"inspect.h\"\n#include <stdio.h>\n");
    out.push_str(&consumers_in_c(consumers));
    out.push_str(
        "static const struct { unsigned consumer; uint64_t schema; uint32_t class_number; \
         uint64_t instance, properties; const char *name; } cases[] = {\n",
    );
    for case in cases {
        let index = consumers.iter().position(|consumer| consumer.name == case.consumer.name);
        let (index, core) = (index.expect("one of them"), &case.core);
        let _ = writeln!(
            out,
            "\t{{ {index}, {}, {}, {}ull, {}ull, \"{}\" }},",
            case.schema, core.class, core.instance, core.properties, case.name
        );
    }
    out.push_str(
        "};\nint main(void)\n{\n\tsize_t i;\n\n\tfor (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {\n\
         \t\tstruct inspect_entry entry = { 0 };\n\n\
         \t\tentry.class_number = cases[i].class_number;\n\
         \t\tentry.instance = cases[i].instance;\n\
         \t\tentry.properties = cases[i].properties;\n\
         \t\tputchar(inspect_consumer_allows(&consumers[cases[i].consumer], cases[i].schema, &entry, \
         cases[i].name) ? '1' : '0');\n\t}\n\treturn 0;\n}\n",
    );
    out
}
