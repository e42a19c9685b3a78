//! An entry format that every test of tables uses: its rows check themselves.

#![allow(dead_code)]

use inspect_runtime::__private::{FieldWriter, Word};
use inspect_runtime::{
    Class, ClassInfo, EntryFormat, FieldDefault, FieldInfo, FieldKind, Region, RegisterError,
    Sections,
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) core: Region,
    pub(crate) twin: u64,
    pub(crate) text: &'static str,
}

impl EntryFormat for Format {
    const SCHEMA: &'static str = "test.runtime";
    const VERSION: u32 = 1;
    const SIZE: u32 = 80;
    const HISTORY: &'static [u64] = &[0x1234];
    const CLASSES: &'static [ClassInfo] =
        &[ClassInfo { name: "log", number: 77, properties: 1, type_id: 0 }];
    const FIELDS: &'static [FieldInfo] = &[
        FieldInfo {
            name: "twin",
            offset: 64,
            size: 8,
            kind: FieldKind::Native,
            default: FieldDefault::Number(0),
        },
        FieldInfo {
            name: "text",
            offset: 72,
            size: 4,
            kind: FieldKind::String,
            default: FieldDefault::Text(""),
        },
    ];
    type Words = [Word; 9];

    fn region(&self) -> &Region {
        &self.core
    }

    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), RegisterError> {
        out.put(64, self.twin.to_ne_bytes());
        out.put_text(72, self.text)
    }

    fn sections() -> Sections {
        Sections { schema: &[], types: &[], history: &[0x1234] }
    }
}

pub(crate) struct Log;

impl Class for Log {
    type Format = Format;
    type Target = u64;
    const NAME: &'static str = "log";
    const NUMBER: u32 = 77;
    const PROPERTIES: u64 = 1;
    const TYPE_ID: u32 = 0;
}

/// An entry whose instance and last field say what address and length must be.
pub(crate) fn entry(address: u64, length: u64) -> Format {
    let twin = address ^ length;
    Format { core: Region::new::<Log>(address, length).instance(twin), twin, text: "" }
}

/// The entry format of another schema.
#[derive(Clone, Copy)]
pub(crate) struct Other(Format);

impl EntryFormat for Other {
    const SCHEMA: &'static str = "test.other";
    const VERSION: u32 = 1;
    const SIZE: u32 = Format::SIZE;
    const HISTORY: &'static [u64] = Format::HISTORY;
    const CLASSES: &'static [ClassInfo] = Format::CLASSES;
    const FIELDS: &'static [FieldInfo] = Format::FIELDS;
    type Words = <Format as EntryFormat>::Words;

    fn region(&self) -> &Region {
        self.0.region()
    }

    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), RegisterError> {
        self.0.write_fields(out)
    }

    fn sections() -> Sections {
        Format::sections()
    }
}
