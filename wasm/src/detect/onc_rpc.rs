//! ONC RPC (RFC 5531) over UDP, and over TCP behind record marks; and NFS (RFC 1094, RFC 1813, RFC 7530) as one of its
//! programs. A call tells by itself; a reply has next to nothing in it, and counts on the usual ports only.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const NFS_PROGRAM: u32 = 100_003;
/// Administration of MIT Kerberos: the one program in use below those that Sun has assigned.
const KADM5_PROGRAM: u32 = 2112;
const NFS_PORTS: &[u16] = &[2049];
const RPC_PORTS: &[u16] = &[111];
/// Longest credentials and verifiers in bytes (RFC 5531 section 8.2).
const MOST_CREDENTIALS: u32 = 400;
/// Longest record in bytes that is believed.
const MOST_RECORD: u32 = 16 << 20;

/// NFS.
pub static NFS: Signature = Signature {
    name: "NFS",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: NFS_PORTS,
    examine: |payload, _, _| match message(payload) {
        Some(Message::Call(call)) if call.program == NFS_PROGRAM => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        Some(Message::Reply(_)) if payload.on_port(NFS_PORTS) => Verdict::Is(Confidence::HIGH, Method::Port),
        _ => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// ONC RPC of any other program.
pub static RPC: Signature = Signature {
    name: "RPC",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: RPC_PORTS,
    examine: |payload, _, _| match message(payload) {
        Some(Message::Call(_)) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        Some(Message::Reply(_)) if payload.on_port(RPC_PORTS) => Verdict::Is(Confidence::HIGH, Method::Port),
        _ => Verdict::No,
    },
    // A server of files may be asked for something else first.
    continues: |payload, _, _| !matches!(message(payload), Some(Message::Call(call)) if call.program == NFS_PROGRAM),
    describe,
    yields: true,
    ..Signature::BASE
};

enum Message {
    Call(Call),
    Reply(Reply),
}

struct Call {
    xid: u32,
    program: u32,
    version: u32,
    procedure: u32,
}

struct Reply {
    xid: u32,
    is_accepted: bool,
    status: u32,
}

#[inline]
fn message(payload: &Payload) -> Option<Message> {
    let start = match payload.carrier {
        Carrier::Tcp => 4,
        _ => 0,
    };
    // Nearly everything else ends here.
    let kind = payload.u32(start + 4).filter(|kind| *kind <= 1)?;
    if start != 0 {
        // The top bit marks the last fragment.
        let length = payload.u32(0)? & 0x7fff_ffff;
        if !(24..=MOST_RECORD).contains(&length) || length % 4 != 0 {
            return None;
        }
    }
    if kind == 0 {
        call(payload, start).map(Message::Call)
    } else {
        reply(payload, start).map(Message::Reply)
    }
}

fn call(payload: &Payload, start: usize) -> Option<Call> {
    let word = |place: usize| payload.u32(start + 4 * place);
    let call = Call { xid: word(0)?, program: word(3)?, version: word(4)?, procedure: word(5)? };
    let (flavor, length) = (word(6)?, word(7).filter(|length| *length <= MOST_CREDENTIALS)?);
    let is_sound = word(2)? == 2
        // Assigned by Sun and IANA, or to be used locally, or for the time being (RFC 5531 section 8.3).
        && (call.program == KADM5_PROGRAM || (100_000..=0x5fff_ffff).contains(&call.program))
        // Versions count from 1; with 0 there is time that is not set (NTP).
        && (1..=255).contains(&call.version)
        && call.procedure <= 255
        && is_flavor(flavor)
        && (flavor != 0 || length == 0);
    // The verifier follows the credentials.
    let verifier = start + 32 + (length as usize).next_multiple_of(4);
    let verified = match (payload.u32(verifier), payload.u32(verifier + 4)) {
        (Some(flavor), Some(length)) => is_flavor(flavor) && length <= MOST_CREDENTIALS,
        // Cut by the capture or the segment.
        _ => !payload.is_whole() || payload.carrier == Carrier::Tcp,
    };
    (is_sound && verified).then_some(call)
}

fn reply(payload: &Payload, start: usize) -> Option<Reply> {
    let word = |place: usize| payload.u32(start + 4 * place);
    let (xid, state) = (word(0)?, word(2)?);
    match state {
        0 => {
            let (flavor, length) = (word(3)?, word(4)?);
            if !is_flavor(flavor) || length > MOST_CREDENTIALS {
                return None;
            }
            let status = payload.u32(start + 20 + (length as usize).next_multiple_of(4))?;
            (status <= 5).then_some(Reply { xid, is_accepted: true, status })
        }
        // Versions that the server has, or what is wrong with the credentials.
        1 => {
            let status = word(3)?;
            let fits = match status {
                0 => word(4)? <= word(5)?,
                1 => (1..=14).contains(&word(4)?),
                _ => false,
            };
            fits.then_some(Reply { xid, is_accepted: false, status })
        }
        _ => None,
    }
}

/// AUTH_NONE, AUTH_SYS, AUTH_SHORT, AUTH_DH, RPCSEC_GSS.
fn is_flavor(flavor: u32) -> bool {
    matches!(flavor, 0..=3 | 6)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    match message(payload) {
        Some(Message::Call(call)) => {
            let name = program_name(call.program);
            facts.say(name.unwrap_or("Program").as_bytes());
            facts.say(b" V");
            facts.say_number(call.version.into());
            facts.say(b" ");
            match procedure_name(&call) {
                Some(name) => {
                    facts.say(name.as_bytes());
                    facts.put("procedure", name.as_bytes());
                }
                None => {
                    facts.say(b"procedure ");
                    facts.say_number(call.procedure.into());
                    facts.put_number("procedure", call.procedure.into());
                }
            }
            facts.say(b" Call");
            facts.put("type", b"call");
            facts.put_number("xid", call.xid.into());
            match name {
                Some(name) => facts.put("program", name.as_bytes()),
                None => facts.put_number("program", call.program.into()),
            }
            facts.put_number("program_version", call.version.into());
        }
        Some(Message::Reply(reply)) => {
            facts.say(b"Reply");
            facts.put("type", b"reply");
            facts.put_number("xid", reply.xid.into());
            facts.put("reply_state", if reply.is_accepted { b"accepted" } else { b"denied" });
            facts.put_number("status", reply.status.into());
        }
        None => {}
    }
}

fn program_name(program: u32) -> Option<&'static str> {
    Some(match program {
        KADM5_PROGRAM => "KADM5",
        100_000 => "Portmap",
        100_001 => "RSTAT",
        100_002 => "RUSERS",
        NFS_PROGRAM => "NFS",
        100_004 => "YPSERV",
        100_005 => "MOUNT",
        100_007 => "YPBIND",
        100_008 => "WALL",
        100_009 => "YPPASSWD",
        100_011 => "RQUOTA",
        100_012 => "SPRAY",
        100_021 => "NLM",
        100_024 => "STAT",
        100_227 => "NFSACL",
        100_300 => "NIS+",
        150_001 => "PCNFSD",
        395_183 => "VXI-11 Core",
        395_184 => "VXI-11 Abort",
        395_185 => "VXI-11 Interrupt",
        _ => return None,
    })
}

fn procedure_name(call: &Call) -> Option<&'static str> {
    const PORTMAP: [&str; 6] = ["NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"];
    const RPCBIND: [&str; 6] = ["NULL", "SET", "UNSET", "GETADDR", "DUMP", "BCAST"];
    const MOUNT: [&str; 6] = ["NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT"];
    const NFS2: [&str; 18] = [
        "NULL",
        "GETATTR",
        "SETATTR",
        "ROOT",
        "LOOKUP",
        "READLINK",
        "READ",
        "WRITECACHE",
        "WRITE",
        "CREATE",
        "REMOVE",
        "RENAME",
        "LINK",
        "SYMLINK",
        "MKDIR",
        "RMDIR",
        "READDIR",
        "STATFS",
    ];
    const NFS3: [&str; 22] = [
        "NULL",
        "GETATTR",
        "SETATTR",
        "LOOKUP",
        "ACCESS",
        "READLINK",
        "READ",
        "WRITE",
        "CREATE",
        "MKDIR",
        "SYMLINK",
        "MKNOD",
        "REMOVE",
        "RMDIR",
        "RENAME",
        "LINK",
        "READDIR",
        "READDIRPLUS",
        "FSSTAT",
        "FSINFO",
        "PATHCONF",
        "COMMIT",
    ];
    let names: &[&str] = match (call.program, call.version) {
        (100_000, 2) => &PORTMAP,
        (100_000, 3 | 4) => &RPCBIND,
        (100_005, _) => &MOUNT,
        (NFS_PROGRAM, 2) => &NFS2,
        (NFS_PROGRAM, 3) => &NFS3,
        (NFS_PROGRAM, 4) => &["NULL", "COMPOUND"],
        _ => &["NULL"],
    };
    names.get(call.procedure as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn call(program: u32, version: u32, procedure: u32) -> [u32; 10] {
        [0x1234_5678, 0, 2, program, version, procedure, 0, 0, 0, 0]
    }

    const REPLY: [u32; 6] = [0x1234_5678, 1, 0, 0, 0, 0];

    #[test]
    fn calls_and_replies() {
        for (program, name, info) in [
            (100_000, "RPC", "Portmap V3 GETADDR Call"),
            (100_003, "NFS", "NFS V3 LOOKUP Call"),
            (100_021, "RPC", "NLM V3 procedure 3 Call"),
        ] {
            let message = words(&call(program, 3, 3));
            let marked = [&words(&[0x8000_0000 | message.len() as u32])[..], &message].concat();
            for (carrier, payload) in [(Carrier::Udp, &message), (Carrier::Tcp, &marked)] {
                let packet = sent(carrier, 800, 9000, payload);
                let (found, _, said) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
                assert_eq!((found, said.as_str()), (Some(name), info), "{carrier:?}");
                let answer = Sent { reverse: true, ..sent(Carrier::Udp, 9000, 800, &words(&REPLY)) };
                if carrier == Carrier::Udp {
                    assert_eq!(names(&[packet, answer]), [Some(name), Some(name)]);
                }
            }
        }
        for (port, name) in [(111, Some("RPC")), (2049, Some("NFS")), (9000, None)] {
            assert_eq!(names(&[sent(Carrier::Udp, port, 800, &words(&REPLY))]), [name]);
        }
    }

    #[test]
    fn files_after_something_else() {
        let packets = [call(100_227, 3, 0), call(100_003, 3, 1)]
            .map(|call| sent(Carrier::Udp, 800, 2049, &words(&call)));
        assert_eq!(names(&packets), [Some("RPC"), Some("NFS")]);
    }

    #[test]
    fn near_misses() {
        for (at, word) in [
            (1, 2),
            (2, 3),
            (3, 99_999),
            (3, 0x7000_0000),
            (4, 256),
            (5, 256),
            (6, 5),
            (7, 4),
            (7, 404),
            (8, 9),
        ] {
            let mut message = call(100_000, 2, 3);
            message[at] = word;
            assert_eq!(names(&[sent(Carrier::Udp, 800, 111, &words(&message))]), [None], "word {at}");
        }
        for (at, word) in [(1, 2), (2, 2), (3, 7), (4, 401), (5, 6)] {
            let mut message = REPLY;
            message[at] = word;
            assert_eq!(names(&[sent(Carrier::Udp, 111, 800, &words(&message))]), [None], "word {at}");
        }
    }
}
