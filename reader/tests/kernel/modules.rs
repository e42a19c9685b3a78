//! Modules that the machine loads, or refuses to load: built as their `Makefile` builds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use inspect_gen::build::{load, write};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::{self, Output};
use inspect_gen::model::Target;
use inspect_gen::pack;

use crate::machine::Machine;
use crate::support::tools::run;

/// What is annotated on every machine, in the module and of the kernel.
pub(crate) const ANNOTATED: [&str; 9] = [
    "book",
    "pulses",
    "keeper",
    "gate",
    "init_task",
    "init_uts_ns",
    "nr_cpu_ids",
    "__per_cpu_offset",
    "jiffies_64",
];

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

pub(crate) fn example() -> PathBuf {
    repository().join("examples/linux-module")
}

/// Modules that the machine loads, or refuses to load.
pub(crate) struct Modules {
    pub(crate) folder: PathBuf,
}

impl Modules {
    /// Builds all of them.
    pub(crate) fn build(folder: &Path, machine: &Machine) -> Self {
        let headers = &machine.kernel().join("headers");
        let (sources, modules) = (folder.join("module"), Self { folder: folder.join("modules") });
        fs::create_dir(&modules.folder).expect("a folder");
        generate(&sources, &[]);
        for file in [
            "Kbuild",
            "lookout.h",
            "main.c",
            "module.h",
            "report.c",
            "storm.c",
            "hotplug.c",
            "dump.c",
            "dimm.c",
        ] {
            fs::copy(example().join(file), sources.join(file)).expect("a source");
        }
        let mut make = Command::new("make");
        make.arg("-C").arg(headers).arg(format!("M={}", sources.display()));
        make.arg(format!("CROSS_COMPILE={}", machine.cross));
        run(make.args(["modules", "KCFLAGS=-Werror"]));
        let built = sources.join("lookout.ko");
        modules.packed(&fs::read(&built).expect("a module"), machine);
        fs::copy(&built, modules.folder.join("unpacked.ko")).expect("a module");
        fs::copy(sources.join("dimm.ko"), modules.folder.join("dimm.ko")).expect("a module");
        modules.of_two_versions(folder, machine);
        modules
    }

    /// As the module's `Makefile` packs it.
    fn packed(&self, unpacked: &[u8], machine: &Machine) {
        let packed = pack::pack(unpacked, &pack::Options::default());
        let packed = packed.unwrap_or_else(|findings| panic!("{findings:#?}"));
        assert_eq!(packed.annotations, machine.annotated().len());
        let image = packed.image.expect("annotations");
        fs::write(self.folder.join("lookout.ko"), image).expect("a module");
    }

    /// What is linked where a build has missed that the schema has a younger version: its object is new, and
    /// what annotates is old. It cannot be packed.
    fn of_two_versions(&self, folder: &Path, machine: &Machine) {
        let headers = machine.kernel().join("headers");
        let (old, new) = (folder.join("module"), folder.join("younger"));
        generate(&new, &[("schema lookout version 1;", "schema lookout version 2;")]);
        fs::copy(old.join("lookout.h"), new.join("lookout.h")).expect("a header");
        // As the kernel's build has compiled it.
        let command = fs::read_to_string(old.join("c/.lookout.inspect.o.cmd")).expect("a command");
        let command = command.lines().next().and_then(|line| line.split_once(" := "));
        let (_, command) = command.expect("a command");
        let in_new = command.replace(&old.display().to_string(), &new.display().to_string());
        run(Command::new("sh").arg("-c").arg(in_new).current_dir(&headers));
        let foreign = self.folder.join("foreign.ko");
        let mut link = Command::new(format!("{}ld", machine.cross));
        // Headers are for one architecture alone, whatever the kernel calls it.
        let [script] =
            &fs::read_dir(headers.join("arch")).expect("a folder").collect::<Vec<_>>()[..]
        else {
            panic!("headers of several architectures")
        };
        let script = script.as_ref().expect("a folder").path().join("module.lds");
        link.args(["-r", "-T"]).arg(script).arg("-o").arg(&foreign);
        let rest = [
            "main",
            "report",
            "storm",
            "hotplug",
            "dump",
            "lookout.mod",
            "c/inspect_runtime",
            "c/inspect_dump",
            "c/inspect_hotplug",
        ];
        let schemas = ["boot", "mm", "printk", "sched", "time"];
        link.args(rest.map(|name| old.join(format!("{name}.o"))));
        link.args(schemas.map(|name| old.join(format!("c/linux_{name}.inspect.o"))));
        run(link.arg(new.join("c/lookout.inspect.o")));
        let packed = pack::pack(&fs::read(&foreign).expect("a module"), &pack::Options::default());
        let findings = format!("{:?}", packed.map(|packed| packed.annotations));
        assert!(findings.contains("lookout_inspect_v1"), "{findings}");
    }
}

/// Writes the generated C of the module's schema, with some of its text replaced, and of the kernel's.
fn generate(folder: &Path, replaced: &[(&str, &str)]) {
    fs::create_dir(folder).expect("a folder");
    let mut schema = fs::read_to_string(example().join("lookout.inspect")).expect("a schema");
    for (from, to) in replaced {
        assert!(schema.contains(from), "{from}");
        schema = schema.replace(from, to);
    }
    let own = folder.join("lookout.inspect");
    fs::write(&own, schema).expect("a schema");
    let mut sources = load(&[own, repository().join("schema/linux")], &[]).sources;
    let options = Options { targets: Target::all().collect(), ..Options::default() };
    let (model, found) = compile(&mut sources, &options);
    let model = model.unwrap_or_else(|| panic!("{found:#?}"));
    let files = emit::emit(&model, &sources, &[Output::C], &emit::Options::default());
    write(folder, [files]).expect("generated files");
}
