//! Names of the numbers in a DNS message, as the IANA registry "Domain Name System (DNS) Parameters" has them.

/// The name of an opcode, RCODE, class or type; prefix and number (`TYPE65280`) where the registry has none.
#[derive(Clone, Copy)]
pub struct Mnemonic(Text);

#[derive(Clone, Copy)]
enum Text {
    Registered(&'static str),
    Numbered { text: [u8; 12], length: u8 },
}

impl Mnemonic {
    /// The name; always ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Registered(name) => name.as_bytes(),
            Text::Numbered { text, length } => text.get(..usize::from(*length)).unwrap_or_default(),
        }
    }
}

fn named(name: &'static str) -> Mnemonic {
    Mnemonic(Text::Registered(name))
}

/// `prefix` has at most 7 octets, `number` at most 5 digits.
fn numbered(prefix: &'static str, number: u16) -> Mnemonic {
    let mut text = [0; 12];
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let length = (prefix.len() + digits).min(text.len());
    for (to, from) in text.iter_mut().zip(prefix.bytes()) {
        *to = from;
    }
    let mut rest = number;
    for digit in text.iter_mut().take(length).skip(prefix.len()).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Mnemonic(Text::Numbered { text, length: length as u8 })
}

/// Name of an opcode (4 bits), else `OPCODE<n>`.
pub fn opcode(value: u8) -> Mnemonic {
    named(match value {
        0 => "QUERY",
        1 => "IQUERY",
        2 => "STATUS",
        4 => "NOTIFY",
        5 => "UPDATE",
        6 => "DSO",
        _ => return numbered("OPCODE", value.into()),
    })
}

/// Name of a response code (12 bits, the extended ones of RFC 6891 6.1.3 included), else `RCODE<n>`.
pub fn rcode(value: u16) -> Mnemonic {
    named(match value {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        16 => "BADVERS",
        17 => "BADKEY",
        18 => "BADTIME",
        19 => "BADMODE",
        20 => "BADNAME",
        21 => "BADALG",
        22 => "BADTRUNC",
        23 => "BADCOOKIE",
        _ => return numbered("RCODE", value),
    })
}

/// Name of a class, else `CLASS<n>`.
pub fn class(value: u16) -> Mnemonic {
    named(match value {
        1 => "IN",
        2 => "CS",
        3 => "CH",
        4 => "HS",
        254 => "NONE",
        255 => "ANY",
        _ => return numbered("CLASS", value),
    })
}

/// Name of a resource record or question type, else `TYPE<n>`.
pub fn rr_type(value: u16) -> Mnemonic {
    named(match value {
        1 => "A",
        2 => "NS",
        3 => "MD",
        4 => "MF",
        5 => "CNAME",
        6 => "SOA",
        7 => "MB",
        8 => "MG",
        9 => "MR",
        10 => "NULL",
        11 => "WKS",
        12 => "PTR",
        13 => "HINFO",
        14 => "MINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        19 => "X25",
        20 => "ISDN",
        21 => "RT",
        22 => "NSAP",
        23 => "NSAP-PTR",
        24 => "SIG",
        25 => "KEY",
        26 => "PX",
        27 => "GPOS",
        28 => "AAAA",
        29 => "LOC",
        30 => "NXT",
        31 => "EID",
        32 => "NIMLOC",
        33 => "SRV",
        34 => "ATMA",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        38 => "A6",
        39 => "DNAME",
        40 => "SINK",
        41 => "OPT",
        42 => "APL",
        43 => "DS",
        44 => "SSHFP",
        45 => "IPSECKEY",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        49 => "DHCID",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        55 => "HIP",
        56 => "NINFO",
        57 => "RKEY",
        58 => "TALINK",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        62 => "CSYNC",
        63 => "ZONEMD",
        64 => "SVCB",
        65 => "HTTPS",
        66 => "DSYNC",
        67 => "HHIT",
        68 => "BRID",
        99 => "SPF",
        100 => "UINFO",
        101 => "UID",
        102 => "GID",
        103 => "UNSPEC",
        104 => "NID",
        105 => "L32",
        106 => "L64",
        107 => "LP",
        108 => "EUI48",
        109 => "EUI64",
        128 => "NXNAME",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        253 => "MAILB",
        254 => "MAILA",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        258 => "AVC",
        259 => "DOA",
        260 => "AMTRELAY",
        261 => "RESINFO",
        262 => "WALLET",
        263 => "CLA",
        264 => "IPN",
        32768 => "TA",
        32769 => "DLV",
        _ => return numbered("TYPE", value),
    })
}
