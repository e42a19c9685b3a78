//! Integers of any width at any bit of a byte string, in either order.
//!
//! Bits count as DWARF 5's `DW_AT_data_bit_offset` and BTF do: on a little-endian producer from the
//! least significant bit of the first byte, on a big-endian one from the most significant. Whole
//! bytes are the special case of it, so that one function reads fields and bit-fields.

use crate::abi::Order;

/// The `bit_size` bits (at most 64) at `bit_offset`, not sign-extended; `None` where `bytes` end
/// before.
#[must_use]
#[inline]
pub fn read(bytes: &[u8], bit_offset: u64, bit_size: u32, order: Order) -> Option<u64> {
    if bit_size == 0 || bit_size > 64 {
        return (bit_size == 0).then_some(0);
    }
    let first = usize::try_from(bit_offset / 8).ok()?;
    let shift = (bit_offset % 8) as u32;
    let length = (shift + bit_size).div_ceil(8) as usize;
    let window = bytes.get(first..first.checked_add(length)?)?;
    // At most 7 + 64 bits: nine bytes.
    let mut value: u128 = 0;
    match order {
        Order::Little => {
            for byte in window.iter().rev() {
                value = value << 8 | u128::from(*byte);
            }
            value >>= shift;
        }
        Order::Big => {
            for byte in window {
                value = value << 8 | u128::from(*byte);
            }
            value >>= length as u32 * 8 - shift - bit_size;
        }
    }
    Some(value as u64 & (u64::MAX >> (64 - bit_size)))
}

/// Takes the highest of `bit_size` bits (1 to 64) as the sign.
#[must_use]
#[inline]
pub fn sign_extend(value: u64, bit_size: u32) -> i64 {
    let unused = 64_u32.saturating_sub(bit_size).min(63);
    (value << unused) as i64 >> unused
}

/// Whether an integer is itself again after a field of `bit_size` bits has held it, with a sign or without:
/// what such a field cuts off is zero, or repeats its highest bit.
#[must_use]
#[inline]
pub fn fits(value: u64, bit_size: u32) -> bool {
    match bit_size {
        0 => value == 0,
        1..=63 => value >> bit_size == 0 || sign_extend(value, bit_size) as u64 == value,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_bytes_are_integers() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(read(&bytes, 8, 16, Order::Little), Some(0x0302));
        assert_eq!(read(&bytes, 8, 16, Order::Big), Some(0x0203));
        assert_eq!(read(&bytes, 0, 64, Order::Big), Some(0x0102_0304_0506_0708));
        assert_eq!(read(&bytes, 16, 64, Order::Big), None);
        assert_eq!(read(&bytes, u64::MAX, 8, Order::Big), None);
        assert_eq!(read(&bytes, 72, 0, Order::Big), Some(0));
        assert_eq!(read(&bytes, 0, 65, Order::Big), None);
    }

    /// Against the definition, bit by bit.
    #[test]
    fn bits_are_those_of_the_definition() {
        let bytes: [u8; 10] = core::array::from_fn(|i| (i * 89 + 41) as u8);
        for offset in 0..16_u64 {
            for size in 1..=64_u32 {
                let bit = |index: u64, order| {
                    let byte = bytes[index as usize / 8];
                    match order {
                        Order::Little => byte >> (index % 8) & 1,
                        Order::Big => byte >> (7 - index % 8) & 1,
                    }
                };
                let mut little = 0;
                let mut big = 0;
                for i in 0..u64::from(size) {
                    little |= u64::from(bit(offset + i, Order::Little)) << i;
                    big = big << 1 | u64::from(bit(offset + i, Order::Big));
                }
                assert_eq!(read(&bytes, offset, size, Order::Little), Some(little));
                assert_eq!(read(&bytes, offset, size, Order::Big), Some(big));
            }
        }
    }

    #[test]
    fn signs_extend() {
        assert_eq!(sign_extend(0b101, 3), -3);
        assert_eq!(sign_extend(0b011, 3), 3);
        assert_eq!(sign_extend(u64::MAX, 64), -1);
        assert_eq!(sign_extend(1, 1), -1);
    }

    #[test]
    fn integers_fit_with_a_sign_or_without() {
        for (value, bit_size, expected) in [
            (0, 0, true),
            (1, 0, false),
            (255, 8, true),
            (256, 8, false),
            (-128, 8, true),
            (-129, 8, false),
            (i64::MIN, 63, false),
            (i64::MIN >> 1, 63, true),
            (-1, 1, true),
            (2, 1, false),
            (i64::MIN, 64, true),
            (i64::MIN, 128, true),
        ] {
            assert_eq!(fits(value as u64, bit_size), expected, "{value} in {bit_size}");
        }
    }
}
