//! Compiles the schemas into `$OUT_DIR/inspect`.

fn main() -> Result<(), inspect_gen::BuildError> {
    inspect_gen::Build::new("schema").run()
}
