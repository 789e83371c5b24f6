//! In which networks endpoints were announced, and whose announcements a packet may be of.

use super::{Endpoints, NONE};

/// Announcements of each kind that are looked through for a call that has two endpoints.
const MOST_COMPARED: usize = 4;

/// Of which networks the announcements are that a packet may be of.
#[derive(Clone, Copy)]
pub(in crate::call) struct Networks {
    /// The packet's own, or [`ANY_SCOPE`] for all.
    pub(in crate::call) own: u32,
    /// Others too.
    pub(in crate::call) others: bool,
}

impl Endpoints {
    /// Notes that calls are announced in a network.
    pub(in crate::call) fn know_scope(&mut self, scope: u32) {
        if self.latest_scope != Some(scope) {
            self.scopes.touch_or_insert_with(scope, |_| ());
            self.latest_scope = Some(scope);
        }
    }

    /// Networks that were forgotten for others.
    pub(in crate::call) fn evictions(&self) -> u64 {
        self.scopes.evictions()
    }

    /// Whether calls are announced in a network.
    pub(in crate::call) fn knows_scope(&self, scope: u32) -> bool {
        self.scopes.get(&scope).is_some()
    }

    /// Whether a call that is announced in the network of a packet has one of its ends.
    pub(in crate::call) fn has_any_in(&self, ends: [Option<u32>; 2], own: u32) -> bool {
        ends.into_iter().flatten().any(|slot| self.preferred(slot, Networks { own, others: false }).is_some())
    }

    /// Whether one call, wherever it was announced, has both places.
    pub(in crate::call) fn share_call(&self, [one, other]: [Option<u32>; 2]) -> bool {
        let (Some(one), Some(other)) = (one, other) else { return false };
        self.foremost(one).any(|first| self.foremost(other).any(|second| first == second))
    }

    /// The calls of the first announcements of each kind at a place.
    fn foremost(&self, slot: u32) -> impl Iterator<Item = u32> {
        let heads = self.place(slot).map_or([NONE; 3], |place| [place.wanted, place.active, place.inactive]);
        let from_elsewhere = Networks { own: 0, others: true };
        let first = move |head| self.list(head, from_elsewhere).take(MOST_COMPARED);
        heads.into_iter().flat_map(first).map(|announcement| announcement.call)
    }
}
