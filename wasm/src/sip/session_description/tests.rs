use super::*;

#[test]
fn codecs() {
    let text = b"v=0\r\nm=audio 4000 RTP/AVP 0 96 18\r\na=rtpmap:96 opus/48000/2\r\nm=image 1 udptl t38\r\n\
        m=video 5 RTP/SAVPF 97 x\r\nA=RTPMAP:97 H264/90000\r\na=rtpmap:98\r\n";
    let mut names = Vec::new();
    for_each_codec(text, &mut |name| names.push(String::from_utf8_lossy(name).into_owned()));
    assert_eq!(names, ["opus", "PCMU", "G729", "H264"]);
    assert_eq!(static_codec(96), "");
    assert_eq!(static_codec(1), "");
}
