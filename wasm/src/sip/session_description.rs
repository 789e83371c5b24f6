//! The codecs that a session description (RFC 8866) names.

use crate::detect::rtp;
use crate::detect::text_message::{number, split_at};

/// Calls `found` with the encoding name of each payload format: those of rtpmap attributes (RFC 8866 section 6.6), and
/// those that RFC 3551 has for the static payload types of media lines.
pub fn for_each_codec(description: &[u8], found: &mut dyn FnMut(&[u8])) {
    for line in description.split(|octet| *octet == b'\n') {
        let line = line.trim_ascii();
        if let Some(map) = strip(line, b"a=rtpmap:") {
            // `payload type SP encoding name/clock rate`.
            if let Some((_, encoding)) = split_at(map.trim_ascii(), b' ') {
                let name = encoding.trim_ascii().split(|octet| *octet == b'/').next().unwrap_or_default();
                if !name.is_empty() {
                    found(name);
                }
            }
        } else if let Some(media) = strip(line, b"m=") {
            // `media port proto fmt ...`.
            let mut words = media.split(|octet| *octet == b' ').skip(2);
            let is_rtp = words
                .next()
                .is_some_and(|proto| proto.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"RTP/")));
            for format in words.filter(|_| is_rtp) {
                let name =
                    number(format).and_then(|number| u8::try_from(number).ok()).map_or("", static_codec);
                if !name.is_empty() {
                    found(name.as_bytes());
                }
            }
        }
    }
}

/// Encoding name of a static payload type (RFC 3551 section 6); empty for one that is dynamic or reserved.
pub fn static_codec(payload_type: u8) -> &'static str {
    match rtp::codec(payload_type) {
        "dynamic" | "unassigned" => "",
        name => name,
    }
}

fn strip<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs() {
        let text =
            b"v=0\r\nm=audio 4000 RTP/AVP 0 96 18\r\na=rtpmap:96 opus/48000/2\r\nm=image 1 udptl t38\r\n\
            m=video 5 RTP/SAVPF 97 x\r\nA=RTPMAP:97 H264/90000\r\na=rtpmap:98\r\n";
        let mut names = Vec::new();
        for_each_codec(text, &mut |name| names.push(String::from_utf8_lossy(name).into_owned()));
        assert_eq!(names, ["PCMU", "G729", "opus", "H264"]);
        assert_eq!(static_codec(96), "");
        assert_eq!(static_codec(1), "");
    }
}
