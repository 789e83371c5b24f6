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
    hosts: BoundedMap<Address, Amount>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { rows: Vec::new(), hosts: BoundedMap::new(HOST_LIMIT) }
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

    /// Adds what was sent between two addresses to both.
    pub(super) fn add_hosts(&mut self, one: Address, other: Address, amount: Amount) {
        let hosts = if one == other { &[one][..] } else { &[one, other] };
        for host in hosts {
            if self.hosts.len() == self.hosts.capacity() && self.hosts.get(host).is_none() {
                self.spare_the_busy(amount.bytes);
            }
            let sum = self.hosts.touch_or_insert_with(*host, |_| Amount::default());
            sum.packets += amount.packets;
            sum.bytes += amount.bytes;
        }
    }

    /// Has the oldest entries stay that have more traffic than what comes, as far as a few looks find others.
    fn spare_the_busy(&mut self, bytes: u64) {
        for _ in 0..8 {
            let Some((host, _)) = self.hosts.oldest().filter(|(_, sum)| sum.bytes > bytes) else { return };
            let host = *host;
            self.hosts.touch(&host);
        }
    }

    /// Addresses that gave way to others.
    pub(super) fn evictions(&self) -> u64 {
        self.hosts.evictions()
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
        let mut hosts: Vec<(Address, Amount)> =
            self.hosts.iter().map(|(address, amount)| (*address, *amount)).collect();
        hosts.sort_unstable_by_key(|(address, amount)| (Reverse(amount.bytes), *address));
        for (number, (address, amount)) in hosts.iter().take(top).enumerate() {
            out.extend_from_slice(if number > 0 { b",{\"address\":\"" } else { b"{\"address\":\"" });
            address.write_text(out);
            out.push(b'"');
            put_amount(out, amount);
            out.push(b'}');
        }
        out.push(b']');
    }
}

fn put_amount(out: &mut Vec<u8>, amount: &Amount) {
    out.extend_from_slice(b",\"packets\":");
    put_decimal(out, amount.packets);
    out.extend_from_slice(b",\"bytes\":");
    put_decimal(out, amount.bytes);
}
