//! What the tunneling detector needs of a name, worked out once for names that come again.
//!
//! A response repeats the name of its query, and clients ask for the same names over and over; splitting a name
//! and taking its entropy cost more than finding it here.

use std::hash::Hasher;

use super::entropy::Entropy;
use super::suffix;
use crate::bounded::MixHasher;

/// Places for names. Each name has one, and gives way to the next name for it.
const PLACES: usize = 2048;

/// Octets of the longest name that is remembered.
const MAX_REMEMBERED: usize = 48;

/// What is known of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NameFacts {
    /// Octets of its text.
    pub length: usize,
    /// Hash of the base domain.
    pub base: u64,
    /// Hash of what stands before the base domain.
    pub subdomain: u64,
    /// Octets of what stands before the base domain.
    pub subdomain_length: usize,
    /// Entropy in bits per character.
    pub entropy: f64,
    /// Entropy of what stands before the base domain.
    pub subdomain_entropy: f64,
    /// Whether the name belongs to the reverse mapping of addresses.
    pub reverse_mapping: bool,
}

/// Works out the facts of names.
pub struct NameReader {
    entropy: Entropy,
    places: Vec<Place>,
}

#[derive(Clone)]
struct Place {
    text: [u8; MAX_REMEMBERED],
    facts: NameFacts,
}

impl Default for NameReader {
    fn default() -> Self {
        Self::new()
    }
}

impl NameReader {
    /// A reader that remembers the root alone.
    pub fn new() -> Self {
        let mut entropy = Entropy::new();
        let root = Place { text: [0; MAX_REMEMBERED], facts: read(&[], &mut entropy) };
        Self { entropy, places: vec![root; PLACES] }
    }

    /// The facts of a normalized name, whose [`hash`] is `hash`.
    pub fn facts(&mut self, normal: &[u8], hash: u64) -> NameFacts {
        let place = self.places.get_mut(hash as usize % PLACES).filter(|_| normal.len() <= MAX_REMEMBERED);
        let Some(place) = place else { return read(normal, &mut self.entropy) };
        // Compared in full: hashes can be made to agree.
        if place.facts.length != normal.len() || !place.text.starts_with(normal) {
            place.facts = read(normal, &mut self.entropy);
            for (to, from) in place.text.iter_mut().zip(normal) {
                *to = *from;
            }
        }
        place.facts
    }
}

fn read(normal: &[u8], entropy: &mut Entropy) -> NameFacts {
    let (base, subdomain) = suffix::split(normal);
    let (subdomain_entropy, whole_entropy) = entropy.of_prefix_and_whole(normal, subdomain.len());
    NameFacts {
        length: normal.len(),
        base: hash(base),
        subdomain: hash(subdomain),
        subdomain_length: subdomain.len(),
        entropy: whole_entropy,
        subdomain_entropy,
        reverse_mapping: suffix::is_reverse_mapping(normal),
    }
}

/// Hash of a normalized name, or part of one.
pub fn hash(normal: &[u8]) -> u64 {
    let mut hasher = MixHasher::default();
    hasher.write(normal);
    hasher.finish()
}
