//! The catalogue of diagnostics: one line for each code, with its title. The longer texts that
//! `inspect-gen explain` prints are Markdown files in `explain/`, one a code.
//!
//! A code is never reused. Hundreds tell the stage: 00 files, 01 text and grammar, 02 names, 03 types and
//! fields, 04 constants and numbers, 05 layouts, 06 versions, 07 attributes, 08 classes, entries,
//! properties, spaces and consumers, 09 images and annotations, 10 types of binaries. `W` codes are warnings.

use super::Severity;

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// The stable identity of a kind of diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the title is the documentation")]
        pub enum Code { $(#[doc = $title] $code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// As printed: `E0107`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What it is about, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The longer text behind `inspect-gen explain`, in Markdown.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Code::$code => include_str!(concat!("explain/", stringify!($code), ".md")),)*
                }
            }
        }
    };
}

codes! {
    E0001 "a file or directory cannot be read"
    E0002 "the file is not valid UTF-8"
    E0003 "the file is too large"
    E0004 "no schema was found"
    E0005 "a directory leads back to itself"

    E0101 "a bracket is not closed, or closes nothing"
    E0102 "brackets are nested too deeply"
    E0103 "a comment or a literal is not closed"
    E0104 "a character has no place in the language"
    E0105 "something else was expected here"
    E0106 "the schema header is missing, late or repeated"
    E0107 "a number, a size suffix or an escape is malformed"
    E0108 "documentation belongs to nothing"

    E0201 "a name is not known"
    E0202 "a name is used twice"
    E0203 "a schema is defined twice"
    E0204 "two names fall together in an output"
    E0205 "a built-in type word is used as a name"
    E0206 "a name has the wrong form"
    E0207 "an imported name or schema is not known"
    E0208 "a name is ambiguous"

    E0301 "a type contains itself by value"
    E0302 "a type is not allowed here"
    E0303 "a flexible array is not the last field"
    E0304 "a record or an entry needs fixed-size types"
    E0305 "a record has padding that is not written out"
    E0306 "a bit-field is impossible"
    E0307 "a type word lacks its argument, or has one too many"
    E0308 "a captured type or length is used where it is not known"
    E0309 "a struct, union, enum or flags set is empty"
    E0310 "an anonymous member must be a struct or a union"

    E0311 "two schemas need each other by value"

    E0401 "an expression overflows or divides by zero"
    E0402 "a value does not fit its type"
    E0403 "a constant depends on itself"
    E0405 "a value has the wrong kind"
    E0406 "two members have the same value or share bits"

    E0501 "a type is larger than a target can address"
    E0502 "an offset cannot be reached"
    E0503 "an alignment is not a power of two, or too large"
    E0504 "a target is not known"

    E0601 "a version is out of order"
    E0602 "an entry grows anywhere but at its end"
    E0603 "a removed name comes back"
    E0604 "the requested version does not exist"
    E0605 "a schema contradicts its lock"
    E0606 "a lock cannot be read"
    E0607 "an exception in a lock does not apply"
    E0608 "a released version cannot be compiled any longer"
    W0601 "a lock speaks of some targets only"

    E0701 "an attribute is not known"
    E0702 "an attribute does not belong here"
    E0703 "an attribute is given twice"
    E0704 "the arguments of an attribute are wrong"
    E0705 "a count is impossible"
    E0706 "a tag or its cases do not fit"
    E0707 "a list or a ring does not fit"

    E0801 "a schema has more than one entry or properties item"
    E0802 "two classes have the same number"
    E0803 "a setting is not known, repeated or missing"
    E0804 "a property bit is impossible"
    E0805 "a consumer names what does not exist"
    E0806 "a space is impossible"
    E0807 "an entry field is impossible"

    W0801 "a consumer allows what it always denies"

    E0901 "an image is damaged"
    E0902 "an image is of a kind that cannot be packed"
    E0903 "an annotation is malformed"
    E0904 "an annotation names no class of its schema"
    E0905 "a key of an annotation is not known"
    E0906 "a value of an annotation does not go where it should"
    E0907 "two annotations have one identity"
    E0908 "the schema of an annotation is missing"
    E0909 "the schema of an annotation is another one"
    E0910 "a table does not fit where the annotations were"
    E0911 "a relocation of an annotation is not understood"
    E0912 "an annotation lies outside its section"
    E0913 "the number of entries is not the expected one"
    E0914 "types say what is sensitive and may not be left out"
    E0915 "nobody knows where a field lies"
    E0916 "debug information contradicts what was compiled"

    W0901 "annotations are not packed"
    W0902 "a linker may drop annotations"
    W0903 "readers may not find the tables"
    W0904 "an entry lies outside its image"
    W0905 "entries share memory"
    W0906 "an object holds its annotations in two forms"
    W0907 "a core leaves out what it needs to be read"
    W0908 "an image has no entries"

    E1001 "a binary or its type information cannot be read"
    E1002 "a type is not in the binary"
    E1003 "a name means several types"
    E1004 "a type cannot be imported"
    E1005 "a layout is not that of the binary"
    E1006 "a struct is not in the binary"

    W1001 "a schema does not say all that the binary has"
}

impl Code {
    /// `W` codes warn; all others are errors.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.name().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// The code with this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }
}
