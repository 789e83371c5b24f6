//! The filters in force: built aside, whole, then swapped in between two blocks.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::address::{AddressBits, AddressFilters};
use super::contents::{Content, Texts};
use super::filter_type::{Condition, Field, FilterType};
use super::matched::Matched;
use super::pattern::{Bare, Pattern};
use super::search::{BuildError, Matches};
use super::text_set::{SearchOptions, TextSet};
use crate::bounded::MixHasher;
use crate::sip::message::Message;
use crate::sip::parts::Known;

/// What passes while no filter is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoFilterPolicy {
    /// Everything.
    #[default]
    Allow,
    /// Nothing.
    Deny,
}

/// At most this many filters; design: every table has a bound.
pub const MOST_FILTERS: usize = 100_000;

/// Bytes of all ids together, at most.
const MOST_ID_BYTES: usize = 64 << 20;

/// A set of filters with one decision per packet.
#[derive(Default)]
pub struct FilterSet {
    policy: NoFilterPolicy,
    options: SearchOptions,
    /// Packets of other protocols than DNS are not looked at.
    dns_only: bool,
    /// Texts of the ids, one behind the other, and where each ends: nothing to free one by one.
    id_text: String,
    id_ends: Vec<u32>,
    /// By filter: its [`Field`], from 1, or 0 for an address.
    fields: Vec<u8>,
    addresses: AddressFilters,
    texts: [TextSet; Field::ALL.len()],
    /// Fields that filters ask for, as bits.
    wanted: u32,
    /// Kernel filters count as filters for the policy, although they are applied before the engine.
    kernel_filters: bool,
    /// A filter was asked for and refused: the policy does not speak, even where no other is left.
    refused: bool,
    /// The operator's own domain patterns (`--domain`): a further condition, without an id.
    local_domains: TextSet,
    /// Users of SIP that the operator named (`--sip-user`): a further condition, without ids.
    local_users: Option<Box<FilterSet>>,
    /// By filter: what it asks for, as a hash of its type and pattern.
    keys: Vec<u64>,
    /// A filter by its key, and by its key and id together.
    by_key: HashMap<u64, u32, BuildHasherDefault<MixHasher>>,
    /// Filters that the build had no room for, and why.
    left_out: Vec<u32>,
    left_out_reason: Option<BuildError>,
    /// Parts that are built: the addresses, then the texts, then the operator's domains.
    built: usize,
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
    /// What else it carries that filters may look at.
    pub content: Option<(Content, &'a [u8])>,
    /// The SIP message that this is, where it was read.
    pub message: Option<&'a Message<'a>>,
    /// Parties of that message that need not be looked at.
    pub known: Known,
}

/// Memory for decisions, used again for the next one.
#[derive(Default)]
pub struct Workspace {
    /// The filters that matched.
    pub matched: Matched,
    texts: Texts,
    matches: Matches,
    /// For the users that the operator named.
    local: Option<Box<Workspace>>,
}

impl FilterSet {
    /// An empty set.
    pub fn new(policy: NoFilterPolicy) -> Self {
        Self::with_options(policy, SearchOptions::default())
    }

    /// An empty set that will search as `options` say.
    pub fn with_options(policy: NoFilterPolicy, options: SearchOptions) -> Self {
        Self { policy, options, ..Self::default() }
    }

    /// The same, where packets of other protocols than DNS are not looked at if `dns_only` says so.
    pub fn for_mode(policy: NoFilterPolicy, options: SearchOptions, dns_only: bool) -> Self {
        Self { dns_only, ..Self::with_options(policy, options) }
    }

    /// Adds an enabled filter. The error says why it was refused; the set is then as before, but that nothing passes if no
    /// other is added. It takes effect with [`build`](Self::build), after which no other can be added.
    pub fn add(&mut self, filter_type: u32, id: &str, pattern: &str) -> Result<(), String> {
        let added = self.add_usable(filter_type, id, pattern);
        self.refused |= added.is_err();
        added
    }

