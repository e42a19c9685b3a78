//! Compiles the schema into `$OUT_DIR/inspect`.

fn main() -> Result<(), inspect_gen::BuildError> {
    inspect_gen::Build::new("brewery.inspect").run()
}
