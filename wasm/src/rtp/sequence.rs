//! Sequence numbers of one source: what was sent, received, lost, repeated and reordered (RFC 3550 appendices A.1, A.3).
//!
//! Where the appendix counts all that arrive, this counts each number once, by a window of the latest 128: a repeated
//! packet hides no lost one, and a late one is no loss. Numbers before the first that was seen count only if they adjoin
//! it, since what was sent before the capture began is not lost. A jump of the numbers begins a new run when a second
//! packet confirms it; nothing is lost between two runs.

/// Greatest step forward that is loss, in packets (RFC 3550 appendix A.1).
const MAX_DROPOUT: u32 = 3000;
/// Greatest step backward that is a late packet, in packets.
const MAX_MISORDER: u32 = 100;
/// Sequence numbers are counted modulo this.
const SEQ_MOD: u32 = 1 << 16;
/// No jump is waiting for its confirmation.
const NO_JUMP: u32 = SEQ_MOD;

/// What a packet is among those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one after a gap.
    InOrder,
    /// Later than one sent after it.
    OutOfOrder,
    /// Seen before.
    Duplicate,
    /// The first of a run: of the source, or the packet that confirms a jump.
    Restart,
    /// Too far from the others to be counted yet: the next one tells whether the source has jumped.
    Jump,
}

/// The packets of one source, by sequence number.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    /// Bit `n` is set when the packet `n` before the highest was received.
    window: [u64; 2],
    /// Highest number of the run, extended by cycles; one cycle is added from the start so that `first` may go below.
    highest: u32,
    /// First number of the run, extended.
    first: u32,
    /// Packets expected in earlier runs.
    expected_before: u32,
    /// Distinct packets received of those expected.
    received: u32,
    duplicates: u32,
    out_of_order: u32,
    /// Runs of consecutive packets that are missing.
    gaps: u32,
    /// What would follow the packet that jumped, or [`NO_JUMP`].
    after_jump: u32,
    has_begun: bool,
    is_validated: bool,
}

impl Default for Sequence {
    fn default() -> Self {
        Self {
            window: [0; 2],
            highest: 0,
            first: 0,
            expected_before: 0,
            received: 0,
            duplicates: 0,
            out_of_order: 0,
            gaps: 0,
            after_jump: NO_JUMP,
            has_begun: false,
            is_validated: false,
        }
    }
}

impl Sequence {
    /// Takes the sequence number of a packet.
    #[inline]
    pub fn update(&mut self, sequence: u16) -> Arrival {
        if self.has_begun && sequence == (self.highest as u16).wrapping_add(1) {
            let [low, high] = self.window;
            self.window = [low << 1 | 1, high << 1 | low >> 63];
            self.highest = self.highest.wrapping_add(1);
            self.received = self.received.wrapping_add(1);
            self.is_validated = true;
            return Arrival::InOrder;
        }
        self.update_otherwise(sequence)
    }

    #[cold]
    fn update_otherwise(&mut self, sequence: u16) -> Arrival {
        if !self.has_begun {
            self.begin(u32::from(sequence));
            return Arrival::Restart;
        }
        let ahead = u32::from(sequence.wrapping_sub(self.highest as u16));
        let behind = SEQ_MOD - ahead;
        match ahead {
            0 => self.duplicate(),
            1..MAX_DROPOUT => {
                self.shift(ahead);
                self.highest = self.highest.wrapping_add(ahead);
                self.received = self.received.wrapping_add(1);
                self.gaps = self.gaps.wrapping_add(1);
                Arrival::InOrder
            }
            _ if behind <= MAX_MISORDER => self.late(behind),
            _ if u32::from(sequence) == self.after_jump => {
                self.expected_before = self.expected();
                // The packet that jumped was held back, and counts now.
                self.begin(u32::from(sequence.wrapping_sub(1)));
                self.update(sequence);
                Arrival::Restart
            }
            _ => {
                self.after_jump = u32::from(sequence.wrapping_add(1));
                Arrival::Jump
            }
        }
    }