    fn add_usable(&mut self, filter_type: u32, id: &str, pattern: &str) -> Result<(), String> {
        let filter_type =
            FilterType::of(filter_type).ok_or_else(|| format!("there is no filter type {filter_type}"))?;
        let is_dns = matches!(filter_type, FilterType::Bpf | FilterType::IpAddress | FilterType::DnsDomain);
        if self.dns_only && !is_dns {
            return Err(
                "this node looks at DNS alone; filters of this type need a node for all traffic".to_owned()
            );
        }
        let condition = Condition::parse(filter_type, pattern)?;
        if self.len() >= MOST_FILTERS {
            return Err(format!("there are more than {MOST_FILTERS} filters"));
        }
        if self.id_text.len() + id.len() > MOST_ID_BYTES {
            return Err(format!("the ids of all filters have more than {MOST_ID_BYTES} bytes"));
        }
        let number = self.len() as u32;
        let mut of_field = 0;
        match condition {
            Condition::Kernel => {
                self.kernel_filters = true;
                return Ok(());
            }
            Condition::Address(prefix) => self.addresses.add(prefix, number),
            Condition::Text(field, pattern, bare) => {
                if let Some(set) = self.texts.get_mut(field as usize) {
                    set.add(&pattern, bare, number, self.options).map_err(|error| error.to_string())?;
                }
                self.wanted |= 1 << field as u32;
                of_field = field as u8 + 1;
            }
        }
        let key = key_of(filter_type, pattern);
        self.keys.push(key);
        self.by_key.insert(key, number);
        self.by_key.insert(key_with_id(key, id), number);
        self.id_text.push_str(id);
        self.id_ends.push(self.id_text.len() as u32);
        self.fields.push(of_field);
        Ok(())
    }

    /// Adds a domain pattern of the operator's own. The error says why it was refused.
    pub fn add_local_domain(&mut self, pattern: &str) -> Result<(), String> {
        let name = pattern.strip_suffix('.').unwrap_or(pattern);
        let pattern = Pattern::parse(name.as_bytes(), false).map(<[u8]>::to_ascii_lowercase);
        // The operator's own file is no reason to be sparing.
        let options = SearchOptions { memory_limit: usize::MAX, ..self.options };
        self.local_domains.add(&pattern, Bare::Equals, 0, options).map_err(|error| error.to_string())
    }

    /// Adds a user of SIP that the operator named, as the pattern of a `sip_user` filter, or with its host as that of a `sip_uri`
    /// filter. The error says why it is refused.
    pub fn add_local_sip_user(&mut self, pattern: &str) -> Result<(), String> {
        let options = self.options;
        let filter_type = if pattern.contains('@') { FilterType::SipUri } else { FilterType::SipUser };
        self.local_users
            .get_or_insert_with(|| Box::new(Self::with_options(NoFilterPolicy::Deny, options)))
            .add(filter_type as u32, "", pattern)
    }

    /// Does a part of what is left to do before the set can be used: works on about so many patterns at once. False when
    /// nothing is left. The error says what the operator's own patterns would need; those filters that there is no room
    /// for are [left out](Self::left_out) instead.
    pub fn build_step(&mut self, patterns: usize) -> Result<bool, String> {
        if let Some(local) = &mut self.local_users {
            if local.build_step(patterns)? {
                return Ok(true);
            }
            if let Some(reason) = local.left_out_reason {
                return Err(reason.to_string());
            }
        }
        match self.built.checked_sub(1) {
            None => self.addresses.build(),
            Some(part) => match part.cmp(&self.texts.len()) {
                Ordering::Less => {
                    if self.build_texts(part, patterns) {
                        return Ok(true);
                    }
                }
                Ordering::Equal => {
                    if self.local_domains.build_step(patterns).map_err(|error| error.to_string())? {
                        return Ok(true);
                    }
                    if self.local_domains.left_out().next().is_some() {
                        return Err(BuildError::TooLarge.to_string());
                    }
                }
                Ordering::Greater => return Ok(false),
            },
        }
        self.built += 1;
        Ok(true)
    }

