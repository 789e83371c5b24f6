//! Calls whose packets several engines see, each some of the flows, as the kernel spreads them over capture threads.

use super::*;
use crate::net::{self, link_type};

const ROUNDS: usize = 300;

/// Engines that tell each other of calls.
struct Threads {
    engines: Vec<Engine>,
    inputs: Vec<u32>,
    /// Packets from a message until the others hear of it.
    lag: usize,
    /// What is underway: until which packet, from whom, and what.
    underway: Vec<(usize, usize, Vec<u8>)>,
    taken: usize,
    lines: Vec<String>,
}

impl Threads {
    fn new(count: usize, lag: usize, filters: &[(FilterType, &str)], policy: NoFilterPolicy) -> Self {
        let make = |number: usize| {
            let mut settings = Settings::default();
            assert!(settings.set("share_calls", "true") && settings.set("seed", &format!("0.{number}5")));
            let options =
                Options { outputs: JSON, protocol: Protocol::Voip, batch_packets: 64, ..Options::default() };
            let mut engine = Engine::with_settings(options, &settings);
            // Where nothing is late, nothing waits, and all is as with one engine.
            let sharing = engine.voip.as_mut().and_then(|voip| voip.sharing.as_mut()).unwrap();
            sharing.awaits = lag > 0;
            engine
        };
        let mut threads = Self {
            engines: (0..count).map(make).collect(),
            inputs: Vec::new(),
            lag,
            underway: Vec::new(),
            taken: 0,
            lines: Vec::new(),
        };
        let header = &Scene::new().capture;
        for engine in &mut threads.engines {
            let input = engine.open_input("a capture", "");
            engine.process(input, header, false);
            threads.inputs.push(input);
        }
        threads.set_filters(filters, policy);
        threads
    }

    fn set_filters(&mut self, filters: &[(FilterType, &str)], policy: NoFilterPolicy) {
        (0..self.engines.len()).for_each(|number| self.set_filters_of(number, filters, policy, 1));
    }

    fn set_filters_of(
        &mut self,
        number: usize,
        filters: &[(FilterType, &str)],
        policy: NoFilterPolicy,
        version: u64,
    ) {
        let mut set = FilterSet::new(policy);
        for (number, (filter_type, pattern)) in filters.iter().enumerate() {
            set.add(*filter_type as u32, &format!("f{number}"), pattern).unwrap();
        }
        set.build().unwrap();
        self.engines[number].set_filters_of_version(set, version);
    }

    /// Each packet goes to the thread of its flow; fragments to that of their hosts.
    fn read(&mut self, scene: &Scene) -> &mut Self {
        let mut rest = &scene.capture[24..];
        while let Some(header) = rest.first_chunk::<16>() {
            let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
            let (record, after) = rest.split_at(16 + length);
            rest = after;
            let packet = net::decode(link_type::ETHERNET, &record[16..]);
            let hash = packet.ip.map_or(0, |ip| {
                let [one, other] = [ip.source.bits(), ip.destination.bits()];
                let ports = u128::from(packet.source_port) + u128::from(packet.destination_port);
                (one ^ other).wrapping_add(ports).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                    >> 64
            });
            let number = (hash % self.engines.len() as u128) as usize;
            self.engines[number].process(self.inputs[number], record, false);
            self.exchange();
        }
        self
    }

    /// A packet was taken: what it had to tell begins its way, what has come that far is heard.
    fn exchange(&mut self) {
        self.taken += 1;
        for (number, engine) in self.engines.iter_mut().enumerate() {
            if !engine.told().is_empty() {
                self.underway.push((self.taken + self.lag, number, engine.told().to_vec()));
                engine.forget_told();
            }
        }
        for (_, from, told) in self.underway.extract_if(.., |(due, ..)| *due <= self.taken) {
            for (_, engine) in self.engines.iter_mut().enumerate().filter(|(number, _)| *number != from) {
                engine.hear(&told);
            }
        }
        self.take();
    }

    fn take(&mut self) {
        for engine in &mut self.engines {
            let json = str::from_utf8(engine.output(JSON)).unwrap();
            self.lines.extend(json.lines().map(str::to_owned));
            engine.clear_outputs();
        }
    }

