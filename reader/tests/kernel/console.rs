//! What the machine said while it ran.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the serial console printed: the kernel's log, and nothing else. A test that fails prints its end.
pub(crate) struct Console {
    pub(crate) lines: Vec<String>,
}

impl Drop for Console {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let end = self.lines.len().saturating_sub(100);
            eprintln!("the end of the console:\n{}", self.lines[end..].join("\n"));
        }
    }
}

impl Console {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a console");
        let text = String::from_utf8_lossy(&bytes).replace('\r', "");
        // What stands before it comes from the firmware, which ends no line.
        let times = text.match_indices('[').map(|(start, _)| start);
        let mut logged = times.filter(|start| is_time(&text.as_bytes()[*start..]));
        let start = logged.next().expect("the first line of a log");
        Self { lines: text[start..].lines().map(str::to_owned).collect() }
    }

    /// What somebody said, without the time: `lookout: row `, for instance.
    pub(crate) fn said<'c>(&'c self, beginning: &'c str) -> impl Iterator<Item = &'c str> {
        let texts = self.lines.iter().filter_map(|line| line.split_once("] "));
        texts.filter_map(move |(_, text)| text.strip_prefix(beginning))
    }

    /// The first page of each node, and how many pages it spans.
    pub(crate) fn nodes(&self) -> Vec<(u64, u64)> {
        let numbers = |name: &str| -> Vec<u64> {
            let said = self.said("lookout: number pgdat ");
            let words = said.map(|line| line.split(' ').collect::<Vec<&str>>());
            let found = words.filter(|words| words[1] == name);
            found.map(|words| words[2].parse().expect("a number")).collect()
        };
        numbers("node_start_pfn").into_iter().zip(numbers("node_spanned_pages")).collect()
    }

    /// What goes wrong is said, and breaks nothing.
    pub(crate) fn says_what_went_wrong(&self) {
        for line in &self.lines {
            let words = line.split(|letter: char| !letter.is_alphanumeric());
            let complaint = ["BUG", "WARNING", "Oops"];
            assert!(words.clone().all(|word| !complaint.contains(&word)), "{line}");
        }
        let only = |beginning: &str, expected: &str| {
            // Who loads a module may try it in two ways.
            let found: BTreeSet<&str> = self.said(beginning).collect();
            let is_told = found.len() == 1 && found.iter().all(|it| it.contains(expected));
            assert!(is_told, "{beginning}{found:?}");
        };
        only("init: a reader of an unloaded module: ", "error");
        only("init: loaded twice: ", "File exists");
        only("lookout: not packed", "inspect-gen pack lookout.ko");
        only("lookout: guest", "is not registered: every row is taken");
        let full: Vec<&str> = self.said("init: full with ").collect();
        let numbers: Vec<u32> = full[0].split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(numbers[0] > 40 && numbers[0] == numbers[1], "{full:?}");
        only("lookout: Unknown symbol ", "lookout_inspect_v1");
        only("init: of another version: ", "nknown symbol");
        assert_eq!(self.said("lookout: gone").count(), 2, "once packed, and once not");
        let survived: Vec<&str> = self.said("lookout: a dump of ").collect();
        assert!(
            survived.len() == 1 && survived[0].ends_with("has survived a reset"),
            "{survived:?}"
        );
    }
}

/// Whether it begins as a line of the kernel's log does: `[    3.429278] `. Not every clock begins with the kernel.
fn is_time(text: &[u8]) -> bool {
    let pattern = b"[    0.000000] ";
    let is_like = |(byte, like): (&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b' ' => byte.is_ascii_digit() || *byte == b' ',
        like => byte == like,
    };
    text.len() >= pattern.len() && text.iter().zip(pattern).all(is_like)
}
