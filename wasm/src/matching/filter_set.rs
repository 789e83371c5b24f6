//! The filters in force: built whole, then swapped in between two blocks.

use super::address::{AddressBits, AddressFilters};
use super::glob::Glob;

/// What passes while no filter is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoFilterPolicy {
    /// Everything.
    #[default]
    Allow,
    /// Nothing.
    Deny,
}

/// `FilterType` of the wire contract, as far as this engine matches it.
const IP_ADDRESS: u32 = 2;
const BPF: u32 = 5;
const DNS_DOMAIN: u32 = 7;

/// At most this many filters; design: every table has a bound.
const FILTER_LIMIT: usize = 100_000;

/// Longest pattern, bytes.
const PATTERN_LIMIT: usize = 1024;

/// A set of filters with one decision per packet.
#[derive(Default)]
pub struct FilterSet {
    policy: NoFilterPolicy,
    ids: Vec<String>,
    addresses: AddressFilters,
    domains: Vec<(Glob, u32)>,
    /// Kernel filters count as filters for the policy, although they are applied before the engine.
    kernel_filters: bool,
    /// The operator's own domain patterns (`--domain`): a further condition, without an id.
    local_domains: Vec<Glob>,
}

/// Calls its argument with each name.
pub type EachDomain<'a> = dyn Fn(&mut dyn FnMut(&[u8])) + 'a;

/// What a packet shows to the filters.
pub struct Subject<'a> {
    /// Source and destination address, if the packet has them.
    pub addresses: Option<(AddressBits, AddressBits)>,
    /// Those of the outermost IP header, where the packet is in a tunnel.
    pub outer_addresses: Option<(AddressBits, AddressBits)>,
    /// Domain names of a DNS message: questions, owners of answers, CNAME targets.
    pub domains: &'a EachDomain<'a>,
}

