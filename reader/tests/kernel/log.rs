//! The kernel's log in a dump, record by record.

use serde_json::Value;

use crate::console::Console;
use crate::dump::Dump;
use crate::machine::Machine;

impl Dump {
    /// The log, record by record, up to the last line that the console waited for.
    pub(crate) fn has_the_log(&self, machine: &Machine, console: &Console) {
        let found = self.log();
        let end = |lines: &[String]| {
            let ready = lines.iter().position(|line| line.ends_with("init: marker ready"));
            ready.unwrap_or_else(|| panic!("{}: no end in {} lines", self.path, lines.len()))
        };
        let (found, expected) = (&found[..=end(&found)], &console.lines[..=end(&console.lines)]);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "{}", self.path);
        }
        assert_eq!(found.len(), expected.len());
        assert!(found.len() > machine.lines, "{} lines", found.len());
    }

    /// The lines of the kernel's ring of records, as the kernel prints them.
    fn log(&self) -> Vec<String> {
        let ring = &self.value("prb", 0)["@value"];
        let array = |value: &Value| value["@value"].as_array().expect("an array").clone();
        let number = |value: &Value| {
            let found = value.as_u64().or(value.as_i64().map(i64::cast_unsigned));
            found.unwrap_or_else(|| panic!("{}: {value}", self.path))
        };
        let descriptors = &ring["desc_ring"];
        let (descs, infos) = (array(&descriptors["descs"]), array(&descriptors["infos"]));
        let data: Vec<u8> = array(&ring["text_data_ring"]["data"])
            .iter()
            .map(|byte| u8::try_from(number(byte)).expect("a byte"))
            .collect();
        let size = data.len() as u64;
        assert_eq!(size, 1 << number(&ring["text_data_ring"]["size_bits"]));
        let mut lines = Vec::new();
        for id in number(&descriptors["tail_id"])..=number(&descriptors["head_id"]) {
            let index = id as usize % descs.len();
            let state = number(&descs[index]["state_var"]);
            // Only what is complete and has not been given to somebody else.
            if state != id | 2 << 62 {
                continue;
            }
            let place = &descs[index]["text_blk_lpos"];
            let (begin, next) = (number(&place["begin"]), number(&place["next"]));
            // A text that would reach around the end stands at the beginning; odd places are none.
            let start = if begin / size == next / size { begin % size } else { 0 };
            let info = &infos[index];
            let length = if begin % 2 == 1 { 0 } else { number(&info["text_len"]) as usize };
            // The identity of its descriptor stands before it.
            let text = &data[start as usize + 8..][..length];
            let microseconds = number(&info["ts_nsec"]) / 1000;
            let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
            for line in String::from_utf8_lossy(text).split('\n') {
                lines.push(format!("[{seconds:5}.{rest:06}] {line}"));
            }
        }
        lines
    }
}
