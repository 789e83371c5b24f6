//! What was seen, for the summary: packets, bytes and flows by protocol, and the addresses with most traffic.

use std::cmp::Reverse;

use crate::bounded::BoundedMap;
use crate::net::Address;
use crate::wire::json::{put_decimal, put_text};

/// Addresses whose traffic is added up; of more, those with little traffic are forgotten, as far as a few looks tell.
const HOST_LIMIT: usize = 1 << 18;

/// Packets and bytes; bytes as captured.
#[derive(Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

#[derive(Clone, Copy)]
struct Row {
    protocol: &'static str,
    amount: Amount,
    flows: u64,
}

/// What has been added up: ended flows, and packets without a flow.
#[derive(Clone)]
pub(super) struct Traffic {
    rows: Vec<Row>,
    /// Ordered by when they were first seen, or spared ([`make_room`]): no address is moved for every flow of its own. None
    /// where nobody wants to know.
    hosts: Option<BoundedMap<Address, Amount>>,
    evictions: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { rows: Vec::new(), hosts: Some(BoundedMap::new(HOST_LIMIT)), evictions: 0 }
    }
}

impl Traffic {
    /// Adds packets that belong to `flows` flows.
    pub(super) fn add(&mut self, protocol: &'static str, amount: Amount, flows: u64) {
        // Fewer than a hundred protocols; names are compared by address first.
        let row = self.rows.iter_mut().find(|row| {
            std::ptr::eq(row.protocol.as_ptr(), protocol.as_ptr()) && row.protocol.len() == protocol.len()
                || row.protocol == protocol
        });
        match row {
            Some(row) => {
                row.amount.packets += amount.packets;
                row.amount.bytes += amount.bytes;
                row.flows += flows;
            }
            None => self.rows.push(Row { protocol, amount, flows }),
        }
    }

    /// A copy without addresses, to which none are added.
    pub(super) fn without_hosts(&self) -> Self {
        Self { rows: self.rows.clone(), hosts: None, evictions: self.evictions }
    }

    /// Adds what was sent between two addresses to both.
    pub(super) fn add_hosts(&mut self, one: Address, other: Address, amount: Amount) {
        let Some(hosts) = &mut self.hosts else { return };
        let ends = if one == other { &[one][..] } else { &[one, other] };
        for host in ends {
            if let Some(sum) = hosts.get_mut(host) {
                sum.packets += amount.packets;
                sum.bytes += amount.bytes;
                continue;
            }
            if hosts.len() == hosts.capacity() {
                make_room(hosts);
                self.evictions += 1;
            }
            hosts.insert(*host, amount);
        }
    }

    /// Addresses that gave way to others.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// The rows, most bytes first, and the `top` addresses with most bytes: two members of a JSON object.
    pub(super) fn put_json(&self, top: usize, out: &mut Vec<u8>) {
        let mut rows = self.rows.clone();
        rows.sort_unstable_by_key(|row| (Reverse(row.amount.bytes), row.protocol));
        out.extend_from_slice(b"\"protocols\":[");
        for (number, row) in rows.iter().enumerate() {
            out.extend_from_slice(if number > 0 { b",{\"protocol\":" } else { b"{\"protocol\":" });
            put_text(out, row.protocol.as_bytes());
            put_amount(out, &row.amount);
            out.extend_from_slice(b",\"flows\":");
            put_decimal(out, row.flows);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"top_talkers\":[");
        for (number, (address, amount)) in self.busiest(top).iter().enumerate() {
            out.extend_from_slice(if number > 0 { b",{\"address\":\"" } else { b"{\"address\":\"" });
            address.write_text(out);
            out.push(b'"');
            put_amount(out, amount);
            out.push(b'}');
        }
        out.push(b']');
    }