    fn finish(mut self) -> Together {
        for _ in 0..=self.lag {
            self.exchange();
        }
        self.engines.iter_mut().for_each(Engine::finish);
        self.take();
        let all = self.engines.iter().map(|engine| engine.counters()).inspect(assert_accounted);
        let mut together = Together { lines: self.lines, begun: 0, ended: 0, unmatched: 0, merged: 0 };
        for counters in all {
            together.begun += counters.calls_begun;
            together.ended += counters.calls_ended;
            together.unmatched += counters.calls_unmatched;
            together.merged += counters.calls_merged;
        }
        let Together { begun, ended, unmatched, merged, .. } = together;
        assert_eq!(begun, ended + unmatched + merged, "each call is counted where it began");
        together.lines.sort();
        together
    }
}

/// What came of all threads.
struct Together {
    lines: Vec<String>,
    begun: u64,
    ended: u64,
    unmatched: u64,
    merged: u64,
}

impl Together {
    /// What `run` has to say of it, in another order.
    fn assert_as(&self, alone: &Answer, what: &str) {
        self.assert_sends_as(alone, what);
        let counters = alone.engine.counters();
        assert_eq!(self.begun - self.merged, counters.calls_begun - counters.calls_merged, "{what}");
        assert_eq!((self.ended, self.unmatched), (counters.calls_ended, counters.calls_unmatched), "{what}");
    }

    fn assert_sends_as(&self, alone: &Answer, what: &str) {
        let mut lines = alone.lines.clone();
        lines.sort();
        let missing: Vec<&String> = lines.iter().filter(|line| !self.lines.contains(line)).collect();
        let added: Vec<&String> = self.lines.iter().filter(|line| !lines.contains(line)).collect();
        assert!(self.lines == lines, "{what}: missing {missing:#?}, added {added:#?}");
    }
}

const ALICES: &[(FilterType, &str)] = &[(FilterType::SipUser, "alice")];
const NOBODY: &[(FilterType, &str)] = &[(FilterType::SipUser, "nobody")];

/// By one engine and by several, whatever is asked for, and however late they hear of each other.
fn assert_as_one(scene: &Scene, most_lag: usize, filters: &[&[(FilterType, &str)]]) {
    for filters in filters {
        for policy in [NoFilterPolicy::Allow, NoFilterPolicy::Deny] {
            let alone = run(scene, filters, policy, 1 << 20);
            for (count, lag) in (1..6).flat_map(|count| (0..=most_lag).map(move |lag| (count, lag))) {
                let mut threads = Threads::new(count, lag, filters, policy);
                let what = format!("{count} threads, {lag} packets late, {filters:?}, {policy:?}");
                threads.read(scene);
                threads.finish().assert_as(&alone, &what);
            }
        }
    }
}

#[test]
fn several_engines_send_what_one_does() {
    let mut scene = Scene::new();
    for (number, port) in (40_000..40_400).step_by(20).enumerate() {
        let call = format!("call {number}");
        basic_call(scene.wait(SECOND), &call, (port, port - 30_000));
    }
    let media = &[(FilterType::IpAddress, "10.0.0.1")];
    assert_as_one(&scene, 5, &[&[], ALICES, NOBODY, media, &[(FilterType::Codec, "PCMU")]]);
}

/// RTCP beside media, T.38 and STUN, over TCP and UDP.
#[test]
fn all_media_of_a_call_go_with_it() {
    let mut scene = Scene::new();
    let image = sdp(2, 10_000) + "m=image 10010 udptl t38\r\n";
    scene
        .tcp((1, 40_001), BOB, 1, &request("INVITE", "one", "", &sdp(1, 40_000)))
        .udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &image))
        .udp(
            (1, 40_000),
            (2, 10_000),
            &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        );
    for sequence in 0..30 {
        scene
            .rtp((1, 40_000), (2, 10_000), sequence)
            .udp((2, 10_001), (1, 40_001), &[0x80, 200, 0, 6, 0, 0, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
            .udp((1, 40_002), (2, 10_010), &[0, sequence as u8, 1, 6, 0]);
    }
    scene.udp(ALICE, BOB, &request("BYE", "one", "", ""));
    assert_as_one(&scene, 3, &[&[], ALICES, NOBODY]);
}

#[test]
fn rtcp_of_streams_without_signalling_goes_with_them() {
    let mut scene = Scene::new();
    for sequence in 0..60 {
        scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((2, 10_000), (1, 40_000), sequence);
        if sequence > 20 {
            scene.udp(
                (1, 40_001),
                (2, 10_001),
                &[0x80, 200, 0, 6, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
            );
        }
    }
    // Its signalling comes late.
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    scene.udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &sdp(2, 10_000)));
    assert_as_one(&scene, 4, &[&[], ALICES, NOBODY, &[(FilterType::IpAddress, "10.0.0.2")]]);
}