    /// Works on the texts of one field, whose want of room is no other field's business. False when they are ready.
    fn build_texts(&mut self, field: usize, patterns: usize) -> bool {
        let Some(set) = self.texts.get_mut(field) else { return false };
        let before = self.left_out.len();
        let reason = match set.build_step(patterns) {
            Ok(true) => return true,
            Ok(false) => {
                self.left_out.extend(set.left_out());
                BuildError::TooLarge
            }
            Err(error) => {
                self.left_out.extend(set.with_text());
                error
            }
        };
        if self.left_out.len() > before {
            self.left_out_reason.get_or_insert(reason);
        }
        false
    }

    /// Filters that the build had no room for, by the order in which they were added, those of the kernel not counted: they
    /// match nothing. Put a set without them in force.
    pub fn left_out(&self) -> &[u32] {
        &self.left_out
    }

    /// Why there are such, for people; empty where there are none.
    pub fn left_out_reason(&self) -> String {
        self.left_out_reason.map(|reason| reason.to_string()).unwrap_or_default()
    }

    /// Makes the set ready.
    pub fn build(&mut self) -> Result<(), String> {
        while self.build_step(usize::MAX)? {}
        Ok(())
    }

    /// Filters in it, those of the kernel left out.
    pub fn len(&self) -> usize {
        self.id_ends.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.id_ends.is_empty()
    }

    /// True when the names of DNS messages matter.
    #[inline]
    pub fn wants_domains(&self) -> bool {
        self.wanted & 1 << Field::Domain as u32 != 0 || !self.local_domains.is_empty()
    }

    /// Whether filters look at such a content.
    #[inline]
    pub fn wants(&self, content: Content) -> bool {
        self.wanted & content.fields() != 0
    }

    /// Whether filters look at what packets carry beyond names in DNS.
    #[inline]
    pub fn wants_contents(&self) -> bool {
        self.wanted & !(1 << Field::Domain as u32) != 0
    }

    /// What becomes of every packet, where that does not depend on the packet.
    #[inline]
    pub fn decides_all(&self) -> Option<bool> {
        let by_packet = !self.local_domains.is_empty() || self.local_users.is_some() || !self.is_empty();
        (!by_packet).then(|| self.passes_without_filters())
    }

    /// Whether a text matches on its own, whatever other texts the packet has.
    pub fn judges_texts_apart(&self) -> bool {
        self.local_users.is_none()
    }

    /// Whether filters look at nothing in a message of SIP but who takes part in it, nor at addresses.
    pub fn asks_for_identities_alone(&self) -> bool {
        let identities = 1 << Field::User as u32 | 1 << Field::Number as u32 | 1 << Field::Uri as u32;
        !self.is_empty()
            && self.judges_texts_apart()
            && self.addresses.is_empty()
            && self.wanted & Content::Sip.fields() & !identities == 0
    }

    /// Whether filters look at whole URIs.
    pub fn wants_uris(&self) -> bool {
        self.wanted & 1 << Field::Uri as u32 != 0
    }

    /// Whether filters look at the addresses of packets.
    pub fn wants_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Whether packets pass because there are no filters that look at them.
    pub fn passes_without_filters(&self) -> bool {
        let by_policy = self.policy == NoFilterPolicy::Allow && !self.refused;
        self.is_empty() && (self.kernel_filters || by_policy)
    }

    /// What the filter `number` asks for, for [`id_in_force`](Self::id_in_force) of sets to come.
    pub fn key(&self, number: u32) -> u64 {
        self.keys.get(number as usize).copied().unwrap_or_default()
    }

    /// The id under which a filter of a set before this one is in it, type and pattern being the same: its own, else another
    /// one's.
    pub fn id_in_force(&self, id: &str, key: u64) -> Option<&str> {
        let number = self.by_key.get(&key_with_id(key, id)).or_else(|| self.by_key.get(&key))?;
        Some(self.id(*number))
    }