    fn begin(&mut self, sequence: u32) {
        self.window = [1, 0];
        self.highest = SEQ_MOD + sequence;
        self.first = self.highest;
        self.received = self.received.wrapping_add(1);
        self.after_jump = NO_JUMP;
        self.has_begun = true;
    }

    /// The packets between the latest and the next one went elsewhere: none of them is lost.
    pub fn begin_anew(&mut self) {
        self.expected_before = self.expected();
        self.first = self.highest;
        self.window = [0; 2];
        self.after_jump = NO_JUMP;
        self.has_begun = false;
    }

    fn duplicate(&mut self) -> Arrival {
        self.duplicates = self.duplicates.wrapping_add(1);
        Arrival::Duplicate
    }

    /// A packet `behind` the highest, 1 to [`MAX_MISORDER`].
    fn late(&mut self, behind: u32) -> Arrival {
        if self.has(behind) {
            return self.duplicate();
        }
        self.mark(behind);
        self.out_of_order = self.out_of_order.wrapping_add(1);
        let span = self.highest.wrapping_sub(self.first);
        if behind > span {
            self.extend_backward(span);
            return Arrival::OutOfOrder;
        }
        self.received = self.received.wrapping_add(1);
        // It fills a gap, shortens it at one end, or parts it.
        match (self.has(behind + 1), self.has(behind - 1)) {
            (true, true) => self.gaps = self.gaps.saturating_sub(1),
            (false, false) => self.gaps = self.gaps.wrapping_add(1),
            _ => {}
        }
        Arrival::OutOfOrder
    }

    /// Lets the run begin with the packets that adjoin its first, which is `span` before the highest.
    fn extend_backward(&mut self, span: u32) {
        let earlier = (span + 1..=MAX_MISORDER).take_while(|behind| self.has(*behind)).count() as u32;
        self.first = self.first.wrapping_sub(earlier);
        self.received = self.received.wrapping_add(earlier);
    }

    fn has(&self, behind: u32) -> bool {
        let word = self.window.get(behind as usize / 64).copied().unwrap_or(0);
        word >> (behind & 63) & 1 != 0
    }

    fn mark(&mut self, behind: u32) {
        if let Some(word) = self.window.get_mut(behind as usize / 64) {
            *word |= 1 << (behind & 63);
        }
    }

    /// Moves the window `ahead` packets on, to a packet that was received.
    fn shift(&mut self, ahead: u32) {
        let [low, high] = self.window;
        let window = u128::from(high) << 64 | u128::from(low);
        let moved = window.checked_shl(ahead).unwrap_or(0) | 1;
        self.window = [moved as u64, (moved >> 64) as u64];
    }

    /// Whether two packets in sequence were seen: what has a header by chance has not.
    pub fn is_validated(&self) -> bool {
        self.is_validated
    }

    /// Packets that were sent, from the first to the last that was seen.
    pub fn expected(&self) -> u32 {
        let of_run = self.highest.wrapping_sub(self.first).wrapping_add(u32::from(self.has_begun));
        self.expected_before.wrapping_add(of_run)
    }

    /// Distinct packets that arrived of these.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that did not arrive.
    pub fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }

    /// Packets that arrived again.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Packets that arrived later than one sent after them.
    pub fn out_of_order(&self) -> u32 {
        self.out_of_order
    }

    /// Runs of consecutive lost packets.
    pub fn loss_bursts(&self) -> u32 {
        self.gaps
    }

    /// Highest sequence number of the run, extended by the times that it has wrapped (RFC 3550 section 6.4.1).
    pub fn extended_highest(&self) -> u32 {
        self.highest.wrapping_sub(SEQ_MOD)
    }
}

#[cfg(test)]
#[path = "tests/sequence.rs"]
mod tests;
