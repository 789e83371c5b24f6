//! Endpoints in the order in which media come to them.

use super::{Cached, Endpoints, NONE, Socket};

impl Endpoints {
    /// [`find`](Self::find), for media: what came after the last one before is tried first, because streams that send every
    /// 20 ms come in the same order again and again.
    #[inline]
    pub(in crate::call) fn find_in_turn(&mut self, socket: &Socket, now_ns: i64) -> Option<u32> {
        let next = self.after.get(self.latest as usize).copied().unwrap_or(NONE);
        let is_it = self.places.get(next as usize).is_some_and(|place| {
            place.words == socket.words
                && place.version_and_port == socket.version_and_port
                && place.is_active()
                && now_ns < place.expires_ns
        });
        let slot = if is_it { next } else { self.find_out_of_turn(socket, now_ns)? };
        self.latest = slot;
        Some(slot)
    }

    #[inline(never)]
    fn find_out_of_turn(&mut self, socket: &Socket, now_ns: i64) -> Option<u32> {
        let slot = self.find(socket, now_ns)?;
        if self.after.len() < self.places.len() {
            self.after.resize(self.places.len(), NONE);
        }
        if let Some(next) = self.after.get_mut(self.latest as usize) {
            *next = slot;
        }
        Some(slot)
    }

    /// The stream whose turn is probably next.
    #[inline]
    pub(in crate::call) fn next_in_turn(&self) -> Option<Cached> {
        let next = *self.after.get(self.latest as usize)?;
        self.places.get(next as usize).map(|place| place.to)
    }
}