#[test]
fn a_call_with_media_elsewhere_lives() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000))).udp(
        BOB,
        ALICE,
        &response("200 OK", "INVITE", "one", &sdp(2, 10_000)),
    );
    for sequence in 0..3000 {
        scene.wait(3 * SECOND).rtp((1, 40_000), (2, 10_000), sequence);
    }
    // Its user is named nowhere in the end.
    let bye = String::from_utf8(request("BYE", "one", "", "")).unwrap().replace("alice", "carol");
    scene.udp(ALICE, BOB, bye.as_bytes());
    assert_as_one(&scene, 2, &[ALICES, NOBODY]);
}

/// Two legs of a call begin within what one engine takes to hear of the other.
#[test]
fn a_call_that_begins_at_two_engines_is_one() {
    let mut scene = Scene::new();
    for (from, to) in [((1, 5060), (3, 5060)), ((3, 5060), (2, 5060)), ((2, 5070), (4, 5060))] {
        scene.udp(from, to, &request("INVITE", "one", "", &sdp(1, 40_000)));
    }
    for (from, to) in [((4, 5060), (2, 5070)), ((2, 5060), (3, 5060)), ((3, 5060), (1, 5060))] {
        scene.udp(from, to, &response("200 OK", "INVITE", "one", &sdp(4, 10_000)));
    }
    scene.rtp((1, 40_000), (4, 10_000), 1).rtp((4, 10_000), (1, 40_000), 1);
    scene.udp((1, 5060), (3, 5060), &request("BYE", "one", "", ""));
    assert_as_one(&scene, 6, &[&[], ALICES, NOBODY]);
}

#[test]
fn filters_that_change_hold_for_calls_of_all_engines() {
    let call = |filters_before: &[(FilterType, &str)], filters_after: &[(FilterType, &str)], count: usize| {
        let mut threads = Threads::new(count, 2, filters_before, NoFilterPolicy::Deny);
        let mut scene = Scene::new();
        scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000))).udp(
            BOB,
            ALICE,
            &response("200 OK", "INVITE", "one", &sdp(2, 10_000)),
        );
        (0..20).for_each(|sequence| _ = scene.rtp((1, 40_000), (2, 10_000), sequence));
        threads.read(&scene);
        threads.set_filters(filters_after, NoFilterPolicy::Deny);
        let mut rest = Scene { now_ns: scene.now_ns, ..Scene::new() };
        (20..40).for_each(|sequence| _ = rest.rtp((1, 40_000), (2, 10_000), sequence));
        rest.udp(ALICE, BOB, &request("BYE", "one", "", ""));
        threads.read(&rest);
        threads.finish().lines.len()
    };
    for count in 1..6 {
        assert_eq!(call(ALICES, ALICES, count), 43);
        assert_eq!(call(ALICES, NOBODY, count), 22, "not after the filter is gone");
        assert_eq!(call(NOBODY, ALICES, count), 43, "from the BYE on, with what waited");
    }
}

