//! The making of an automaton, a part at a time.

use super::super::BuildError;
use super::super::builder::filled;
use super::super::texts::Texts;
use super::{Automaton, NONE, REPORTS};

/// Rows may take so much; they should stay in a processor's cache. Bytes.
pub const ROWS_BYTES: usize = 256 << 10;

/// Bytes per state, of the automaton and of its making.
const STATE_BYTES: usize = 17 + 8;

/// Bytes to classes.
const CLASSES: usize = 256;

/// Groups that are sorted at once.
const SORTED: usize = 256;

/// States that are as much work as a pattern.
const STATES: usize = 4;

/// An [`Automaton`] in the making.
pub struct AutomatonBuild {
    automaton: Automaton,
    /// The automaton may take so much memory.
    bytes: usize,
    /// Sorted by text from [`Stage::Plant`] on, so that each state's patterns are side by side.
    groups: Vec<u32>,
    /// Groups that there is no room for.
    left_out: Vec<u32>,
    stage: Stage,
}

enum Stage {
    /// Sorts stretches of the groups, and notes their bytes.
    Sort { done: usize, used: [bool; 256] },
    /// Merges sorted stretches of that length by twos.
    Merge { length: usize, merged: Vec<u32>, left: usize, right: usize },
    /// Grows the trie, one level after the other: the groups of each state of this one, and of the next.
    Plant { level: Vec<(u32, u32)>, done: usize, next: Vec<(u32, u32)>, depth: usize },
    /// Finds failure links, from the root outwards.
    Link { done: usize },
}

impl AutomatonBuild {
    /// Bytes that groups with so many bytes of text take at most, but for rows.
    pub fn bytes_for(text_bytes: usize) -> usize {
        text_bytes.saturating_add(2).saturating_mul(STATE_BYTES).saturating_add(CLASSES)
    }

    /// Begins it for `groups`, whose texts differ, in at most `bytes` bytes of memory.
    pub fn new(texts: &Texts, mut groups: Vec<u32>, bytes: usize) -> Result<AutomatonBuild, BuildError> {
        groups.retain(|group| !texts.text(*group).is_empty());
        let automaton = Automaton { classes: filled(CLASSES, 0)?, ..Automaton::default() };
        let stage = Stage::Sort { done: 0, used: [false; 256] };
        Ok(AutomatonBuild { automaton, bytes, groups, left_out: Vec::new(), stage })
    }

