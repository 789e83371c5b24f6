//! Flows that are found without a search.

use super::flow::Class;
use super::{CHUNK, FlowId, FlowTable, NONE, Observed, is_over};
use crate::flow::key::FlowKey;

/// A flow that was found before, to be found again without a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFlow {
    id: FlowId,
    began_ns: i64,
}

impl Default for KnownFlow {
    /// None.
    fn default() -> Self {
        Self { id: FlowId(NONE), began_ns: 0 }
    }
}

impl<S: Default> FlowTable<S> {
    /// [`count_in_passing`](Self::count_in_passing) for a packet whose flow may be the one that was found before. False if
    /// it is not, or no longer, too.
    #[inline(always)]
    pub fn count_again(
        &mut self,
        known: KnownFlow,
        key: &FlowKey,
        from_lower: bool,
        wire_bytes: u32,
        now_ns: i64,
    ) -> bool {
        let slot = known.id.0;
        let is_it = self.chunks.get(slot as usize / CHUNK).and_then(|chunk| chunk.get(slot as usize % CHUNK));
        is_it.is_some_and(|flow| {
            flow.is(key) && flow.first_seen_ns == known.began_ns && flow.class != Class::Free
        }) && self.count_in_place(slot, from_lower, 0, wire_bytes, now_ns).is_some()
    }

    /// What [`count_again`](Self::count_again) needs to find a flow.
    #[inline]
    pub fn known(&self, id: FlowId) -> KnownFlow {
        KnownFlow { id, began_ns: self.get(id).first_seen_ns }
    }

    /// Counts a packet in the flow of a slot, if it changes nothing else.
    #[inline(always)]
    pub(super) fn count_in_place(
        &mut self,
        slot: u32,
        from_lower: bool,
        tcp_flags: u8,
        wire_bytes: u32,
        now_ns: i64,
    ) -> Option<Observed> {
        let flow = &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK];
        let direction = flow.direction(from_lower);
        if now_ns >= self.next_sweep_ns
            || flow.has_ticked(now_ns)
            || is_over(flow, &self.timeouts, self.absolute_ns, now_ns)
            || !flow.count_in_passing(tcp_flags, direction, wire_bytes, now_ns)
        {
            return None;
        }
        self.newest_ns = self.newest_ns.max(now_ns);
        Some(Observed { id: FlowId(slot), direction, is_new: false })
    }
}
