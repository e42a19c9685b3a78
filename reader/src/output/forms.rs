//! The forms in which numbers and bytes are written where a schema asks for one.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::decode::Display;
use crate::digits::date;

/// A number as an address of a network, where the form is one.
pub(crate) fn number_text(display: Display, value: u64) -> Option<String> {
    match display {
        Display::Ipv4 => Some(Ipv4Addr::from(u32::try_from(value).ok()?).to_string()),
        Display::Mac if value >> 48 == 0 => bytes_text(Display::Mac, value.to_be_bytes().get(2..)?),
        _ => None,
    }
}

/// Bytes as an address of a network or a UUID, where the form is one and the length fits.
pub(crate) fn bytes_text(display: Display, bytes: &[u8]) -> Option<String> {
    match display {
        Display::Ipv4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string()),
        Display::Ipv6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        Display::Mac if matches!(bytes.len(), 6 | 8) => {
            let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(parts.join(":"))
        }
        Display::Uuid if bytes.len() == 16 => {
            let mut text = String::new();
            for (i, byte) in bytes.iter().enumerate() {
                if matches!(i, 4 | 6 | 8 | 10) {
                    text.push('-');
                }
                let _ = write!(text, "{byte:02x}");
            }
            Some(text)
        }
        _ => None,
    }
}

/// `1.5 s`, `250 ms`, `17 ns`: the largest unit of which there is one.
pub(crate) fn duration_text(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let rest = nanoseconds.unsigned_abs();
    let units: [(u128, &str); 4] =
        [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
    let (size, unit) = units.into_iter().find(|(size, _)| rest >= *size).unwrap_or((1, "ns"));
    let digits = size.ilog10() as usize;
    let fraction = format!("{:0digits$}", rest % size);
    let fraction = fraction.trim_end_matches('0');
    let whole = rest / size;
    match fraction {
        "" => format!("{sign}{whole} {unit}"),
        _ => format!("{sign}{whole}.{fraction} {unit}"),
    }
}

/// Nanoseconds since 1970 as a date and a time in UTC.
pub(crate) fn timestamp_text(nanoseconds: i128) -> String {
    let day = 86_400_000_000_000;
    let (days, time) = (nanoseconds.div_euclid(day), nanoseconds.rem_euclid(day));
    let seconds = time / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let fraction = format!("{:09}", time % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    let (year, month, day) = date(days);
    let seconds = seconds % 60;
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}{dot}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(timestamp_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp_text(951_782_400_000_000_001), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(timestamp_text(1_709_164_800_000_000_000), "2024-02-29T00:00:00Z");
        assert_eq!(timestamp_text(-1_000_000_000), "1969-12-31T23:59:59Z");
        assert_eq!(timestamp_text(i128::from(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
        assert_eq!(timestamp_text(i128::from(i64::MIN)), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(duration_text(1_500_000_000), "1.5 s");
        assert_eq!(duration_text(-250_000), "-250 µs");
        assert_eq!(duration_text(0), "0 ns");
        assert_eq!(duration_text(1_000_001), "1.000001 ms");
    }

    #[test]
    fn addresses_are_readable() {
        assert_eq!(number_text(Display::Ipv4, 0xc000_0201).as_deref(), Some("192.0.2.1"));
        assert_eq!(number_text(Display::Ipv4, 1 << 40), None);
        assert_eq!(
            bytes_text(Display::Mac, &[0, 1, 2, 3, 4, 255]).as_deref(),
            Some("00:01:02:03:04:ff")
        );
        let uuid = bytes_text(Display::Uuid, &[0x11; 16]);
        assert_eq!(uuid.as_deref(), Some("11111111-1111-1111-1111-111111111111"));
        let mut loopback = [0; 16];
        loopback[15] = 1;
        assert_eq!(bytes_text(Display::Ipv6, &loopback).as_deref(), Some("::1"));
        assert_eq!(bytes_text(Display::Ipv6, &[0; 15]), None);
    }
}