/// Calls between a few hosts that share ports, with what goes wrong on the way.
#[test]
fn random_calls_are_those_of_one_engine() {
    let mut state = 3u64;
    let mut below = move |limit: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % limit
    };
    let methods = ["INVITE", "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "OPTIONS", "INFO", "NOTIFY"];
    let codes = ["100 Trying", "183 Session Progress", "200 OK", "200 OK", "407 Proxy", "486 Busy Here"];
    for round in 0..ROUNDS {
        let mut scene = Scene::new();
        let mut sequences = [1u32; 64];
        let mut pauses = [35].into_iter();
        for number in 0..below(120) as u16 {
            let hosts = (1 + below(4) as u8, 1 + below(4) as u8);
            let call = format!("call-{}-{}", number / 30, below(3));
            let description =
                if below(2) == 0 { sdp(hosts.0, 40_000 + below(3) as u16 * 2) } else { String::new() };
            let message = if below(2) == 0 {
                request(methods[below(9) as usize], &call, "", &description)
            } else {
                response(codes[below(6) as usize], methods[below(4) as usize], &call, &description)
            };
            let user = ["alice", "carol"][below(2) as usize];
            let message = String::from_utf8(message).unwrap().replace("alice", user);
            let (from, to) = ((hosts.0, 40_000 + below(6) as u16), (hosts.1, 40_000 + below(6) as u16));
            match below(12) {
                0..3 => _ = scene.udp((hosts.0, 5060), (hosts.1, 5060), message.as_bytes()),
                3 => {
                    let sequence = &mut sequences[usize::from(hosts.0 * 8 + hosts.1)];
                    scene.tcp((hosts.0, 5070), (hosts.1, 5070), *sequence, message.as_bytes());
                    *sequence += message.len() as u32;
                }
                4..9 => {
                    for more in 0..below(6) as u16 {
                        let [high, low] = (number * 8 + more).to_be_bytes();
                        let source = [from.0, from.1 as u8, to.1 as u8];
                        let packet =
                            [&[0x80, 0, high, low, 0, 0, high, low, 0][..], &source, &[0xd5; 160]].concat();
                        scene.udp(from, to, &packet);
                    }
                }
                9 => {
                    _ = scene.udp(
                        from,
                        to,
                        &[0x80, 200, 0, 6, 0, 0, 0, hosts.0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
                    )
                }
                10 => {
                    _ = scene.udp(from, to, &[&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat())
                }
                _ => {
                    // Longer than calls that are over are known, and not as long as any is that was begun: of those, the others hear as
                    // time goes on.
                    let pause = [1, 1, 1, pauses.next().unwrap_or(1)][below(4) as usize];
                    scene.wait(pause * SECOND);
                }
            }
        }
        let filters =
            [&[][..], ALICES, &[(FilterType::IpAddress, "10.0.0.1")], &[(FilterType::Codec, "PCMU")]];
        let (filters, policy) =
            (filters[round % 4], [NoFilterPolicy::Allow, NoFilterPolicy::Deny][round / 4 % 2]);
        let alone = run(&scene, filters, policy, 1 << 20);
        for count in [2, 3, 7] {
            let mut threads = Threads::new(count, 0, filters, policy);
            threads.read(&scene);
            threads.finish().assert_sends_as(&alone, &format!("round {round}, {count} engines"));
        }
    }
}

/// Threads have their filters ready one after the other, and a call begins between.
#[test]
fn filters_that_one_engine_has_first_hold_in_the_end() {
    let lines = |before: &[(FilterType, &str)], after: &[(FilterType, &str)], first: usize| {
        let mut threads = Threads::new(4, 1, before, NoFilterPolicy::Deny);
        threads.set_filters_of(first, after, NoFilterPolicy::Deny, 2);
        let mut scene = Scene::new();
        scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000))).udp(
            BOB,
            ALICE,
            &response("200 OK", "INVITE", "one", &sdp(2, 10_000)),
        );
        threads.read(&scene);
        for number in (0..4).filter(|number| *number != first) {
            threads.set_filters_of(number, after, NoFilterPolicy::Deny, 2);
        }
        let mut rest = Scene { now_ns: scene.now_ns, ..Scene::new() };
        (0..20).for_each(|sequence| _ = rest.rtp((1, 40_000 + sequence), (2, 10_000), sequence));
        let bye = String::from_utf8(request("BYE", "one", "", "")).unwrap();
        rest.udp(ALICE, BOB, bye.as_bytes());
        threads.read(&rest);
        threads.finish().lines
    };
    for first in 0..4 {
        assert_eq!(lines(NOBODY, ALICES, first).len(), 23, "{first} has the filter first");
        let sent = lines(ALICES, NOBODY, first);
        assert!(sent.iter().all(|line| line.contains("\"SIP\"")), "{first} is without it first: {sent:#?}");
    }
}

/// What is told comes from another thread of the same process; even so, nothing that is heard may panic.
#[test]
fn damaged_records_are_heard() {
    let mut scene = Scene::new();
    (0..6).for_each(|sequence| _ = scene.rtp((1, 40_000), (2, 10_000), sequence));
    basic_call(&mut scene, "one", (40_000, 10_000));
    let mut teller = Threads::new(1, 0, ALICES, NoFilterPolicy::Deny);
    let engine = &mut teller.engines[0];
    engine.process(teller.inputs[0], &scene.capture[24..], false);
    let told = engine.told().to_vec();
    assert!(told.len() > 1000);
    let mut state = 7u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize % limit
    };
    for _ in 0..2000 {
        let mut damaged = told.clone();
        damaged.truncate(below(told.len()));
        for _ in 0..below(8) {
            if let Some(byte) = damaged.len().checked_sub(1).map(|last| below(last + 1)) {
                damaged[byte] = below(256) as u8;
            }
        }
        let mut hearer = Threads::new(1, 0, ALICES, NoFilterPolicy::Deny);
        hearer.engines[0].hear(&damaged);
        hearer.read(&scene);
        hearer.finish();
    }
}
