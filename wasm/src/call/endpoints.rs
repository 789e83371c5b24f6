//! Where the media of which call arrive: the addresses and ports that session descriptions announced.
//!
//! A look-up reads a cell of the index and one cache line of 64 bytes. That line also says which stream came by last in
//! each direction, so that a packet of a stream that is known needs nothing else to find it.
//!
//! Several calls may announce one endpoint: a port that is used again while the call before is being forgotten, or one
//! session that passes through servers under several Call-IDs. Each keeps its announcement; the newest one of a call that is
//! not over counts, before those of calls that are over or have moved their media elsewhere. Those of calls that go out come
//! before all others, so that nobody can push them away by announcing the same.
//!
//! Networks that are apart may use the same addresses ([`networks`]). But signalling and media of a call may be in different
//! ones (VLANs for telephones), so a packet may be of a call of another network where nothing was announced in its own, or
//! where that call has both of its ends and its own network has neither.

mod links;
mod networks;
mod turns;

pub(super) use networks::Networks;

use std::hash::Hasher;

use crate::bounded::{BoundedMap, MixHasher};
use crate::flow::table::index::Index;
use crate::net::Address;
use crate::sip::session_description::Carries;

use super::order::NONE;
use super::scope::ANY_SCOPE;

/// Of an accepted description.
const CURRENT: u8 = 1;
/// Of an offer that has not been answered.
const OFFERED: u8 = 1 << 1;
/// In the description being read.
const NAMED: u8 = 1 << 2;
/// In a list of what counts first.
const ACTIVE: u8 = 1 << 3;
/// Of a call that goes out.
const WANTED: u8 = 1 << 4;
/// Of a call without signalling, which is in the network that its media are in.
const APART: u8 = 1 << 5;

/// Networks in which something was announced, at most; packets of those forgotten are looked for in all.
const MOST_SCOPES: usize = 8192;
/// Announcements of one endpoint that are looked through for one of a packet's network.
const MOST_LOOKED_THROUGH: usize = 32;

/// An address and a port, to be looked up.
#[derive(Clone, Copy)]
pub(super) struct Socket {
    words: [u64; 2],
    version_and_port: u32,
}

impl Socket {
    #[inline]
    pub(super) fn new(address: &Address, port: u16) -> Self {
        Self::of_words(address.words(), address.version(), port)
    }

    #[inline]
    pub(super) fn of_words(words: [u64; 2], version: u8, port: u16) -> Self {
        Self { words, version_and_port: u32::from(version) << 16 | u32::from(port) }
    }
}

/// Which stream of which call.
#[derive(Clone, Copy)]
pub(super) struct Cached {
    pub(super) call: u32,
    pub(super) stream: u32,
}

pub(super) const NOT_CACHED: Cached = Cached { call: NONE, stream: 0 };

/// An endpoint. One cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Place {
    words: [u64; 2],
    version_and_port: u32,
    /// The network of the announcement that counts.
    pub(super) scope: u32,
    /// The announcement that counts is none from this packet time on, nanoseconds.
    expires_ns: i64,
    /// The stream that came here last, and the one that came from here.
    pub(super) to: Cached,
    pub(super) from: Cached,
    /// The newest active announcement of calls that go out, of the other ones, and the newest that is not active.
    wanted: u32,
    active: u32,
    inactive: u32,
    /// Of both kinds.
    active_length: u16,
    /// What the announcement that counts says.
    pub(super) carries: Carries,
}

impl Place {
    /// Whether a call that is not over has it.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        (self.wanted, self.active) != (NONE, NONE)
    }

    /// Whether several such calls have it.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        self.active_length > 1
    }

    /// The announcement that counts.
    fn first(&self) -> u32 {
        [self.wanted, self.active].into_iter().find(|head| *head != NONE).unwrap_or(self.inactive)
    }

    /// The list for an announcement with these flags.
    fn head_mut(&mut self, flags: u8) -> &mut u32 {
        match (flags & ACTIVE != 0, flags & WANTED != 0) {
            (true, true) => &mut self.wanted,
            (true, false) => &mut self.active,
            (false, _) => &mut self.inactive,
        }
    }
}

