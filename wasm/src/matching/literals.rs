//! Literals that may stand anywhere in a value.

/// Searches for many literals at once.
#[derive(Default)]
pub struct Literals {
    literals: Vec<Vec<u8>>,
}

impl Literals {
    /// Takes the literals, none of them empty.
    pub fn new<'a>(literals: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { literals: literals.map(<[u8]>::to_vec).collect() }
    }

    /// Calls `found` with the place in the list of each literal that `value` contains, once or more often.
    pub fn for_each(&self, value: &[u8], found: &mut dyn FnMut(usize)) {
        for (number, literal) in self.literals.iter().enumerate() {
            if memchr::memmem::find(value, literal).is_some() {
                found(number);
            }
        }
    }
}
