use super::super::tests::{Flow, judge, names, sent};
use super::super::{Carrier, Detector};

#[test]
fn negotiations() {
    for (port, payload, expected) in [
        (23, &[255, 251, 1][..], Some("Telnet")),
        (2323, &[255, 251, 1], None),
        (2323, &[255, 251, 1, 255, 253, 3], Some("Telnet")),
        (23, &[255, 251, 60], None),
        (23, &[255, 251, 1, 255, 100], None),
        (23, &[255, 250, 24, 1, 255, 240, b'l', b'o', b'g', b'i', b'n', b':', b' '], Some("Telnet")),
        (23, &[255, 255, 255, 255], None),
        (23, b"login: ", None),
    ] {
        assert_eq!(names(&[sent(Carrier::Tcp, port, 40001, payload)]), [expected], "{port} {payload:?}");
    }
}

#[test]
fn what_is_typed_stays_out() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let begin = [255, 253, 24, 255, 250, 39, 0, 255, 240, 255, 241];
    let (_, details, info) = judge(&mut detector, &mut flow, &sent(Carrier::Tcp, 40001, 23, &begin));
    assert_eq!(info, "DO Terminal Type, Suboption New Environment Option, No Operation");
    assert_eq!(details[0], ("iac_count", "3".to_owned()));
    let (name, details, info) =
        judge(&mut detector, &mut flow, &sent(Carrier::Tcp, 40001, 23, b"secret\r\n"));
    assert_eq!((name, info.as_str()), (Some("Telnet"), "Telnet data: 8 bytes"));
    assert_eq!(details, [("iac_count", "0".to_owned())]);
}
