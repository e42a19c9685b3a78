//! Fields of Rust structs that `describe!` cannot name, because they are private to another module: packing finds them
//! in debug information, where the compiler has put them.

mod rust_support;

use inspect_format::btf::Btf;
use inspect_format::table::Table;
use inspect_gen::diag::Code;
use inspect_gen::pack::{self, Options};
use rust_support::{compiler, model, succeed, write};

const SCHEMA: &str = "schema pond version 1;
extern struct pool in rust { used: u64, #[debug] limit: u32, #[debug] rate: f64, #[debug] next: *pool }
class pool: pool;
";

/// The compiler may order the fields as it likes; the module that owns them says how it did.
const MAIN: &str = "
#[allow(unused)]
mod schemas { inspect_runtime::include_schemas!(\"rust/inspect.rs\"); }
mod owner {
    pub struct Pool { small: u8, limit: u32, pub used: u64, rate: f64, next: *const Pool }
    unsafe impl Sync for Pool {}
    impl Pool {
        pub const NEW: Self = Self { small: 1, limit: 77, used: 3, rate: 0.5, next: core::ptr::null() };
        pub fn say(&self) {
            use core::mem::offset_of;
            assert!(self.small == 1 && self.limit == 77 && self.rate == 0.5 && self.next.is_null());
            println!(\"used {}\", offset_of!(Self, used) * 8);
            println!(\"limit {}\", offset_of!(Self, limit) * 8);
            println!(\"rate {}\", offset_of!(Self, rate) * 8);
            println!(\"next {}\", offset_of!(Self, next) * 8);
        }
    }
}
inspect_runtime::describe!(schemas::pond::external::Pool as owner::Pool { used });
static POOL: owner::Pool = owner::Pool::NEW;
inspect_runtime::annotate!(schemas::pond::class::Pool: POOL, name = \"one\");
fn main() { POOL.say(); }
";

#[test]
fn private_fields_are_found_where_the_compiler_has_put_them() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &inspect_gen::emit::rust::emit(&model(&[SCHEMA])));
    let source = folder.path().join("main.rs");
    std::fs::write(&source, MAIN).expect("a program");
    let build = |name: &str, level: &str| {
        let binary = folder.path().join(name);
        let level = format!("debuginfo={level}");
        let mut rustc = compiler("rustc", "2021");
        let output = rustc.arg("-C").arg(level).arg("-o").arg(&binary).arg(&source).output();
        succeed(&output.expect("rustc runs"), "rustc");
        binary
    };
    let program = build("main", "2");
    let output = std::process::Command::new(&program).output().expect("the program runs");
    succeed(&output, "the program");
    let said = String::from_utf8(output.stdout).expect("text");

    let image = std::fs::read(&program).expect("the program");
    let options = Options { detached: true, ..Options::default() };
    let packed = pack::pack(&image, &options).expect("nothing is wrong with it");
    assert_eq!(packed.places, 3);
    let table = packed.detached.expect("a table");
    let table = Table::parse(&table).expect("a table");
    let btf = Btf::parse(table.sections().types).expect("types");
    let pool = btf.composite("pool").expect("a struct");
    let found: String =
        pool.members().map(|it| format!("{} {}\n", it.name, it.bit_offset)).collect();
    assert_eq!(found, said);
    assert!(pool.members().all(|it| !btf.is_absent(it.type_id)));

    let bare = std::fs::read(build("bare", "0")).expect("the program");
    let refused = pack::pack(&bare, &options).expect_err("nobody knows the places");
    assert!(refused.iter().all(|it| it.code == Code::E0915), "{refused:#?}");
}
