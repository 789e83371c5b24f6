//! Values by number, in chunks: more of them move none.

/// Values that memory is taken for at a time; a power of two.
const CHUNK: usize = 128;

/// A vector that never moves its values.
pub(super) struct Slots<V> {
    chunks: Vec<Vec<V>>,
}

impl<V> Slots<V> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&V> {
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut V> {
        self.chunks.get_mut(number / CHUNK)?.get_mut(number % CHUNK)
    }

    pub(super) fn push(&mut self, value: V) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &V> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_number() {
        let mut slots = Slots::new();
        for number in 0..3 * CHUNK + 1 {
            assert_eq!((slots.len(), slots.get(number)), (number, None));
            slots.push(number);
        }
        *slots.get_mut(CHUNK).unwrap() = 7;
        let expected = (0..3 * CHUNK + 1).map(|number| if number == CHUNK { 7 } else { number });
        assert!(slots.iter().copied().eq(expected.clone()));
        assert!(expected.enumerate().all(|(number, value)| slots.get(number) == Some(&value)));
    }
}
