//! A set of signatures.

use super::Label;

/// Signatures by their numbers in the registry, which are the order of their priority.
#[derive(Clone, Copy, Default)]
pub(super) struct Candidates {
    /// One bit for each number: those below 128, and the rest.
    halves: [u128; 2],
}

impl Candidates {
    /// Numbers that a set can hold.
    pub const MOST: usize = 256;

    /// Adds a signature.
    pub fn add(&mut self, number: Label) {
        self.change(number, |half, bit| half | bit);
    }

    /// Takes a signature out.
    pub fn remove(&mut self, number: Label) {
        self.change(number, |half, bit| half & !bit);
    }

    /// Whether a signature is one of them.
    pub fn contains(&self, number: Label) -> bool {
        let half = self.halves.get(usize::from(number / 128));
        half.is_some_and(|half| half >> (number % 128) & 1 != 0)
    }

    /// Takes the signature of the highest priority out.
    #[inline]
    pub fn take_first(&mut self) -> Option<Label> {
        let [low, high] = &mut self.halves;
        let (half, base) = if *low != 0 { (low, 0) } else { (high, 128) };
        let number = half.trailing_zeros();
        *half &= half.wrapping_sub(1);
        (number < 128).then_some((base + number) as Label)
    }

    fn change(&mut self, number: Label, change: impl FnOnce(u128, u128) -> u128) {
        if let Some(half) = self.halves.get_mut(usize::from(number / 128)) {
            *half = change(*half, 1 << (number % 128));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_come_in_the_order_of_their_numbers() {
        let mut all = Candidates::default();
        let numbers = [0, 1, 127, 128, 129, 255];
        for number in numbers.into_iter().rev().chain([7, 200]) {
            all.add(number);
        }
        all.remove(7);
        all.remove(200);
        all.remove(201);
        assert!(numbers.into_iter().all(|number| all.contains(number)) && !all.contains(7));
        assert_eq!(std::iter::from_fn(|| all.take_first()).collect::<Vec<_>>(), numbers);
        assert_eq!(all.take_first(), None);
    }
}
