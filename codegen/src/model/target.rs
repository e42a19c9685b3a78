//! The targets: what a C compiler for each of them assumes about sizes, alignments and bit order.
//!
//! Plain data from the processor ABI documents (System V psABIs, AAPCS, AAPCS64, MIPS o32, the RISC-V and
//! s390x ELF ABI supplements). `check::layout` computes with it; emitters print from it; nothing here computes.

/// One of the supported targets, by its position in [`Target::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(u8);

/// The order of the bytes in a number, and with it the order in which bit-fields fill their unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The first byte is the least significant; bit-fields fill from the least significant bit.
    Little,
    /// The first byte is the most significant; bit-fields fill from the most significant bit.
    Big,
}

/// What is known about a target.
#[derive(Debug)]
pub struct TargetInfo {
    /// The name in schemas, options and outputs.
    pub name: &'static str,
    /// Other spellings that `--target` takes: the usual triples.
    pub aliases: &'static [&'static str],
    /// Byte and bit order.
    pub byte_order: ByteOrder,
    /// Bytes of a pointer, of `long`, `size_t` and `uintptr_t`: the same on every target here.
    pub word_size: u8,
    /// Alignment of an 8-byte integer or `double` as a struct member.
    pub align_8: u8,
    /// The C compiler's `enum` takes the smallest type that holds its values (`-fshort-enums`).
    pub short_enums: bool,
    /// Unnamed and zero-width bit-fields raise the alignment of their struct (AAPCS and AAPCS64).
    pub anonymous_bits_align: bool,
    /// The preprocessor condition that is true for this target alone, in GCC and Clang.
    pub c_condition: &'static str,
    /// The `cfg` predicate that is true for this target alone.
    pub rust_cfg: &'static str,
}

const LITTLE: ByteOrder = ByteOrder::Little;
const BIG: ByteOrder = ByteOrder::Big;

