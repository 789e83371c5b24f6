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

impl Threads {
    /// One of them reads all of that.
    fn read_by(&mut self, number: usize, scene: &Scene) -> &mut Self {
        self.engines[number].process(self.inputs[number], &scene.capture[24..], false);
        self
    }

    /// All that was told is heard.
    fn settle(&mut self) -> &mut Self {
        (0..=self.lag).for_each(|_| self.exchange());
        self
    }
}

/// A scene that goes on when the other one ends.
fn after(scene: &Scene) -> Scene {
    Scene { now_ns: scene.now_ns, ..Scene::new() }
}

fn invited(call: &str, ports: (u16, u16), since: &Scene) -> Scene {
    let mut scene = after(since);
    scene.udp(ALICE, BOB, &request("INVITE", call, "", &sdp(1, ports.0)));
    scene.udp(BOB, ALICE, &response("200 OK", "INVITE", call, &sdp(2, ports.1)));
    scene
}

fn noise(datagrams: usize, length: usize, since: &Scene) -> Scene {
    let mut scene = after(since);
    for number in 0..datagrams {
        let (from, to) = ((7, 1024 + (number % 50_000) as u16), (8, 2000 + (number % 101) as u16));
        scene.udp(from, to, &vec![22; length]).wait(-999_000);
    }
    scene
}

/// Datagrams of no call wait in the room of media of calls that are undecided, which must not give way to them: where one engine
/// sees all, these never get there.
#[test]
fn datagrams_of_no_call_do_not_displace_media_that_waits() {
    let mut threads = Threads::new(2, 1, ALICES, NoFilterPolicy::Deny);
    let mut undecided = Scene::new();
    let carol = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("alice", "carol").into_bytes();
    undecided.udp(ALICE, BOB, &carol(request("INVITE", "one", "", &sdp(1, 40_000))));
    undecided.udp(BOB, ALICE, &carol(response("200 OK", "INVITE", "one", &sdp(2, 10_000))));
    threads.read_by(0, &undecided).settle();
    let mut media = after(&undecided);
    (0..20).for_each(|sequence| _ = media.rtp((1, 40_000), (2, 10_000), sequence));
    threads.read_by(1, &media);
    // A third of a second at one Gbit/s.
    let noise = noise(25_000, 1400, &media);
    threads.read_by(1, &noise).settle();
    let mut decided = after(&noise);
    decided.udp(ALICE, BOB, &request("UPDATE", "one", "", ""));
    threads.read_by(0, &decided).settle();
    let lines = threads.finish().lines;
    let is_media = |line: &&String| line.contains("\"protocol\":\"RTP\"");
    assert_eq!(lines.iter().filter(is_media).count(), 20, "what waited for the decision");
}

/// What is told together was not said at the same time: each call has the datagrams since its own announcement.
#[test]
fn a_call_has_no_datagrams_from_before_its_announcement() {
    let mut alone = Scene::new();
    let mut threads = Threads::new(2, 1, ALICES, NoFilterPolicy::Deny);
    let other = invited("other", (50_000, 51_000), &alone);
    let mut early = after(&other);
    (0..3).for_each(|sequence| _ = early.udp((1, 40_000), (2, 10_000), &[0, sequence, 1, 6, 0]));
    let one = invited("one", (40_000, 10_000), &early);
    let mut late = after(&one);
    (3..6).for_each(|sequence| _ = late.udp((1, 40_000), (2, 10_000), &[0, sequence, 1, 6, 0]));
    for scene in [&other, &early, &one, &late] {
        alone.capture.extend_from_slice(&scene.capture[24..]);
    }
    // One turn of each thread's loop.
    threads.read_by(1, &early).read_by(0, &other).read_by(0, &one).read_by(1, &late).settle();
    threads
        .finish()
        .assert_sends_as(&run(&alone, ALICES, NoFilterPolicy::Deny, 1 << 20), "two calls at once");
}

