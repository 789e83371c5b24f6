//! Calls in VLANs and tunnels, and streams that are seen in several.

use super::*;

/// What makes a frame one of a network.
fn in_vlan(vlan: u16, frame: &[u8]) -> Vec<u8> {
    let tag = [&[0x81, 0][..], &vlan.to_be_bytes()].concat();
    [&frame[..12], &tag, &frame[12..]].concat()
}

/// The same, with VXLAN.
fn in_tunnel(number: u16, frame: &[u8]) -> Vec<u8> {
    let mut scene = Scene::new();
    let [high, low] = number.to_be_bytes();
    scene.udp((8, 50_000), (9, 4789), &[&[8, 0, 0, 0, 0, high, low, 0][..], frame].concat());
    scene.capture[40..].to_vec()
}

/// Two customers with the same addresses and ports, and the same SSRCs, in networks of their own.
#[test]
fn networks_with_the_same_addresses_are_apart() {
    for put_into in [in_vlan as fn(u16, &[u8]) -> Vec<u8>, in_tunnel] {
        // Alice in 10, Carol in 20; media of a third network, in which nobody calls, may be anyone's.
        for (calls, media, lines) in [
            (&[(10, "alice"), (20, "carol")][..], &[10, 20][..], 8),
            (&[(20, "carol"), (10, "alice")], &[20, 10], 8),
            (&[(10, "alice")], &[10, 30], 14),
            (&[(10, "alice"), (20, "carol")], &[30], 8),
        ] {
            let mut frames = Scene::new();
            let mut all = Scene::new();
            let mut take = |frames: &mut Scene, network: u16| {
                let frame = frames.capture[24..].to_vec();
                for record in records(&frame) {
                    all.frame(&put_into(network, record));
                }
                frames.capture.truncate(24);
            };
            for (network, user) in calls {
                let call = format!("of {user}");
                let of_user = |message: Vec<u8>| {
                    String::from_utf8(message).unwrap().replace("alice", user).into_bytes()
                };
                frames.udp(ALICE, BOB, &of_user(request("INVITE", &call, "", &sdp(1, 40_000))));
                frames.udp(BOB, ALICE, &of_user(response("200 OK", "INVITE", &call, &sdp(2, 10_000))));
                take(&mut frames, *network);
            }
            for sequence in 0..3 {
                for network in media {
                    frames.rtp((1, 40_000), (2, 10_000), sequence).rtp((2, 10_000), (1, 40_000), sequence);
                    take(&mut frames, *network);
                }
            }
            let answer = run(&all, &[(FilterType::SipUser, "alice")], NoFilterPolicy::Deny, 1 << 20);
            assert_eq!(answer.lines.len(), lines, "{calls:?} {media:?}: {:?}", answer.shown());
            assert!(answer.lines.iter().all(|line| line.contains("\"call_id\":\"of alice\"")));
            if media.len() == calls.len() {
                assert!(answer.lines.iter().all(|line| !line.contains("\"20\"")), "{:?}", answer.lines);
            }
        }
    }
}

/// Media in another network than their signalling are the call's, though somebody calls in that network, too.
#[test]
fn media_in_a_network_of_others_calls_are_the_calls() {
    for strangers_first in [true, false] {
        let mut all = Scene::new();
        let mut put = |network: u16, made: &dyn Fn(&mut Scene)| {
            let mut frames = Scene::new();
            made(&mut frames);
            records(&frames.capture[24..]).into_iter().for_each(|frame| {
                all.frame(&in_vlan(network, frame));
            });
        };
        let stranger = request("INVITE", "stranger", "", &sdp(66, 6_000)).repeat(1);
        let stranger = String::from_utf8(stranger).unwrap().replace("alice", "carol").into_bytes();
        let of_stranger = |scene: &mut Scene| {
            scene.udp((8, 5060), (9, 5060), &stranger);
        };
        if strangers_first {
            put(20, &of_stranger);
        }
        put(10, &|scene| {
            scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
            scene.udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &sdp(2, 10_000)));
        });
        for sequence in 0..5 {
            put(20, &|scene| {
                scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((2, 10_000), (1, 40_000), sequence);
            });
            if sequence == 2 {
                put(20, &of_stranger);
            }
        }
        let answer = run(&all, &[(FilterType::SipUser, "alice")], NoFilterPolicy::Deny, 1 << 20);
        assert_eq!(answer.lines.len(), 12, "{strangers_first}: {:?}", answer.shown());
    }
}

