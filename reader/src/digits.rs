//! Bytes and days as digits, alike wherever they are shown.

/// Bytes in hexadecimal, two digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar. The year is taken to
/// begin in March, so that the day that some years have comes last.
pub(crate) fn date(days: i128) -> (i128, u8, u8) {
    const DAYS_OF_400_YEARS: i128 = 146_097;
    /// From the beginning of a period of 400 years to 1970.
    const DAYS_BEFORE_1970: i128 = 719_468;
    let days = days + DAYS_BEFORE_1970;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day = days.rem_euclid(DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, is_next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    // Twelve months of 31 days at most.
    (year + era * 400 + is_next, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lower_case_and_whole() {
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(hex(&[]), "");
    }

    /// Day by day, over all that can happen to a leap year, and at the ends of what is stored.
    #[test]
    fn days_follow_one_another() {
        let mut expected = (1599, 12, 31);
        for day in -135_140..=11_323_i128 {
            let (year, month, of_month) = expected;
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u8::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, of_month == last) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                (_, false) => (year, month, of_month + 1),
            };
            assert_eq!(date(day), expected, "{day}");
        }
        assert_eq!(expected, (2001, 1, 1));
    }
}
