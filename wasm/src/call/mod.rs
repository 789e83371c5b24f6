//! Calls: what SIP dialogs become, and which media are theirs.
//!
//! [`Calls`] is a table of bounded size. Signalling goes in by [`Calls::observe_sip`], UDP packets that are no signalling by
//! [`Calls::observe_media`]: one look-up by their destination, else one by their source. A call is reported to the
//! function `ended` when it leaves the table, once: after its end and a grace time, when it was idle for too long, when it gave
//! way to others, or at the end.
//!
//! Nothing here panics on any input, and there is no allocation per packet.

mod correlation;
mod endpoints;
mod entry;
mod ladder;
mod media;
mod order;
mod receiver_reports;
mod report;
mod scope;
mod signalling;
mod slots;
pub mod state;
pub mod stream;
mod table;
mod texts;

#[cfg(test)]
mod tests;

pub use entry::Call;
pub use ladder::write_text;
pub use media::{Media, MediaKind};
pub use receiver_reports::Reported;
pub use scope::{ANY_SCOPE, scope_of, scope_of_vlans};
pub use stream::Notes;
pub use table::{CallKey, Calls, Figures, Limits};

use crate::net::Address;

/// How a message or packet came by.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// Capture time, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Sender.
    pub source: Address,
    /// Its port.
    pub source_port: u16,
    /// Receiver.
    pub destination: Address,
    /// Its port.
    pub destination_port: u16,
    /// By TCP, not by UDP.
    pub is_tcp: bool,
    /// Its network: see [`scope_of`].
    pub scope: u32,
}

/// The ends of a UDP packet as numbers, which is all that [`Calls::known_stream`] needs.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// IP version of both.
    pub version: u8,
    /// Sender, as [`Address::words`] has it.
    pub source: [u64; 2],
    /// Its port.
    pub source_port: u16,
    /// Receiver.
    pub destination: [u64; 2],
    /// Its port.
    pub destination_port: u16,
    /// Its network: see [`scope_of`].
    pub scope: u32,
}