impl FilterSet {
    /// An empty set.
    pub fn new(policy: NoFilterPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Adds an enabled filter. The error says why it was refused; the set is then as before.
    pub fn add(&mut self, filter_type: u32, id: &str, pattern: &str) -> Result<(), String> {
        if self.ids.len() >= FILTER_LIMIT {
            return Err(format!("more than {FILTER_LIMIT} filters"));
        }
        if pattern.len() > PATTERN_LIMIT {
            return Err(format!("the pattern is longer than {PATTERN_LIMIT} bytes"));
        }
        let number = self.ids.len() as u32;
        match filter_type {
            BPF => {
                self.kernel_filters = true;
                return Ok(());
            }
            IP_ADDRESS => self.addresses.add(pattern, number)?,
            DNS_DOMAIN if pattern.trim().is_empty() => return Err("the domain pattern is empty".to_owned()),
            DNS_DOMAIN => self.domains.push((Glob::new(pattern.trim()), number)),
            _ => return Err("filters of this type are not matched in this mode".to_owned()),
        }
        self.ids.push(id.to_owned());
        Ok(())
    }

    /// Adds a domain pattern of the operator's own.
    pub fn add_local_domain(&mut self, pattern: &str) {
        self.local_domains.push(Glob::new(pattern));
    }

    /// True when the names of DNS messages matter.
    pub fn wants_domains(&self) -> bool {
        !self.domains.is_empty() || !self.local_domains.is_empty()
    }

    /// What becomes of every packet, where that does not depend on the packet.
    #[inline]
    pub fn decides_all(&self) -> Option<bool> {
        let by_packet =
            !self.local_domains.is_empty() || !self.addresses.is_empty() || !self.domains.is_empty();
        (!by_packet).then_some(self.kernel_filters || self.policy == NoFilterPolicy::Allow)
    }

    /// Id of the filter `number`.
    pub fn id(&self, number: u32) -> &str {
        self.ids.get(number as usize).map_or("", String::as_str)
    }

    /// Whether the packet passes. `matched` is cleared, and holds the numbers of the filters that matched, each
    /// once: by address (source, then destination, most specific first), then by domain.
    #[inline]
    pub fn decide(&self, subject: &Subject, matched: &mut Vec<u32>) -> bool {
        matched.clear();
        if !self.local_domains.is_empty() && !self.fits_local_domain(subject) {
            return false;
        }
        if self.addresses.is_empty() && self.domains.is_empty() {
            return self.kernel_filters || self.policy == NoFilterPolicy::Allow;
        }
        if !self.addresses.is_empty() {
            for (source, destination) in subject.addresses.iter().chain(&subject.outer_addresses) {
                for address in [source, destination] {
                    let before = matched.len();
                    self.addresses.find(*address, matched);
                    remove_repeats(matched, before);
                }
            }
        }
        if !self.domains.is_empty() {
            (subject.domains)(&mut |name| {
                for (glob, number) in &self.domains {
                    if glob.matches(name) && !matched.contains(number) {
                        matched.push(*number);
                    }
                }
            });
        }
        !matched.is_empty()
    }

    fn fits_local_domain(&self, subject: &Subject) -> bool {
        let mut fits = false;
        (subject.domains)(&mut |name| {
            fits = fits || self.local_domains.iter().any(|glob| glob.matches(name))
        });
        fits
    }
}

/// Drops from `numbers[from..]` what stands in `numbers[..from]`.
fn remove_repeats(numbers: &mut Vec<u32>, from: usize) {
    let mut kept = from;
    for at in from..numbers.len() {
        if !numbers[..from].contains(&numbers[at]) {
            numbers[kept] = numbers[at];
            kept += 1;
        }
    }
    numbers.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::super::address::v4_bits;
    use super::*;

    fn decide(set: &FilterSet, addresses: Option<([u8; 4], [u8; 4])>, names: &[&str]) -> (bool, Vec<String>) {
        let mut matched = Vec::new();
        let domains = |each: &mut dyn FnMut(&[u8])| names.iter().for_each(|name| each(name.as_bytes()));
        let addresses = addresses.map(|(source, destination)| (v4_bits(source), v4_bits(destination)));
        let passes =
            set.decide(&Subject { addresses, outer_addresses: None, domains: &domains }, &mut matched);
        (passes, matched.iter().map(|number| set.id(*number).to_owned()).collect())
    }

    const HOSTS: Option<([u8; 4], [u8; 4])> = Some(([10, 0, 0, 1], [10, 0, 0, 2]));

    #[test]
    fn the_policy_speaks_only_without_filters() {
        assert_eq!(decide(&FilterSet::new(NoFilterPolicy::Allow), HOSTS, &[]), (true, vec![]));
        assert_eq!(decide(&FilterSet::new(NoFilterPolicy::Deny), HOSTS, &[]), (false, vec![]));
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(BPF, "kernel", "udp").unwrap();
        assert_eq!(decide(&set, HOSTS, &[]), (true, vec![]), "a BPF filter counts as a filter");
        set.add(IP_ADDRESS, "a", "10.0.0.9").unwrap();
        assert_eq!(decide(&set, HOSTS, &[]), (false, vec![]));
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        assert!(set.add(IP_ADDRESS, "bad", "nonsense").is_err());
        assert!(set.add(0, "user", "alice").is_err());
        assert!(set.add(DNS_DOMAIN, "empty", " ").is_err());
        assert_eq!(decide(&set, HOSTS, &[]), (true, vec![]), "a refused filter does not count");
    }

    #[test]
    fn all_ids_each_once_in_a_stable_order() {
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(DNS_DOMAIN, "d1", "*.example.com").unwrap();
        set.add(IP_ADDRESS, "net", "10.0.0.0/8").unwrap();
        set.add(IP_ADDRESS, "two", "10.0.0.2").unwrap();
        set.add(DNS_DOMAIN, "d2", "a.*").unwrap();
        let (passes, ids) = decide(&set, HOSTS, &["a.EXAMPLE.com", "b.example.com."]);
        assert!(passes);
        assert_eq!(ids, ["net", "two", "d1", "d2"]);
        assert_eq!(decide(&set, None, &["example.com"]), (false, vec![]));
    }

    #[test]
    fn local_domains_are_a_further_condition() {
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        set.add_local_domain("*.test");
        assert_eq!(decide(&set, HOSTS, &[]), (false, vec![]));
        assert_eq!(decide(&set, HOSTS, &["x.test"]), (true, vec![]));
        set.add(DNS_DOMAIN, "other", "y.test").unwrap();
        assert_eq!(decide(&set, HOSTS, &["x.test"]), (false, vec![]));
        assert_eq!(decide(&set, HOSTS, &["x.test", "y.test"]), (true, vec!["other".to_owned()]));
    }
}
