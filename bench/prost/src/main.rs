//! Runs prost-build on one `.proto` file: `bench-prost FILE OUT`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(out)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: bench-prost FILE OUT");
        std::process::exit(2);
    };
    let include = Path::new(&file).parent().unwrap_or(Path::new("."));
    prost_build::Config::new().out_dir(out).compile_protos(&[Path::new(&file)], &[include])
}
