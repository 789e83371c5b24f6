//! Times as text: RFC 3339 in UTC, without a calendar library.

use super::json::put_signed;

const SECOND_NS: i64 = 1_000_000_000;
/// Seconds of ten digits: from 2001 on.
const TEN_DIGITS: std::ops::Range<i64> = 1_000_000_000..10_000_000_000;

/// Writes times, and remembers the last one as text: packets come many to a second, and each time is written twice.
#[derive(Debug)]
pub struct Clock {
    timestamp_ns: i64,
    second: i64,
    /// `2023-11-14T22:13:20.123456789Z`.
    text: [u8; 30],
    /// `1700000000123456789`; without meaning where the second has not [`TEN_DIGITS`].
    decimal: [u8; 19],
}

impl Default for Clock {
    fn default() -> Self {
        Self { timestamp_ns: 0, second: 0, text: *b"1970-01-01T00:00:00.000000000Z", decimal: [b'0'; 19] }
    }
}

impl Clock {
    /// Appends the RFC 3339 text of `timestamp_ns` (nanoseconds since 1970-01-01T00:00:00Z) with nanoseconds:
    /// `2023-11-14T22:13:20.123456789Z`. Every i64 is inside the years 1677 to 2262.
    #[inline]
    pub fn put_rfc3339(&mut self, out: &mut Vec<u8>, timestamp_ns: i64) {
        self.set(timestamp_ns);
        out.extend_from_slice(&self.text);
    }

    /// The same with microseconds.
    pub fn put_rfc3339_micros(&mut self, out: &mut Vec<u8>, timestamp_ns: i64) {
        self.put_rfc3339(out, timestamp_ns);
        out.truncate(out.len() - 4);
        out.push(b'Z');
    }

    /// Appends `timestamp_ns` in decimal.
    #[inline]
    pub fn put_nanoseconds(&mut self, out: &mut Vec<u8>, timestamp_ns: i64) {
        self.set(timestamp_ns);
        if TEN_DIGITS.contains(&self.second) {
            out.extend_from_slice(&self.decimal);
        } else {
            put_signed(out, timestamp_ns);
        }
    }

    #[inline]
    fn set(&mut self, timestamp_ns: i64) {
        if timestamp_ns == self.timestamp_ns {
            return;
        }
        let before = std::mem::replace(&mut self.timestamp_ns, timestamp_ns);
        // No division where the second is the same: that of 64-bit numbers is slow. What wraps is right modulo 2^64, so
        // right for times of one sign.
        let mut fraction = timestamp_ns.wrapping_sub(self.second.wrapping_mul(SECOND_NS));
        if before ^ timestamp_ns < 0 || !(0..SECOND_NS).contains(&fraction) {
            fraction = timestamp_ns.rem_euclid(SECOND_NS);
            self.set_second(timestamp_ns.div_euclid(SECOND_NS));
        }
        let mut digits = [0; 9];
        set_digits(&mut digits, fraction as u32);
        self.text[20..29].copy_from_slice(&digits);
        self.decimal[10..].copy_from_slice(&digits);
    }

    #[cold]
    fn set_second(&mut self, second: i64) {
        self.second = second;
        self.text[..19].copy_from_slice(&second_text(second));
        if TEN_DIGITS.contains(&second) {
            let (upper, lower) = self.decimal[..10].split_at_mut(5);
            set_digits(upper, (second / 100_000) as u32);
            set_digits(lower, (second % 100_000) as u32);
        }
    }
}

fn second_text(second: i64) -> [u8; 19] {
    let (year, month, day) = civil_date(second.div_euclid(86_400));
    let second_of_day = second.rem_euclid(86_400) as u32;
    let mut text = *b"0000-00-00T00:00:00";
    set_digits(&mut text[0..4], year);
    set_digits(&mut text[5..7], month);
    set_digits(&mut text[8..10], day);
    set_digits(&mut text[11..13], second_of_day / 3600);
    set_digits(&mut text[14..16], second_of_day / 60 % 60);
    set_digits(&mut text[17..19], second_of_day % 60);
    text
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
        let mut clock = Clock::default();
        for (timestamp_ns, expected) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (999_999_999_999_999_999, "2001-09-09T01:46:39.999999999Z"),
            (1_000_000_000_000_000_000, "2001-09-09T01:46:40.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            // Wherever the clock stands: on its time, in its second, just outside of it.
            for before in [0, 1, -1, 999_999_999, 1_000_000_000, -1_000_000_000, i64::MAX, i64::MIN] {
                clock.put_rfc3339(&mut Vec::new(), timestamp_ns.wrapping_add(before));
                let mut out = Vec::new();
                clock.put_nanoseconds(&mut out, timestamp_ns);
                assert_eq!(String::from_utf8(out).unwrap(), timestamp_ns.to_string());
            }
            let mut out = Vec::new();
            clock.put_rfc3339(&mut out, timestamp_ns);
            assert_eq!(String::from_utf8_lossy(&out), expected);
            out.clear();
            clock.put_rfc3339_micros(&mut out, timestamp_ns);
            assert_eq!(String::from_utf8_lossy(&out), format!("{}Z", &expected[..26]));
            out.clear();
            clock.put_nanoseconds(&mut out, timestamp_ns);
            assert_eq!(String::from_utf8(out).unwrap(), timestamp_ns.to_string());
        }
    }
}