    /// Id of the filter `number`.
    pub fn id(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).and_then(|last| self.id_ends.get(last)).copied().unwrap_or(0);
        let end = self.id_ends.get(number).copied().unwrap_or(start);
        self.id_text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Whether the packet passes. The workspace then holds the filters that matched, all of them, each once: by address
    /// (source, then destination, most specific first; then those of the outer header), then by text in the order of
    /// [`Field`], and within a field in the order in which they were added.
    #[inline]
    pub fn decide(&self, subject: &Subject, workspace: &mut Workspace) -> bool {
        let Workspace { matched, texts, matches, local } = workspace;
        matched.begin(self.len());
        if !self.local_domains.is_empty() && !self.fits_local_domain(subject, matches) {
            return false;
        }
        if let Some(users) = &self.local_users
            && !users.decide(subject, local.get_or_insert_default())
        {
            return false;
        }
        if self.is_empty() {
            return self.passes_without_filters();
        }
        if !self.addresses.is_empty() {
            for (source, destination) in subject.addresses.iter().chain(&subject.outer_addresses) {
                self.addresses.find(*source, matched);
                self.addresses.find(*destination, matched);
            }
        }
        let addressed = matched.len();
        let mut look_up = |field: Field, text: &[u8]| {
            if let Some(set) = self.texts.get(field as usize) {
                set.find(text, matches, matched);
            }
        };
        if self.wanted & 1 << Field::Domain as u32 != 0 {
            (subject.domains)(&mut |domain| {
                look_up(Field::Domain, domain.strip_suffix(b".").unwrap_or(domain));
            });
        }
        if let Some((content, bytes)) = subject.content
            && self.wants(content)
        {
            match subject.message {
                Some(message) => texts.message(message, self.wanted, subject.known, &mut look_up),
                None => texts.for_each(content, bytes, self.wanted, &mut look_up),
            }
        }
        matched.sort_from(addressed, |number| (self.fields.get(number as usize).copied(), number));
        !matched.is_empty()
    }

