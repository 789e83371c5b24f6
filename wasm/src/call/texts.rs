//! The texts of a call in one buffer of bounded length, which the next call in its place uses again.

use crate::short::append;

/// Most bytes of all texts of one call. Beyond the Call-ID, that is some for replaced ones.
const MOST_BYTES: usize = 4096;
/// Most bytes of a text other than a Call-ID; of a longer one, the beginning is kept.
const MOST_TEXT: usize = 256;
/// First size of a call's buffer: what most calls need, at once.
const FIRST_BYTES: usize = 256;
/// Room that a call's buffer keeps for the next one.
const KEPT_BYTES: usize = 512;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    CallId,
    /// Empty as long as the call is its own first leg.
    CorrelationId,
    FromUri,
    FromUser,
    FromTag,
    ToUri,
    ToUser,
    ToTag,
}

const TEXTS: usize = 8;

#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each starts and ends.
    spans: [(u16, u16); TEXTS],
}

impl Texts {
    pub(super) fn get(&self, text: Text) -> &[u8] {
        let (start, end) = self.spans[text as usize];
        self.bytes.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    /// Sets a text, once or again.
    pub(super) fn set(&mut self, text: Text, value: &[u8]) {
        self.set_with(text, |out| append(out, value));
    }

    /// Sets a text to what `write` appends.
    pub(super) fn set_with(&mut self, text: Text, write: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let most =
            if matches!(text, Text::CallId | Text::CorrelationId) { MOST_BYTES / 2 } else { MOST_TEXT };
        self.bytes.truncate((start + most).min(MOST_BYTES));
        if self.bytes.len() > start {
            // At most MOST_BYTES.
            self.spans[text as usize] = (start as u16, self.bytes.len() as u16);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.spans = [(0, 0); TEXTS];
    }
}
