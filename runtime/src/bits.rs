//! Numbers inside byte arrays, at any bit or byte, in constants too: what the accessors of generated structs
//! call whose fields Rust has no layout for.
//!
//! Bits are counted as DWARF 5 counts them (`DW_AT_data_bit_offset`): from the first byte of the array, from
//! the least significant bit of a byte on little-endian machines, from the most significant on big-endian
//! ones. Everything is in the byte order of the machine, since the arrays are parts of native structs.

const BIG: bool = cfg!(target_endian = "big");

/// One of two numbers: the first on little-endian machines, the second on big-endian ones.
#[must_use]
pub const fn by_order(little: u32, big: u32) -> u32 {
    if BIG { big } else { little }
}

/// The `width` bits that start at bit `at`, as an unsigned number. Bits outside the array are 0.
#[must_use]
pub const fn get(bytes: &[u8], at: u32, width: u32) -> u64 {
    extract(bytes, at, width, BIG)
}

/// The same as a signed number.
#[must_use]
pub const fn get_signed(bytes: &[u8], at: u32, width: u32) -> i64 {
    sign_extend(get(bytes, at, width), width)
}

/// Replaces the `width` bits that start at bit `at` by the low bits of `value`. Bits outside the array are
/// dropped.
pub const fn set(bytes: &mut [u8], at: u32, width: u32, value: u64) {
    let mut index = 0;
    while index < width {
        let position = at + index;
        let byte = (position / 8) as usize;
        if byte < bytes.len() {
            let (shift, source) =
                if BIG { (7 - position % 8, width - 1 - index) } else { (position % 8, index) };
            let bit = ((value >> source) & 1) as u8;
            bytes[byte] = bytes[byte] & !(1 << shift) | bit << shift;
        }
        index += 1;
    }
}

/// [`get`] in the given order.
pub(crate) const fn extract(bytes: &[u8], at: u32, width: u32, big: bool) -> u64 {
    let mut value = 0;
    let mut index = 0;
    while index < width {
        let position = at + index;
        let byte = (position / 8) as usize;
        let byte = if byte < bytes.len() { bytes[byte] } else { 0 };
        if big {
            value = value << 1 | (byte >> (7 - position % 8) & 1) as u64;
        } else {
            value |= ((byte >> (position % 8) & 1) as u64) << index;
        }
        index += 1;
    }
    value
}

pub(crate) const fn sign_extend(value: u64, width: u32) -> i64 {
    match width {
        0 => 0,
        1..=63 => ((value << (64 - width)) as i64) >> (64 - width),
        _ => value as i64,
    }
}

/// The `N` bytes at `at`; zeros where the array ends before them.
#[must_use]
pub const fn load<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    let mut index = 0;
    while index < N && at + index < bytes.len() {
        out[index] = bytes[at + index];
        index += 1;
    }
    out
}

/// Writes `value` at `at`; what would lie outside the array is dropped.
pub const fn store<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    let mut index = 0;
    while index < N && at + index < bytes.len() {
        bytes[at + index] = value[index];
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_from_where_they_were_put() {
        for at in 0..20 {
            for width in 1..=64 {
                let value = 0x9e37_79b9_7f4a_7c15_u64 >> (64 - width);
                let mut bytes = [0xa5; 12];
                set(&mut bytes, at, width, value);
                assert_eq!(get(&bytes, at, width), value, "{width} bits at {at}");
                let mut other = bytes;
                set(&mut other, at, width, get(&[0xa5; 12], at, width));
                assert_eq!(other, [0xa5; 12], "no bit outside the field changes");
            }
        }
    }

    #[test]
    fn both_orders_count_as_dwarf_does() {
        let bytes = [0b1010_0000, 0b0000_0001];
        assert_eq!(extract(&bytes, 0, 3, true), 0b101);
        assert_eq!(extract(&bytes, 0, 16, true), 0xa001);
        assert_eq!(extract(&bytes, 5, 4, false), 0b1101);
        assert_eq!(extract(&bytes, 0, 16, false), 0x01a0);
        assert_eq!(sign_extend(0b101, 3), -3);
        assert_eq!(sign_extend(u64::MAX, 64), -1);
    }
}
