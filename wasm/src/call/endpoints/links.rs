//! Which announcements of an endpoint count, and in which order.

use super::super::order::NONE;
use super::{ACTIVE, CURRENT, Endpoints, NOT_CACHED, OFFERED, Place, Socket, put};
use crate::sip::session_description::Carries;

impl Endpoints {
    pub(super) fn make_place(&mut self, socket: &Socket, hash: u32) -> Option<u32> {
        let place = Place {
            words: socket.words,
            version_and_port: socket.version_and_port,
            scope: 0,
            expires_ns: i64::MIN,
            to: NOT_CACHED,
            from: NOT_CACHED,
            wanted: NONE,
            active: NONE,
            inactive: NONE,
            active_length: 0,
            carries: Carries::Other,
        };
        let slot = put(&mut self.places, &mut self.free_places, place);
        // Someone may only push the others away by knowing the seed.
        if self.index.insert(hash, slot).is_err() {
            self.free_places.push(slot);
            return None;
        }
        Some(slot)
    }

    pub(super) fn deactivate_if_replaced(&mut self, at: u32, expires_ns: i64) {
        if self.announcements.get(at as usize).is_some_and(|one| one.flags & (CURRENT | OFFERED) == 0) {
            self.deactivate(at, expires_ns);
        }
    }

    pub(super) fn deactivate(&mut self, at: u32, expires_ns: i64) {
        if self.announcements.get(at as usize).is_some_and(|one| one.flags & ACTIVE != 0) {
            self.unlink(at);
            if let Some(announcement) = self.announcements.get_mut(at as usize) {
                announcement.expires_ns = expires_ns;
            }
            self.link(at, false);
        }
    }

    /// Makes it count again, if it did not; and says what it says now.
    pub(super) fn activate(&mut self, at: u32) {
        let Some(announcement) = self.announcements.get_mut(at as usize) else { return };
        if announcement.flags & ACTIVE == 0 {
            announcement.expires_ns = i64::MAX;
            self.unlink(at);
            self.link(at, true);
        } else {
            let place = announcement.place;
            self.refresh(place);
        }
    }

    /// Puts an announcement in front of those of its place that are active as it is, or that are not.
    pub(super) fn link(&mut self, at: u32, is_active: bool) {
        let Some(announcement) = self.announcements.get_mut(at as usize) else { return };
        let slot = announcement.place;
        let Some(place) = self.places.get_mut(slot as usize) else { return };
        if is_active {
            announcement.flags |= ACTIVE;
            place.active_length = place.active_length.saturating_add(1);
        }
        let older = std::mem::replace(place.head_mut(announcement.flags), at);
        announcement.newer = NONE;
        announcement.older = older;
        if let Some(neighbour) = self.announcements.get_mut(older as usize) {
            neighbour.newer = at;
        }
        self.refresh(slot);
    }

    pub(super) fn unlink(&mut self, at: u32) {
        let Some(announcement) = self.announcements.get_mut(at as usize) else { return };
        let (newer, older, slot) = (announcement.newer, announcement.older, announcement.place);
        let flags = announcement.flags;
        let was_active = flags & ACTIVE != 0;
        announcement.flags &= !ACTIVE;
        if let Some(neighbour) = self.announcements.get_mut(older as usize) {
            neighbour.newer = newer;
        }
        if let Some(neighbour) = self.announcements.get_mut(newer as usize) {
            neighbour.older = older;
        } else if let Some(place) = self.places.get_mut(slot as usize) {
            *place.head_mut(flags) = older;
        }
        if was_active && let Some(place) = self.places.get_mut(slot as usize) {
            // Of so many that they were not counted on, it is not known how many are left.
            place.active_length -= u16::from((1..u16::MAX).contains(&place.active_length));
        }
        self.refresh(slot);
    }

    pub(super) fn free(&mut self, at: u32) {
        self.unlink(at);
        let Some(announcement) = self.announcements.get(at as usize) else { return };
        let slot = announcement.place;
        self.free_announcements.push(at);
        if let Some(place) = self.places.get(slot as usize)
            && place.first() == NONE
        {
            let socket = Socket { words: place.words, version_and_port: place.version_and_port };
            self.index.remove(self.hash(&socket), slot);
            self.free_places.push(slot);
        }
    }

    /// Has the place say what the announcement that counts says, and forget which streams came by.
    pub(super) fn refresh(&mut self, slot: u32) {
        let Some(place) = self.places.get_mut(slot as usize) else { return };
        (place.to, place.from) = (NOT_CACHED, NOT_CACHED);
        if let Some(announcement) = self.announcements.get(place.first() as usize) {
            place.expires_ns = announcement.expires_ns;
            place.carries = announcement.carries;
            place.scope = announcement.scope;
        }
    }
}
