use super::*;

/// The data of the one answer of type `rr_type` to a question for `example.com`.
fn data_text(rr_type: u16, data: &[u8]) -> String {
    let (message, outcome) = parsed(&answering(1, "example.com", rr_type, data));
    assert_eq!(outcome, Outcome::Whole, "type {rr_type}");
    let answer = message.answers()[0];
    let text = string(message.text(answer.data));
    assert_eq!(answer.readable, !text.starts_with("<data "), "type {rr_type}: {text}");
    text
}

#[test]
fn presentation_forms() {
    // c00c points to example.com.
    for (rr_type, data, expected) in [
        (1, "c0000201", "192.0.2.1"),
        (1, "ff00640a", "255.0.100.10"),
        (28, "00000000000000000000000000000000", "::"),
        (28, "00000000000000000000ffffc0000201", "::ffff:192.0.2.1"),
        (28, "20010db8000000010000000000000001", "2001:db8:0:1::1"),
        (28, "20010db8000100010001000100010000", "2001:db8:1:1:1:1:1:0"),
        (2, "036e7331c00c", "ns1.example.com"),
        (5, "00", ""),
        (12, "0161c00c", "a.example.com"),
        (39, "0162c00c", "b.example.com"),
        (
            6,
            "026e73c00c04726f6f74c00c0000000100000002000000030000000400000005",
            "ns.example.com root.example.com",
        ),
        (15, "000000", "0 ."),
        (15, "ffff0161c00c", "65535 a.example.com"),
        (18, "0001c00c", "1 example.com"),
        (17, "0161c00c00", "a.example.com ."),
        (13, "0341424304613a2262", r#""ABC" "a:\"b""#),
        (16, "00", ""),
        (16, "016102627300", "a bs "),
        (16, "03c3a909", r"é\009"),
        (16, "06225c7fff2e20", r#""\\\127\255. "#),
        (16, "04c285e282", r"\194\133\226\130"),
        (99, "06763d73706631042d616c6c", "v=spf1 -all"),
        (33, "000100020035 00", "1 2 53 ."),
        (35, "000a0064017507453255 2b736970 1b 215e2e2a24217369703a696e666f40657861", "<data 33 bytes>"),
        (35, "000a00640175074532552b736970 03212e21 00", r#"10 100 "u" "E2U+sip" "!.!" ."#),
        (43, "ec450502 0102030405", "60485 5 2 0102030405"),
        (59, "00000000 00", "0 0 0 00"),
        (44, "0201 abcdef", "2 1 ABCDEF"),
        (48, "0101 03 0d 00", "257 3 13 AA=="),
        (48, "0100 03 08 010203", "256 3 8 AQID"),
        (48, "0100 03 08 fbffbf", "256 3 8 +/+/"),
        (48, "0100 03 08 0102", "256 3 8 AQI="),
        (60, "0000 03 00 00", "0 3 0 AA=="),
        (
            46,
            "0001 0d 02 00000e10 60000000 5fffffff 04d2 00 0102",
            "A 13 2 3600 20210114082536 20210114082535 1234 . AQI=",
        ),
        (
            46,
            "0006 08 00 00000000 ffffffff 00000000 0000 0161c00c 00",
            "SOA 8 0 0 21060207062815 19700101000000 0 a.example.com AA==",
        ),
        (
            46,
            "0006 08 00 00000000 3a9b4e80 386d4380 0000 00 00",
            "SOA 8 0 0 20010227065144 20000101000000 0 . AA==",
        ),
        (
            46,
            "0006 08 00 00000000 38bb2e00 f4d41f80 0000 00 00",
            "SOA 8 0 0 20000229022504 21000301000000 0 . AA==",
        ),
        (47, "04686f7374c00c 0006400100000003 0401 40", "host.example.com A MX RRSIG NSEC TYPE1025"),
        (47, "04686f7374c00c 000640010000000 3 010140", "host.example.com A MX RRSIG NSEC CAA"),
        (47, "00 ff0101", ". TYPE65287"),
        (50, "01 01 000c 04aabbccdd 02fffe 0001 40", "1 1 12 AABBCCDD VVV0 A"),
        (50, "01 00 0000 00 05 0102030405", "1 0 0 - 04106105"),
        (51, "01 00 0001 02abcd", "1 0 1 ABCD"),
        (51, "01 00 0000 00", "1 0 0 -"),
        (52, "030101 abcd", "3 1 1 ABCD"),
        (53, "030100 ab", "3 1 0 AB"),
        (61, "010203", "AQID"),
        (63, "00000001 01 02 ff", "1 1 2 FF"),
        (108, "00005e0053 2a", "00-00-5E-00-53-2A"),
        (109, "00005ef5ffff5323", "00-00-5E-F5-FF-FF-53-23"),
        (256, "000a0001 6674703a2f2f78", r#"10 1 "ftp://x""#),
        (257, "00 05 6973737565 63612e6578616d706c65", r#"0 issue "ca.example""#),
        (257, "80 03 746273 00", r#"128 tbs "\000""#),
        (65, "0000 0161c00c", "0 a.example.com"),
        (65, "0001 00", "1 ."),
        (
            65,
            "0001 00 0001 0006 02683202 6833 0004 0008 c0000201 c0000202 0006 0010 20010db8000000000000000000000001",
            r#"1 . alpn="h2,h3" ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1"#,
        ),
        (
            64,
            "0010 0161c00c 0000 0004 0001 0003 0002 0000 0003 0002 0035 0005 0003 010203",
            "16 a.example.com mandatory=alpn,port no-default-alpn port=53 ech=AQID",
        ),
        (
            64,
            "0001 00 0007 0002 2f71 0008 0000 029b 0001 22 029c 0000",
            r#"1 . dohpath="/q" ohttp key667="\"" key668"#,
        ),
    ] {
        assert_eq!(data_text(rr_type, &hex(data)), expected, "type {rr_type}, data {data}");
    }
}

#[test]
fn malformed_data_is_only_measured() {
    for (rr_type, data) in [
        (1, ""),
        (1, "c00002"),
        (1, "c000020101"),
        (28, "20010db8"),
        (2, ""),
        (5, "40"),
        (5, "c0ff"),
        (5, "0161"),
        (5, "c00c00"),
        (12, "ff"),
        (15, "00"),
        (15, "0001"),
        (15, "0001c00c00"),
        (16, ""),
        (16, "0561"),
        (16, "016102"),
        (6, "c00cc00c"),
        (6, "c00cc00c0000000100000002000000030000000400000005ff"),
        (33, "000100020035"),
        (13, "0141"),
        (46, "0001"),
        (47, "c00c00ff"),
        (47, "c00c0002"),
        (50, "0100000000"),
        (65, "0001"),
        // Keys out of order, twice, cut; values that do not fit their key.
        (65, "0001 00 0003 0002 0035 0001 0003 026832"),
        (65, "0001 00 0003 0002 0035 0003 0002 0035"),
        (65, "0001 00 0003 0003 0035"),
        (65, "0001 00 0003 0001 35"),
        (65, "0001 00 0003 00"),
        (65, "0001 00 0004 0003 c00002"),
        (65, "0001 00 0004 0000"),
        (65, "0001 00 0001 0000"),
        (65, "0001 00 0001 0001 00"),
        (65, "0001 00 0002 0001 00"),
        (108, "0102"),
        (257, "00"),
        (257, "000561"),
        (10, "0102"),
        (65280, "010203"),
        (250, ""),
    ] {
        let data = hex(data);
        assert_eq!(
            data_text(rr_type, &data),
            format!("<data {} bytes>", data.len()),
            "type {rr_type}, {data:x?}"
        );
    }
}

#[test]
fn data_may_point_back_but_not_on() {
    // The target of the first CNAME would run into the second record if its data did not end first.
    let mut payload = hex("0001 8180 0001 0002 0000 0000 0161 00 0005 0001");
    payload.extend(hex("c00c 0005 0001 0000003c 0002 0b62"));
    payload.extend(hex("c00c 0005 0001 0000003c 0002 c00c"));
    let (message, outcome) = parsed(&payload);
    assert_eq!(outcome, Outcome::Whole);
    let data: Vec<String> =
        message.answers().iter().map(|answer| string(message.text(answer.data))).collect();
    assert_eq!(data, ["<data 2 bytes>", "a"]);
}