/// That a call's media arrive at an endpoint.
#[derive(Clone)]
pub(super) struct Announcement {
    expires_ns: i64,
    place: u32,
    pub(super) call: u32,
    /// The next one of the call.
    next: u32,
    newer: u32,
    older: u32,
    /// In which network.
    scope: u32,
    /// Who announced it on which way.
    side: u32,
    /// Who announced it.
    pub(super) party: u32,
    pub(super) section: u8,
    carries: Carries,
    flags: u8,
}

/// The announcements of one call, kept in it.
#[derive(Clone, Copy)]
pub(super) struct Announced {
    first: u32,
    length: u32,
}

impl Default for Announced {
    fn default() -> Self {
        Self { first: NONE, length: 0 }
    }
}

/// What a description announces.
#[derive(Clone, Copy)]
pub(super) struct Announcing {
    pub(super) call: u32,
    pub(super) side: u32,
    pub(super) party: u32,
    /// The call goes out.
    pub(super) is_wanted: bool,
    /// It has to be answered before what was announced earlier is replaced.
    pub(super) is_offer: bool,
    pub(super) scope: u32,
    /// Nothing was signalled, so that media of other networks are none of its.
    pub(super) is_apart: bool,
    pub(super) now_ns: i64,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnnouncementResult {
    /// The call had it.
    Known,
    /// Nobody had it.
    Made,
    /// Another call has it, too.
    Shared,
    /// The call has no room for it, or it is a guess and somebody else has the endpoint.
    Refused,
    /// There is no room for it.
    Full,
}

/// All endpoints.
pub(super) struct Endpoints {
    index: Index,
    places: Vec<Place>,
    free_places: Vec<u32>,
    announcements: Vec<Announcement>,
    free_announcements: Vec<u32>,
    /// By place: the one that was found after it.
    after: Vec<u32>,
    /// The place that was found last by its turn.
    latest: u32,
    scopes: BoundedMap<u32, ()>,
    /// The newest of them.
    latest_scope: Option<u32>,
    seed: u64,
    most: usize,
    most_per_call: u32,
}

impl Endpoints {
    pub(super) fn new(most: usize, most_per_call: usize, seed: u64) -> Self {
        Self {
            index: Index::new(),
            places: Vec::new(),
            free_places: Vec::new(),
            announcements: Vec::new(),
            free_announcements: Vec::new(),
            after: Vec::new(),
            latest: NONE,
            scopes: BoundedMap::new(MOST_SCOPES),
            latest_scope: None,
            seed,
            most: most.clamp(1, 1 << 24),
            most_per_call: u32::try_from(most_per_call).unwrap_or(u32::MAX),
        }
    }

    /// Endpoints held.
    pub(super) fn length(&self) -> usize {
        self.places.len() - self.free_places.len()
    }

