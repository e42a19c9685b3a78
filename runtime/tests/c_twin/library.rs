//! The C runtime as a shared library, with consumers of the test's, and what it answers.

use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use inspect_format::abi::{CoreEntry, Order};
use inspect_runtime::Consumer;

use crate::rules::consumers_in_c;

/// The library, loaded.
pub(crate) struct Twin {
    handle: *mut c_void,
    _folder: tempfile::TempDir,
}

/// `struct inspect_verdict`.
#[repr(C)]
#[derive(Default)]
struct CVerdict {
    reason: u32,
    rule: u32,
    properties: u64,
}

/// `struct inspect_purse`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct CPurse([u64; 3]);

type Judge = unsafe extern "C" fn(u32, u64, *const u64, *const c_char, *mut CVerdict, *mut u32);
type Dump = unsafe extern "C" fn(
    u32,
    u32,
    u32,
    *const u64,
    usize,
    *const c_char,
    c_int,
    *mut [u64; 9],
) -> c_int;

// SAFETY: any thread may look symbols up, and what the library keeps between calls is a workspace that
// one dump has at a time, and the description of the process, which is the same for all.
unsafe impl Sync for Twin {}

impl Twin {
    /// Builds the library; nothing where there is no C compiler, which is said.
    pub(crate) fn of(consumers: &[Consumer]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("consumers.h"), consumers_in_c(consumers))
            .expect("a header");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = root.join("../codegen/c");
        let library = folder.path().join("twin.so");
        let tool = format!("-DINSPECT_DUMP_TOOL=\"inspect-runtime {}\"", env!("CARGO_PKG_VERSION"));
        let compiled = Command::new("gcc")
            .args(["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared"])
            .args(["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"])
            .args(["-fPIC", "-DINSPECT_POSIX", &tool, "-I"])
            .args([&sources, Path::new("-I"), folder.path(), Path::new("-o"), &library])
            .args([root.join("tests/c_twin/twin.c"), sources.join("inspect_dump.c")])
            .arg(sources.join("inspect_runtime.c"))
            .output();
        let output = match compiled {
            Ok(output) => output,
            Err(error) => {
                assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "gcc: {error}");
                eprintln!("skipped: there is no gcc ({error})");
                return None;
            }
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = CString::new(library.as_os_str().as_bytes()).expect("a path");
        // SAFETY: the library has no initialisers that could disturb this process.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "the library is not loaded");
        Some(Self { handle, _folder: folder })
    }

    /// Reason, rule, properties and rank.
    pub(crate) fn judge(
        &self,
        consumer: usize,
        schema: u64,
        core: &CoreEntry,
        name: &str,
    ) -> (u32, u32, u64, u32) {
        let name = CString::new(name).expect("no NUL");
        let mut bytes = [0; CoreEntry::SIZE];
        core.write(&mut bytes, Order::NATIVE);
        let mut words = [0_u64; CoreEntry::SIZE / 8];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(chunk.try_into().expect("eight bytes"));
        }
        let (mut verdict, mut rank) = (CVerdict::default(), 0);
        // SAFETY: `twin.c` defines the function with these parameters, and the layout of an entry
        // is the same in both languages.
        unsafe {
            let judge: Judge = std::mem::transmute(self.symbol("twin_judge\0"));
            let entry = words.as_ptr();
            judge(consumer as u32, schema, entry, name.as_ptr(), &mut verdict, &mut rank);
        }
        (verdict.reason, verdict.rule, verdict.properties, rank)
    }

    pub(crate) fn purse(&self, consumer: usize) -> CPurse {
        let mut purse = CPurse::default();
        // SAFETY: as above.
        unsafe {
            let init: unsafe extern "C" fn(u32, *mut CPurse) =
                std::mem::transmute(self.symbol("twin_purse\0"));
            init(consumer as u32, &mut purse);
        }
        purse
    }

    pub(crate) fn spend(&self, purse: &mut CPurse, name_bytes: u64, bytes: u64) -> u32 {
        // SAFETY: as above.
        unsafe {
            let spend: unsafe extern "C" fn(*mut CPurse, u64, u64) -> u32 =
                std::mem::transmute(self.symbol("twin_spend\0"));
            spend(purse, name_bytes, bytes)
        }
    }

    /// Dumps tables into a file: the numbers of the report, or the error and what was written.
    pub(crate) fn dump(
        &self,
        consumer: usize,
        workspace: u32,
        memory: u32,
        tables: &[u64],
        producer: Option<&str>,
        file: c_int,
    ) -> Result<[u64; 9], (c_int, u64)> {
        let producer = producer.map(|producer| CString::new(producer).expect("no NUL"));
        let producer = producer.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        let mut report = [0; 9];
        // SAFETY: as above; tables stand as addresses, which are as wide as pointers here.
        let result = unsafe {
            let dump: Dump = std::mem::transmute(self.symbol("twin_dump\0"));
            let (list, count) = (tables.as_ptr(), tables.len());
            dump(consumer as u32, workspace, memory, list, count, producer, file, &mut report)
        };
        if result == 0 { Ok(report) } else { Err((result, report[0])) }
    }

    /// Has dumps of the third kind begin with the loss of this memory.
    pub(crate) fn steal(&self, address: u64, size: u64) {
        // SAFETY: the function has this signature, and only keeps what it is told.
        unsafe {
            let steal: unsafe extern "C" fn(u64, usize) =
                std::mem::transmute(self.symbol("twin_steal\0"));
            steal(address, size as usize);
        }
    }

    fn symbol(&self, name: &str) -> *mut c_void {
        // SAFETY: the name ends with a NUL, and the library is loaded as long as this value.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr().cast()) };
        assert!(!symbol.is_null(), "{name} is missing");
        symbol
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // SAFETY: nothing of the library is used any more.
        unsafe { libc::dlclose(self.handle) };
    }
}
