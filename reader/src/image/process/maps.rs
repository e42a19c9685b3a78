//! What a process has mapped: the lines of `/proc/N/maps`.
//!
//! The kernel writes them, but paths are anybody's: they may hold spaces, brackets, bytes that are no
//! text, and line feeds, which the kernel writes as `\012`.

/// A mapping of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Of the first byte.
    pub(super) start: u64,
    /// Behind the last.
    pub(super) end: u64,
    /// 4 read, 2 write, 1 execute.
    pub(super) access: u32,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// Which file, on which disk; 0 where there is none.
    pub(super) inode: u64,
    /// The numbers of the disk.
    pub(super) device: (u32, u32),
    /// The path, or what the kernel calls it in brackets, or nothing.
    pub(super) path: Vec<u8>,
}

/// The mappings in ascending order; the number of a line that is none, from 1.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Mapping>, u64> {
    let mut mappings = Vec::new();
    let mut end = 0;
    let Some(lines) = text.strip_suffix(b"\n") else {
        return if text.is_empty() { Ok(mappings) } else { Err(1) };
    };
    for (line, number) in lines.split(|byte| *byte == b'\n').zip(1_u64..) {
        let mapping = line_of(line).filter(|mapping| mapping.start >= end).ok_or(number)?;
        end = mapping.end;
        mappings.push(mapping);
    }
    Ok(mappings)
}

/// `55d0c1a00000-55d0c1a02000 r-xp 00001000 fe:01 1234      /usr/bin/x`
fn line_of(line: &[u8]) -> Option<Mapping> {
    let mut words = line.splitn(6, |byte| *byte == b' ');
    let mut word = || words.next();
    let (start, end) = pair(word()?, b'-')?;
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    let access = access(word()?)?;
    let offset = hexadecimal(word()?)?;
    let (major, minor) = pair(word()?, b':')?;
    let number = |digits| u32::try_from(hexadecimal(digits)?).ok();
    let device = (number(major)?, number(minor)?);
    let inode = decimal(word()?)?;
    // The kernel pads with spaces; a path begins with none.
    let path = word().unwrap_or_default().trim_ascii_start();
    (start < end).then(|| Mapping { start, end, access, offset, inode, device, path: plain(path) })
}

/// `rwxp`, with dashes, and `s` for memory that is shared.
fn access(word: &[u8]) -> Option<u32> {
    let &[read, write, execute, b'p' | b's'] = word else { return None };
    let bit = |found: u8, letter: u8, bit: u32| match found {
        b'-' => Some(0),
        _ => (found == letter).then_some(bit),
    };
    Some(bit(read, b'r', 4)? | bit(write, b'w', 2)? | bit(execute, b'x', 1)?)
}

/// The path with its line feeds.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        (rest, _) = match rest.strip_prefix(b"\\012") {
            Some(after) => (after, out.push(b'\n')),
            None => (after, out.push(*first)),
        };
    }
    out
}

fn pair(word: &[u8], between: u8) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == between)?;
    let (first, rest) = word.split_at(at);
    Some((first, rest.split_first()?.1))
}

fn hexadecimal(word: &[u8]) -> Option<u64> {
    let is_plain = word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(std::str::from_utf8(word).ok().filter(|_| is_plain)?, 16).ok()
}

fn decimal(word: &[u8]) -> Option<u64> {
    let is_plain = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let text = b"\
            00400000-00401000 r--p 00000000 fe:01 1234                       /usr/bin/a b\n\
            00401000-00402000 r-xp 00001000 fe:01 1234   /usr/bin/a b (deleted)\n\
            7f0000000000-7f0000001000 rw-s 00000000 00:05 99 /dev/shm/x\\012y\\013\xff\n\
            7f0000001000-7f0000002000 ---p 00000000 00:00 0 \n\
            7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                          [vdso]\n\
            ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
        let mappings = parse(text).unwrap();
        let paths: Vec<_> = mappings.iter().map(|mapping| &mapping.path[..]).collect();
        let expected: [&[u8]; 6] = [
            b"/usr/bin/a b",
            b"/usr/bin/a b (deleted)",
            b"/dev/shm/x\ny\\013\xff",
            b"",
            b"[vdso]",
            b"[vsyscall]",
        ];
        assert_eq!(paths, expected);
        let access: Vec<_> = mappings.iter().map(|mapping| mapping.access).collect();
        assert_eq!(access, [4, 5, 6, 0, 5, 1]);
        let second = &mappings[1];
        assert_eq!((second.start, second.end, second.offset), (0x40_1000, 0x40_2000, 0x1000));
        assert_eq!((second.device, second.inode), ((0xfe, 1), 1234));
        assert_eq!(parse(b""), Ok(Vec::new()));
    }

    #[test]
    fn other_lines_are_errors() {
        let good = "1000-2000 rw-p 00000000 00:00 0 x\n";
        assert_eq!(parse(good.as_bytes()).unwrap().len(), 1);
        let line = |from: &str, to: &str| parse(good.replacen(from, to, 1).as_bytes()).err();
        assert_eq!(line("1000-", "3000-"), Some(1), "it ends before it starts");
        assert_eq!(line("1000-", "+100-"), Some(1));
        assert_eq!(line("1000-2000", "1000 2000"), Some(1));
        assert_eq!(line("rw-p", "wr-p"), Some(1));
        assert_eq!(line("rw-p", "rw-"), Some(1));
        assert_eq!(line("00:00", "0000"), Some(1));
        assert_eq!(line(" 0 x", " x x"), Some(1));
        assert_eq!(line("\n", ""), Some(1), "the line does not end");
        assert_eq!(parse(good.repeat(2).as_bytes()).err(), Some(2), "they overlap");
        assert_eq!(parse(format!("{good}\n").as_bytes()).err(), Some(2));
    }

    proptest! {
        #[test]
        fn any_bytes_are_lines_or_an_error(
            mut text in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..60,
            byte: u8,
        ) {
            let _ = parse(&text);
            text.splice(0..0, *b"1000-2000 rw-p 00000000 00:00 0 x\n3000-4000 r--s 00000000 01:02 3\n");
            text[at] = byte;
            if let Ok(mappings) = parse(&text) {
                prop_assert!(mappings.iter().is_sorted_by(|a, b| a.end <= b.start));
                prop_assert!(mappings.iter().all(|mapping| mapping.start < mapping.end));
            }
        }

        #[test]
        fn what_the_kernel_prints_is_what_is_read(
            start in 0_u64..1 << 60,
            length in 1_u64..1 << 60,
            access in 0_u32..8,
            offset: u64,
            device: (u16, u16),
            inode: u64,
            path in "/[^\0]{0,40}",
        ) {
            let bit = |bit, letter| if access & bit != 0 { letter } else { '-' };
            let line = format!(
                "{start:08x}-{:08x} {}{}{}p {offset:08x} {:02x}:{:02x} {inode} {:20}{}\n",
                start + length, bit(4, 'r'), bit(2, 'w'), bit(1, 'x'), device.0, device.1, "",
                path.replace('\n', "\\012"),
            );
            let device = (u32::from(device.0), u32::from(device.1));
            let path = path.replace("\\012", "\n").into_bytes();
            let end = start + length;
            let expected = Mapping { start, end, access, offset, inode, device, path };
            prop_assert_eq!(parse(line.as_bytes()), Ok(vec![expected]));
        }
    }
}
