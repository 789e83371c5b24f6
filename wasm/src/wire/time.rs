//! Times as text: RFC 3339 in UTC, without a calendar library.

/// Appends the RFC 3339 text of `timestamp_ns` (nanoseconds since 1970-01-01T00:00:00Z) with `digits` digits of
/// the second, 0 to 9: `2023-11-14T22:13:20.123456789Z`. Every i64 is inside the years 1677 to 2262.
pub fn put_rfc3339(out: &mut Vec<u8>, timestamp_ns: i64, digits: usize) {
    let seconds = timestamp_ns.div_euclid(1_000_000_000);
    let nanoseconds = timestamp_ns.rem_euclid(1_000_000_000) as u32;
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400) as u32;
    let mut text = *b"0000-00-00T00:00:00";
    set_digits(&mut text[0..4], year);
    set_digits(&mut text[5..7], month);
    set_digits(&mut text[8..10], day);
    set_digits(&mut text[11..13], second_of_day / 3600);
    set_digits(&mut text[14..16], second_of_day / 60 % 60);
    set_digits(&mut text[17..19], second_of_day % 60);
    out.extend_from_slice(&text);
    let digits = digits.min(9);
    if digits > 0 {
        let mut fraction = *b".000000000";
        set_digits(&mut fraction[1..], nanoseconds);
        out.extend_from_slice(&fraction[..=digits]);
    }
    out.push(b'Z');
}

fn set_digits(text: &mut [u8], mut value: u32) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01, in the proleptic Gregorian
/// calendar. Counts in eras of 400 years that begin on 1 March, so that leap days come last.
fn civil_date(days: i64) -> (u32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (timestamp_ns, digits, expected) in [
            (0, 9, "1970-01-01T00:00:00.000000000Z"),
            (1_700_000_000_123_456_789, 9, "2023-11-14T22:13:20.123456789Z"),
            (1_700_000_000_123_456_789, 6, "2023-11-14T22:13:20.123456Z"),
            (951_782_400_000_000_000, 0, "2000-02-29T00:00:00Z"),
            (4_107_542_399_000_000_000, 0, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000_000_000, 0, "2100-03-01T00:00:00Z"),
            (-1, 9, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, 9, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, 9, "1677-09-21T00:12:43.145224192Z"),
        ] {
            let mut out = Vec::new();
            put_rfc3339(&mut out, timestamp_ns, digits);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
