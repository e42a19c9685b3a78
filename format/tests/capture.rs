//! What a dump says about itself: written row by row, counted alike, read back; the bytes are
//! deterministic CBOR, and garbage is an error.

use inspect_format::notes::capture::{
    Capture, CaptureWriter, Count, Head, Row, Status, WriteError,
};
use minicbor::encode::Write;

const HEAD: Head<'static> =
    Head { tool: "inspect 0.1.0", missing: 1, consumer: "report", producer: Some("daemon 7") };

fn rows() -> Vec<Row<'static>> {
    let whole = Row { address: Some(0x1000), length: Some(24), ..Row::new(Status::Captured) };
    let rule = Row { reason: Some("deny"), rule: Some(3), ..Row::new(Status::Denied) };
    let limit = Row { reason: Some("bytes"), ..whole };
    vec![
        whole,
        rule,
        Row { status: Status::OverBudget, ..limit },
        Row { reason: Some("null"), ..Row::new(Status::Absent) },
        Row { status: Status::Faulted, ..whole },
        Row { status: Status::Truncated, reason: Some("fault"), captured: Some(8), ..whole },
    ]
}

fn write<W: Write>(sink: W, head: Head<'_>) -> Result<W, WriteError<W::Error>> {
    let mut writer = CaptureWriter::new(sink, head, 2)?;
    writer.table(7, rows().len() as u64)?;
    for row in rows() {
        writer.row(&row)?;
    }
    writer.table(u64::MAX, 0)?;
    writer.finish()
}

#[test]
fn what_is_written_is_read() {
    let bytes = write(Vec::new(), HEAD).expect("it is written");
    let Ok(Count(size)) = write(Count::default(), HEAD) else { panic!("it is counted") };
    assert_eq!(size, bytes.len() as u64);
    let capture = Capture::parse(&bytes).expect("it is read");
    assert_eq!(capture.head, HEAD);
    let tables: Vec<_> = capture.tables().collect::<Result<_, _>>().expect("tables");
    assert_eq!(tables.iter().map(|table| table.schema).collect::<Vec<_>>(), [7, u64::MAX]);
    let found: Vec<_> = tables[0].rows().collect::<Result<_, _>>().expect("rows");
    assert_eq!(found, rows());
    assert_eq!(tables[1].rows().count(), 0);
    let without = write(Vec::new(), Head { producer: None, ..HEAD }).expect("it is written");
    assert_eq!(Capture::parse(&without).expect("it is read").head.producer, None);
}

/// Keys ascend by the bytes of their encoding, in every map of the description.
#[test]
fn the_bytes_are_deterministic() {
    fn check(decoder: &mut minicbor::Decoder<'_>) {
        use minicbor::data::Type;
        match decoder.datatype().expect("a value") {
            Type::Map => {
                let mut last = Vec::new();
                for _ in 0..decoder.map().unwrap().expect("a definite length") {
                    let start = decoder.position();
                    decoder.str().expect("a text");
                    let key = decoder.input()[start..decoder.position()].to_vec();
                    assert!(last < key, "{last:x?} before {key:x?}");
                    last = key;
                    check(decoder);
                }
            }
            Type::Array => {
                for _ in 0..decoder.array().unwrap().expect("a definite length") {
                    check(decoder);
                }
            }
            _ => decoder.skip().expect("a value"),
        }
    }
    let bytes = write(Vec::new(), HEAD).expect("it is written");
    let mut decoder = minicbor::Decoder::new(&bytes);
    check(&mut decoder);
    assert_eq!(decoder.position(), bytes.len());
}

#[test]
fn a_wrong_number_of_rows_is_an_error() {
    let begin = || CaptureWriter::new(Vec::new(), HEAD, 1).expect("it begins");
    let is_count = |result: Result<_, WriteError<_>>| matches!(result, Err(WriteError::Count));
    assert!(is_count(begin().finish().map(|_| ())));
    let mut writer = begin();
    writer.table(1, 1).expect("a table");
    assert!(is_count(writer.table(1, 1)), "the first has no row yet");
    writer.row(&Row::new(Status::Absent)).expect("a row");
    assert!(is_count(writer.row(&Row::new(Status::Absent))));
    assert!(is_count(writer.table(1, 1)), "one table was announced");
}

#[test]
fn garbage_is_an_error_and_never_a_panic() {
    let good = write(Vec::new(), HEAD).expect("it is written");
    let read = |bytes: &[u8]| -> Option<Vec<Row<'static>>> {
        let capture = Capture::parse(bytes).ok()?;
        let mut count = 0;
        for table in capture.tables() {
            for row in table.ok()?.rows() {
                row.ok()?;
                count += 1;
            }
        }
        (count == rows().len()).then(rows)
    };
    assert!(read(&good).is_some());
    for end in 0..good.len() {
        assert!(read(&good[..end]).is_none(), "{end} bytes are not all");
    }
    for at in 0..good.len() {
        for value in [0, 0x1f, 0x7f, 0x9b, 0xbb, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let _ = read(&bytes);
        }
    }
}
