//! The data of a resource record as text, in the presentation form of the RFC that defines the type.
//!
//! Names are as [`super::names`] writes them; the root is `.` where other fields stand beside it. Data of other
//! types, and data that does not fit its type, is `<data N bytes>`.

use super::encoding::{append_base32hex, append_base64, append_decimal, append_hex, append_time};
use super::mnemonic;
use super::names::{self, append_escaped};
use super::svcb;
use crate::net::Address;

/// Appends the text of the data at `start..end` of `message`, which belongs to a record of type `rr_type`.
/// Returns whether the data fits its type.
pub fn append(message: &[u8], start: usize, end: usize, rr_type: u16, text: &mut Vec<u8>) -> bool {
    let before = text.len();
    // Names may point anywhere before, but what lies after the record is none of its business.
    let mut fields = Fields { message: message.get(..end).unwrap_or(message), position: start };
    let known = append_fields(&mut fields, rr_type, text).is_some() && fields.rest().is_empty();
    if !known {
        text.truncate(before);
        text.extend_from_slice(b"<data ");
        append_decimal(end.saturating_sub(start) as u64, text);
        text.extend_from_slice(b" bytes>");
    }
    known
}

fn append_fields(fields: &mut Fields, rr_type: u16, text: &mut Vec<u8>) -> Option<()> {
    match rr_type {
        // A
        1 => Address::v4(fields.array()?).write_text(text),
        // AAAA
        28 => Address::v6(fields.array()?).write_text(text),
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
        2..=5 | 7..=9 | 12 | 23 | 39 => fields.name(text)?,
        // TXT, SPF, and the others that are one or more character-strings
        16 | 19 | 20 | 56 | 99 | 258 | 261 => fields.strings(text)?,
        // SOA: the two names; its timers are not exported.
        6 => {
            fields.host(text)?;
            text.push(b' ');
            fields.host(text)?;
            fields.array::<20>()?;
        }
        // HINFO
        13 => {
            fields.quoted_string(text)?;
            text.push(b' ');
            fields.quoted_string(text)?;
        }
        // MINFO, RP, TALINK
        14 | 17 | 58 => {
            fields.host(text)?;
            text.push(b' ');
            fields.host(text)?;
        }
        // MX, AFSDB, RT, KX, LP
        15 | 18 | 21 | 36 | 107 => {
            fields.number16(text)?;
            fields.host(text)?;
        }
        // SRV (RFC 2782)
        33 => {
            for _ in 0..3 {
                fields.number16(text)?;
            }
            fields.host(text)?;
        }
        // NAPTR (RFC 3403 4.1)
        35 => {
            fields.number16(text)?;
            fields.number16(text)?;
            for _ in 0..3 {
                fields.quoted_string(text)?;
                text.push(b' ');
            }
            fields.host(text)?;
        }
        // DS, CDS (RFC 4034 5.3), DLV, TA
        43 | 59 | 32768 | 32769 => {
            fields.number16(text)?;
            fields.number8(text)?;
            fields.number8(text)?;
            append_hex(fields.take_rest(), text);
        }
        // SSHFP (RFC 4255 3.2)
        44 => {
            fields.number8(text)?;
            fields.number8(text)?;
            append_hex(fields.take_rest(), text);
        }
        // SIG, RRSIG (RFC 4034 3.2)
        24 | 46 => append_signature(fields, text)?,
        // NSEC (RFC 4034 4.2)
        47 => {
            fields.host(text)?;
            fields.type_bitmap(text)?;
        }
        // KEY, DNSKEY (RFC 4034 2.2), CDNSKEY
        25 | 48 | 60 => {
            fields.number16(text)?;
            fields.number8(text)?;
            fields.number8(text)?;
            append_base64(fields.take_rest(), text);
        }
        // NSEC3 (RFC 5155 3.3)
        50 => {
            append_nsec3_parameters(fields, text)?;
            text.push(b' ');
            let length = fields.octet()?.into();
            append_base32hex(fields.take(length)?, text);
            fields.type_bitmap(text)?;
        }
        // NSEC3PARAM (RFC 5155 4.3)
        51 => append_nsec3_parameters(fields, text)?,
        // TLSA (RFC 6698 2.2), SMIMEA
        52 | 53 => {
            for _ in 0..3 {
                fields.number8(text)?;
            }
            append_hex(fields.take_rest(), text);
        }
        // OPENPGPKEY (RFC 7929 2.3)
        61 => append_base64(fields.take_rest(), text),
        // ZONEMD (RFC 8976 2.3)
        63 => {
            append_decimal(u32::from_be_bytes(fields.array()?).into(), text);
            text.push(b' ');
            fields.number8(text)?;
            fields.number8(text)?;
            append_hex(fields.take_rest(), text);
        }
        // SVCB, HTTPS (RFC 9460 2.1)
        64 | 65 => {
            fields.number16(text)?;
            fields.host(text)?;
            svcb::append_parameters(fields.take_rest(), text)?;
        }
        // EUI48, EUI64 (RFC 7043 3.2, 4.2)
        108 => append_hyphenated(&fields.array::<6>()?, text),
        109 => append_hyphenated(&fields.array::<8>()?, text),
        // URI (RFC 7553 4.4)
        256 => {
            fields.number16(text)?;
            fields.number16(text)?;
            append_quoted(fields.take_rest(), text);
        }
        // CAA (RFC 8659 4.1.1)
        257 => {
            fields.number8(text)?;
            let length = fields.octet()?.into();
            append_escaped(fields.take(length)?, text, false);
            text.push(b' ');
            append_quoted(fields.take_rest(), text);
        }
        _ => return None,
    }
    Some(())
}

