//! The input is a session description: what it tells makes sense, and is told whatever the line ends are and whatever follows.
#![no_main]

use caracal_engine::sip::session_description::{
    Description, Endpoint, MOST_ENDPOINTS, MOST_SECTIONS, for_each_codec,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let told = read(bytes);
    let mut other = bytes.to_vec();
    other.extend_from_slice(b"\nv=0\nv=0\nc=IN IP4 10.0.0.1\nm=audio 7 RTP/AVP 0\na=rtpmap:99 x/1\n");
    assert_eq!(read(&other), told);
    other.clear();
    for line in bytes.split(|octet| *octet == b'\n') {
        other.extend_from_slice(b"x=y \r\n");
        other.extend_from_slice(line);
        other.extend_from_slice(b" \r\n\r\n");
    }
    assert_eq!(read(&other), told);
});

/// All that a description tells: endpoints, how many more there are, formats, and facts of sections.
type Told = (Vec<Endpoint>, u32, Vec<(u8, u8, Vec<u8>, u32, u8)>, Vec<(u16, bool, bool, bool, Vec<u8>)>);

fn read(text: &[u8]) -> Told {
    let description = Description::parse(text);
    let (mut endpoints, mut formats) = (Vec::new(), Vec::new());
    let omitted = description.for_each_endpoint(&mut |endpoint| endpoints.push(endpoint));
    assert!(endpoints.len() <= MOST_ENDPOINTS as usize);
    for endpoint in &endpoints {
        assert!(endpoint.port != 0 && endpoint.port != 9 && endpoint.address.bits() != 0);
    }
    description.for_each_format(&mut |section, format| {
        assert!(format.payload_type < 128 && !format.name.is_empty() && format.channels != 0);
        assert!(format.name.iter().all(u8::is_ascii_graphic));
        formats.push((
            section,
            format.payload_type,
            format.name.to_vec(),
            format.clock_rate,
            format.channels,
        ));
    });
    let mut codecs = 0;
    for_each_codec(text, &mut |_| codecs += 1);
    assert_eq!(codecs, formats.len());
    let sections: Vec<_> = description
        .sections()
        .map(|section| {
            let parameters = (0..128).flat_map(|kind| section.format_parameters(kind).to_vec()).collect();
            (section.port, section.is_held(), section.is_refused(), section.is_encrypted(), parameters)
        })
        .collect();
    assert!(sections.len() <= usize::from(MOST_SECTIONS));
    assert!(!sections.is_empty() || (endpoints.is_empty() && formats.is_empty() && !description.is_held()));
    (endpoints, omitted, formats, sections)
}
