//! Cores of processes: those that the kernel writes, those of `gcore`, and those that a program
//! writes about itself.

mod images;

use images::{Workshop, entries, names, opened, remarks};
use inspect_format::abi::space;
use inspect_reader::image::{FoundBy, Kind, Options};

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
