//! An Aho-Corasick automaton: a trie of the patterns, laid out breadth-first, with failure links.
//!
//! The states nearest to the root, as many as fit into [`ROWS_BYTES`], have a row with their next state for every byte;
//! the others a list of children, which lie side by side, and their failure link. A pattern that ends another
//! is found by following links, and not again once it was found: what a search reports costs no more than the
//! number of patterns that match.
//!
//! Worst case: two steps per byte of text, each of at most eight comparisons.

use super::builder::filled;
use super::texts::Texts;
use super::{BuildError, Found};

/// Rows may take so much; they should stay in a processor's cache. Bytes.
const ROWS_BYTES: usize = 256 << 10;

/// Bytes per state, of the automaton and of its making.
const STATE_BYTES: usize = 17 + 8;

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
    /// Builds it for `groups`, whose texts differ, in at most `bytes` bytes of memory.
    pub fn new(texts: &Texts, mut groups: Vec<u32>, bytes: usize) -> Result<Automaton, BuildError> {
        groups.retain(|group| !texts.text(*group).is_empty());
        groups.sort_unstable_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
        let mut this = Automaton { classes: filled(256, 0)?, ..Automaton::default() };
        this.classify(texts, &groups);
        this.plant(texts, &groups, bytes)?;
        this.link()?;
        this.lay_rows(bytes.saturating_sub(this.memory_bytes()))?;
        Ok(this)
    }

    fn classify(&mut self, texts: &Texts, groups: &[u32]) {
        let mut used = [false; 256];
        for byte in groups.iter().flat_map(|group| texts.text(*group)) {
            if let Some(used) = used.get_mut(usize::from(*byte)) {
                *used = true;
            }
        }
        // Small letters are at most 230 of the 256 bytes: no class number overflows.
        let mut count = 0;
        for byte in 0..=255u8 {
            if used.get(usize::from(byte)) == Some(&true) {
                count += 1;
                for either in [byte, byte.to_ascii_uppercase()] {
                    if let Some(class) = self.classes.get_mut(usize::from(either)) {
                        *class = count as u8;
                    }
                }
            }
        }
        self.class_count = count + 1;
    }

    /// The trie. `groups` are sorted by text, so each state's patterns are side by side.
    fn plant(&mut self, texts: &Texts, groups: &[u32], bytes: usize) -> Result<(), BuildError> {
        let limit = bytes / STATE_BYTES;
        // By state, from the first of the level that is read: its patterns.
        let (mut level, mut next_level) = (vec![(0u32, groups.len() as u32)], Vec::new());
        self.grow(0, limit)?;
        let mut depth = 0;
        while !level.is_empty() {
            for (from, to) in level.drain(..) {
                self.children.push(self.labels.len() as u32);
                let mut rest = groups.get(from as usize..to as usize).unwrap_or_default();
                let mut at = from;
                let label = |group: &u32| texts.text(*group).get(depth).copied();
                while let Some(first) = rest.first() {
                    let Some(byte) = label(first) else {
                        if let Some(group) = self.groups.get_mut(self.children.len() - 1) {
                            *group = *first;
                        }
                        rest = rest.get(1..).unwrap_or_default();
                        at += 1;
                        continue;
                    };
                    let run = rest.partition_point(|group| label(group) <= Some(byte));
                    let class = self.classes.get(usize::from(byte)).copied().unwrap_or_default();
                    self.grow(class, limit)?;
                    next_level.push((at, at + run as u32));
                    rest = rest.get(run..).unwrap_or_default();
                    at += run as u32;
                }
            }
            std::mem::swap(&mut level, &mut next_level);
            depth += 1;
        }
        self.children.push(self.labels.len() as u32);
        Ok(())
    }

    /// Adds a state.
    fn grow(&mut self, class: u8, limit: usize) -> Result<(), BuildError> {
        if self.labels.len() >= limit || self.labels.len() >= REPORTS as usize - 1 {
            return Err(BuildError::TooLarge);
        }
        self.labels.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
        self.groups.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
        self.children.try_reserve(2).map_err(|_| BuildError::OutOfMemory)?;
        self.labels.push(class);
        self.groups.push(NONE);
        Ok(())
    }

    /// Failure links, from the root outwards.
    fn link(&mut self) -> Result<(), BuildError> {
        self.fails = filled(self.labels.len(), 0)?;
        self.reports = filled(self.labels.len(), 0)?;
        for state in 0..self.labels.len() as u32 {
            let fail = self.fail(state);
            let report = if self.group(state) == NONE { self.report(fail) } else { state };
            if let Some(slot) = self.reports.get_mut(state as usize) {
                *slot = report;
            }
            let (first, end) = self.child_range(state);
            for child in first..end {
                let class = self.labels.get(child as usize).copied().unwrap_or_default();
                let mut from = fail;
                let link = loop {
                    if state == 0 {
                        break 0;
                    }
                    match self.child(from, class) {
                        Some(next) => break next,
                        None if from == 0 => break 0,
                        None => from = self.fail(from),
                    }
                };
                if let Some(slot) = self.fails.get_mut(child as usize) {
                    *slot = link;
                }
            }
        }
        Ok(())
    }

    fn lay_rows(&mut self, bytes: usize) -> Result<(), BuildError> {
        let count = self.class_count;
        self.row_states = (bytes.min(ROWS_BYTES) / (4 * count)).min(self.labels.len());
        self.rows = filled(self.row_states * count, 0)?;
        for state in 0..self.row_states {
            // A failure link leads nearer to the root: that row is laid already.
            let fail = self.fail(state as u32) as usize * count;
            if state > 0 {
                self.rows.copy_within(fail..fail + count, state * count);
            }
            let (first, end) = self.child_range(state as u32);
            for child in first..end {
                let class = self.labels.get(child as usize).copied().unwrap_or_default();
                let flag = if self.report(child) == 0 { 0 } else { REPORTS };
                if let Some(slot) = self.rows.get_mut(state * count + usize::from(class)) {
                    *slot = child | flag;
                }
            }
        }
        Ok(())
    }

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
