//! The C output inside a real Linux kernel module: Debian's kernel headers, plain Kbuild, warnings are errors.
//!
//! Every schema takes part whose `extern` structs an out-of-tree module can see; the printk ring buffer is
//! private to the kernel, so of that schema only the decoder is compiled.

mod support;

use std::path::PathBuf;
use std::process::Command;

use inspect_gen::emit;

/// The build directories of installed kernel headers.
fn kernel_headers() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/src").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Debian splits off a `-common` tree that cannot build modules by itself.
            name.starts_with("linux-headers-") && path.join("Module.symvers").exists()
        })
        .collect();
    found.sort();
    found
}

const OBJECTS: [&str; 10] = [
    "main",
    "inspect_runtime",
    "inspect_dump",
    "inspect_hotplug",
    "cached_state.inspect",
    "linux_types.inspect",
    "linux_mm.inspect",
    "linux_sched.inspect",
    "linux_time.inspect",
    "linux_boot.inspect",
];

/// The decoders, and what a driver does with the notifier: a mutex as its lock, a callback as it was.
const MAIN: &str = r#"#include <linux/memory.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include "inspect_hotplug.h"
#include "cached_state.decode.h"
#include "cached_state.inspect.h"
#include "firmware.decode.h"
#include "inspect_dump.h"
#include "linux_boot.decode.h"
#include "linux_mm.decode.h"
#include "linux_printk.decode.h"
#include "linux_sched.decode.h"
#include "linux_time.decode.h"

static_assert(INSPECT_MEM_ONLINE == MEM_ONLINE && INSPECT_MEM_OFFLINE == MEM_OFFLINE);
static_assert(INSPECT_MEM_GOING_ONLINE == MEM_GOING_ONLINE);
static_assert(INSPECT_MEM_GOING_OFFLINE == MEM_GOING_OFFLINE);
static_assert(INSPECT_MEM_CANCEL_ONLINE == MEM_CANCEL_ONLINE);
static_assert(INSPECT_MEM_CANCEL_OFFLINE == MEM_CANCEL_OFFLINE);
static_assert(INSPECT_NOTIFY_DONE == NOTIFY_DONE && INSPECT_NOTIFY_OK == NOTIFY_OK);
static_assert(INSPECT_NOTIFY_BAD == NOTIFY_BAD && INSPECT_NOTIFY_STOP_MASK == NOTIFY_STOP_MASK);

static DEFINE_MUTEX(sample_mutex);

static void sample_lock(void *context) { mutex_lock(context); }
static void sample_unlock(void *context) { mutex_unlock(context); }
static uintptr_t sample_thread(void *context) { return (uintptr_t)current; }

static const struct inspect_lock sample = { sample_lock, sample_unlock, sample_thread, &sample_mutex };
static struct inspect_notifier notifier = { .lock = &sample };

static int sample_callback(struct notifier_block *block, unsigned long action, void *arg)
{
	return action == MEM_GOING_OFFLINE ? NOTIFY_BAD : NOTIFY_OK;
}

static struct notifier_block sample_block = { .notifier_call = sample_callback };
static struct inspect_ported ported;

INSPECT_WORKSPACE(workspace, 16, 4096);

static struct cached_state_stats stats[4];
static struct cached_state_log_record *lines;
static u32 line_count;
CACHED_STATE_ANNOTATE_STATS(stats[1], "second", INSPECT_INSTANCE(1), CACHED_STATE_WITH_OWNER(7));
CACHED_STATE_ANNOTATE_LOG_COUNTED(lines, line_count, "lines");

static int drop_all(const void *bytes, size_t size, void *context) { return 0; }

static int __init sample_init(void)
{
	static const struct inspect_consumer nobody = { .name = "nobody" };
	static const struct inspect_dump_request request = { .consumer = &nobody };
	static const struct inspect_sink sink = { .write = drop_all };

	inspect_port(&ported, "sample", sample_block.notifier_call, &sample_block);
	if (inspect_subscribe(&notifier, &ported.subscriber) != INSPECT_OK)
		return -EBUSY;
	return inspect_dump_elf(&request, &workspace, &sink, NULL);
}

static void __exit sample_exit(void)
{
	inspect_unsubscribe(&notifier, &ported.subscriber);
}
module_init(sample_init);
module_exit(sample_exit);
MODULE_LICENSE("Dual MIT/GPL");
"#;

#[test]
fn a_module_builds_against_real_headers() {
    let Some(headers) = kernel_headers().pop() else {
        let required = std::env::var_os("INSPECT_REQUIRE_TOOLS").is_some();
        assert!(!required, "kernel headers are required: Debian's linux-headers-amd64");
        eprintln!("skipped: no kernel headers below /usr/src");
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    for (path, content) in emit::c::emit(&support::model_of_repository()) {
        let name = path.trim_start_matches("c/");
        std::fs::write(directory.path().join(name), content).expect("an output");
    }
    std::fs::write(directory.path().join("main.c"), MAIN).expect("the module");
    let objects: Vec<String> = OBJECTS.iter().map(|name| format!("{name}.o")).collect();
    let makefile = format!(
        "obj-m := sample.o\nsample-y := {}\nccflags-y := -I$(src) -Werror\n",
        objects.join(" ")
    );
    std::fs::write(directory.path().join("Makefile"), makefile).expect("the makefile");
    let mut make = Command::new("make");
    make.arg("-C").arg(&headers).arg(format!("M={}", directory.path().display())).arg("modules");
    let Some(output) = support::run(&mut make) else { return };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(directory.path().join("sample.ko").exists());
}
