//! Hashes of the format: FNV-1a for names, CRC-32C for whole tables, and the numbers derived from
//! them.
//!
//! Everything here is `const`, so that generated code can compute with it; nothing here knows the
//! records.

/// FNV-1a, 32 bits, of `bytes`.
#[must_use]
pub const fn fnv1a_32(bytes: &[u8]) -> u32 {
    fnv1a_32_more(0x811c_9dc5, bytes)
}

/// FNV-1a, 64 bits, of `bytes`.
#[must_use]
pub const fn fnv1a_64(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Continues a 32-bit FNV-1a hash with more bytes.
const fn fnv1a_32_more(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// The number in a header's `schema` field.
#[must_use]
pub const fn schema_number(schema: &str) -> u64 {
    fnv1a_64(schema.as_bytes())
}

/// A class's number where the schema does not give one: the low 31 bits of FNV-1a over schema, NUL,
/// class.
#[must_use]
pub const fn class_number(schema: &str, class: &str) -> u32 {
    let hash = fnv1a_32_more(fnv1a_32(schema.as_bytes()), &[0]);
    fnv1a_32_more(hash, class.as_bytes()) & 0x7fff_ffff
}

/// An entry's id before collisions are resolved: the low 31 bits of FNV-1a over schema, class, name
/// and instance with a NUL between. The instance is hashed as decimal digits, so that the id is the
/// same on machines of either byte order.
#[must_use]
pub const fn entry_id(schema: &str, class: &str, name: &str, instance: u64) -> u32 {
    entry_id_of(entry_id_prefix(class_prefix(schema, class), name), instance)
}

/// The part of [`entry_id`] that is the same for all entries of a class.
#[must_use]
pub const fn class_prefix(schema: &str, class: &str) -> u32 {
    let hash = fnv1a_32_more(fnv1a_32(schema.as_bytes()), &[0]);
    fnv1a_32_more(fnv1a_32_more(hash, class.as_bytes()), &[0])
}

/// The part of [`entry_id`] before the instance, continued from a [`class_prefix`].
#[must_use]
pub const fn entry_id_prefix(class_prefix: u32, name: &str) -> u32 {
    fnv1a_32_more(fnv1a_32_more(class_prefix, name.as_bytes()), &[0])
}

/// [`entry_id`], continued from an [`entry_id_prefix`].
#[must_use]
#[inline(always)]
pub const fn entry_id_of(prefix: u32, instance: u64) -> u32 {
    if instance < 10 {
        return fnv1a_32_more(prefix, &[b'0' + instance as u8]) & 0x7fff_ffff;
    }
    entry_id_of_digits(prefix, instance)
}

const fn entry_id_of_digits(prefix: u32, instance: u64) -> u32 {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = instance;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut hash = prefix;
    while at < digits.len() {
        hash = fnv1a_32_more(hash, &[digits[at]]);
        at += 1;
    }
    hash & 0x7fff_ffff
}

/// CRC-32C (Castagnoli) of `bytes`.
#[must_use]
pub const fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_finish(crc32c_more(CRC32C_START, bytes))
}

/// The register before the first byte.
pub const CRC32C_START: u32 = !0;

/// The checksum, once every byte has gone through the register.
#[must_use]
pub const fn crc32c_finish(register: u32) -> u32 {
    !register
}

/// Feeds `bytes` into the register, eight at a time.
#[must_use]
pub const fn crc32c_more(mut register: u32, bytes: &[u8]) -> u32 {
    let mut i = 0;
    while bytes.len() - i >= 8 {
        let low = u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
        let low = low ^ register;
        register = CRC_TABLES[7][(low & 0xff) as usize]
            ^ CRC_TABLES[6][(low >> 8 & 0xff) as usize]
            ^ CRC_TABLES[5][(low >> 16 & 0xff) as usize]
            ^ CRC_TABLES[4][(low >> 24) as usize]
            ^ CRC_TABLES[3][bytes[i + 4] as usize]
            ^ CRC_TABLES[2][bytes[i + 5] as usize]
            ^ CRC_TABLES[1][bytes[i + 6] as usize]
            ^ CRC_TABLES[0][bytes[i + 7] as usize];
        i += 8;
    }
    while i < bytes.len() {
        register = register >> 8 ^ CRC_TABLES[0][((register ^ bytes[i] as u32) & 0xff) as usize];
        i += 1;
    }
    register
}

/// `CRC_TABLES[n][b]`: what byte `b` contributes when `n` more bytes follow it.
static CRC_TABLES: [[u32; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let low = register & 1;
            register = register >> 1 ^ if low == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = register;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    /// Values from the authors' own test suite (draft-eastlake-fnv, appendix C).
    #[test]
    fn fnv1a_gives_the_published_values() {
        assert_eq!(fnv1a_32(b""), 0x811c_9dc5);
        assert_eq!(fnv1a_32(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a_32(b"foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// Values from RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
    #[test]
    fn crc32c_gives_the_published_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: [u8; 32] = core::array::from_fn(|i| i as u8);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        let falling: [u8; 32] = core::array::from_fn(|i| 31 - i as u8);
        assert_eq!(crc32c(&falling), 0x113f_db5c);
    }

    /// Bit by bit, as the polynomial defines it.
    fn crc32c_by_definition(bytes: &[u8]) -> u32 {
        let mut register = !0_u32;
        for byte in bytes {
            register ^= u32::from(*byte);
            for _ in 0..8 {
                register = (register >> 1) ^ ((register & 1) * 0x82f6_3b78);
            }
        }
        !register
    }

    /// Eight bytes at a time and one at a time are the same: every length, from every alignment.
    #[test]
    fn crc32c_is_what_the_polynomial_defines() {
        let bytes: [u8; 200] = core::array::from_fn(|i| ((i * i * 167) >> 3) as u8);
        for start in 0..8 {
            for end in start..bytes.len() {
                let part = &bytes[start..end];
                assert_eq!(crc32c(part), crc32c_by_definition(part), "{start}..{end}");
            }
        }
    }

    #[test]
    fn a_checksum_can_be_taken_in_parts() {
        let bytes: [u8; 61] = core::array::from_fn(|i| (i * 37) as u8);
        for cut in 0..bytes.len() {
            let register = crc32c_more(CRC32C_START, &bytes[..cut]);
            assert_eq!(crc32c_finish(crc32c_more(register, &bytes[cut..])), crc32c(&bytes));
        }
    }

    #[test]
    fn numbers_are_hashes_of_the_parts_joined_by_nul() {
        assert_eq!(class_number("a.b", "log"), fnv1a_32(b"a.b\0log") & 0x7fff_ffff);
        for instance in [0, 7, 10, 100, 1234, u64::MAX] {
            let mut text = String::from("a.b\0log\0main\0");
            text.push_str(&instance.to_string());
            let expected = fnv1a_32(text.as_bytes()) & 0x7fff_ffff;
            assert_eq!(entry_id("a.b", "log", "main", instance), expected);
        }
    }
}