/// Figures beside the calls are those of one engine, too.
#[test]
fn endpoints_that_are_shared_are_counted_once() {
    let mut scene = Scene::new();
    for call in ["one", "two", "three"] {
        scene.udp(ALICE, BOB, &request("INVITE", call, "", &sdp(1, 40_000)));
        scene.udp(BOB, ALICE, &response("200 OK", "INVITE", call, &sdp(2, 10_000)));
    }
    let alone = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20).engine.counters();
    let mut threads = Threads::new(3, 0, &[], NoFilterPolicy::Allow);
    threads.read(&scene);
    let together =
        threads.engines.iter().map(|engine| engine.counters().calls_sharing_endpoints).sum::<u64>();
    assert_eq!(together, alone.calls_sharing_endpoints);
}

/// A table that is full gives up calls of other engines, too: their media is lost here, and that is to be seen.
#[test]
fn calls_of_others_that_are_evicted_are_counted() {
    let mut settings = Settings::default();
    for (name, value) in [("share_calls", "true"), ("seed", "0.5"), ("max_calls", "10")] {
        assert!(settings.set(name, value), "{name}");
    }
    let mut threads = Threads::new(1, 1, ALICES, NoFilterPolicy::Deny);
    let options =
        Options { outputs: JSON, protocol: Protocol::Voip, batch_packets: 64, ..Options::default() };
    let mut small = Engine::with_settings(options, &settings);
    let mut scene = Scene::new();
    for call in 0..30 {
        let more = invited(&format!("call {call}"), (40_000 + call * 2, 10_000 + call * 2), &scene);
        scene.capture.extend_from_slice(&more.capture[24..]);
        scene.now_ns = more.now_ns;
    }
    threads.read_by(0, &scene);
    small.hear(threads.engines[0].told());
    let Counters { calls_evicted, detection_evictions: evictions, .. } = small.counters();
    assert!(calls_evicted + evictions >= 20, "evicted {calls_evicted}, {evictions} entries of tables");
}

/// A call of carol, and one of alice on the same ports a millisecond later, with what each engine reads of them: signalling, and media
/// of the first and of the second call, with an SSRC of its own.
fn one_after_the_other() -> [Scene; 5] {
    let carol = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("alice", "carol").into_bytes();
    let mut begin = Scene::new();
    begin.udp(ALICE, BOB, &carol(request("INVITE", "one", "", &sdp(1, 40_000))));
    begin.udp(BOB, ALICE, &carol(response("200 OK", "INVITE", "one", &sdp(2, 10_000))));
    let media = |since: &Scene, ssrc: u8| {
        let mut media = after(since);
        for sequence in 0..10 {
            let header = [0x80, 0, 0, sequence, 0, 0, sequence, 0, 0, 0, 0, ssrc];
            media.udp((1, 40_000), (2, 10_000), &[&header[..], &[0xd5; 160]].concat());
        }
        media
    };
    let first = media(&begin, 1);
    let mut end = after(&first);
    end.udp(ALICE, BOB, &carol(request("BYE", "one", "", "")));
    end.udp(BOB, ALICE, &carol(response("200 OK", "BYE", "one", "")));
    let next = invited("two", (40_000, 10_000), &end);
    let second = media(&next, 2);
    [begin, first, end, next, second]
}

fn on_one_engine(scenes: &[Scene]) -> Answer {
    let mut alone = Scene::new();
    scenes.iter().for_each(|scene| alone.capture.extend_from_slice(&scene.capture[24..]));
    run(&alone, ALICES, NoFilterPolicy::Deny, 1 << 20)
}

/// The other engine reads media before it hears that the call which had these ports is over.
#[test]
fn ports_used_again_at_once_are_of_the_next_call() {
    let scenes = one_after_the_other();
    let [begin, first, end, next, second] = &scenes;
    let mut threads = Threads::new(2, 1, ALICES, NoFilterPolicy::Deny);
    threads.read_by(0, begin).settle().read_by(1, first);
    threads.read_by(0, end).read_by(0, next).read_by(1, second).settle();
    threads.finish().assert_sends_as(&on_one_engine(&scenes), "the next call on the same ports");
}

