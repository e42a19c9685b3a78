//! Type information that lies: whatever the bytes, there is a schema or an error, no panic and no end of memory.
//!
//! By default a few hundred changed files of each kind; `INSPECT_LONG=1` takes twenty times as many.

#[path = "support/binaries.rs"]
mod binaries;
mod random;
mod support;

use std::process::Command;

use binaries::{bpf_object, btf_of};
use inspect_gen::binary::{Beside, Binary, Image, Wanted};
use inspect_gen::import;
use inspect_gen::model::Target;
use object::{Object as _, ObjectSection as _};
use random::Random;

const SOURCE: &str = "struct inner { char c; long l[3]; };\n\
    enum kind { ONE, TWO };\n\
    typedef struct { enum kind k : 2; unsigned b : 5; struct inner i[2]; } pair_t;\n\
    struct outer { struct outer *next; union { int a; pair_t p; }; int (*f)(struct inner *); char n[]; };\n\
    struct outer o; int main(void) { return 0; }\n";

#[test]
fn dwarf_that_lies_is_an_error_or_a_schema() {
    for form in [["-gdwarf-4", "-O0"], ["-gdwarf-5", "-O0"], ["-gdwarf-4", "-fdebug-types-section"]]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("program.c"), SOURCE).unwrap();
        let mut command = Command::new("gcc");
        command.args(form).args(["-c", "-o", "program.o", "program.c"]).current_dir(folder.path());
        let Some(output) = support::run(&mut command) else { return };
        assert!(output.status.success());
        let bytes = std::fs::read(folder.path().join("program.o")).unwrap();
        assert!(attempt(&bytes).is_ok());
        let ranges = sections(&bytes, ".debug_");
        let (good, bad) = mutate(&bytes, &ranges, 300);
        println!("{form:?}: {good} schemas, {bad} errors");
        assert!(bad > 10, "no change was noticed");
    }
}

#[test]
fn btf_that_lies_is_an_error_or_a_schema() {
    let Some(bytes) = bpf_object(SOURCE) else { return };
    let blob = btf_of(&bytes);
    attempt(&blob).unwrap();
    let (good, bad) = mutate(&blob, &[(0, blob.len())], 600);
    println!("{good} schemas, {bad} errors");
    assert!(bad > 10, "no change was noticed");
}

/// Whether there is a schema.
fn attempt(bytes: &[u8]) -> Result<String, String> {
    let image = Image::parse(bytes, None, Target::from_name("x86_64"));
    let image = image.map_err(|error| error.to_string())?;
    let binary = Binary::open(&image, &Beside::default()).map_err(|error| error.to_string())?;
    let options = import::Options {
        schema: "hostile".to_owned(),
        image: "program".to_owned(),
        header: None,
        depth: 2,
    };
    let wanted = [Wanted::parse("outer"), Wanted::parse("pair_t")];
    match import::import(&binary, &wanted, &options) {
        Ok(imported) => Ok(imported.text),
        Err(faults) => Err(faults[0].to_string()),
    }
}

fn sections(bytes: &[u8], prefix: &str) -> Vec<(usize, usize)> {
    let file = object::File::parse(bytes).unwrap();
    let ours = file.sections().filter(|it| it.name().unwrap().starts_with(prefix));
    ours.filter_map(|it| it.file_range()).map(|(at, size)| (at as usize, size as usize)).collect()
}

/// Tries changed bytes: how many led to a schema, and how many to an error.
fn mutate(bytes: &[u8], ranges: &[(usize, usize)], times: u32) -> (u32, u32) {
    let times = if std::env::var_os("INSPECT_LONG").is_some() { times * 20 } else { times };
    let mut random = Random::new(6);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..times {
        let mut changed = bytes.to_vec();
        for _ in 0..=random.below(3) {
            let (start, size) = *random.pick(ranges);
            if size == 0 {
                continue;
            }
            let at = start + random.below(size);
            changed[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => changed[at] ^ 1 << random.below(8),
                _ => random.below(256) as u8,
            };
        }
        if random.chance(10) {
            changed.truncate(random.below(bytes.len()));
        }
        match attempt(&changed) {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
    }
    (good, bad)
}