fn append_signature(fields: &mut Fields, text: &mut Vec<u8>) -> Option<()> {
    text.extend_from_slice(mnemonic::rr_type(u16::from_be_bytes(fields.array()?)).as_bytes());
    text.push(b' ');
    fields.number8(text)?;
    fields.number8(text)?;
    append_decimal(u32::from_be_bytes(fields.array()?).into(), text);
    text.push(b' ');
    for _ in 0..2 {
        append_time(u32::from_be_bytes(fields.array()?), text);
        text.push(b' ');
    }
    fields.number16(text)?;
    fields.host(text)?;
    text.push(b' ');
    append_base64(fields.take_rest(), text);
    Some(())
}

/// Hash algorithm, flags, iterations and salt.
fn append_nsec3_parameters(fields: &mut Fields, text: &mut Vec<u8>) -> Option<()> {
    fields.number8(text)?;
    fields.number8(text)?;
    fields.number16(text)?;
    match usize::from(fields.octet()?) {
        0 => text.push(b'-'),
        length => append_hex(fields.take(length)?, text),
    }
    Some(())
}

fn append_hyphenated(octets: &[u8], text: &mut Vec<u8>) {
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 {
            text.push(b'-');
        }
        append_hex(&[*octet], text);
    }
}

/// Appends `octets` in double quotes, a quote inside as `\"`.
pub fn append_quoted(octets: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    for (index, part) in octets.split(|octet| *octet == b'"').enumerate() {
        if index > 0 {
            text.extend_from_slice(b"\\\"");
        }
        append_escaped(part, text, false);
    }
    text.push(b'"');
}

/// Reads the fields of one record's data. `message` ends where the data does.
struct Fields<'a> {
    message: &'a [u8],
    position: usize,
}

impl<'a> Fields<'a> {
    fn rest(&self) -> &'a [u8] {
        self.message.get(self.position..).unwrap_or_default()
    }

    fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.position = self.message.len();
        rest
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..count)?;
        self.position += count;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.rest().first_chunk()?;
        self.position += N;
        Some(array)
    }

    fn octet(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// An 8-bit number and a blank.
    fn number8(&mut self, text: &mut Vec<u8>) -> Option<()> {
        append_decimal(self.octet()?.into(), text);
        text.push(b' ');
        Some(())
    }

    /// A 16-bit number and a blank.
    fn number16(&mut self, text: &mut Vec<u8>) -> Option<()> {
        append_decimal(u16::from_be_bytes(self.array()?).into(), text);
        text.push(b' ');
        Some(())
    }

    fn name(&mut self, text: &mut Vec<u8>) -> Option<()> {
        self.position = names::decode(self.message, self.position, text)?;
        Some(())
    }

    /// A name among other fields: the root is `.`.
    fn host(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let before = text.len();
        self.name(text)?;
        if text.len() == before {
            text.push(b'.');
        }
        Some(())
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.octet()?.into();
        self.take(length)
    }

    fn quoted_string(&mut self, text: &mut Vec<u8>) -> Option<()> {
        append_quoted(self.string()?, text);
        Some(())
    }

    /// All character-strings up to the end, joined with one blank.
    fn strings(&mut self, text: &mut Vec<u8>) -> Option<()> {
        append_escaped(self.string()?, text, false);
        while !self.rest().is_empty() {
            text.push(b' ');
            append_escaped(self.string()?, text, false);
        }
        Some(())
    }

    /// The types of a bitmap (RFC 4034 4.1.2), each behind a blank.
    fn type_bitmap(&mut self, text: &mut Vec<u8>) -> Option<()> {
        while let Some(window) = self.octet() {
            let bitmap = self.string()?;
            for (index, bits) in bitmap.iter().enumerate().take(32) {
                for bit in (0..8).filter(|bit| bits & 0x80 >> bit != 0) {
                    let rr_type = u16::from(window) << 8 | (index * 8 + bit) as u16;
                    text.push(b' ');
                    text.extend_from_slice(mnemonic::rr_type(rr_type).as_bytes());
                }
            }
        }
        Some(())
    }
}