/// Streams without signalling, with the same addresses and ports in two networks: a call each; but one that has the same
/// SSRC, too, was seen on its way from one to the other.
#[test]
fn streams_without_signalling_are_apart_by_their_networks() {
    for (ssrcs, filter, lines) in [([10, 20], "PCMU", 30), ([10, 10], "PCMU", 60), ([10, 20], "PCM*", 60)] {
        let mut all = Scene::new();
        for sequence in 0..30u16 {
            for (network, ssrc, format) in [(10, ssrcs[0], 0u8), (20, ssrcs[1], 8)] {
                let mut packet = vec![0x80, format];
                packet.extend(sequence.to_be_bytes());
                packet.extend((u32::from(sequence) * 160).to_be_bytes());
                packet.extend([0, 0, 0, ssrc]);
                packet.extend([0x55; 160]);
                let mut frames = Scene::new();
                frames.udp((1, 40_000), (2, 10_000), &packet);
                records(&frames.capture[24..]).into_iter().for_each(|frame| {
                    all.frame(&in_vlan(network, frame));
                });
            }
        }
        let answer = run(&all, &[(FilterType::Codec, filter)], NoFilterPolicy::Deny, 1 << 20);
        assert_eq!(answer.lines.len(), lines, "{ssrcs:?} {filter}");
    }
}

/// A mirrored port shows each packet twice.
#[test]
fn a_stream_without_signalling_that_is_seen_twice_is_found() {
    let mut scene = Scene::new();
    for sequence in 0..30 {
        scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((1, 40_000), (2, 10_000), sequence);
    }
    assert_eq!(run(&scene, &[], NoFilterPolicy::Allow, 1 << 20).lines.len(), 60);
}

/// The frames in records of a capture file.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((header, rest)) = bytes.split_at_checked(16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let (frame, rest) = rest.split_at(length);
        frames.push(frame);
        bytes = rest;
    }
    frames
}

/// A stream that its call takes to another VLAN: what is said of its packets names that one, however short their way is.
#[test]
fn a_stream_in_another_vlan_is_said_to_be_there() {
    let mut all = Scene::new();
    let mut put = |network: u16, made: &dyn Fn(&mut Scene)| {
        let mut frames = Scene::new();
        made(&mut frames);
        records(&frames.capture[24..]).iter().for_each(|record| {
            all.frame(&in_vlan(network, record));
        });
    };
    let mut sequence = 0;
    for (cseq, (network, ports)) in
        (1..).zip([(20, [40_000, 10_000]), (20, [40_010, 10_010]), (30, [40_000, 10_000])])
    {
        let numbered = |message: Vec<u8>| {
            let numbered = String::from_utf8(message).unwrap().replace("CSeq: 1", &format!("CSeq: {cseq}"));
            numbered.replace("o=- 1 1", &format!("o=- 1 {cseq}")).into_bytes()
        };
        put(network, &|frames| {
            frames.udp(ALICE, BOB, &numbered(request("INVITE", "moving", "", &sdp(1, ports[0]))));
            frames.udp(BOB, ALICE, &numbered(response("200 OK", "INVITE", "moving", &sdp(2, ports[1]))));
            frames.udp(ALICE, BOB, &numbered(request("ACK", "moving", "", "")));
        });
        for _ in 0..6 {
            sequence += 1;
            put(network, &|frames| {
                frames.rtp((1, ports[0]), (2, ports[1]), sequence);
                frames.rtp((2, ports[1]), (1, ports[0]), sequence);
            });
        }
    }
    let written = |takes_short_cut: bool| {
        let options = Options { outputs: WIRE, protocol: Protocol::Voip, ..Options::default() };
        let mut engine = Engine::new(options);
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(FilterType::SipUser as u32, "wanted", "alice").unwrap();
        set.build().unwrap();
        engine.set_filters(set);
        engine.voip.as_mut().unwrap().may_take_short_cut &= takes_short_cut;
        let input = engine.open_input("a capture", "");
        engine.process(input, &all.capture, true);
        engine.finish();
        engine.output(WIRE).to_vec()
    };
    let long = written(false);
    assert!(written(true) == long);
    let named = |vlan: &[u8]| long.windows(vlan.len()).filter(|window| *window == vlan).count();
    assert_eq!((named(b"vlan\x12\x0220"), named(b"vlan\x12\x0230")), (2 * 15, 15));
}

/// A hunter takes VXLAN off; the processor knows the network by what the hunter says of the packet.
#[test]
fn a_processor_tells_vxlan_networks_apart() {
    let calls = [(10, "ten"), (20, "twenty")].map(|(network, call_id)| {
        let mut scene = Scene::new();
        basic_call(&mut scene, call_id, (40_000, 10_000));
        records(&scene.capture[24..]).into_iter().map(|record| in_tunnel(network, record)).collect::<Vec<_>>()
    });
    let mut all = Scene::new();
    for (of_ten, of_twenty) in calls[0].iter().zip(&calls[1]) {
        all.frame(of_ten).frame(of_twenty);
    }
    let mut engine = Engine::new(Options { outputs: CALLS, ..Options::default() });
    assert!(engine.process_batch(&batch_of_scene(b"a", &all)));
    engine.finish();
    let lines = String::from_utf8(engine.output(CALLS).to_vec()).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("\"rtp_packets\":6")).count(), 2, "{lines}");
}
