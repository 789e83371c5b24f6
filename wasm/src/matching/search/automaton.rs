//! An Aho-Corasick automaton: a trie of the patterns, laid out breadth-first, with failure links.
//!
//! The states nearest to the root, as many as fit into [`ROWS_BYTES`](build::ROWS_BYTES), have a row with their next state for every byte;
//! the others a list of children, which lie side by side, and their failure link. A pattern that ends another
//! is found by following links, and not again once it was found: what a search reports costs no more than the
//! number of patterns that match.
//!
//! Worst case: two steps per byte of text, each of at most eight comparisons.

mod build;

pub(super) use build::AutomatonBuild;

use super::Found;

/// No group ends here.
const NONE: u32 = u32::MAX;

/// Set in a row's next state where a pattern ends.
const REPORTS: u32 = 1 << 31;

/// The automaton of a number of groups.
#[derive(Default)]
pub(super) struct Automaton {
    /// By byte: its class; 0 for those that no pattern has. Capitals are in the class of the small letter.
    classes: Vec<u8>,
    class_count: usize,
    /// By state: the class that leads there.
    labels: Vec<u8>,
    /// By state: its first child. Its last is that before the next state's first.
    children: Vec<u32>,
    /// By state: the longest proper suffix that is a state.
    fails: Vec<u32>,
    /// By state: the group that ends there, or `NONE`.
    groups: Vec<u32>,
    /// By state: itself if a group ends there, else the nearest such state behind it by failure links, else 0.
    reports: Vec<u32>,
    /// Of the first states: next state by class.
    rows: Vec<u32>,
    row_states: usize,
}

impl Automaton {
    /// Reports what the haystack contains. False when the receiver ended it.
    pub fn search(&self, haystack: &[u8], found: &mut impl Found) -> bool {
        let mut state = 0;
        for byte in haystack {
            let class = self.classes.get(usize::from(*byte)).copied().unwrap_or_default();
            let next = self.next(state, class);
            state = next & !REPORTS;
            if next & REPORTS != 0 && !self.report_all(state, found) {
                return false;
            }
        }
        true
    }

    /// The state behind `state`, and whether it reports.
    #[inline]
    fn next(&self, state: u32, class: u8) -> u32 {
        if class == 0 {
            return 0;
        }
        let row = |state: u32| {
            let at = state as usize * self.class_count + usize::from(class);
            self.rows.get(at).copied().unwrap_or_default()
        };
        if (state as usize) < self.row_states { row(state) } else { self.next_without_row(state, class, row) }
    }

    fn next_without_row(&self, mut state: u32, class: u8, row: impl Fn(u32) -> u32) -> u32 {
        loop {
            if (state as usize) < self.row_states {
                return row(state);
            }
            if let Some(child) = self.child(state, class) {
                return child | if self.report(child) == 0 { 0 } else { REPORTS };
            }
            if state == 0 {
                return 0;
            }
            state = self.fail(state);
        }
    }

    /// All groups that end at `state`. One that was found before had those behind it found with it.
    fn report_all(&self, state: u32, found: &mut impl Found) -> bool {
        let mut at = self.report(state);
        while at != 0 {
            let group = self.group(at);
            if found.has(group) {
                return true;
            }
            if !found.group(group) {
                return false;
            }
            at = self.report(self.fail(at));
        }
        true
    }

    #[inline]
    fn child(&self, state: u32, class: u8) -> Option<u32> {
        let (first, end) = self.child_range(state);
        let labels = self.labels.get(first as usize..end as usize)?;
        let at = match labels {
            [only] => (*only == class).then_some(0),
            _ => labels.binary_search(&class).ok(),
        };
        at.map(|at| first + at as u32)
    }

    #[inline]
    fn child_range(&self, state: u32) -> (u32, u32) {
        let at = |state: usize| self.children.get(state).copied().unwrap_or_default();
        (at(state as usize), at(state as usize + 1))
    }

    #[inline]
    fn fail(&self, state: u32) -> u32 {
        self.fails.get(state as usize).copied().unwrap_or_default()
    }

    #[inline]
    fn group(&self, state: u32) -> u32 {
        self.groups.get(state as usize).copied().unwrap_or(NONE)
    }

    #[inline]
    fn report(&self, state: u32) -> u32 {
        self.reports.get(state as usize).copied().unwrap_or_default()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let words = [&self.children, &self.fails, &self.groups, &self.reports, &self.rows];
        self.classes.capacity()
            + self.labels.capacity()
            + words.into_iter().map(|words| 4 * words.capacity()).sum::<usize>()
    }
}
