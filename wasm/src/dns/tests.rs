use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn quick() {
    for v in [
        "123401000001000000000000076578616d706c6503636f6d0000010001",
        "123481800001000100000000076578616d706c6503636f6d0000010001c00c000100010000012c00045db8d822",
        "beef8180000100020000000003777777076578616d706c6503636f6d0000010001c00c000500010000003c00060363646ec010c02d000100010000003c0004c0000201",
        "000881000001000000000001076578616d706c6503636f6d000001000100002904d0010000000000",
    ] {
        let mut m = Message::new();
        let o = m.parse(&hex(v), false);
        let mut out = Vec::new();
        write_info(&m, &mut out);
        println!("{o:?} {}", String::from_utf8(out).unwrap());
        for a in m.answers() {
            println!(
                "  {} {}",
                String::from_utf8_lossy(m.text(a.name)),
                String::from_utf8_lossy(m.text(a.data))
            );
        }
    }
}
