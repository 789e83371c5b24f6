//! Initial packets of QUIC, opened: what protects them is derived from a connection id that they carry in clear
//! (RFC 9001 section 5.2, RFC 9369 section 3.3).

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of an AEAD tag.
const TAG: usize = 16;

/// What a version derives its secrets from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Version 1, drafts 33 and 34.
    V1,
    /// Version 2.
    V2,
    /// Drafts 29 to 32.
    Draft29,
    /// Drafts 23 to 28, and Facebook's versions from their time.
    Draft23,
}

impl Secrets {
    fn salt(self) -> &'static [u8; 20] {
        match self {
            Self::V1 => &[
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
                0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
            Self::V2 => &[
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
                0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
            Self::Draft29 => &[
                0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
                0xe0, 0x43, 0x90, 0xa8, 0x99,
            ],
            Self::Draft23 => &[
                0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63,
                0x65, 0xbe, 0xf9, 0xf5, 0x02,
            ],
        }
    }

    /// Labels of key, IV and header protection key, as HKDF-Expand-Label writes them.
    fn labels(self) -> [&'static [u8]; 3] {
        match self {
            Self::V1 | Self::Draft29 | Self::Draft23 => {
                [b"tls13 quic key", b"tls13 quic iv", b"tls13 quic hp"]
            }
            Self::V2 => [b"tls13 quicv2 key", b"tls13 quicv2 iv", b"tls13 quicv2 hp"],
        }
    }
}

/// What protects the Initial packets of one side.
#[derive(Clone, Copy)]
pub struct InitialKeys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl InitialKeys {
    /// The client's keys for the connection id that its first packet is sent to.
    pub fn of_client(secrets: Secrets, connection_id: &[u8]) -> Option<Self> {
        Self::of_side(secrets, connection_id, b"tls13 client in")
    }

    /// The keys of the server that answers: they come from the same connection id.
    pub fn of_server(secrets: Secrets, connection_id: &[u8]) -> Option<Self> {
        Self::of_side(secrets, connection_id, b"tls13 server in")
    }

    fn of_side(secrets: Secrets, connection_id: &[u8], label: &[u8]) -> Option<Self> {
        let initial = Hkdf::<Sha256>::new(Some(secrets.salt()), connection_id);
        let mut secret = [0; 32];
        expand(&initial, label, &mut secret)?;
        let side = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let mut keys = Self { key: [0; 16], iv: [0; 12], header: [0; 16] };
        let [key, iv, header] = secrets.labels();
        expand(&side, key, &mut keys.key)?;
        expand(&side, iv, &mut keys.iv)?;
        expand(&side, header, &mut keys.header)?;
        Some(keys)
    }

    /// Opens a packet into `buffer`, and says where in it the frames begin. `number_offset` is where the protected
    /// packet number begins. `None` if the packet is not protected by these keys.
    pub fn open(&self, packet: &[u8], number_offset: usize, buffer: &mut Vec<u8>) -> Option<usize> {
        // Header protection (RFC 9001 section 5.4): the sample begins four bytes behind the packet number's first.
        let sample: [u8; 16] = packet.get(number_offset.checked_add(4)?..)?.first_chunk().copied()?;
        let mut mask = sample.into();
        Aes128::new(&self.header.into()).encrypt_block(&mut mask);
        buffer.clear();
        buffer.extend_from_slice(packet);
        let first = buffer.first_mut()?;
        *first ^= mask.first()? & 0x0f;
        let number_length = usize::from(*first & 3) + 1;
        let mut number = 0u64;
        for (byte, mask) in
            buffer.get_mut(number_offset..)?.iter_mut().zip(mask.iter().skip(1)).take(number_length)
        {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        // Initial packets are few: the number as sent is the whole one.
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        let begin = number_offset.checked_add(number_length)?;
        let end = buffer.len().checked_sub(TAG)?;
        let (rest, tag) = buffer.split_at_mut_checked(end)?;
        let (header, body) = rest.split_at_mut_checked(begin)?;
        let tag: [u8; TAG] = tag.first_chunk().copied()?;
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(&nonce.into(), header, InOutBuf::from(body), &tag.into())
            .ok()?;
        buffer.truncate(end);
        Some(begin)
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand(from: &Hkdf<Sha256>, label: &[u8], out: &mut [u8]) -> Option<()> {
    let length = (out.len() as u16).to_be_bytes();
    from.expand_multi_info(&[&length, &[label.len() as u8], label, &[0]], out).ok()
}

#[cfg(test)]
impl InitialKeys {
    /// A version 1 or 2 Initial packet with packet number 0 of four bytes, as a client seals it.
    pub fn seal(&self, header: &[u8], frames: &[u8]) -> Vec<u8> {
        let mut body = frames.to_vec();
        let mut header = [header, &[0; 4]].concat();
        let tag = Aes128Gcm::new(&self.key.into())
            .encrypt_inout_detached(&self.iv.into(), &header, InOutBuf::from(body.as_mut_slice()))
            .unwrap();
        body.extend_from_slice(&tag);
        let mut mask = <[u8; 16]>::try_from(&body[..16]).unwrap().into();
        Aes128::new(&self.header.into()).encrypt_block(&mut mask);
        header[0] ^= mask[0] & 0x0f;
        let number = header.len() - 4;
        header[number..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        [header, body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn keys_of_rfc_9001_and_9369() {
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        for (secrets, key, iv, header) in [
            (
                Secrets::V1,
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2",
            ),
            (
                Secrets::V2,
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9",
            ),
        ] {
            let keys = InitialKeys::of_client(secrets, &id).unwrap();
            assert_eq!(
                (hex(&keys.key), hex(&keys.iv), hex(&keys.header)),
                (key.into(), iv.into(), header.into())
            );
        }
    }
}