static TARGETS: [TargetInfo; Target::COUNT] = [
    TargetInfo {
        name: "x86_64",
        aliases: &[
            "x86_64-unknown-linux-gnu",
            "x86_64-linux-gnu",
            "x86_64-unknown-linux-musl",
            "x86_64-unknown-none",
            "amd64",
        ],
        byte_order: LITTLE,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__x86_64__) && defined(__LP64__)",
        rust_cfg: "all(target_arch = \"x86_64\", target_pointer_width = \"64\")",
    },
    TargetInfo {
        name: "i686",
        aliases: &[
            "i686-unknown-linux-gnu",
            "i686-linux-gnu",
            "i386",
            "i586",
            "i686-unknown-linux-musl",
        ],
        byte_order: LITTLE,
        word_size: 4,
        align_8: 4,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__i386__)",
        rust_cfg: "target_arch = \"x86\"",
    },
    TargetInfo {
        name: "aarch64",
        aliases: &[
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gnu",
            "aarch64-unknown-linux-musl",
            "aarch64-unknown-none",
            "arm64",
        ],
        byte_order: LITTLE,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: true,
        c_condition: "defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)",
        rust_cfg: "all(target_arch = \"aarch64\", target_pointer_width = \"64\", target_endian = \"little\")",
    },
    TargetInfo {
        name: "armv7",
        aliases: &[
            "armv7-unknown-linux-gnueabihf",
            "arm-linux-gnueabihf",
            "arm-linux-gnueabi",
            "armv7-unknown-linux-gnueabi",
        ],
        byte_order: LITTLE,
        word_size: 4,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: true,
        c_condition: "defined(__arm__) && defined(__ARMEL__) && __ARM_SIZEOF_MINIMAL_ENUM == 4",
        rust_cfg: "all(target_arch = \"arm\", target_endian = \"little\", not(target_os = \"none\"))",
    },
    TargetInfo {
        name: "arm-none-eabi",
        aliases: &[
            "thumbv6m-none-eabi",
            "thumbv7m-none-eabi",
            "thumbv7em-none-eabi",
            "thumbv7em-none-eabihf",
            "thumbv8m.main-none-eabi",
        ],
        byte_order: LITTLE,
        word_size: 4,
        align_8: 8,
        short_enums: true,
        anonymous_bits_align: true,
        c_condition: "defined(__arm__) && defined(__ARMEL__) && __ARM_SIZEOF_MINIMAL_ENUM == 1",
        rust_cfg: "all(target_arch = \"arm\", target_endian = \"little\", target_os = \"none\")",
    },
    TargetInfo {
        name: "riscv64",
        aliases: &[
            "riscv64-linux-gnu",
            "riscv64gc-unknown-linux-gnu",
            "riscv64gc-unknown-none-elf",
        ],
        byte_order: LITTLE,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__riscv) && __riscv_xlen == 64",
        rust_cfg: "target_arch = \"riscv64\"",
    },
    TargetInfo {
        name: "riscv32",
        aliases: &[
            "riscv32-linux-gnu",
            "riscv32gc-unknown-linux-gnu",
            "riscv32imac-unknown-none-elf",
            "riscv32imc-unknown-none-elf",
        ],
        byte_order: LITTLE,
        word_size: 4,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__riscv) && __riscv_xlen == 32",
        rust_cfg: "target_arch = \"riscv32\"",
    },
    TargetInfo {
        name: "powerpc64",
        aliases: &["powerpc64-linux-gnu", "powerpc64-unknown-linux-gnu", "ppc64"],
        byte_order: BIG,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__",
        rust_cfg: "all(target_arch = \"powerpc64\", target_endian = \"big\")",
    },
    TargetInfo {
        name: "powerpc64le",
        aliases: &["powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu", "ppc64le"],
        byte_order: LITTLE,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__",
        rust_cfg: "all(target_arch = \"powerpc64\", target_endian = \"little\")",
    },
    TargetInfo {
        name: "s390x",
        aliases: &["s390x-linux-gnu", "s390x-unknown-linux-gnu"],
        byte_order: BIG,
        word_size: 8,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__s390x__)",
        rust_cfg: "target_arch = \"s390x\"",
    },
    TargetInfo {
        name: "mips",
        aliases: &["mips-linux-gnu", "mips-unknown-linux-gnu"],
        byte_order: BIG,
        word_size: 4,
        align_8: 8,
        short_enums: false,
        anonymous_bits_align: false,
        c_condition: "defined(__mips__) && !defined(__mips64) && defined(__MIPSEB__)",
        rust_cfg: "all(target_arch = \"mips\", target_endian = \"big\")",
    },
];

impl Target {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// Every target, in the order in which outputs list them.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..Self::COUNT as u8).map(Self)
    }

    /// The target with this name or alias.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|target| {
            let info = target.info();
            info.name == name || info.aliases.contains(&name)
        })
    }

    /// The machine this program was compiled for, where it is a target.
    #[must_use]
    pub fn host() -> Option<Self> {
        let name = match (std::env::consts::ARCH, cfg!(target_endian = "big")) {
            ("x86", _) => "i686",
            ("arm", false) => "armv7",
            ("powerpc64", false) => "powerpc64le",
            (arch, _) => arch,
        };
        Self::from_name(name)
    }

    /// What is known about it.
    #[must_use]
    pub fn info(self) -> &'static TargetInfo {
        &TARGETS[self.index()]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The first target on which every type has the same layout as here: byte order apart, layouts depend on a
    /// few properties that most targets share.
    #[must_use]
    pub fn layout_twin(self) -> Self {
        let key = |target: Self| {
            let info = target.info();
            (info.word_size, info.align_8, info.short_enums, info.anonymous_bits_align)
        };
        Self::all().find(|other| key(*other) == key(self)).unwrap_or(self)
    }

    /// Its position among all targets, below [`Target::COUNT`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
