//! The types of a kernel that nobody here compiled: imported, compiled, and every place compared with what `pahole`
//! prints of the same BTF.
//!
//! The kernel is Debian's, as `.ci/kernel-types` unpacks it, or the one that runs here. By default the largest
//! structs and those that nest deepest are compared; `INSPECT_LONG=1` takes all of them.

#[path = "import_kernel/layout.rs"]
mod layout;
#[path = "import_kernel/pahole.rs"]
mod pahole;
mod support;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use inspect_format::btf::{Btf, kind};
use inspect_gen::binary::{Beside, Binary, Format, Image, Wanted};
use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::import;
use inspect_gen::model::{Model, Target};
use inspect_gen::source::SourceMap;
use inspect_gen::verify::{self, Verdict};
use layout::Comparison;
use object::{Object as _, ObjectSection as _};

/// How many of the largest, and how many of the deepest.
const PICKED: usize = 700;

#[test]
fn structs_of_the_kernel_lie_where_pahole_says() {
    let Some(kernel) = kernel() else { return };
    let bytes = std::fs::read(&kernel).unwrap();
    let blob = blob_of(&bytes);
    let names = picked(&Btf::parse(&blob).unwrap());
    // `pahole` reads the blob by itself: a kernel's ELF file has too much else.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kernel.btf");
    std::fs::write(&file, &blob).unwrap();
    let Some(printed) = pahole::print("btf", &file, &names) else { return };
    let (model, notes) = imported(&blob, &names);
    let Comparison { compared, members, bit_fields, different } =
        layout::compare(&model, "kernel", &names, &printed);
    println!("{compared} structs, {members} members, {bit_fields} bit-fields");
    // What became bytes was said, and is rare.
    assert!(notes.len() <= 8, "{notes:#?}");
    let was_said = |line: &&str| notes.iter().any(|path| line.starts_with(&format!("{path}.")));
    let different: Vec<&str> = different.lines().filter(|line| !was_said(line)).collect();
    let count = different.len();
    let shown: Vec<&str> = different.into_iter().take(40).collect();
    assert!(count == 0, "{count} differences:\n{}", shown.join("\n"));
    assert!(compared >= 1000, "only {compared} structs were compared");
    assert!(bit_fields >= 500, "only {bit_fields} bit-fields were compared");
}

/// A module's BTF continues the kernel's: ids and texts go on.
#[test]
fn a_module_is_read_with_the_kernel_below() {
    let module = root().join("target/kernel/module.ko");
    let kernel = root().join("target/kernel/vmlinux");
    if !module.exists() || !kernel.exists() {
        missing();
        return;
    }
    let (module, kernel) = (std::fs::read(module).unwrap(), std::fs::read(kernel).unwrap());
    let image = Image::parse(module.as_slice(), Some(Format::Btf), None).unwrap();
    let base = Image::parse(kernel.as_slice(), Some(Format::Btf), None).unwrap();
    let alone = Binary::open(&image, &Beside::default()).err().unwrap().to_string();
    assert!(alone.contains("--base"), "{alone}");
    let beside = Beside { base: Some(&base), ..Beside::default() };
    let binary = Binary::open(&image, &beside).unwrap();
    let wanted = [Wanted::parse("xfs_inode"), Wanted::parse("list_head")];
    let imported = import::import(&binary, &wanted, &options()).unwrap();
    assert!(imported.text.contains("struct xfs_inode {"), "{}", imported.text);
    assert!(imported.text.contains("struct list_head {"), "{}", imported.text);
}

/// The schemas of the kernel in this repository are kept in step with Debian's.
#[test]
fn the_schemas_of_the_kernel_agree_with_it() {
    let kernel = root().join("target/kernel/vmlinux");
    if !kernel.exists() {
        missing();
        return;
    }
    let kernel = std::fs::read(kernel).unwrap();
    let image = Image::parse(kernel.as_slice(), Some(Format::Btf), None).unwrap();
    let binary = Binary::open(&image, &Beside::default()).unwrap();
    let model = support::model_of_repository();
    let mut same = 0;
    for compared in verify::verify(&model, &binary).unwrap().structs {
        if !compared.name.starts_with("linux.") {
            continue;
        }
        let name = &compared.name;
        assert!(matches!(compared.verdict, Verdict::Same), "{name}: {:?}", compared.verdict);
        same += 1;
    }
    assert!(same >= 20, "only {same} structs are in the kernel");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn kernel() -> Option<PathBuf> {
    let unpacked = root().join("target/kernel/vmlinux");
    let running = PathBuf::from("/sys/kernel/btf/vmlinux");
    let found = [unpacked, running].into_iter().find(|path| path.exists());
    if found.is_none() {
        missing();
    }
    found
}

fn missing() {
    let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
    assert!(!required, "a kernel's types are required: .ci/kernel-types fetches them");
    eprintln!("skipped: no kernel's types: .ci/kernel-types fetches them");
}

fn blob_of(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"\x7fELF") {
        let file = object::File::parse(bytes).unwrap();
        return file.section_by_name(".BTF").unwrap().data().unwrap().to_vec();
    }
    bytes.to_vec()
}