    /// The `most` addresses with most bytes, these first.
    fn busiest(&self, most: usize) -> Vec<(Address, Amount)> {
        let rank = |(address, amount): &(Address, Amount)| (Reverse(amount.bytes), *address);
        let mut busiest: Vec<(Address, Amount)> = Vec::new();
        if most == 0 {
            return busiest;
        }
        // Few of many: nearly all are told by one comparison with the last.
        for (address, amount) in self.hosts.iter().flat_map(BoundedMap::iter) {
            let host = (*address, *amount);
            let is_full = busiest.len() >= most;
            if is_full && busiest.last().is_none_or(|last| rank(&host) > rank(last)) {
                continue;
            }
            if is_full {
                busiest.pop();
            }
            busiest.insert(busiest.partition_point(|other| rank(other) < rank(&host)), host);
        }
        busiest
    }
}

/// Of the oldest entries the one with least traffic gives way; a few looks have to do. Those looked at are the newest then, so
/// that others are looked at the next time.
fn make_room(hosts: &mut BoundedMap<Address, Amount>) {
    let mut least: Option<(Address, u64)> = None;
    for _ in 0..8 {
        let Some((&host, &Amount { bytes, .. })) = hosts.oldest() else { break };
        hosts.touch(&host);
        if least.is_none_or(|(_, least)| bytes < least) {
            least = Some((host, bytes));
        }
    }
    if let Some((host, _)) = least {
        hosts.remove(&host);
    }
}

fn put_amount(out: &mut Vec<u8>, amount: &Amount) {
    out.extend_from_slice(b",\"packets\":");
    put_decimal(out, amount.packets);
    out.extend_from_slice(b",\"bytes\":");
    put_decimal(out, amount.bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Address {
        Address::v4(number.to_be_bytes())
    }

    fn amount(bytes: u64) -> Amount {
        Amount { packets: 1, bytes }
    }

    /// Addresses with bytes, from the JSON.
    fn talkers(traffic: &Traffic, top: usize) -> Vec<(String, u64)> {
        let mut json = b"{".to_vec();
        traffic.put_json(top, &mut json);
        json.push(b'}');
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let talkers = json["top_talkers"].as_array().expect("a list");
        let talker = |talker: &serde_json::Value| {
            (talker["address"].as_str().unwrap_or_default().to_owned(), talker["bytes"].as_u64().unwrap_or(0))
        };
        talkers.iter().map(talker).collect()
    }

    #[test]
    fn the_busiest_are_those_that_sorting_all_gives() {
        for (count, top) in [(0, 3), (2, 3), (3, 3), (500, 0), (500, 1), (500, 7), (500, 600)] {
            let mut traffic = Traffic::default();
            let mut sorted = Vec::new();
            for number in 0..count {
                // Some have the same number of bytes: the lower address comes first.
                let bytes = u64::from(number * 37 % 101);
                traffic.add_hosts(address(number), address(number), amount(bytes));
                sorted.push((Reverse(bytes), address(number)));
            }
            sorted.sort_unstable();
            let expected: Vec<(String, u64)> =
                sorted.iter().take(top).map(|(Reverse(bytes), host)| (host.to_string(), *bytes)).collect();
            assert_eq!(talkers(&traffic, top), expected, "{top} of {count}");
        }
    }

    #[test]
    fn addresses_with_much_traffic_stay_where_there_is_no_more_room() {
        // Ordinary traffic of a few servers, then scans: what comes later is less than nearly all that is there; then more.
        for later in [60, 1000, 5000] {
            let mut traffic = Traffic::default();
            for number in 0..HOST_LIMIT as u32 {
                traffic.add_hosts(address(1000 + number), address(number % 10), amount(1000));
            }
            let first = traffic.evictions();
            assert_eq!(first, 10);
            for number in 0..2 * HOST_LIMIT as u32 {
                traffic.add_hosts(address(1_000_000 + number), address(number % 10), amount(later));
            }
            assert_eq!(traffic.evictions(), first + 2 * HOST_LIMIT as u64);
            let flows = |total: usize, server: usize| (total + 9 - server) / 10;
            for (host, bytes) in talkers(&traffic, 10) {
                let server: usize = host.trim_start_matches("0.0.0.").parse().expect("one of the servers");
                let expected =
                    flows(HOST_LIMIT, server) as u64 * 1000 + flows(2 * HOST_LIMIT, server) as u64 * later;
                assert_eq!(bytes, expected, "{host}, then {later} bytes each");
            }
            assert_eq!(talkers(&traffic.without_hosts(), 4), []);
        }
    }
}
