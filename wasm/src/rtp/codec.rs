//! Static payload types (RFC 3551), and what codecs do to speech (ITU-T G.113 appendix I).

/// What a payload type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticFormat {
    /// Encoding name as in `a=rtpmap`.
    pub name: &'static str,
    /// Ticks of the timestamp per second.
    pub clock_rate: u32,
    /// Audio channels; 0 for video.
    pub channels: u8,
}

/// The format of a payload type that needs no signalling (RFC 3551 section 6).
pub const fn static_format(payload_type: u8) -> Option<StaticFormat> {
    let (name, clock_rate, channels) = match payload_type {
        0 => ("PCMU", 8000, 1),
        3 => ("GSM", 8000, 1),
        4 => ("G723", 8000, 1),
        5 => ("DVI4", 8000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8000, 1),
        8 => ("PCMA", 8000, 1),
        // 16,000 samples, but a clock of 8000 for historical reasons (RFC 3551 section 4.5.2).
        9 => ("G722", 8000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8000, 1),
        13 => ("CN", 8000, 1),
        14 => ("MPA", VIDEO_CLOCK, 1),
        15 => ("G728", 8000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8000, 1),
        25 => ("CelB", VIDEO_CLOCK, 0),
        26 => ("JPEG", VIDEO_CLOCK, 0),
        28 => ("nv", VIDEO_CLOCK, 0),
        31 => ("H261", VIDEO_CLOCK, 0),
        32 => ("MPV", VIDEO_CLOCK, 0),
        33 => ("MP2T", VIDEO_CLOCK, 0),
        34 => ("H263", VIDEO_CLOCK, 0),
        _ => return None,
    };
    Some(StaticFormat { name, clock_rate, channels })
}

/// Encoding name of a payload type, as far as it is known without signalling: `dynamic` for those that signalling binds
/// (RFC 3551 section 6, RFC 5761 section 4), `unassigned` for the rest.
pub const fn static_name(payload_type: u8) -> &'static str {
    match (static_format(payload_type), payload_type) {
        (Some(format), _) => format.name,
        (None, 35..=63 | 96..=127) => "dynamic",
        _ => "unassigned",
    }
}

/// The clock of all video formats of RFC 3551 section 5, in ticks per second.
pub const VIDEO_CLOCK: u32 = 90_000;

/// What a codec does to speech, on the E-model's scale (ITU-T G.107 section 7.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie without loss.
    pub ie: f64,
    /// Robustness against packet loss Bpl: the higher, the better concealed.
    pub bpl: f64,
}

/// Codecs without an entry: no impairment of their own, and the lowest robustness that G.113 gives a codec with
/// concealment.
pub const UNKNOWN_CODEC: Impairment = Impairment { ie: 0.0, bpl: 10.0 };

/// Ie and Bpl of ITU-T G.113 appendix I by encoding name; where it has no Bpl, that of [`UNKNOWN_CODEC`]. G.711 is
/// taken to have the concealment of its appendix I. AMR at its highest rate is GSM-EFR; codecs of wider bands are
/// taken to be unimpaired on this scale of narrow-band speech.
const IMPAIRMENTS: &[(&str, Impairment)] = &[
    ("PCMU", Impairment { ie: 0.0, bpl: 25.1 }),
    ("PCMA", Impairment { ie: 0.0, bpl: 25.1 }),
    ("G729", Impairment { ie: 11.0, bpl: 19.0 }),
    ("G723", Impairment { ie: 15.0, bpl: 16.1 }),
    ("GSM", Impairment { ie: 20.0, bpl: UNKNOWN_CODEC.bpl }),
    ("GSM-EFR", Impairment { ie: 5.0, bpl: 10.0 }),
    ("GSM-HR-08", Impairment { ie: 23.0, bpl: UNKNOWN_CODEC.bpl }),
    ("AMR", Impairment { ie: 5.0, bpl: 10.0 }),
    ("G728", Impairment { ie: 7.0, bpl: UNKNOWN_CODEC.bpl }),
    ("G726-40", Impairment { ie: 2.0, bpl: UNKNOWN_CODEC.bpl }),
    ("G726-32", Impairment { ie: 7.0, bpl: UNKNOWN_CODEC.bpl }),
    ("G726-24", Impairment { ie: 25.0, bpl: UNKNOWN_CODEC.bpl }),
    ("G726-16", Impairment { ie: 50.0, bpl: UNKNOWN_CODEC.bpl }),
];

/// Formats whose clock is not the video clock that are no speech: nobody hears them.
const NOT_SPEECH: &[&str] =
    &["telephone-event", "tone", "CN", "t140", "t140c", "t38", "rtx", "ulpfec", "clearmode"];

/// The impairment of a codec by its encoding name, in any case; [`UNKNOWN_CODEC`] for names without an entry. `None`
/// for what is no speech: video (by its clock), events, comfort noise, text, fax, repair; and where nothing is known.
pub fn impairment(name: &[u8], clock_rate: u32) -> Option<Impairment> {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    if clock_rate == VIDEO_CLOCK || clock_rate == 0 || NOT_SPEECH.iter().any(|other| is(other)) {
        return None;
    }
    let known = IMPAIRMENTS.iter().find(|(other, _)| is(other));
    Some(known.map_or(UNKNOWN_CODEC, |(_, impairment)| *impairment))
}

#[cfg(test)]
#[path = "tests/codec.rs"]
mod tests;
