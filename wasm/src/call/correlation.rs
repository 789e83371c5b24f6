//! Which calls are legs of one call: those on both sides of a back-to-back user agent, that has given them Call-IDs of their
//! own.
//!
//! What names the whole call is believed: Session-ID (RFC 7989), the ICID of P-Charging-Vector (RFC 7315), a header field that
//! holds the other Call-ID (Replaces, Join, Target-Dialog, and what vendors have for it). Without any, a call is the next leg
//! of one whose INVITE went to the host that its own comes from, within seconds, if both have the same users or the same
//! session in `o=`. A media endpoint in common says nothing: test calls share one, and gateways use them again.

use std::hash::Hasher;

use crate::bounded::{BoundedMap, MixHasher};
use crate::net::Address;
use crate::sip::address::{Uri, decoded, parameter};
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::session_description::Origin;

use super::Passage;
use super::table::{CallKey, Calls};
use super::texts::Text;

/// How much later than the first leg's INVITE the next one's comes at most, nanoseconds.
const NEXT_LEG_NS: i64 = 5_000_000_000;
/// Digits at the end of a telephone number that are compared: prefixes differ from network to network.
const COMPARED_DIGITS: usize = 9;
/// Bytes of a user that are compared.
const MOST_USER: usize = 64;

/// Header fields that hold a Call-ID, or another name for all legs.
const NAMES: [&[u8]; 8] = [
    b"X-CID",
    b"X-Call-ID",
    b"X-Original-Call-ID",
    b"X-Global-Call-ID",
    b"X-Correlation-ID",
    b"X-Session-ID",
    b"Join",
    b"Target-Dialog",
];

/// What kind of thing a key is made of.
#[derive(Clone, Copy)]
enum Kind {
    Session,
    Charging,
    Named,
    Users,
    Origin,
}

/// A call that said something, and when it began.
#[derive(Clone, Copy)]
struct Said {
    call: CallKey,
    now_ns: i64,
}

/// What calls said that others may say, too.
pub(super) struct Correlation {
    said: BoundedMap<u64, Said>,
    seed: u64,
}

impl Correlation {
    pub(super) fn new(calls: usize, seed: u64) -> Self {
        Self { said: BoundedMap::new(calls.saturating_mul(4)), seed }
    }

    /// Things that gave way to others.
    pub(super) fn evictions(&self) -> u64 {
        self.said.evictions()
    }

    /// Things that are remembered.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.said.len()
    }

    fn key(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        let mut hasher = MixHasher::with_seed(self.seed);
        hasher.write_u8(kind as u8);
        parts.iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}

impl<T: Default> Calls<T> {
    /// Looks for other legs in a message of an INVITE's transaction.
    pub(super) fn correlate(
        &mut self,
        slot: u32,
        message: &Message<'_>,
        origin: Option<Origin<'_>>,
        passage: &Passage,
        begins: bool,
    ) {
        if let Some(session) = message.first(Header::SessionId) {
            self.correlate_session(slot, session, passage.timestamp_ns);
        }
        if begins {
            self.correlate_names(slot, message, passage.timestamp_ns);
            self.correlate_next_leg(slot, message, origin, passage);
        }
    }

    /// `ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2`: either half names the call.
    #[inline(never)]
    fn correlate_session(&mut self, slot: u32, value: &[u8], now_ns: i64) {
        let hash = self.correlation.key(Kind::Session, &[value]);
        let Some(call) = self.calls.get_mut(slot as usize) else { return };
        if std::mem::replace(&mut call.session, hash) == hash {
            return;
        }
        let local = value.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        let remote = parameter(value, b"remote").unwrap_or_default();
        for id in [local, remote] {
            // The nil identifier stands for one that is not known yet.
            if id.iter().any(|digit| *digit != b'0') {
                self.correlate_key(slot, self.correlation.key(Kind::Session, &[id]), now_ns);
            }
        }
    }

    #[inline(never)]
    fn correlate_names(&mut self, slot: u32, message: &Message<'_>, now_ns: i64) {
        if let Some(icid) =
            message.first(Header::PChargingVector).and_then(|value| parameter(value, b"icid-value"))
            && !icid.is_empty()
        {
            self.correlate_key(slot, self.correlation.key(Kind::Charging, &[icid]), now_ns);
        }
        if let Some(value) = message.first(Header::Replaces) {
            self.correlate_name(slot, value, now_ns);
        }
        if !message.has_others() || !may_be_named(message.head()) {
            return;
        }
        for (name, value) in message.fields() {
            if NAMES.iter().any(|one| name.eq_ignore_ascii_case(one)) {
                self.correlate_name(slot, value, now_ns);
            }
        }
    }

    /// A Call-ID, or something that other legs have as well.
    fn correlate_name(&mut self, slot: u32, value: &[u8], now_ns: i64) {
        let name = value.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        if name.is_empty() {
            return;
        }
        match self.slot_of(name, self.hash(name)) {
            Some(other) => self.adopt(slot, other),
            None => self.correlate_key(slot, self.correlation.key(Kind::Named, &[name]), now_ns),
        }
    }

