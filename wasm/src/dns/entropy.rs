//! Shannon entropy of names, in bits per character.
//!
//! Counted are the characters of the lower-cased name, the dots between its labels left out. An escape of
//! [`super::names`] counts as the one character or octet that it stands for (an escaped dot too), so the
//! figure is that of the name and not of its spelling.

use memchr::memchr;

/// Characters up to which counts and tables reach; longer text takes the slower path.
const TABLE_LENGTH: usize = 256;

/// Fixed-point one. Sums of integers do not depend on the order of the characters.
const ONE: f64 = (1u64 << 40) as f64;

/// Octets that are not part of any UTF-8 character count as characters beyond the last of Unicode.
const OCTETS: u32 = 0x11_0000;

/// Computes entropies without a logarithm per character: with n characters of which c occur f(c) times,
/// H = (n log n - sum of f(c) log f(c)) / n, and the sum grows by a tabulated step with each character.
pub struct Entropy {
    /// n log2 n, fixed point.
    products: [u64; TABLE_LENGTH],
    /// By how much n log2 n grows from n to n + 1.
    steps: [u64; TABLE_LENGTH],
    /// Characters of text that the tables do not cover.
    characters: Vec<u32>,
}

impl Default for Entropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy {
    /// Fills the tables.
    pub fn new() -> Self {
        let product = |n: usize| if n == 0 { 0 } else { (n as f64 * (n as f64).log2() * ONE).round() as u64 };
        Self {
            products: std::array::from_fn(product),
            steps: std::array::from_fn(|n| product(n + 1) - product(n)),
            characters: Vec::new(),
        }
    }

    /// Entropy of a normalized name, or part of one; 0 without a counted character.
    pub fn of(&mut self, normal: &[u8]) -> f64 {
        self.of_prefix_and_whole(normal, 0).1
    }

    /// Entropies of the first `prefix` octets of a normalized name, which must end between characters, and of all
    /// of it.
    pub fn of_prefix_and_whole(&mut self, normal: &[u8], prefix: usize) -> (f64, f64) {
        let (head, tail) = normal.split_at_checked(prefix).unwrap_or((normal, &[]));
        if normal.len() >= TABLE_LENGTH || !normal.is_ascii() || memchr(b'\\', normal).is_some() {
            let binary = self.of_binary(normal, prefix);
            return binary.unwrap_or_else(|| (self.of_special(head), self.of_special(normal)));
        }
        let mut counts = [0; 128];
        let head_sum = self.count(head, &mut counts);
        let of_head = self.entropy(head.len(), &counts, head_sum);
        let sum = head_sum + self.count(tail, &mut counts);
        (of_head, self.entropy(normal.len(), &counts, sum))
    }

    /// Counts ASCII, dots like all else, and returns by how much the sum grows.
    fn count(&self, text: &[u8], counts: &mut [u8; 128]) -> u64 {
        text.iter().fold(0, |sum, octet| {
            let count = &mut counts[usize::from(octet & 0x7f)];
            let step = self.steps[usize::from(*count)];
            *count = count.wrapping_add(1);
            sum + step
        })
    }

    /// The entropy of `length` counted octets once the dots among them are taken out again.
    fn entropy(&self, length: usize, counts: &[u8; 128], sum: u64) -> f64 {
        let dots = usize::from(counts[usize::from(b'.')]);
        let counted = length.saturating_sub(dots);
        let product = |n: usize| self.products.get(n).copied().unwrap_or(0);
        self.of_sum(counted, sum.saturating_sub(product(dots)))
    }

    /// Both entropies of a name with escapes or characters beyond ASCII, as tunnels with binary names have them. None
    /// where there is more in it than the tables cover.
    fn of_binary(&self, normal: &[u8], prefix: usize) -> Option<(f64, f64)> {
        let mut octets = [0u8; 256];
        // Characters beyond ASCII are few in a name: found by looking at all of them.
        let mut beyond = [(0u32, 0u8); 64];
        let mut beyond_length = 0usize;
        let (mut counted, mut sum) = (0usize, 0u64);
        let mut of_prefix = None;
        let mut rest = str::from_utf8(normal).ok()?.chars();
        loop {
            if of_prefix.is_none() && normal.len() - rest.as_str().len() >= prefix {
                of_prefix = Some(self.of_sum(counted, sum));
            }
            let Some(character) = rest.next() else { break };
            let octet = match character {
                '.' => continue,
                '\\' => match *rest.as_str().as_bytes() {
                    [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                        rest = rest.as_str().get(3..)?.chars();
                        u8::try_from(
                            (u32::from(a - b'0') * 10 + u32::from(b - b'0')) * 10 + u32::from(c - b'0'),
                        )
                        .ok()?
                    }
                    _ => rest.next().and_then(|escaped| u8::try_from(escaped).ok()).filter(u8::is_ascii)?,
                },
                _ if character.is_ascii() => character as u8,
                _ => {
                    for lower in character.to_lowercase().map(u32::from) {
                        let known = beyond.iter_mut().take(beyond_length).find(|(known, _)| *known == lower);
                        let count = match known {
                            Some((_, count)) => count,
                            None => {
                                let (place, count) = beyond.get_mut(beyond_length)?;
                                beyond_length += 1;
                                *place = lower;
                                count
                            }
                        };
                        sum += self.steps.get(usize::from(*count))?;
                        *count = count.checked_add(1)?;
                        counted += 1;
                    }
                    continue;
                }
            };
            let count = octets.get_mut(usize::from(octet))?;
            sum += self.steps.get(usize::from(*count))?;
            *count = count.checked_add(1)?;
            counted += 1;
        }
        let whole = self.of_sum(counted, sum);
        Some((of_prefix.unwrap_or(whole), whole)).filter(|_| counted < TABLE_LENGTH)
    }

    fn of_sum(&self, counted: usize, sum: u64) -> f64 {
        let product = self.products.get(counted).copied().unwrap_or(0);
        if counted == 0 { 0.0 } else { product.saturating_sub(sum) as f64 / ONE / counted as f64 }
    }

    /// The entropy of text that is long, not ASCII or has escapes.
    fn of_special(&mut self, text: &[u8]) -> f64 {
        self.characters.clear();
        append_characters(text, &mut self.characters);
        self.characters.sort_unstable();
        let counted = self.characters.len() as f64;
        let sum: f64 = self
            .characters
            .chunk_by(|a, b| a == b)
            .map(|same| same.len() as f64)
            .map(|count| count * (counted / count).log2())
            .sum();
        if sum > 0.0 { sum / counted } else { 0.0 }
    }
}

/// Appends the counted characters of `text`, escapes resolved, in lower case.
fn append_characters(text: &[u8], characters: &mut Vec<u32>) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(character) = rest.chars().next() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '.' => {}
                '\\' => rest = append_escaped_character(rest, characters),
                _ => characters.extend(character.to_lowercase().map(u32::from)),
            }
        }
        characters.extend(chunk.invalid().iter().map(|octet| OCTETS + u32::from(*octet)));
    }
}

/// Appends the character whose escape goes on with `rest`, and returns what follows it.
fn append_escaped_character<'a>(rest: &'a str, characters: &mut Vec<u32>) -> &'a str {
    let octet = rest.get(..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    if let Some(octet) = octet.and_then(|digits| digits.parse::<u8>().ok()) {
        let octet = u32::from(octet);
        characters.push(if octet < 0x80 { octet } else { OCTETS + octet });
        return rest.get(3..).unwrap_or_default();
    }
    let mut following = rest.chars();
    characters.extend(following.next().map(u32::from));
    following.as_str()
}