/// The other engine hears of the next call before it reads the last media of the one before.
#[test]
fn media_read_late_are_of_the_call_of_their_time() {
    let scenes = one_after_the_other();
    let [begin, first, end, next, second] = &scenes;
    let mut threads = Threads::new(2, 1, ALICES, NoFilterPolicy::Deny);
    threads.read_by(0, begin).settle().read_by(0, end).read_by(0, next).settle();
    threads.read_by(1, first).read_by(1, second).settle();
    threads.finish().assert_sends_as(&on_one_engine(&scenes), "the call before on the same ports");
}

/// Filters come to the engines one after the other. What one that has the old ones still says of a call must not hold for ever at
/// one that has the new ones.
#[test]
fn a_verdict_of_filters_that_are_gone_does_not_hold() {
    for (before, policy) in [(ALICES, NoFilterPolicy::Deny), (&[][..], NoFilterPolicy::Allow)] {
        let mut threads = Threads::new(2, 1, before, policy);
        threads.set_filters_of(1, NOBODY, NoFilterPolicy::Deny, 2);
        let begun = invited("one", (40_000, 10_000), &Scene::new());
        threads.read_by(0, &begun).settle();
        threads.set_filters_of(0, NOBODY, NoFilterPolicy::Deny, 2);
        let mut media = after(&begun);
        (0..20).for_each(|sequence| _ = media.rtp((1, 40_000), (2, 10_000), sequence));
        threads.read_by(1, &media).settle();
        let lines = threads.finish().lines;
        let went = lines.iter().filter(|line| line.contains("\"protocol\":\"RTP\"")).count();
        assert_eq!(went, 0, "no filter that is in force asks for them: {policy:?}");
    }
}

/// The one that has the new filters first: what it says of a call holds once the other has them.
#[test]
fn a_verdict_of_filters_to_come_holds() {
    let mut threads = Threads::new(2, 1, NOBODY, NoFilterPolicy::Deny);
    threads.set_filters_of(0, ALICES, NoFilterPolicy::Deny, 2);
    let begun = invited("one", (40_000, 10_000), &Scene::new());
    threads.read_by(0, &begun).settle();
    threads.set_filters_of(1, ALICES, NoFilterPolicy::Deny, 2);
    let mut media = after(&begun);
    (0..20).for_each(|sequence| _ = media.rtp((1, 40_000), (2, 10_000), sequence));
    threads.read_by(1, &media).settle();
    assert_eq!(threads.finish().lines.len(), 22);
}

/// A filter that is withdrawn at one engine while another, that still has it, adds it to a call that goes out by a filter that stays.
#[test]
fn ids_of_filters_that_are_gone_are_not_told() {
    let mut threads = Threads::new(2, 1, ALICES, NoFilterPolicy::Deny);
    let set_filters = |engine: &mut Engine, version: u64, filters: &[(&str, &str)]| {
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        for (id, pattern) in filters {
            set.add(FilterType::SipUser as u32, id, pattern).unwrap();
        }
        set.build().unwrap();
        engine.set_filters_of_version(set, version);
    };
    set_filters(&mut threads.engines[0], 2, &[("stays", "alice"), ("gone", "bob")]);
    set_filters(&mut threads.engines[1], 3, &[("stays", "alice")]);
    let begun = invited("one", (40_000, 10_000), &Scene::new());
    threads.read_by(0, &begun).settle();
    set_filters(&mut threads.engines[0], 3, &[("stays", "alice")]);
    let mut media = after(&begun);
    (0..5).for_each(|sequence| _ = media.rtp((1, 40_000), (2, 10_000), sequence));
    threads.read_by(1, &media).settle();
    let lines = threads.finish().lines;
    let rtp: Vec<&String> = lines.iter().filter(|line| line.contains("\"protocol\":\"RTP\"")).collect();
    assert_eq!(rtp.len(), 5);
    assert!(rtp.iter().all(|line| !line.contains("gone")), "{}", rtp[0]);
}
