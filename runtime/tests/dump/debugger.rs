//! gdb, asked about a core.

use std::path::Path;
use std::process::Command;

/// What gdb answers to commands about a program and its core; nothing where there is no gdb, which
/// is said.
pub(crate) fn ask(program: &Path, core: &[u8], commands: &[String]) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("core");
    std::fs::write(&path, core).expect("the core is written");
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-ex", "set language c"]);
    gdb.arg(program).arg(&path);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    match gdb.output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some(String::from_utf8_lossy(&text).into_owned())
        }
        Err(error) => {
            assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "gdb: {error}");
            eprintln!("skipped: there is no gdb ({error})");
            None
        }
    }
}