    fn fits_local_domain(&self, subject: &Subject, matches: &mut Matches) -> bool {
        let mut fits = false;
        (subject.domains)(&mut |name| {
            let name = name.strip_suffix(b".").unwrap_or(name);
            fits = fits || self.local_domains.fits_any(name, matches);
        });
        fits
    }
}

fn key_of(filter_type: FilterType, pattern: &str) -> u64 {
    let mut hasher = MixHasher::default();
    hasher.write_u32(filter_type as u32);
    hasher.write(pattern.as_bytes());
    hasher.finish()
}

fn key_with_id(key: u64, id: &str) -> u64 {
    let mut hasher = MixHasher::with_seed(key);
    hasher.write(id.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::address::v4_bits;
    use super::*;

    const IP_ADDRESS: u32 = FilterType::IpAddress as u32;
    const DNS_DOMAIN: u32 = FilterType::DnsDomain as u32;
    const BPF: u32 = FilterType::Bpf as u32;

    fn decide(
        set: &mut FilterSet,
        addresses: Option<([u8; 4], [u8; 4])>,
        names: &[&str],
    ) -> (bool, Vec<String>) {
        set.build().unwrap();
        let mut workspace = Workspace::default();
        let domains = |each: &mut dyn FnMut(&[u8])| names.iter().for_each(|name| each(name.as_bytes()));
        let addresses = addresses.map(|(source, destination)| (v4_bits(source), v4_bits(destination)));
        let subject = Subject {
            addresses,
            outer_addresses: None,
            domains: &domains,
            content: None,
            message: None,
            known: Known::default(),
        };
        let passes = set.decide(&subject, &mut workspace);
        (passes, workspace.matched.iter().map(|number| set.id(number).to_owned()).collect())
    }

    const HOSTS: Option<([u8; 4], [u8; 4])> = Some(([10, 0, 0, 1], [10, 0, 0, 2]));

    #[test]
    fn the_policy_speaks_only_without_filters() {
        assert_eq!(decide(&mut FilterSet::new(NoFilterPolicy::Allow), HOSTS, &[]), (true, vec![]));
        assert_eq!(decide(&mut FilterSet::new(NoFilterPolicy::Deny), HOSTS, &[]), (false, vec![]));
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(BPF, "kernel", "udp").unwrap();
        assert_eq!(decide(&mut set, HOSTS, &[]), (true, vec![]), "a BPF filter counts as a filter");
        set.add(IP_ADDRESS, "a", "10.0.0.9").unwrap();
        assert_eq!(decide(&mut set, HOSTS, &[]), (false, vec![]));
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        assert!(set.add(IP_ADDRESS, "bad", "nonsense").is_err());
        assert!(set.add(99, "type", "alice").is_err());
        assert!(set.add(DNS_DOMAIN, "empty", " ").is_err());
        assert_eq!(decide(&mut set, HOSTS, &[]), (false, vec![]), "filters were asked for");
        assert_eq!(set.decides_all(), Some(false));
        assert!(!set.passes_without_filters());
        set.add(BPF, "kernel", "udp").unwrap();
        assert_eq!(decide(&mut set, HOSTS, &[]), (true, vec![]), "one can be used");
    }

    #[test]
    fn all_ids_each_once_in_a_stable_order() {
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(DNS_DOMAIN, "d1", "*.example.com").unwrap();
        set.add(IP_ADDRESS, "net", "10.0.0.0/8").unwrap();
        set.add(IP_ADDRESS, "two", "10.0.0.2").unwrap();
        set.add(DNS_DOMAIN, "d2", "a.*").unwrap();
        let (passes, ids) = decide(&mut set, HOSTS, &["a.EXAMPLE.com", "b.example.com."]);
        assert!(passes);
        assert_eq!(ids, ["net", "two", "d1", "d2"]);
        assert_eq!(decide(&mut set, None, &["example.com"]), (false, vec![]));
    }

    #[test]
    fn local_domains_are_a_further_condition() {
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        set.add_local_domain("*.test.").unwrap();
        assert_eq!(decide(&mut set, HOSTS, &[]), (false, vec![]));
        assert_eq!(decide(&mut set, HOSTS, &["x.test"]), (true, vec![]));
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        set.add_local_domain("*.test").unwrap();
        set.add(DNS_DOMAIN, "other", "y.test").unwrap();
        assert_eq!(decide(&mut set, HOSTS, &["x.test"]), (false, vec![]));
        assert_eq!(decide(&mut set, HOSTS, &["x.test.", "y.test"]), (true, vec!["other".to_owned()]));
    }

    #[test]
    fn too_little_memory_is_said() {
        let options = SearchOptions { memory_limit: 1 << 16, ..SearchOptions::default() };
        let mut set = FilterSet::with_options(NoFilterPolicy::Allow, options);
        let users: Vec<String> = (0..10_000).map(|number| format!("user{number:05}")).collect();
        let refused: Vec<String> = users.iter().filter_map(|user| set.add(0, user, user).err()).collect();
        assert!(refused.iter().all(|reason| reason.contains("pattern-buffer-mb")));
        assert_eq!(set.len() + refused.len(), users.len());
        assert!(set.len() > 200, "{} are kept", set.len());
        set.build().unwrap();
    }
    #[test]
    fn want_of_room_is_one_fields_business() {
        const URL: u32 = FilterType::HttpUrl as u32;
        let options = SearchOptions { memory_limit: 4 << 20, ..SearchOptions::default() };
        let mut set = FilterSet::with_options(NoFilterPolicy::Allow, options);
        set.add(BPF, "kernel", "udp").unwrap();
        set.add(DNS_DOMAIN, "d1", "*.example.com").unwrap();
        for number in 0..3000u32 {
            // Windows nearly all the same: only an automaton is good for these, which is large.
            let bits = number.wrapping_mul(0x9e37_79b9);
            let text: String = (0..20).map(|at| ["a", "b"][(bits >> at & 1) as usize].repeat(20)).collect();
            set.add(URL, &format!("u{number}"), &format!("*{text}*")).unwrap();
        }
        set.add(DNS_DOMAIN, "d2", "a.*").unwrap();
        let (passes, ids) = decide(&mut set, HOSTS, &["a.example.com"]);
        assert!(passes);
        assert_eq!(ids, ["d1", "d2"]);
        assert!(set.left_out_reason().contains("pattern-buffer-mb"));
        let left_out: Vec<&str> = set.left_out().iter().map(|number| set.id(*number)).collect();
        assert!(left_out.contains(&"u2999") && left_out.len() < 3000, "{}", left_out.len());
        assert!(left_out.iter().all(|id| id.starts_with('u')));
    }
}
