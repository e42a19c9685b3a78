//! Cores of processes: those that the kernel writes, those of `gcore`, and those that a program
//! writes about itself.

mod images;

use images::{Workshop, entries, names, opened, remarks};
use inspect_format::abi::space;
use inspect_reader::image::{FoundBy, Image, Kind, Options, Target, open};
use inspect_reader::memory::Reason;
use std::io::BufRead;

const ALL: [&str; 6] = [
    "library exported",
    "library static",
    "main exported",
    "main static",
    "on the heap",
    "password",
];

#[test]
fn a_core_of_the_kernel_has_all_tables_and_lacks_nothing() {
    let workshop = Workshop::new();
    workshop.build("gcc", "", "main").expect("a compiler");
    let Some((text, core)) = workshop.crash("main", "0x33") else { return };
    let [exported, heap, constant] = Workshop::places(&text);
    let image = opened(&core, &Options::default());
    assert_eq!(image.kind, Kind::Core);
    let found = entries(&image);
    assert_eq!(names(&found), ALL);
    let by_name = |name: &str| found.iter().find(|it| it.0 == name).expect("an entry");
    assert_eq!((by_name("main exported").1, by_name("on the heap").1), (exported, heap));
    assert!(image.objects[0].name.ends_with("/main"), "the program is the first object");
    assert!(image.objects[0].roots.iter().any(|clue| clue.found_by == FoundBy::Note));
    assert!(image.objects.iter().any(|object| object.name == "[vdso]"));
    // The value that the program wrote, and a constant that stands in the file alone.
    let mut bytes = [0; 9];
    image.memory.read(space::VIRTUAL, exported, &mut bytes[..8]).unwrap();
    assert_eq!(bytes[..8], 0x1111_u64.to_le_bytes());
    image.memory.read(space::VIRTUAL, constant, &mut bytes).unwrap();
    assert_eq!(&bytes, b"read-only");
    let text = remarks(&image);
    assert!(text.contains("libmain.so, which has its build-id"), "{text}");
}

#[test]
fn a_core_is_filled_only_from_the_files_that_were_mapped() {
    let workshop = Workshop::new();
    workshop.build("gcc", "", "main").expect("a compiler");
    let Some((text, core)) = workshop.crash("main", "0x33") else { return };
    let [exported, _, constant] = Workshop::places(&text);
    let program = workshop.path("main");
    let read = |image: &Image, address| {
        let mut bytes = [0; 8];
        image.memory.read(space::VIRTUAL, address, &mut bytes).map(|()| bytes)
    };
    // Another build stands where the program stood.
    let original = workshop.path("original");
    std::fs::rename(&program, &original).unwrap();
    workshop.build("gcc", "-DROWS_OF_ANOTHER_BUILD -O2", "main").expect("a compiler");
    let image = opened(&core, &Options::default());
    let missing = read(&image, constant).unwrap_err();
    assert_eq!(missing.reason, Reason::Unmapped, "{missing}");
    assert_eq!(read(&image, exported).unwrap(), 0x1111_u64.to_le_bytes());
    assert!(remarks(&image).contains("/main is another build, "), "{}", remarks(&image));
    // Named, the right file lends, whatever its name.
    let options = Options { lenders: vec![original.clone()], ..Options::default() };
    let image = opened(&core, &options);
    assert_eq!(&read(&image, constant).unwrap(), b"read-onl");
    // It also stands in a directory that takes the place of the root.
    let root = workshop.path("root");
    let inside = root.join(program.strip_prefix("/").unwrap());
    std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
    std::fs::rename(&original, &inside).unwrap();
    let options = Options { sysroot: Some(root), ..Options::default() };
    let image = opened(&core, &options);
    assert_eq!(&read(&image, constant).unwrap(), b"read-onl");
    // Nothing is there.
    std::fs::remove_file(&program).unwrap();
    let image = opened(&core, &Options::default());
    assert!(read(&image, constant).is_err());
    assert!(remarks(&image).contains("No such file"), "{}", remarks(&image));
    assert_eq!(names(&entries(&image)), ALL, "tables are in the core");
}

/// Without build-ids nobody knows whether a file is the one that was mapped.
#[test]
fn without_a_build_id_only_a_file_that_was_named_lends() {
    let workshop = Workshop::new();
    workshop.build("gcc", "-Wl,--build-id=none", "main").expect("a compiler");
    let Some((text, core)) = workshop.crash("main", "0x33") else { return };
    let [_, _, constant] = Workshop::places(&text);
    let mut bytes = [0; 8];
    let image = opened(&core, &Options::default());
    assert!(image.memory.read(space::VIRTUAL, constant, &mut bytes).is_err());
    assert!(remarks(&image).contains("no build-id"), "{}", remarks(&image));
    let options = Options { lenders: vec![workshop.path("main")], ..Options::default() };
    let image = opened(&core, &options);
    image.memory.read(space::VIRTUAL, constant, &mut bytes).unwrap();
    assert_eq!(&bytes, b"read-onl");
    assert!(remarks(&image).contains("which was named for it"), "{}", remarks(&image));
}

