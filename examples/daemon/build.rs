//! Compiles the daemon's schema into `$OUT_DIR/inspect`.

fn main() -> Result<(), inspect_gen::BuildError> {
    inspect_gen::Build::new("../../schema/daemon.inspect").run()
}
