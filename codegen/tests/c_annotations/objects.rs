//! Reads annotations back out of relocatable objects: what a packer sees, in words.

use std::path::Path;

use inspect_format::abi::{Order, Pair};
use inspect_format::pairs::{Records, Value};
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolIndex,
};

/// One annotation of an object.
pub(crate) struct Annotation {
    /// What the schema's descriptor is called.
    pub(crate) descriptor: String,
    /// Its pairs as `key=value`, but for `file` and `line`.
    pub(crate) pairs: Vec<String>,
    pub(crate) file: String,
    pub(crate) line: u64,
}

/// Every annotation of an object, in the order in which they stand there.
pub(crate) fn annotations(path: &Path) -> Vec<Annotation> {
    let bytes = std::fs::read(path).expect("an object");
    let object = object::File::parse(&*bytes).expect("an object");
    let mut out = Vec::new();
    for section in object.sections().filter(|section| section.name() == Ok("inspect_table")) {
        assert_eq!(section.kind(), object::SectionKind::Data, "the pairs are writable");
        assert_eq!(section.align(), 8, "the pairs are aligned");
        out.extend(of_section(&object, &section));
    }
    out
}

fn of_section(object: &object::File<'_>, section: &object::Section<'_, '_>) -> Vec<Annotation> {
    let data = section.data().expect("the pairs");
    let order = match object.endianness() {
        Endianness::Little => Order::Little,
        Endianness::Big => Order::Big,
    };
    let word = if object.is_64() { 8 } else { 4 };
    let places = places(object, section, data, order, word);
    let place = |at: usize| {
        let found = places.iter().find(|(offset, _)| *offset == at as u64);
        found.map(|(_, place)| place.clone())
    };
    let records = Records::new(data, order, word as u8);
    records
        .map(|record| {
            let record = record.unwrap_or_else(|error| panic!("{error}"));
            let mut annotation = Annotation {
                descriptor: place(record.offset + Pair::ADDRESS_AT).expect("a descriptor"),
                pairs: Vec::new(),
                file: record.text("file").expect("a file").to_owned(),
                line: record.integer("line").expect("a line"),
            };
            for pair in record.pairs() {
                let pair = pair.unwrap_or_else(|error| panic!("{error}"));
                let address = pair.offset + Pair::ADDRESS_AT;
                let value = match pair.value {
                    Value::Text(text) => format!("{text:?}"),
                    Value::Integer(number) => format!("{number:#x}"),
                    Value::Address(_, beside) => {
                        let place = place(address).expect("an address is relocated");
                        if beside == 0 { place } else { format!("{place}/{beside}") }
                    }
                };
                if !["file", "line"].contains(&pair.key) {
                    annotation.pairs.push(format!("{}={value}", pair.key));
                }
            }
            annotation
        })
        .collect()
}

/// Where relocations of a section point to: offsets with names.
fn places(
    object: &object::File<'_>,
    section: &object::Section<'_, '_>,
    data: &[u8],
    order: Order,
    word: usize,
) -> Vec<(u64, String)> {
    let relocations = section.relocations().map(|(offset, relocation)| {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            panic!("a relocation without a symbol")
        };
        let addend = match relocation.has_implicit_addend() {
            true => number(&data[offset as usize..][..word], order),
            false => relocation.addend(),
        };
        (offset, name_of(object, symbol, addend))
    });
    relocations.collect()
}

fn number(bytes: &[u8], order: Order) -> i64 {
    let digits: Vec<u8> = match order {
        Order::Little => bytes.iter().rev().copied().collect(),
        Order::Big => bytes.to_vec(),
    };
    digits.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// The symbol itself, or that which lies there where the symbol is a section's.
fn name_of(object: &object::File<'_>, symbol: SymbolIndex, addend: i64) -> String {
    let symbol = object.symbol_by_index(symbol).expect("a symbol");
    let at = symbol.address().wrapping_add(addend as u64);
    let Some(section) = symbol.section_index() else {
        let name = symbol.name().expect("a name");
        return if addend == 0 { name.to_owned() } else { format!("{name}+{addend}") };
    };
    let (start, name) = around(object, section, at).expect("something lies there");
    if at == start { name } else { format!("{name}+{}", at - start) }
}

/// The variable around an address of a section, or the one that ends there.
fn around(object: &object::File<'_>, section: SectionIndex, at: u64) -> Option<(u64, String)> {
    let inside = object.symbols().filter(|symbol| {
        symbol.section_index() == Some(section)
            && symbol.size() != 0
            && symbol.address() <= at
            && at <= symbol.address() + symbol.size()
    });
    inside
        .map(|symbol| (symbol.address(), plain(symbol.name().expect("a name"))))
        .max_by_key(|(start, _)| *start)
}

/// What a variable is called in the source: without `.0`, `_ZL5` and the function before it.
fn plain(name: &str) -> String {
    let name = match name.rsplit_once('.') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some((_, name)) => name,
        None => name,
    };
    if !name.starts_with("_Z") {
        return name.to_owned();
    }
    let name = name.trim_end_matches('E');
    let last = name.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1);
    name[last..].to_owned()
}