    /// Correlates with the call that said the same; the first one to say it is remembered.
    fn correlate_key(&mut self, slot: u32, key: u64, now_ns: i64) {
        let said = self.correlation.said.get(&key).map(|said| said.call);
        match said.filter(|other| self.get(*other).is_some()) {
            Some(other) => self.adopt(slot, other.slot),
            None => self.say(slot, key, now_ns),
        }
    }

    /// Remembers what a call said, and forgets what calls said that are gone, as far as a few looks tell.
    fn say(&mut self, slot: u32, key: u64, now_ns: i64) {
        // Most calls say two things: as long as there are no more, hardly any are of calls that are gone.
        let looks = if self.correlation.said.len() > 2 * self.held() { 2 } else { 0 };
        for _ in 0..looks {
            let Some((oldest, call)) = self.correlation.said.oldest().map(|(key, said)| (*key, said.call))
            else {
                break;
            };
            if self.get(call).is_some() {
                self.correlation.said.touch(&oldest);
            } else {
                self.correlation.said.remove(&oldest);
            }
        }
        if let Some(call) = self.key_of(slot) {
            self.correlation.said.insert(key, Said { call, now_ns });
        }
    }

    /// By host, users and session.
    #[inline(never)]
    fn correlate_next_leg(
        &mut self,
        slot: u32,
        message: &Message<'_>,
        origin: Option<Origin<'_>>,
        passage: &Passage,
    ) {
        if passage.source == passage.destination {
            return;
        }
        let users = self.users_key(message);
        // Many makers number all their sessions 0 or 1.
        let origin = origin
            .filter(|made| made.session_id.len() > 2)
            .map(|made| self.correlation.key(Kind::Origin, &[made.user, made.session_id, made.host]));
        let now_ns = passage.timestamp_ns;
        for key in [users, origin].into_iter().flatten() {
            let is_next = |said: &&Said| {
                (0..=NEXT_LEG_NS).contains(&now_ns.saturating_sub(said.now_ns)) && said.call.slot != slot
            };
            let at_host = self.at_host(key, &passage.source);
            let before = self.correlation.said.get(&at_host).filter(is_next).map(|said| said.call);
            if let Some(before) = before.filter(|other| self.get(*other).is_some()) {
                self.adopt(slot, before.slot);
            }
            self.say(slot, self.at_host(key, &passage.destination), now_ns);
        }
    }

    fn at_host(&self, key: u64, host: &Address) -> u64 {
        let mut hasher = MixHasher::with_seed(key);
        host.words().into_iter().for_each(|word| hasher.write_u64(word));
        hasher.finish()
    }

    /// None where one of them is not known.
    fn users_key(&self, message: &Message<'_>) -> Option<u64> {
        let (mut from, mut to) = ([0; MOST_USER], [0; MOST_USER]);
        let from = compared(Uri::user_of(message.from().uri)?, &mut from);
        let to = compared(Uri::user_of(message.to().uri)?, &mut to);
        (!from.is_empty() && !to.is_empty()).then(|| self.correlation.key(Kind::Users, &[from, to]))
    }

    /// Gives a call that has none the correlation id of an earlier one.
    fn adopt(&mut self, slot: u32, earlier: u32) {
        let (Some(call), Some(first)) = (self.calls.get(slot as usize), self.calls.get(earlier as usize))
        else {
            return;
        };
        let is_new = call.texts.get(Text::CorrelationId).is_empty() && first.correlation_id() != call.id();
        if slot == earlier || !is_new {
            return;
        }
        let id = first.correlation_id().to_vec();
        if let Some(call) = self.calls.get_mut(slot as usize) {
            call.texts.set(Text::CorrelationId, &id);
            self.figures.correlated += 1;
        }
    }
}

/// Whether a header field may be one of [`NAMES`], by the letters that they begin with.
fn may_be_named(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|end| {
        let letters = head.get(end + 1..).and_then(<[u8]>::first_chunk);
        letters.is_some_and(|[first, second]| {
            matches!(
                [first.to_ascii_lowercase(), second.to_ascii_lowercase()],
                [b'x', b'-'] | [b'j', b'o'] | [b't', b'a']
            )
        })
    })
}

/// The user as it is compared: the end of a telephone number, or all of it in lower case.
fn compared<'a>(user: &[u8], buffer: &'a mut [u8; MOST_USER]) -> &'a [u8] {
    let is_mark = |octet: &u8| matches!(octet, b'+' | b'-' | b'.' | b'(' | b')');
    let is_number = decoded(user).all(|octet| octet.is_ascii_digit() || is_mark(&octet));
    let mut length = 0usize;
    let octets = decoded(user).filter(|octet| !is_number || !is_mark(octet));
    for (place, octet) in buffer.iter_mut().zip(octets) {
        *place = octet.to_ascii_lowercase();
        length += 1;
    }
    let start = if is_number { length.saturating_sub(COMPARED_DIGITS) } else { 0 };
    buffer.get(start..length).unwrap_or_default()
}
