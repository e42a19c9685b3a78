//! The fixture `shop`: a program of three objects, two static libraries and a shared object, in the forms in
//! which a user may have it.

use std::path::PathBuf;
use std::sync::LazyLock;

use super::workshop::Workshop;

/// Packed or not, stripped or not: each in a folder of its own, since the program finds its library beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) is_packed: bool,
    pub(crate) is_stripped: bool,
}

/// Every form.
pub(crate) const VARIANTS: [Variant; 4] = [
    Variant { is_packed: false, is_stripped: false },
    Variant { is_packed: false, is_stripped: true },
    Variant { is_packed: true, is_stripped: false },
    Variant { is_packed: true, is_stripped: true },
];

/// The form that most users have.
pub(crate) const PACKED: Variant = VARIANTS[2];

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match (self.is_packed, self.is_stripped) {
            (false, false) => "unpacked",
            (false, true) => "unpacked-stripped",
            (true, false) => "packed",
            (true, true) => "packed-stripped",
        }
    }
}

/// The program in every form.
pub(crate) struct Shop {
    pub(crate) workshop: Workshop,
}

/// Built once by each test program.
pub(crate) static SHOP: LazyLock<Shop> = LazyLock::new(Shop::build);

const OWN: [&str; 5] = ["main", "second", "third", "one", "two"];
const GENERATED: [&str; 4] =
    ["inspect_runtime", "inspect_dump", "fixture_shop.inspect", "fixture_yard.inspect"];

/// With debug information, and as much optimisation as users have.
const FLAGS: &str = "-O1 -g -DINSPECT_POSIX";

impl Shop {
    fn build() -> Self {
        let workshop = Workshop::new("shop");
        for name in OWN {
            workshop.compile("gcc", &format!("{FLAGS} -fPIE -c -o {name}.o @{name}.c"));
        }
        for name in GENERATED {
            workshop.compile("gcc", &format!("{FLAGS} -fPIE -c -o {name}.o %{name}.c"));
        }
        workshop.archive("libone.a", "one.o");
        workshop.archive("libtwo.a", "two.o");
        workshop.compile(
            "gcc",
            &format!(
                "{FLAGS} -shared -fPIC -o libpart.so @part.c %inspect_runtime.c \
                 %fixture_shop.inspect.c %fixture_yard.inspect.c"
            ),
        );
        let generated = GENERATED.map(|name| format!("{name}.o")).join(" ");
        workshop.compile(
            "gcc",
            &format!(
                "{FLAGS} -pie -Wl,--build-id -o shop main.o second.o third.o {generated} -L. -lone -ltwo \
                 -lpart -Wl,-rpath,$ORIGIN"
            ),
        );
        let shop = Self { workshop };
        VARIANTS.iter().for_each(|variant| shop.make(*variant));
        shop
    }

    fn make(&self, variant: Variant) {
        for image in ["shop", "libpart.so"] {
            let copy = format!("{}/{image}", variant.name());
            self.workshop.copy(image, &copy);
            if variant.is_packed {
                self.workshop.pack(&copy);
            }
            if variant.is_stripped {
                self.workshop.strip(&copy);
            }
        }
    }

    /// The folder of a form.
    pub(crate) fn folder(&self, variant: Variant) -> PathBuf {
        self.workshop.path(variant.name())
    }

    /// The program in a form.
    pub(crate) fn program(&self, variant: Variant) -> PathBuf {
        self.folder(variant).join("shop")
    }

    /// Its library.
    pub(crate) fn library(&self, variant: Variant) -> PathBuf {
        self.folder(variant).join("libpart.so")
    }
}
