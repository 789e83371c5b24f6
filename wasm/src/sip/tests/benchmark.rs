use std::hint::black_box;
use std::time::Instant;

use super::super::framing::{Framed, frame};
use super::super::message::Message;
use super::message;
use crate::wire::encoder::Protobuf;
use crate::wire::sip_metadata;

const INVITE: &str = "INVITE sip:bob@biloxi.example.com SIP/2.0
Via: SIP/2.0/UDP pc33.atlanta.example.com:5060;branch=z9hG4bKnashds8;rport
Max-Forwards: 70
From: \"Alice\" <sip:alice@atlanta.example.com>;tag=1928301774
To: Bob <sip:bob@biloxi.example.com>
Call-ID: a84b4c76e66710@pc33.atlanta.example.com
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.atlanta.example.com:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO
Supported: replaces, timer, 100rel
User-Agent: Softphone 4.2
Session-Expires: 1800
Content-Type: application/sdp
Content-Length: 215";

const DESCRIPTION: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.101\r\ns=-\r\n\
    c=IN IP4 192.0.2.101\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

const OK: &str = "SIP/2.0 200 OK
Via: SIP/2.0/UDP server10.biloxi.example.com;branch=z9hG4bKnashds8;received=192.0.2.3
Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bK776asdhds ;received=192.0.2.1
To: Bob <sip:bob@biloxi.example.com>;tag=a6c85cf
From: Alice <sip:alice@atlanta.example.com>;tag=1928301774
Call-ID: a84b4c76e66710@pc33.atlanta.example.com
CSeq: 314159 INVITE
Contact: <sip:bob@192.0.2.4>
Content-Length: 0";

/// Prints what a message costs: `cargo test --release --lib -- --ignored --nocapture benchmark`.
#[test]
#[ignore = "prints timings"]
fn parse_and_encode() {
    const ROUNDS: usize = 50;
    const MESSAGES: usize = 2000;
    for (case, bytes) in [("INVITE", message(INVITE, DESCRIPTION)), ("200 OK", message(OK, ""))] {
        let mut out = Vec::new();
        let best = |work: &mut dyn FnMut(&[u8]) -> usize| {
            // The best round: the others were disturbed.
            (0..ROUNDS)
                .map(|_| {
                    let started = Instant::now();
                    let sum: usize = (0..MESSAGES).map(|_| work(black_box(&bytes))).sum();
                    assert!(sum > 0);
                    started.elapsed().as_nanos() as f64 / MESSAGES as f64
                })
                .fold(f64::INFINITY, f64::min)
        };
        let parsed = best(&mut |bytes| Message::parse(bytes).map_or(0, |message| message.call_id().len()));
        let framed = best(&mut |bytes| match frame(bytes) {
            Framed::Whole(length) => length,
            _ => 0,
        });
        let used = best(&mut |bytes| {
            let Ok(message) = Message::parse(bytes) else { return 0 };
            let (from, to) = (message.from(), message.to());
            let branch = message.top_via_branch().len();
            from.tag.len() + to.uri.len() + branch + message.cseq().map_or(0, |(_, method)| method.len())
        });
        let encoded = best(&mut |bytes| {
            out.clear();
            Message::parse(bytes).map_or(0, |message| {
                sip_metadata::encode(&mut Protobuf(&mut out), &message);
                out.len()
            })
        });
        println!(
            "{case}: parsed {parsed:.0} ns, framed {framed:.0} ns, parsed and looked at {used:.0} ns, \
             parsed and encoded {encoded:.0} ns"
        );
    }
}
