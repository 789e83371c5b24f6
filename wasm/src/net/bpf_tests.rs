//! The BPF interpreter against programs that libpcap compiled, and against programs that nothing should run.

use super::bpf::Program;

type Code = [(u16, u8, u8, u32)];

/// `udp port 53` on Ethernet.
const UDP_PORT_53: &Code = &[
    (0x28, 0, 0, 12),
    (0x15, 0, 6, 0x86dd),
    (0x30, 0, 0, 20),
    (0x15, 0, 15, 17),
    (0x28, 0, 0, 54),
    (0x15, 12, 0, 53),
    (0x28, 0, 0, 56),
    (0x15, 10, 11, 53),
    (0x15, 0, 10, 0x800),
    (0x30, 0, 0, 23),
    (0x15, 0, 8, 17),
    (0x28, 0, 0, 20),
    (0x45, 6, 0, 0x1fff),
    (0xb1, 0, 0, 14),
    (0x48, 0, 0, 14),
    (0x15, 2, 0, 53),
    (0x48, 0, 0, 16),
    (0x15, 0, 1, 53),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// `tcp[tcpflags] & tcp-syn != 0 and not net 10.0.0.0/8` on Ethernet.
const SYN_NOT_NET_10: &Code = &[
    (0x28, 0, 0, 12),
    (0x15, 0, 14, 0x800),
    (0x30, 0, 0, 23),
    (0x15, 0, 12, 6),
    (0x28, 0, 0, 20),
    (0x45, 10, 0, 0x1fff),
    (0xb1, 0, 0, 14),
    (0x50, 0, 0, 27),
    (0x45, 0, 7, 2),
    (0x20, 0, 0, 26),
    (0x54, 0, 0, 0xff00_0000),
    (0x15, 4, 0, 0x0a00_0000),
    (0x20, 0, 0, 30),
    (0x54, 0, 0, 0xff00_0000),
    (0x15, 1, 0, 0x0a00_0000),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// `vlan 7 and udp` on Ethernet.
const VLAN_7_UDP: &Code = &[
    (0x28, 0, 0, 12),
    (0x15, 2, 0, 0x8100),
    (0x15, 1, 0, 0x88a8),
    (0x15, 0, 14, 0x9100),
    (0x28, 0, 0, 14),
    (0x54, 0, 0, 0xfff),
    (0x15, 0, 11, 7),
    (0x28, 0, 0, 16),
    (0x15, 0, 2, 0x800),
    (0x30, 0, 0, 27),
    (0x15, 6, 7, 17),
    (0x15, 0, 6, 0x86dd),
    (0x30, 0, 0, 24),
    (0x15, 3, 0, 17),
    (0x15, 0, 3, 44),
    (0x30, 0, 0, 58),
    (0x15, 0, 1, 17),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// `greater 100`.
const GREATER_100: &Code = &[(0x80, 0, 0, 0), (0x35, 0, 1, 100), (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0)];

/// `ip[2:2] - ((ip[0]&0xf)<<2) > 40` on Ethernet.
const IP_PAYLOAD_OVER_40: &Code = &[
    (0x28, 0, 0, 12),
    (0x15, 0, 10, 0x800),
    (0x28, 0, 0, 16),
    (0x02, 0, 0, 1),
    (0x30, 0, 0, 14),
    (0x54, 0, 0, 15),
    (0x64, 0, 0, 2),
    (0x07, 0, 0, 5),
    (0x60, 0, 0, 1),
    (0x1c, 0, 0, 0),
    (0x25, 0, 1, 40),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// `ether[34:2] % (ether[36:2] - 53) = 1`.
const REMAINDER: &Code = &[
    (0x28, 0, 0, 34),
    (0x02, 0, 0, 1),
    (0x28, 0, 0, 36),
    (0x14, 0, 0, 53),
    (0x07, 0, 0, 4),
    (0x60, 0, 0, 1),
    (0x9c, 0, 0, 0),
    (0x15, 0, 1, 1),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// `ip6 protochain 17` on Ethernet, which loops.
const PROTOCHAIN_17: &Code = &[
    (0x28, 0, 0, 12),
    (0x15, 0, 33, 0x86dd),
    (0x30, 0, 0, 20),
    (0x01, 0, 0, 40),
    (0x15, 27, 0, 17),
    (0x15, 26, 0, 59),
    (0x15, 3, 0, 0),
    (0x15, 2, 0, 60),
    (0x15, 1, 0, 43),
    (0x15, 0, 9, 44),
    (0x50, 0, 0, 14),
    (0x02, 0, 0, 0),
    (0x50, 0, 0, 15),
    (0x04, 0, 0, 1),
    (0x24, 0, 0, 8),
    (0x0c, 0, 0, 0),
    (0x07, 0, 0, 0),
    (0x60, 0, 0, 0),
    (0x05, 0, 0, 0xffff_fff1),
    (0x15, 0, 12, 51),
    (0x87, 0, 0, 0),
    (0x50, 0, 0, 14),
    (0x02, 0, 0, 0),
    (0x87, 0, 0, 0),
    (0x04, 0, 0, 1),
    (0x07, 0, 0, 0),
    (0x50, 0, 0, 14),
    (0x04, 0, 0, 2),
    (0x24, 0, 0, 4),
    (0x07, 0, 0, 0),
    (0x60, 0, 0, 0),
    (0x05, 0, 0, 0xffff_ffe4),
    (0x04, 0, 0, 0),
    (0x15, 0, 1, 17),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

fn bytes(code: &Code) -> Vec<u8> {
    let instruction = |&(code, jump_true, jump_false, k): &(u16, u8, u8, u32)| {
        [&code.to_le_bytes()[..], &[jump_true, jump_false], &k.to_le_bytes()].concat()
    };
    code.iter().flat_map(instruction).collect()
}

fn run(code: &Code, frame: &[u8]) -> bool {
    Program::parse(&bytes(code)).unwrap().accepts(frame, frame.len() as u32)
}

/// Ethernet, and IPv4 with `options` bytes of options from `source` to 192.168.0.1.
fn ipv4(source: [u8; 4], options: u8, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = 20 + u16::from(options) + payload.len() as u16;
    let mut frame = vec![2; 12];
    frame.extend_from_slice(&[8, 0, 0x45 + options / 4, 0]);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(&fragment.to_be_bytes());
    frame.extend_from_slice(&[64, protocol, 0, 0]);
    frame.extend_from_slice(&source);
    frame.extend_from_slice(&[192, 168, 0, 1]);
    frame.resize(frame.len() + usize::from(options), 1);
    frame.extend_from_slice(payload);
    frame
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, payload.len() as u8, next, 64]);
    frame.extend_from_slice(&[0x20; 32]);
    frame.extend_from_slice(payload);
    frame
}

fn tagged(vlan: u8, frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0xe0, vlan], &frame[12..]].concat()
}

fn ports(source: u16, destination: u16) -> Vec<u8> {
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[0, 8, 0, 0]].concat()
}

fn tcp(flags: u8) -> Vec<u8> {
    [&ports(1, 2)[..], &[0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]].concat()
}

#[test]
fn runs_what_libpcap_compiled() {
    let (near, far) = ([10, 0, 0, 1], [192, 0, 2, 1]);
    let query = ports(40_000, 53);
    let cases: &[(&str, &Code, Vec<u8>, bool)] = &[
        ("to port 53", UDP_PORT_53, ipv4(near, 0, 0, 17, &query), true),
        ("from port 53", UDP_PORT_53, ipv4(near, 0, 0, 17, &ports(53, 9)), true),
        ("behind options", UDP_PORT_53, ipv4(near, 40, 0, 17, &query), true),
        ("port 54", UDP_PORT_53, ipv4(near, 0, 0, 17, &ports(54, 55)), false),
        ("TCP", UDP_PORT_53, ipv4(near, 0, 0, 6, &query), false),
        ("later fragment", UDP_PORT_53, ipv4(near, 0, 1, 17, &query), false),
        ("IPv6", UDP_PORT_53, ipv6(17, &query), true),
        ("IPv6, TCP", UDP_PORT_53, ipv6(6, &query), false),
        ("cut before the port", UDP_PORT_53, ipv4(near, 0, 0, 17, &query[..3]), false),
        ("empty", UDP_PORT_53, Vec::new(), false),
        ("SYN", SYN_NOT_NET_10, ipv4(far, 0, 0, 6, &tcp(0x12)), true),
        ("SYN of net 10", SYN_NOT_NET_10, ipv4(near, 0, 0, 6, &tcp(0x12)), false),
        ("ACK", SYN_NOT_NET_10, ipv4(far, 0, 0, 6, &tcp(0x10)), false),
        ("VLAN 7", VLAN_7_UDP, tagged(7, &ipv4(near, 0, 0, 17, &query)), true),
        ("VLAN 8", VLAN_7_UDP, tagged(8, &ipv4(near, 0, 0, 17, &query)), false),
        ("no VLAN", VLAN_7_UDP, ipv4(near, 0, 0, 17, &query), false),
        ("40 bytes", IP_PAYLOAD_OVER_40, ipv4(near, 8, 0, 1, &[0; 40]), false),
        ("41 bytes", IP_PAYLOAD_OVER_40, ipv4(near, 8, 0, 1, &[0; 41]), true),
        ("41 % 10", REMAINDER, ipv4(near, 0, 0, 17, &ports(41, 63)), true),
        ("42 % 10", REMAINDER, ipv4(near, 0, 0, 17, &ports(42, 63)), false),
        ("41 % 0", REMAINDER, ipv4(near, 0, 0, 17, &ports(41, 53)), false),
        ("no chain", PROTOCHAIN_17, ipv6(17, &query), true),
        (
            "a chain",
            PROTOCHAIN_17,
            ipv6(0, &[&[60, 1][..], &[0; 14], &[17, 0], &[0; 6], &query].concat()),
            true,
        ),
        ("another chain", PROTOCHAIN_17, ipv6(0, &[&[6, 0][..], &[0; 6], &query].concat()), false),
    ];
    for (name, code, frame, accepted) in cases {
        assert_eq!(run(code, frame), *accepted, "{name}");
    }
    let greater = Program::parse(&bytes(GREATER_100)).unwrap();
    assert_eq!([99, 100, 1500].map(|length| greater.accepts(b"", length)), [false, true, true]);
}

#[test]
fn computes_in_32_bits() {
    // (operation, accumulator, operand, result)
    let cases: [(u16, u32, u32, u32); 14] = [
        (0x00, u32::MAX, 2, 1),
        (0x10, 1, 2, u32::MAX),
        (0x20, 0x8000_0001, 2, 2),
        (0x30, 7, 2, 3),
        (0x40, 5, 3, 7),
        (0x50, 5, 3, 1),
        (0x60, 1, 31, 1 << 31),
        (0x60, 1, 32, 0),
        (0x70, 1 << 31, 31, 1),
        (0x70, 1 << 31, 99, 0),
        (0x90, 7, 4, 3),
        (0xa0, 5, 3, 6),
        (0x80, 5, 0, 0_u32.wrapping_sub(5)),
        (0x30, 7, u32::MAX, 0),
    ];
    for (operation, a, operand, result) in cases {
        let verdict = [(0x15, 0, 1, result), (0x06, 0, 0, 1), (0x06, 0, 0, 0)];
        let with_k = [&[(0x00, 0, 0, a), (0x04 | operation, 0, 0, operand)], &verdict[..]].concat();
        assert!(run(&with_k, b""), "{operation:#x}");
        if operation != 0x80 {
            let with_x =
                [&[(0x01, 0, 0, operand), (0x00, 0, 0, a), (0x0c | operation, 0, 0, 0)], &verdict[..]]
                    .concat();
            assert!(run(&with_x, b""), "{operation:#x} with X");
        }
    }
    let divided_by_x: &Code = &[(0x00, 0, 0, 1), (0x3c, 0, 0, 0), (0x06, 0, 0, 1)];
    assert!(!run(divided_by_x, b""));
    let accumulator: &Code = &[(0x81, 0, 0, 0), (0x03, 0, 0, 15), (0x60, 0, 0, 15), (0x16, 0, 0, 0)];
    assert!(run(accumulator, b"x"));
    assert!(!run(accumulator, b""));
}

#[test]
fn loads_only_what_is_there() {
    for (code, width) in [(0x20, 4), (0x28, 2), (0x30, 1)] {
        for index in [false, true] {
            for at in [0, 1, 2, 3, 4, 5, u32::MAX, u32::MAX - 3] {
                let load = if index { (code + 0x20, 0, 0, 1) } else { (code, 0, 0, at) };
                let program = [(0x01, 0, 0, at), load, (0x06, 0, 0, 1)];
                let first = if index { u64::from(at) + 1 } else { u64::from(at) };
                assert_eq!(run(&program, b"12345"), first + width <= 5, "{code:#x} at {first}");
            }
        }
    }
}

#[test]
fn refuses_programs_that_go_wrong() {
    let ret = (0x06, 0, 0, 0);
    let cases: &[(&Code, &str)] = &[
        (&[], "BPF program of 0 instructions: must be 1 to 4096"),
        (&[(0x28, 0, 0, 12)], "BPF instruction 0 (code 0x28): the program must end with a return"),
        (&[(0x15, 0, 1, 0), ret], "BPF instruction 0 (code 0x15): jumps out of the program"),
        (&[(0x2d, 1, 0, 0), ret], "BPF instruction 0 (code 0x2d): jumps out of the program"),
        (&[(0x05, 0, 0, 1), ret], "BPF instruction 0 (code 0x05): jumps out of the program"),
        (&[(0x05, 0, 0, 0x7fff_ffff), ret], "BPF instruction 0 (code 0x05): jumps out of the program"),
        (&[(0x05, 0, 0, 0xffff_fffe), ret], "BPF instruction 0 (code 0x05): jumps out of the program"),
        (&[ret, (0x05, 0, 0, 0)], "BPF instruction 1 (code 0x05): jumps out of the program"),
        (&[(0x02, 0, 0, 16), ret], "BPF instruction 0 (code 0x02): no such memory slot"),
        (&[(0x61, 0, 0, u32::MAX), ret], "BPF instruction 0 (code 0x61): no such memory slot"),
        (&[(0x34, 0, 0, 0), ret], "BPF instruction 0 (code 0x34): divides by zero"),
        (&[(0x94, 0, 0, 0), ret], "BPF instruction 0 (code 0x94): divides by zero"),
        (&[(0xffff, 0, 0, 0), ret], "BPF instruction 0 (code 0xffff): unknown code"),
        (&[(0xb4, 0, 0, 1), ret], "BPF instruction 0 (code 0xb4): unknown code"),
        (&[(0x55, 0, 0, 1), ret], "BPF instruction 0 (code 0x55): unknown code"),
        (&[(0x0e, 0, 0, 1), ret], "BPF instruction 0 (code 0x0e): unknown code"),
    ];
    for (code, text) in cases {
        assert_eq!(Program::parse(&bytes(code)), Err((*text).to_owned()));
    }
    let text = "BPF program of 9 bytes: not a multiple of 8";
    assert_eq!(Program::parse(&[6; 9]), Err(text.to_owned()));
    assert!(Program::parse(&bytes(&[ret; 4096])).is_ok());
    assert!(Program::parse(&bytes(&[ret; 4097])).is_err());
    // A loop that never ends is a program, and accepts nothing.
    assert!(!run(&[(0x05, 0, 0, u32::MAX), (0x06, 0, 0, 1)], b""));
}

#[test]
fn any_program_that_is_taken_can_run() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % bound
    };
    let mut taken = 0;
    for _ in 0..50_000 {
        let mut code: Vec<_> = (0..1 + below(6))
            .map(|_| {
                let k = [0, 1, 3, 15, 0xffff_ffff, 40, below(1 << 32) as u32][below(7) as usize];
                (below(0x100) as u16, below(3) as u8, below(3) as u8, k)
            })
            .collect();
        code.push((0x16, 0, 0, 0));
        if let Ok(program) = Program::parse(&bytes(&code)) {
            taken += 1;
            program.accepts(&[0xff; 40], 1500);
        }
    }
    assert!(taken > 500, "{taken} programs were taken");
}