/// A core without private memory: what the program wrote is not what its file holds.
#[test]
fn what_the_program_wrote_is_not_taken_from_its_file() {
    let workshop = Workshop::new();
    workshop.build("gcc", "", "main").expect("a compiler");
    let Some((text, core)) = workshop.crash("main", "0x10") else { return };
    let [exported, _, constant] = Workshop::places(&text);
    let image = opened(&core, &Options::default());
    let mut bytes = [0; 8];
    image.memory.read(space::VIRTUAL, constant, &mut bytes).unwrap();
    assert_eq!(&bytes, b"read-onl");
    let missing = image.memory.read(space::VIRTUAL, exported, &mut bytes).unwrap_err();
    assert_eq!(missing.reason, Reason::Unmapped);
    let text = remarks(&image);
    assert!(text.contains("what the program could write is not in the core"), "{text}");
}

#[test]
fn a_core_of_a_static_program_without_section_headers_is_read() {
    let workshop = Workshop::new();
    for model in ["-static", "-static-pie -fPIE"] {
        workshop.build_one("gcc", model, "one").expect("a compiler");
        workshop.try_run("strip -s one").expect("binutils");
        let Some((text, core)) = workshop.crash("one", "0x33") else { return };
        let image = opened(&core, &Options::default());
        let found = entries(&image);
        assert_eq!(names(&found), ["main exported", "main static", "on the heap", "password"]);
        assert_eq!(found[0].1, Workshop::places(&text)[0]);
    }
}

#[test]
fn a_truncated_core_says_how_much_is_missing() {
    let workshop = Workshop::new();
    workshop.build("gcc", "", "main").expect("a compiler");
    let Some((text, core)) = workshop.crash("main", "0x33") else { return };
    let file = std::fs::OpenOptions::new().write(true).open(&core).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 0x10000).unwrap();
    let image = opened(&core, &Options::default());
    let expected = format!("the core is truncated: 65536 of {length} bytes are missing");
    assert!(remarks(&image).starts_with(&expected), "{}", remarks(&image));
    // The stack ends a core.
    let runs = image.memory.runs(space::VIRTUAL);
    assert!(runs.iter().all(|run| {
        let mut byte = [0];
        image.memory.read(space::VIRTUAL, run.address + run.length - 1, &mut byte).is_ok()
    }));
    assert_eq!(names(&entries(&image)), ALL);
    // Where headers alone are left, all memory is missing and the core still opens.
    file.set_len(0x1000).unwrap();
    let image = opened(&core, &Options::default());
    let mut byte = [0];
    let missing = image.memory.read(space::VIRTUAL, Workshop::places(&text)[0], &mut byte);
    assert_eq!(missing.unwrap_err().reason, Reason::Truncated);
    file.set_len(100).unwrap();
    let error = open(&Target::Path(core), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("headers are not all there"), "{error}");
}

#[test]
fn a_core_of_gcore_is_read() {
    let workshop = Workshop::new();
    workshop.build("gcc", "", "main").expect("a compiler");
    let mut program = workshop.command("./main wait");
    let mut child = program.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufReader::new(out).read_line(&mut text).unwrap();
    let gcore = workshop.try_run(&format!("gcore -o written {}", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    if gcore.is_none() {
        return;
    }
    let core = workshop.path(&format!("written.{}", child.id()));
    let image = opened(&core, &Options::default());
    let found = entries(&image);
    assert_eq!(names(&found), ALL);
    assert_eq!(found[2].1, Workshop::places(&text)[0]);
    assert!(image.objects[0].name.ends_with("/main"));
}

/// What a program wrote about itself has its tables in a note, and nothing is added to it.
#[test]
fn a_dump_of_the_runtime_is_read_and_never_filled() {
    let workshop = Workshop::new();
    let machines = [
        ("gcc", ""),
        ("aarch64-linux-gnu-gcc", "qemu-aarch64"),
        ("arm-linux-gnueabihf-gcc", "qemu-arm"),
        ("powerpc64-linux-gnu-gcc", "qemu-ppc64"),
        ("s390x-linux-gnu-gcc", "qemu-s390x"),
        ("i686-linux-gnu-gcc", "qemu-i386"),
    ];
    for (compiler, emulator) in machines {
        let flags = "-static -DWITH_DUMP -DINSPECT_POSIX";
        let built = workshop.build_one(compiler, flags, "one");
        let line = format!("{emulator} {} dump one.dump", workshop.path("one").display());
        let Some(text) = built.and_then(|()| workshop.try_run(line.trim_start())) else { continue };
        let image = opened(&workshop.path("one.dump"), &Options::default());
        assert_eq!((image.kind, image.carried.len()), (Kind::Core, 1), "{compiler}");
        assert!(image.capture.is_some());
        let found = entries(&image);
        assert_eq!(names(&found), ["main exported", "main static", "on the heap", "password"]);
        let [exported, heap, constant] = Workshop::places(&text);
        let mut byte = [0];
        for (address, is_there) in [(exported, true), (heap, true), (constant, false)] {
            let read = image.memory.read(space::VIRTUAL, address, &mut byte);
            assert_eq!(read.is_ok(), is_there, "{compiler} {address:#x}");
        }
        assert_eq!(remarks(&image), "", "{compiler}");
    }
}