    #[inline]
    fn hash(&self, socket: &Socket) -> u32 {
        let mut hasher = MixHasher::with_seed(self.seed);
        let [first, second] = socket.words;
        hasher.write_u64(first);
        // The second half is 0 for IPv4; the factor is any odd number that spreads the port over all bits.
        hasher.write_u64(second ^ u64::from(socket.version_and_port).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        ((hasher.finish() >> 32) as u32).max(1)
    }

    /// The place of an endpoint that somebody has.
    #[inline]
    fn place_of(&self, socket: &Socket, hash: u32) -> Option<u32> {
        self.index.find(hash, |slot| {
            self.places.get(slot as usize).is_some_and(|place| {
                place.words == socket.words && place.version_and_port == socket.version_and_port
            })
        })
    }

    /// The place of an endpoint at which media are to be expected at that time.
    #[inline]
    pub(super) fn find(&self, socket: &Socket, now_ns: i64) -> Option<u32> {
        let slot = self.place_of(socket, self.hash(socket))?;
        self.places.get(slot as usize).filter(|place| now_ns < place.expires_ns).map(|_| slot)
    }

    #[inline]
    pub(super) fn place(&self, slot: u32) -> Option<&Place> {
        self.places.get(slot as usize)
    }

    #[inline]
    pub(super) fn place_mut(&mut self, slot: u32) -> Option<&mut Place> {
        self.places.get_mut(slot as usize)
    }

    /// Whether one more can be announced.
    pub(super) fn has_room(&self) -> bool {
        self.announcements.len() - self.free_announcements.len() < self.most
    }

    /// The announcement that counts, of those in some networks.
    pub(super) fn preferred(&self, slot: u32, networks: Networks) -> Option<&Announcement> {
        let place = self.place(slot)?;
        let lists = [place.wanted, place.active, place.inactive];
        lists.into_iter().find_map(|head| self.list(head, networks).next())
    }

    /// The announcement of that call, among `announced`.
    pub(super) fn announcement_in(&self, announced: &Announced, slot: u32) -> Option<&Announcement> {
        self.of_call(announced).find(|announcement| announcement.place == slot)
    }

    /// Whether both sides of a call have announced something.
    pub(super) fn has_both_sides(&self, announced: &Announced) -> bool {
        let mut parties = self.of_call(announced).map(|announcement| announcement.party);
        parties.next().is_some_and(|first| parties.any(|party| party != first))
    }

    /// Calls of the active announcements of an endpoint, those that go out before the others, the newest first, with their
    /// networks.
    pub(super) fn calls_on(&self, slot: u32) -> impl Iterator<Item = (u32, u32)> {
        let heads = self.place(slot).map_or([NONE; 2], |place| [place.wanted, place.active]);
        let all =
            heads.into_iter().flat_map(|head| self.list(head, Networks { own: ANY_SCOPE, others: true }));
        all.map(|announcement| (announcement.call, announcement.scope))
    }

    /// Those of them that go out, in some networks.
    pub(super) fn wanted_on(&self, slot: u32, networks: Networks) -> impl Iterator<Item = u32> {
        let head = self.place(slot).map_or(NONE, |place| place.wanted);
        self.list(head, networks).map(|announcement| announcement.call)
    }

    /// Calls of the announcements that are not active any more, in some networks, the newest first.
    pub(super) fn inactive_on(&self, slot: u32, networks: Networks) -> impl Iterator<Item = u32> {
        let head = self.place(slot).map_or(NONE, |place| place.inactive);
        self.list(head, networks).map(|announcement| announcement.call)
    }

    /// The newest of the others.
    pub(super) fn newest_unwanted_on(&self, slot: u32, networks: Networks) -> Option<u32> {
        let mut others = self.list(self.place(slot)?.active, networks);
        others.next().map(|announcement| announcement.call)
    }

    /// The announcements from one on, as far as they are of some networks.
    fn list(&self, mut at: u32, Networks { own, others }: Networks) -> impl Iterator<Item = &Announcement> {
        let all = std::iter::from_fn(move || {
            let announcement = self.announcements.get(at as usize)?;
            at = announcement.older;
            Some(announcement)
        });
        all.take(MOST_LOOKED_THROUGH).filter(move |announcement| {
            [own, ANY_SCOPE].contains(&announcement.scope)
                || own == ANY_SCOPE
                || others && announcement.flags & APART == 0
        })
    }

    fn of_call(&self, announced: &Announced) -> impl Iterator<Item = &Announcement> {
        let mut at = announced.first;
        std::iter::from_fn(move || {
            let announcement = self.announcements.get(at as usize)?;
            at = announcement.next;
            Some(announcement)
        })
    }

    /// Calls `visit` with the numbers of the announcements of a call.
    fn for_each_of(&mut self, announced: &Announced, mut visit: impl FnMut(&mut Self, u32)) {
        let mut at = announced.first;
        while let Some(announcement) = self.announcements.get(at as usize) {
            let next = announcement.next;
            visit(self, at);
            at = next;
        }
    }

    /// Begins a description of a side: what it does not name will be replaced by [`end_description`](Self::end_description).
    pub(super) fn begin_description(&mut self, announced: &Announced) {
        self.for_each_of(announced, |endpoints, at| {
            if let Some(announcement) = endpoints.announcements.get_mut(at as usize) {
                announcement.flags &= !NAMED;
            }
        });
    }

    /// One endpoint of the description.
    pub(super) fn announce(
        &mut self,
        announced: &mut Announced,
        announcing: &Announcing,
        socket: &Socket,
        (section, carries, is_guess): (u8, Carries, bool),
    ) -> AnnouncementResult {
        let hash = self.hash(socket);
        let mut place = self.place_of(socket, hash);
        let flags = NAMED | if announcing.is_offer { OFFERED } else { CURRENT };
        let wanted = if announcing.is_wanted { WANTED } else { 0 };
        let apart = if announcing.is_apart { APART } else { 0 };
        if let Some(place) = place {
            let mut known = NONE;
            self.for_each_of(announced, |endpoints, at| {
                if endpoints
                    .announcements
                    .get(at as usize)
                    .is_some_and(|announcement| announcement.place == place)
                {
                    known = at;
                }
            });
            if let Some(announcement) = self.announcements.get_mut(known as usize) {
                if is_guess && announcement.flags & NAMED != 0 {
                    return AnnouncementResult::Known;
                }
                if announcement.scope != announcing.scope {
                    // Its signalling passes through several.
                    announcement.scope = ANY_SCOPE;
                }
                announcement.side = announcing.side;
                announcement.party = announcing.party;
                announcement.section = section;
                announcement.carries = carries;
                announcement.flags |= flags;
                if !announcing.is_offer {
                    announcement.flags &= !OFFERED;
                }
                self.activate(known);
                return AnnouncementResult::Known;
            }
        }
        let is_shared = place
            .and_then(|place| self.places.get(place as usize))
            .is_some_and(|place| place.active_length != 0);
        if is_guess && is_shared {
            return AnnouncementResult::Refused;
        }
        if announced.length >= self.most_per_call {
            if !self.forget_one(announced, announcing.now_ns) {
                return AnnouncementResult::Refused;
            }
            // That may have given the place back.
            place = self.place_of(socket, hash);
        }
        if !self.has_room() {
            return AnnouncementResult::Full;
        }
        let Some(place) = place.or_else(|| self.make_place(socket, hash)) else {
            return AnnouncementResult::Refused;
        };
        let announcement = Announcement {
            expires_ns: i64::MAX,
            place,
            call: announcing.call,
            next: announced.first,
            newer: NONE,
            older: NONE,
            scope: announcing.scope,
            side: announcing.side,
            party: announcing.party,
            section,
            carries,
            flags: flags | wanted | apart,
        };
        let at = put(&mut self.announcements, &mut self.free_announcements, announcement);
        announced.first = at;
        announced.length += 1;
        self.link(at, true);
        if is_shared { AnnouncementResult::Shared } else { AnnouncementResult::Made }
    }

    /// Ends the description of a side: what it has announced before on the same way, and does not name now, is replaced; but
    /// by an offer only once that is accepted.
    pub(super) fn end_description(
        &mut self,
        announced: &Announced,
        announcing: &Announcing,
        expires_ns: i64,
    ) {
        self.for_each_of(announced, |endpoints, at| {
            let Some(announcement) = endpoints.announcements.get_mut(at as usize) else { return };
            if announcement.side == announcing.side && announcement.flags & NAMED == 0 {
                announcement.flags &= !(if announcing.is_offer { OFFERED } else { CURRENT | OFFERED });
                endpoints.deactivate_if_replaced(at, expires_ns);
            }
        });
    }

    /// The offer of a side was answered.
    pub(super) fn accept_offer(&mut self, announced: &Announced, side: u32, expires_ns: i64) {
        self.for_each_of(announced, |endpoints, at| {
            let Some(announcement) = endpoints.announcements.get_mut(at as usize) else { return };
            if announcement.side == side {
                let was_offered = announcement.flags & OFFERED != 0;
                announcement.flags &= !(CURRENT | OFFERED);
                announcement.flags |= if was_offered { CURRENT } else { 0 };
                endpoints.deactivate_if_replaced(at, expires_ns);
            }
        });
    }

    /// The offer of a side was rejected: what was before goes on (RFC 3264 section 8, RFC 3261 section 14.1).
    pub(super) fn reject_offer(&mut self, announced: &Announced, side: u32, expires_ns: i64) {
        self.for_each_of(announced, |endpoints, at| {
            let Some(announcement) = endpoints.announcements.get_mut(at as usize) else { return };
            if announcement.side == side {
                announcement.flags &= !OFFERED;
                endpoints.deactivate_if_replaced(at, expires_ns);
            }
        });
    }

    /// The call is over: what it has is valid until then, after what others have.
    pub(super) fn end_call(&mut self, announced: &Announced, expires_ns: i64) {
        self.for_each_of(announced, |endpoints, at| endpoints.deactivate(at, expires_ns));
    }

    /// The call was not over after all.
    pub(super) fn resume_call(&mut self, announced: &Announced) {
        self.for_each_of(announced, |endpoints, at| {
            if endpoints
                .announcements
                .get(at as usize)
                .is_some_and(|one| one.flags & (CURRENT | OFFERED) != 0)
            {
                endpoints.activate(at);
            }
        });
    }

    /// Forgets what a call has announced.
    pub(super) fn forget_call(&mut self, announced: &mut Announced) {
        self.for_each_of(announced, |endpoints, at| endpoints.free(at));
        *announced = Announced::default();
    }

    /// The call goes out from now on, or does so no longer.
    pub(super) fn set_wanted(&mut self, announced: &Announced, is_wanted: bool) {
        self.for_each_of(announced, |endpoints, at| endpoints.set_one_wanted(at, is_wanted));
    }

    fn set_one_wanted(&mut self, at: u32, is_wanted: bool) {
        let wanted = if is_wanted { WANTED } else { 0 };
        let Some(announcement) = self.announcements.get_mut(at as usize) else { return };
        let flags = announcement.flags;
        if flags & WANTED == wanted {
            return;
        }
        let is_active = flags & ACTIVE != 0;
        if is_active {
            self.unlink(at);
        }
        if let Some(announcement) = self.announcements.get_mut(at as usize) {
            announcement.flags ^= WANTED;
        }
        if is_active {
            self.link(at, true);
        }
    }

    /// Hands what one call has announced to another, which announces all of it from now on, as far as there is room.
    pub(super) fn hand_over(
        &mut self,
        from: &mut Announced,
        to: &mut Announced,
        (call, is_wanted): (u32, bool),
    ) {
        let most = self.most_per_call;
        self.for_each_of(from, |endpoints, at| {
            let Some(place) = endpoints.announcements.get(at as usize).map(|one| one.place) else { return };
            if to.length >= most || endpoints.announcement_in(to, place).is_some() {
                return endpoints.free(at);
            }
            if let Some(announcement) = endpoints.announcements.get_mut(at as usize) {
                announcement.call = call;
                announcement.flags &= !APART;
                announcement.next = to.first;
                to.first = at;
                to.length += 1;
            }
            endpoints.set_one_wanted(at, is_wanted);
            endpoints.refresh(place);
        });
        *from = Announced::default();
    }

    /// Forgets one announcement of the call that has expired, if there is one.
    #[cold]
    fn forget_one(&mut self, announced: &mut Announced, now_ns: i64) -> bool {
        let (mut before, mut at) = (NONE, announced.first);
        while let Some(announcement) = self.announcements.get(at as usize) {
            let next = announcement.next;
            if announcement.expires_ns <= now_ns && announcement.flags & ACTIVE == 0 {
                match self.announcements.get_mut(before as usize) {
                    Some(before) => before.next = next,
                    None => announced.first = next,
                }
                announced.length -= 1;
                self.free(at);
                return true;
            }
            (before, at) = (at, next);
        }
        false
    }
}

/// Puts a value where one was given back, or behind the others.
fn put<V>(values: &mut Vec<V>, free: &mut Vec<u32>, value: V) -> u32 {
    if let Some(slot) = free.pop()
        && let Some(place) = values.get_mut(slot as usize)
    {
        *place = value;
        return slot;
    }
    values.push(value);
    (values.len() - 1) as u32
}
