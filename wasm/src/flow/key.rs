//! Which packets belong together.

/// Direction of a packet in its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// That of the flow's first packet.
    #[default]
    Forward,
    /// The other one.
    Reverse,
}
