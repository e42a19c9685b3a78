//! Names in the output languages: case conversion, keywords, predefined macros.
//!
//! Pure functions over text. `check` calls them once for every name and stores the result in
//! [`super::Naming`]; emitters print what stands there and never derive a name of their own, except for parts
//! that they compose from it (`Conn` and `ConnLayout`).

/// `log_record` and `LogRecord` become `LogRecord`. Digits stay with the word before them; a word of two
/// parts joined at a digit (`u8_2`) keeps its underscore there, so that `a1_2` and `a12` stay apart.
#[must_use]
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' {
            let between_digits = out.ends_with(|c: char| c.is_ascii_digit())
                && chars.peek().is_some_and(char::is_ascii_digit);
            if between_digits {
                out.push('_');
            }
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

/// `LogRecord`, `logRecord` and `log_record` become `log_record`.
#[must_use]
pub fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    // What is no ASCII has no case here, so that bytes will do to look around.
    let bytes = name.as_bytes();
    for (at, c) in name.char_indices() {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let starts_word = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let after = bytes.get(at + 1);
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(u8::is_ascii_lowercase))
            });
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `log_record` and `LogRecord` become `LOG_RECORD`.
#[must_use]
pub fn upper_case(name: &str) -> String {
    snake_case(name).to_ascii_uppercase()
}

/// `linux.mm` becomes `linux_mm`: the name of a schema in files, modules and prefixes.
#[must_use]
pub fn schema_word(name: &str) -> String {
    name.replace('.', "_")
}

/// A name that Rust takes as an identifier in every edition from 2018 to 2024.
#[must_use]
pub fn rust_identifier(name: &str) -> String {
    avoid(name.to_owned(), &RUST_KEYWORDS)
}

/// The name of a type in Rust. Those of the prelude that generated code uses itself get a `_` as keywords do: a
/// struct `Option` would take the place of the real one in its module, and in every `use module::*`.
#[must_use]
pub fn rust_type(name: &str) -> String {
    avoid(avoid(camel_case(name), &RUST_KEYWORDS), &RUST_PRELUDE)
}

/// Whether generated modules use the name of this type themselves.
#[must_use]
pub fn is_rust_prelude(name: &str) -> bool {
    RUST_PRELUDE.has(name)
}

/// The name of a constant of a type, where each type has a `ZERO`: that of a member of an enum, as a type is
/// spelt, or of a set of flags, in capitals.
#[must_use]
pub fn rust_member(name: &str) -> String {
    avoid(rust_identifier(name), &RUST_CONSTANTS)
}

/// The name of a field of an entry, beside the methods that every entry and every row has.
#[must_use]
pub fn rust_entry_field(name: &str) -> String {
    avoid(avoid(snake_case(name), &RUST_KEYWORDS), &ENTRY_METHODS)
}

/// A name that C99 to C23, C++17 and the preprocessors of GCC and Clang leave alone.
#[must_use]
pub fn c_identifier(name: &str) -> String {
    avoid(avoid(name.to_owned(), &C_KEYWORDS), &C_MACROS)
}

fn avoid(mut name: String, reserved: &Reserved) -> String {
    if reserved.has(&name) {
        name.push('_');
    }
    name
}

/// Words that are no names.
struct Reserved {
    words: &'static [&'static str],
    /// The lengths of the words that end with each letter, a bit each: nearly every name is seen not to be one of the
    /// words without a comparison.
    lengths: [u32; 128],
}

impl Reserved {
    const fn new(words: &'static [&'static str]) -> Self {
        let mut lengths = [0; 128];
        let mut index = 0;
        while index < words.len() {
            let word = words[index].as_bytes();
            lengths[word[word.len() - 1] as usize] |= 1 << (word.len() % 32);
            index += 1;
        }
        Self { words, lengths }
    }

    fn has(&self, name: &str) -> bool {
        let last = name.as_bytes().last();
        let lengths = last.and_then(|last| self.lengths.get(usize::from(*last)));
        lengths.is_some_and(|lengths| lengths >> (name.len() % 32) & 1 == 1)
            && self.words.contains(&name)
    }
}

/// Strict, weak where it matters, and reserved words of every edition.
static RUST_KEYWORDS: Reserved = Reserved::new(&[
    "Self", "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
]);

/// Names of the prelude that stand by themselves in generated code.
static RUST_PRELUDE: Reserved = Reserved::new(&[
    "Err",
    "ExactSizeIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Result",
    "Some",
]);

/// Constants that every type has.
static RUST_CONSTANTS: Reserved = Reserved::new(&["ZERO"]);

/// Methods of a generated entry or row whose names no word of the format takes.
static ENTRY_METHODS: Reserved = Reserved::new(&["core", "new", "of", "raw", "region"]);

/// Keywords of C23 and C++17 with the alternative tokens, and the types that
/// generated headers are written with: in C++ a member so called would change what the next one means.
static C_KEYWORDS: Reserved = Reserved::new(&[
    "NULL",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "int16_t",
    "int32_t",
    "int64_t",
    "int8_t",
    "intptr_t",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "ptrdiff_t",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "size_t",
    "sizeof",
    "ssize_t",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "uint8_t",
    "uintptr_t",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
]);

/// Macros without a leading underscore that GCC or Clang predefine in GNU modes on some target, and
/// those of the standard headers that a generated header includes.
static C_MACROS: Reserved = Reserved::new(&[
    "PPC", "R3000", "R4000", "arm", "assert", "errno", "i386", "i486", "i586", "i686", "linux",
    "m68k", "mips", "near", "offsetof", "pixel", "sparc", "stderr", "stdin", "stdout", "sun",
    "unix", "vax", "vector", "vms",
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_convert_and_words_stay_apart() {
        for (name, camel, snake, upper) in [
            ("log_record", "LogRecord", "log_record", "LOG_RECORD"),
            ("LogRecord", "LogRecord", "log_record", "LOG_RECORD"),
            ("_private", "Private", "_private", "_PRIVATE"),
            ("a1_2", "A1_2", "a1_2", "A1_2"),
            ("IPv4Header", "IPv4Header", "i_pv4_header", "I_PV4_HEADER"),
            ("HTTPServer", "HTTPServer", "http_server", "HTTP_SERVER"),
        ] {
            assert_eq!(camel_case(name), camel);
            assert_eq!(snake_case(name), snake);
            assert_eq!(upper_case(name), upper);
        }
    }

    #[test]
    fn reserved_words_are_avoided() {
        for list in [&RUST_KEYWORDS, &RUST_PRELUDE, &ENTRY_METHODS, &C_KEYWORDS, &C_MACROS] {
            assert!(list.words.iter().all(|word| list.has(word)));
        }
        assert_eq!(rust_identifier("self"), "self_");
        assert_eq!(rust_type("option"), "Option_");
        assert_eq!(rust_member("ZERO"), "ZERO_");
        assert_eq!(rust_entry_field("New"), "new_");
        assert_eq!(c_identifier("uint32_t"), "uint32_t_");
        assert_eq!(c_identifier("linux"), "linux_");
        assert_eq!(c_identifier("template"), "template_");
        assert_eq!(c_identifier("length"), "length");
    }
}
