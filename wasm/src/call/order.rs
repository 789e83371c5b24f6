//! Which calls were used longest ago: lists over the slots of the table, apart from the calls, so that a move touches
//! little memory.

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

#[derive(Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
    class: Class,
}

#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
    length: u32,
}

/// The lists, by class; by slot in each, the least recently used first.
pub(super) struct Order {
    links: Vec<Link>,
    lists: [List; CLASSES],
}

impl Order {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), lists: [List { oldest: NONE, newest: NONE, length: 0 }; CLASSES] }
    }

    /// Makes `slot`, which is in no list, the newest of `class`. Slots are taken in ascending order.
    pub(super) fn insert(&mut self, slot: u32, class: Class) {
        let link = Link { older: self.list(class).newest, newer: NONE, class };
        match self.links.get_mut(slot as usize) {
            Some(place) => *place = link,
            None => self.links.push(link),
        }
        match self.links.get_mut(link.older as usize) {
            Some(neighbour) => neighbour.newer = slot,
            None => self.list_mut(class).oldest = slot,
        }
        let list = self.list_mut(class);
        list.newest = slot;
        list.length += 1;
    }

    /// Takes `slot`, which is in a list, out of it.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some(&Link { older, newer, class }) = self.links.get(slot as usize) else { return };
        match self.links.get_mut(older as usize) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.list_mut(class).oldest = newer,
        }
        match self.links.get_mut(newer as usize) {
            Some(neighbour) => neighbour.older = older,
            None => self.list_mut(class).newest = older,
        }
        self.list_mut(class).length -= 1;
    }

    /// Makes `slot` the newest of `class`.
    pub(super) fn touch(&mut self, slot: u32, class: Class) {
        if self.links.get(slot as usize).is_some_and(|link| link.class != class || link.newer != NONE) {
            self.remove(slot);
            self.insert(slot, class);
        }
    }

    /// The slot of `class` that was used longest ago.
    pub(super) fn oldest(&self, class: Class) -> Option<u32> {
        Some(self.list(class).oldest).filter(|slot| *slot != NONE)
    }

    /// Slots in the list of `class`.
    pub(super) fn length(&self, class: Class) -> usize {
        self.list(class).length as usize
    }

    fn list(&self, class: Class) -> &List {
        // In bounds: a class is less than CLASSES.
        &self.lists[class as usize]
    }

    fn list_mut(&mut self, class: Class) -> &mut List {
        &mut self.lists[class as usize]
    }
}
