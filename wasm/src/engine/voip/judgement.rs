//! What filters have decided of a call, and what becomes of calls that are over.

use super::call_pcap::CallPcap;
use super::held::Place;
use super::judging::LookedAt;
use crate::call::state::EndReason;
use crate::call::{Call, CallKey};
use crate::matching::filter_set::FilterSet;
use crate::wire::time::Clock;

/// Filters of one call that are told, at most.
pub(super) const MOST_IDS: usize = 64;

/// What filters have decided of a call.
#[derive(Default)]
pub(in crate::engine) struct Judgement {
    pub(super) is_matched: bool,
    /// The filter set by which it was.
    pub(super) filters: u32,
    /// The filters that it matched: their ids, and what each asks for.
    pub(super) ids: Ids,
    pub(super) keys: Vec<u64>,
    /// Which filters have looked at the URIs of the caller and of the called side.
    pub(super) looked_at: LookedAt,
    pub(super) signalling: Vec<Place>,
    pub(super) media: Vec<Place>,
    /// Packets that found no room to wait in.
    pub(super) homeless: u64,
    /// In the output of one capture per call; 0 before its first packet.
    pub(super) number: u32,
    /// Link type of its first packet there.
    pub(super) link_type: u32,
}

/// Filters by their ids.
#[derive(Default)]
pub(super) struct Ids {
    pub(super) ids: Vec<Box<str>>,
    /// Another one after each change.
    pub(super) version: u32,
}

impl Ids {
    pub(super) fn change(&mut self) -> &mut Vec<Box<str>> {
        self.version = self.version.wrapping_add(1);
        &mut self.ids
    }
}

/// What becomes of calls that are over.
#[derive(Default)]
pub(super) struct Endings {
    pub(super) reports: Vec<u8>,
    pub(super) wants_reports: bool,
    pub(super) pcap: CallPcap,
    /// Packets that waited for a decision in vain.
    pub(super) rejected: u64,
    /// Calls by what became of them.
    pub(super) ended: u64,
    pub(super) unmatched: u64,
    pub(super) evicted: u64,
    /// Those that another engine counts.
    pub(super) evicted_elsewhere: u64,
    pub(super) merged: u64,
    /// What calls leave to those that they turned out to be a part of.
    pub(super) left: Vec<(CallKey, Judgement)>,
    pub(super) clock: Clock,
}

impl Endings {
    pub(super) fn end(&mut self, call: &mut Call<Judgement>) {
        let reason = call.end_reason();
        let is_here = call.begun_here_ns().is_some();
        if let Some(key) = call.merged_into() {
            let data = std::mem::take(&mut call.data);
            if data.number != 0 {
                self.pcap.end(data.number);
            }
            self.left.push((key, data));
            self.merged += u64::from(is_here);
            return;
        }
        let data = &mut call.data;
        self.rejected += data.take_held();
        match reason {
            Some(EndReason::Evicted) if !is_here => self.evicted_elsewhere += 1,
            _ if !is_here => {}
            Some(EndReason::Evicted) => self.evicted += 1,
            _ if data.is_matched => self.ended += 1,
            _ => self.unmatched += 1,
        }
        if data.number != 0 {
            self.pcap.end(data.number);
        }
        if data.is_matched && self.wants_reports {
            let ids = std::mem::take(&mut call.data.ids);
            call.write_json(&mut self.reports, &mut self.clock, ids.ids.iter().map(|id| &**id));
            self.reports.push(b'\n');
        }
        call.data = Judgement::default();
    }
}

impl Judgement {
    /// Forgets what is held; how many packets that were.
    pub(super) fn take_held(&mut self) -> u64 {
        let held = self.signalling.len() + self.media.len();
        self.signalling.clear();
        self.media.clear();
        held as u64 + std::mem::take(&mut self.homeless)
    }

    /// Notes a filter that it matched, once.
    pub(super) fn add_id(&mut self, id: &str, key: u64) {
        if self.ids.ids.len() < MOST_IDS && !self.ids.ids.iter().any(|known| **known == *id) {
            self.ids.change().push(id.into());
            self.keys.push(key);
        }
    }

    /// Whether the call goes out. After a change of filters only if one of those that it matched is still there.
    pub(super) fn is_matched(&mut self, filters: &FilterSet, number: u32) -> bool {
        if self.is_matched && self.filters != number {
            self.filters = number;
            let by_policy = self.ids.ids.is_empty();
            let keys = std::mem::take(&mut self.keys);
            for (id, key) in std::mem::take(self.ids.change()).into_iter().zip(keys) {
                if let Some(id) = filters.id_in_force(&id, key) {
                    self.add_id(id, key);
                }
            }
            self.is_matched = !self.ids.ids.is_empty() || by_policy && filters.passes_without_filters();
        }
        self.is_matched
    }
}