    /// The groups that are not in it, for want of room: those that were added last.
    pub fn take_left_out(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.left_out)
    }

    /// Works on about so many patterns. The automaton when it is ready, once.
    pub fn advance(&mut self, texts: &Texts, count: usize) -> Result<Option<Automaton>, BuildError> {
        let states = count.saturating_mul(STATES);
        let stage = std::mem::replace(&mut self.stage, Stage::Link { done: 0 });
        self.stage = match stage {
            Stage::Sort { done, mut used } => {
                let end =
                    done.saturating_add(count.div_ceil(SORTED).saturating_mul(SORTED)).min(self.groups.len());
                let part = self.groups.get_mut(done..end).unwrap_or_default();
                for byte in part.iter().flat_map(|group| texts.text(*group)) {
                    used[usize::from(*byte)] = true;
                }
                for stretch in part.chunks_mut(SORTED) {
                    stretch.sort_unstable_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
                }
                if end < self.groups.len() {
                    Stage::Sort { done: end, used }
                } else {
                    self.classify(&used);
                    self.merge_from(SORTED)?
                }
            }
            Stage::Merge { length, merged, left, right } => {
                self.merge(texts, count, length, merged, [left, right])?
            }
            Stage::Plant { level, done, next, depth } => {
                match self.plant(texts, states, (level, done), next, depth) {
                    Ok(stage) => stage,
                    Err(_) if !self.groups.is_empty() => self.plant_fewer()?,
                    Err(error) => return Err(error),
                }
            }
            Stage::Link { done } => {
                if done == 0 {
                    self.automaton.fails = filled(self.automaton.labels.len(), 0)?;
                    self.automaton.reports = filled(self.automaton.labels.len(), 0)?;
                }
                let end = done.saturating_add(states).min(self.automaton.labels.len());
                for state in done..end {
                    self.automaton.link(state as u32);
                }
                if end == self.automaton.labels.len() {
                    self.automaton.lay_rows(self.bytes.saturating_sub(self.automaton.memory_bytes()))?;
                    return Ok(Some(std::mem::take(&mut self.automaton)));
                }
                Stage::Link { done: end }
            }
        };
        Ok(None)
    }

    fn classify(&mut self, used: &[bool; 256]) {
        // Small letters are at most 230 of the 256 bytes: no class number overflows.
        let mut count = 0;
        for byte in (0..=255u8).filter(|byte| used[usize::from(*byte)]) {
            count += 1;
            for either in [byte, byte.to_ascii_uppercase()] {
                if let Some(class) = self.automaton.classes.get_mut(usize::from(either)) {
                    *class = count as u8;
                }
            }
        }
        self.automaton.class_count = count + 1;
    }

    /// Begins to merge stretches of that length, or to grow the trie if there is just one.
    fn merge_from(&mut self, length: usize) -> Result<Stage, BuildError> {
        if length < self.groups.len() {
            let mut merged = Vec::new();
            merged.try_reserve_exact(self.groups.len()).map_err(|_| BuildError::OutOfMemory)?;
            return Ok(Stage::Merge { length, merged, left: 0, right: length });
        }
        self.plant_root()
    }

    fn plant_root(&mut self) -> Result<Stage, BuildError> {
        if !self.groups.is_empty() {
            self.grow(0)?;
        }
        let level = vec![(0, self.groups.len() as u32)];
        Ok(Stage::Plant { level, done: 0, next: Vec::new(), depth: 0 })
    }

    /// Begins the trie again without a quarter of the groups, those that were added last: they keep their order. What texts
    /// have in common is not known before, so how many fit is not, either.
    fn plant_fewer(&mut self) -> Result<Stage, BuildError> {
        let Automaton { labels, groups, children, .. } = &mut self.automaton;
        labels.clear();
        groups.clear();
        children.clear();
        let mut by_number = self.groups.clone();
        let (_, first_out, _) = by_number.select_nth_unstable(self.groups.len() * 3 / 4);
        let first_out = *first_out;
        self.left_out.extend(self.groups.extract_if(.., |group| *group >= first_out));
        self.plant_root()
    }

    /// `merged` ends before the groups at `left` and `right`, which are those of two stretches that come next.
    fn merge(
        &mut self,
        texts: &Texts,
        count: usize,
        length: usize,
        mut merged: Vec<u32>,
        [mut left, mut right]: [usize; 2],
    ) -> Result<Stage, BuildError> {
        let end = merged.len().saturating_add(count).min(self.groups.len());
        while merged.len() < end {
            // What is merged is as much as the stretches before, and what was taken from these two.
            let first = merged.len() / (2 * length) * (2 * length);
            let ends = [first + length, first + 2 * length].map(|end| end.min(self.groups.len()));
            let one = self.groups.get(left..ends[0]).and_then(|rest| rest.first().copied());
            let other = self.groups.get(right..ends[1]).and_then(|rest| rest.first().copied());
            let takes_other = match (one, other) {
                (Some(one), Some(other)) => texts.text(other) < texts.text(one),
                (one, _) => one.is_none(),
            };
            let Some(group) = (if takes_other { other } else { one }) else { break };
            if takes_other {
                right += 1
            } else {
                left += 1
            }
            merged.push(group);
            if merged.len() == ends[1] {
                (left, right) = (ends[1], ends[1] + length);
            }
        }
        if merged.len() < self.groups.len() {
            return Ok(Stage::Merge { length, merged, left, right });
        }
        self.groups = merged;
        self.merge_from(2 * length)
    }

    fn plant(
        &mut self,
        texts: &Texts,
        states: usize,
        (mut level, done): (Vec<(u32, u32)>, usize),
        mut next: Vec<(u32, u32)>,
        depth: usize,
    ) -> Result<Stage, BuildError> {
        let end = done.saturating_add(states).min(level.len());
        for (from, to) in level.get(done..end).unwrap_or_default() {
            self.automaton.children.push(self.automaton.labels.len() as u32);
            let (mut at, to) = (*from as usize, *to as usize);
            let label = |group: &u32| texts.text(*group).get(depth).copied();
            while let Some(first) = self.groups.get(at).copied().filter(|_| at < to) {
                let Some(byte) = label(&first) else {
                    if let Some(group) = self.automaton.groups.get_mut(self.automaton.children.len() - 1) {
                        *group = first;
                    }
                    at += 1;
                    continue;
                };
                let rest = self.groups.get(at..to).unwrap_or_default();
                let run = rest.partition_point(|group| label(group) <= Some(byte));
                let class = self.automaton.classes.get(usize::from(byte)).copied().unwrap_or_default();
                self.grow(class)?;
                next.push((at as u32, (at + run) as u32));
                at += run;
            }
        }
        if end < level.len() {
            return Ok(Stage::Plant { level, done: end, next, depth });
        }
        if next.is_empty() {
            self.automaton.children.push(self.automaton.labels.len() as u32);
            return Ok(Stage::Link { done: 0 });
        }
        std::mem::swap(&mut level, &mut next);
        next.clear();
        Ok(Stage::Plant { level, done: 0, next, depth: depth + 1 })
    }

    /// Adds a state.
    fn grow(&mut self, class: u8) -> Result<(), BuildError> {
        let Automaton { labels, groups, children, .. } = &mut self.automaton;
        if labels.len() >= self.bytes / STATE_BYTES || labels.len() >= REPORTS as usize - 1 {
            return Err(BuildError::TooLarge);
        }
        labels.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
        groups.try_reserve(1).map_err(|_| BuildError::OutOfMemory)?;
        children.try_reserve(2).map_err(|_| BuildError::OutOfMemory)?;
        labels.push(class);
        groups.push(NONE);
        Ok(())
    }
}

impl Automaton {
    /// Finds the failure links of a state's children, and what the state reports; that of the state itself is known.
    fn link(&mut self, state: u32) {
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
}
