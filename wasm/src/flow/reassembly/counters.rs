//! What reassembly counts.

/// Figures since the reassembler was made; the first three are of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyCounters {
    /// Streams that hold something now.
    pub held_streams: u64,
    /// Bytes held now.
    pub held_bytes: u64,
    /// Memory allocated for them now, bytes.
    pub held_memory: u64,
    /// Streams that have begun to hold something.
    pub opened_streams: u64,
    /// Streams ended because others needed their room.
    pub evicted_streams: u64,
    /// Streams ended because nothing came for too long.
    pub timed_out_streams: u64,
    /// Segments that came before their turn.
    pub out_of_order_segments: u64,
    /// Bytes that came again after their turn.
    pub retransmitted_bytes: u64,
    /// Bytes that came again while they were held behind a hole.
    pub overlapping_bytes: u64,
    /// Segments that contradict bytes that are held; the first copy stays.
    pub conflicting_segments: u64,
    /// Segments too far from the expected sequence number to be believed, or with data behind the end of their direction.
    pub implausible_segments: u64,
    /// RST segments outside the window, which were ignored.
    pub implausible_resets: u64,
    /// Streams picked up again at another sequence number.
    pub resynchronisations: u64,
    /// Gaps told to consumers, room that gave way not included.
    pub gaps: u64,
    /// Bytes missing in these gaps, as far as known.
    pub missing_bytes: u64,
    /// Bytes dropped for want of room, or because they waited behind a hole when their direction ended.
    pub discarded_bytes: u64,
}
