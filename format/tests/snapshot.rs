//! Manifests of snapshots: what is written is read, and one content has one spelling.

use inspect_format::snapshot::{Manifest, ManifestWriter, Run};

const RUNS: [Run; 3] = [
    Run { address: 0x1000, length: 64 },
    Run { address: 0x55d0_c1a0_0040, length: 1 << 30 },
    Run { address: u64::MAX, length: 1 },
];

const TEXT: &str = "\
inspect snapshot 1
tables 1432
capture 0
memory 0000000000001000 64
memory 000055d0c1a00040 1073741824
memory ffffffffffffffff 1
end 3
";

#[test]
fn what_is_written_is_read() {
    let mut writer = ManifestWriter::new(String::new(), 1432, 0).unwrap();
    RUNS.iter().for_each(|run| writer.run(*run).unwrap());
    assert_eq!(writer.finish().unwrap(), TEXT);
    let manifest = Manifest::parse(TEXT).expect("a manifest");
    assert_eq!((manifest.tables, manifest.capture), (1432, 0));
    assert_eq!(manifest.runs().collect::<Vec<_>>(), RUNS);
    assert_eq!(RUNS[1].file_name().as_str(), "000055d0c1a00040");
    let empty = ManifestWriter::new(String::new(), 1, 2).unwrap().finish().unwrap();
    assert_eq!(Manifest::parse(&empty).expect("a manifest").runs().count(), 0);
}

#[test]
fn another_spelling_is_an_error_of_its_line() {
    let line = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        Manifest::parse(&TEXT.replacen(from, to, 1)).map_err(|error| error.line).err()
    };
    assert_eq!(line("snapshot 1", "snapshot 2"), Some(1));
    assert_eq!(line("tables 1432", "tables 01432"), Some(2));
    assert_eq!(line("tables 1432", "tables +1432"), Some(2));
    assert_eq!(line("capture 0\n", ""), Some(3));
    assert_eq!(line("0000000000001000", "1000"), Some(4));
    assert_eq!(line("000055d0c1a00040", "000055D0C1A00040"), Some(5));
    assert_eq!(line("000055d0c1a00040", "0000000000001020"), Some(5), "it overlaps");
    assert_eq!(line("1073741824", "18446744073709551615"), Some(5), "it wraps");
    assert_eq!(line(" 64\n", " 0\n"), Some(4), "nothing is no run");
    assert_eq!(line("end 3", "end 2"), Some(7));
    assert_eq!(line("end 3\n", "end 3\nmore"), Some(8));
    assert_eq!(line("end 3\n", "end 3"), Some(7));
    for end in 0..TEXT.len() {
        assert!(Manifest::parse(&TEXT[..end]).is_err(), "{end} bytes are not all");
    }
}
