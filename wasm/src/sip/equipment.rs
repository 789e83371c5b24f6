//! Numbers of subscribers and equipment (3GPP TS 23.003): IMSI in a user's address, IMEI in a contact.

/// Digits of an IMSI (ITU-T E.212).
pub const IMSI_DIGITS: usize = 15;
/// Digits of an IMEI without its check digit (3GPP TS 23.003 section 6.2.1): type allocation code and serial number.
pub const IMEI_DIGITS: usize = 14;

/// The IMSI that `user@host` is made from: 15 digits in a domain of a mobile network (TS 23.003 sections 13.3 and 14.2).
/// A root NAI has a digit in front, which says how the user is authenticated (section 19.3.2).
pub fn imsi(user: &[u8], host: &[u8]) -> Option<[u8; IMSI_DIGITS]> {
    let digits = match user.len() {
        IMSI_DIGITS => user,
        16 => user.get(1..)?,
        _ => return None,
    };
    let is_mobile = || contains(host, b"3gppnetwork.org") || contains(host, b".mnc");
    (user.iter().all(u8::is_ascii_digit) && is_mobile()).then(|| digits.try_into().ok())?
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

/// The first 14 digits of the IMEI in a `+sip.instance` (RFC 7254, RFC 7255): what follows is a spare or check digit, or
/// a software version.
pub fn imei(instance: &[u8]) -> Option<[u8; IMEI_DIGITS]> {
    let text = instance.trim_ascii();
    let text = text.strip_prefix(b"<").unwrap_or(text);
    let prefixes: [&[u8]; 3] = [b"urn:gsma:imei:", b"urn:urn-7:3gpp-imei:", b"urn:gsma:imeisv:"];
    let number = prefixes.iter().find_map(|prefix| {
        let (start, rest) = text.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(rest)
    })?;
    let end = number.iter().position(|octet| b"\">;, ".contains(octet)).unwrap_or(number.len());
    let number = number.get(..end)?;
    let (mut digits, mut count) = ([0; 16], 0);
    for octet in number.iter().filter(|octet| octet.is_ascii_digit()) {
        *digits.get_mut(count)? = *octet;
        count += 1;
    }
    // Sixteen are an IMEI with its software version, 14 and 2.
    let groups = || number.rsplit(|octet| *octet == b'-').next().map_or(0, <[u8]>::len);
    let is_sound = count == IMEI_DIGITS || count == 15 || count == 16 && (groups() == 2 || groups() == 16);
    is_sound.then(|| digits.first_chunk().copied())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers() {
        const HOST: &str = "ims.mnc260.mcc310.3gppnetwork.org";
        for (user, host, expected) in [
            ("310260123456789", HOST, Some("310260123456789")),
            ("0310260123456789", "nai.epc.mnc260.mcc310.3GPPNETWORK.org", Some("310260123456789")),
            ("310260123456789", "x.mnc260.example", Some("310260123456789")),
            ("310260123456789", "example.org", None),
            ("31026012345678", HOST, None),
            ("31026012345678a", HOST, None),
            ("a310260123456789", HOST, None),
        ] {
            let found = imsi(user.as_bytes(), host.as_bytes());
            assert_eq!(
                found.as_ref().map(|digits| &digits[..]),
                expected.map(str::as_bytes),
                "{user}@{host}"
            );
        }
    }

    #[test]
    fn equipment() {
        for (instance, expected) in [
            ("<urn:gsma:imei:90420156-025763-0>", Some("90420156025763")),
            ("urn:GSMA:imei:904201560257637", Some("90420156025763")),
            ("<urn:urn-7:3gpp-imei:90420156025763>", Some("90420156025763")),
            ("<urn:gsma:imei:90420156-025763-0;vers=0>", Some("90420156025763")),
            ("<urn:gsma:imeisv:90420156-025763-42>", Some("90420156025763")),
            ("<urn:gsma:imei:35345678-9012345-0>", None),
            ("<urn:gsma:imei:9042015602576>", None),
            ("<urn:gsma:imei:90420156025763123>", None),
            ("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>", None),
            ("", None),
        ] {
            let found = imei(instance.as_bytes());
            assert_eq!(found.as_ref().map(|digits| &digits[..]), expected.map(str::as_bytes), "{instance}");
        }
    }
}