fn options() -> import::Options {
    import::Options {
        schema: "kernel".to_owned(),
        image: "vmlinux".to_owned(),
        header: None,
        depth: 0,
    }
}

/// The model of what is imported, and the paths of what could not be said.
fn imported(blob: &[u8], names: &[String]) -> (Model, Vec<String>) {
    let image = Image::parse(blob, None, Target::from_name("x86_64")).unwrap();
    let binary = Binary::open(&image, &Beside::default()).unwrap();
    let wanted: Vec<Wanted> = names.iter().map(|name| Wanted::parse(name)).collect();
    let imported = import::import(&binary, &wanted, &options()).unwrap();
    let mut sources = SourceMap::new();
    let notes = imported.notes.into_iter().map(|note| note.path).collect();
    sources.add("kernel.inspect", imported.text, false);
    let options = Options { targets: Target::all().collect(), as_of: Vec::new() };
    let (model, found) = compile(&mut sources, &options);
    (model.unwrap_or_else(|| panic!("{found:#?}")), notes)
}

/// The names of structs and unions that have only one definition: the largest, and the deepest.
fn picked(btf: &Btf<'_>) -> Vec<String> {
    let types: Vec<_> = btf.types().collect();
    let mut count: HashMap<&str, u32> = HashMap::new();
    let mut depths = vec![None; types.len() + 1];
    let mut known = Vec::new();
    for ty in types.iter().filter(|ty| ty.is_composite() && !ty.name().is_empty()) {
        *count.entry(ty.name()).or_default() += 1;
        let depth = depth(&types, ty.id(), &mut depths);
        known.push((ty.name(), ty.size(), depth));
    }
    known.retain(|(name, size, _)| count[name] == 1 && *size > 0);
    let mut names = BTreeSet::new();
    let limit = if std::env::var_os("INSPECT_LONG").is_some() { known.len() } else { PICKED };
    known.sort_by_key(|(name, size, _)| (std::cmp::Reverse(*size), *name));
    names.extend(known.iter().take(limit).map(|it| it.0.to_owned()));
    known.sort_by_key(|(name, _, depth)| (std::cmp::Reverse(*depth), *name));
    names.extend(known.iter().take(limit).map(|it| it.0.to_owned()));
    let must = ["task_struct", "pglist_data", "zone", "printk_ringbuffer", "timekeeper"];
    let must = must.into_iter().chain(["mem_section", "uts_namespace", "net_device", "sk_buff"]);
    names.extend(must.filter(|name| count.get(name) == Some(&1)).map(str::to_owned));
    names.into_iter().collect()
}

/// How many structs lie inside one another, by value.
fn depth(types: &[inspect_format::btf::Type<'_>], id: u32, known: &mut [Option<u32>]) -> u32 {
    let Some(ty) = (id as usize).checked_sub(1).and_then(|index| types.get(index)) else {
        return 0;
    };
    if let Some(depth) = known[id as usize] {
        return depth;
    }
    known[id as usize] = Some(0);
    let found = match ty.kind() {
        kind::STRUCT | kind::UNION => {
            let inner = ty.members().map(|member| depth(types, member.type_id, known)).max();
            inner.unwrap_or(0) + 1
        }
        kind::TYPEDEF | kind::CONST | kind::VOLATILE | kind::TYPE_TAG => {
            depth(types, ty.target(), known)
        }
        kind::ARRAY => ty.array().map_or(0, |array| depth(types, array.element, known)),
        _ => 0,
    };
    known[id as usize] = Some(found);
    found
}
