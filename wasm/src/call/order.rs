//! Which calls were used longest ago: lists over the slots of the table, apart from the calls, so that a move touches
//! little memory. Calls that go out have lists of their own.

/// End of a list, and "no slot".
pub(super) const NONE: u32 = u32::MAX;

/// What a call counts as when room is needed, and how long it may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Over: the grace time runs.
    Over,
    /// Not answered.
    Early,
    /// Without signalling.
    RtpOnly,
    /// Answered.
    Established,
}

const CLASSES: usize = 4;

impl Class {
    pub(super) const ALL: [Self; CLASSES] = [Self::Over, Self::Early, Self::RtpOnly, Self::Established];
}

/// Which list: the class, and whether the call goes out.
pub(super) type Rank = (Class, bool);

#[derive(Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
    rank: Rank,
}

#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
    length: u32,
}

/// The lists; by slot in each, the least recently used first.
pub(super) struct Order {
    links: Vec<Link>,
    lists: [[List; CLASSES]; 2],
}

impl Order {
    pub(super) fn new() -> Self {
        let list = List { oldest: NONE, newest: NONE, length: 0 };
        Self { links: Vec::new(), lists: [[list; CLASSES]; 2] }
    }

    /// Makes `slot`, which is in no list, the newest of its list. Slots are taken in ascending order.
    pub(super) fn insert(&mut self, slot: u32, rank: Rank) {
        let link = Link { older: self.list(rank).newest, newer: NONE, rank };
        match self.links.get_mut(slot as usize) {
            Some(place) => *place = link,
            None => self.links.push(link),
        }
        match self.links.get_mut(link.older as usize) {
            Some(neighbour) => neighbour.newer = slot,
            None => self.list_mut(rank).oldest = slot,
        }
        let list = self.list_mut(rank);
        list.newest = slot;
        list.length += 1;
    }

    /// Takes `slot`, which is in a list, out of it.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some(&Link { older, newer, rank }) = self.links.get(slot as usize) else { return };
        match self.links.get_mut(older as usize) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.list_mut(rank).oldest = newer,
        }
        match self.links.get_mut(newer as usize) {
            Some(neighbour) => neighbour.older = older,
            None => self.list_mut(rank).newest = older,
        }
        self.list_mut(rank).length -= 1;
    }

    /// Makes `slot` the newest of its list.
    pub(super) fn touch(&mut self, slot: u32, rank: Rank) {
        if self.links.get(slot as usize).is_some_and(|link| link.rank != rank || link.newer != NONE) {
            self.remove(slot);
            self.insert(slot, rank);
        }
    }

    /// The slot of that list that was used longest ago.
    pub(super) fn oldest(&self, rank: Rank) -> Option<u32> {
        Some(self.list(rank).oldest).filter(|slot| *slot != NONE)
    }

    /// The slot of that list that was used last.
    pub(super) fn newest(&self, rank: Rank) -> Option<u32> {
        Some(self.list(rank).newest).filter(|slot| *slot != NONE)
    }

    /// Slots in that list.
    pub(super) fn length(&self, rank: Rank) -> usize {
        self.list(rank).length as usize
    }

    fn list(&self, (class, is_wanted): Rank) -> &List {
        // In bounds: a class is less than CLASSES.
        &self.lists[usize::from(is_wanted)][class as usize]
    }

    fn list_mut(&mut self, (class, is_wanted): Rank) -> &mut List {
        &mut self.lists[usize::from(is_wanted)][class as usize]
    }
}
