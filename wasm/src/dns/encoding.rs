//! Numbers, octets and times as the presentation formats of resource records write them.

/// Appends `value` in decimal.
pub fn append_decimal(value: u64, text: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut rest = value;
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends upper-case hexadecimal.
pub fn append_hex(octets: &[u8], text: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in octets {
        text.extend_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
    }
}

/// Appends base64 with padding (RFC 4648 4).
pub fn append_base64(octets: &[u8], text: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in octets.chunks(3) {
        let bits =
            chunk.iter().zip([16, 8, 0]).fold(0, |bits, (octet, shift)| bits | u32::from(*octet) << shift);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = DIGITS[(bits >> shift & 63) as usize];
            text.push(if index <= chunk.len() { digit } else { b'=' });
        }
    }
}

/// Appends base32 with the extended hexadecimal alphabet, without padding (RFC 4648 7, RFC 5155 3.3).
pub fn append_base32hex(octets: &[u8], text: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let (mut bits, mut held) = (0u32, 0);
    for octet in octets {
        bits = bits << 8 | u32::from(*octet);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(DIGITS[(bits >> held & 31) as usize]);
        }
    }
    if held > 0 {
        text.push(DIGITS[(bits << (5 - held) & 31) as usize]);
    }
}

/// Appends seconds since 1970 as `YYYYMMDDHHmmSS` in UTC (RFC 4034 3.2).
pub fn append_time(seconds: u32, text: &mut Vec<u8>) {
    let (year, month, day) = date(seconds / 86_400);
    let second = seconds % 86_400;
    append_two_digits(year / 100, text);
    for part in [year % 100, month, day, second / 3600, second / 60 % 60, second % 60] {
        append_two_digits(part, text);
    }
}

fn append_two_digits(value: u32, text: &mut Vec<u8>) {
    text.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years are taken to begin
/// in March, so that a leap day is the last of its year.
fn date(days: u32) -> (u32, u32, u32) {
    let day = days + 719_468; // Since 0000-03-01.
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day_of_month)
}
