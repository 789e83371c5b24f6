//! Bounds, timeouts and decapsulation, as the operator sets them by name.

use crate::call::Limits as CallLimits;
use crate::flow::reassembly::{Options as ReassemblyOptions, Strategy};
use crate::flow::table::{Limits, MOST_FLOWS};
use crate::matching::search::Algorithm;
use crate::matching::text_set::SearchOptions;
use crate::net::esp::{EspNull, EspOptions};

const MILLISECOND_NS: i64 = 1_000_000;

/// What the engine can be told beside its [`Options`](super::Options).
#[derive(Clone, Debug, Default)]
pub struct Settings {
    esp_null: bool,
    esp_heuristic: bool,
    esp_icv_size: Option<u8>,
    max_flows: Option<usize>,
    seed: u64,
    reassembly: Option<ReassemblyOptions>,
    search: SearchOptions,
    max_calls: Option<usize>,
    call_aware_timeout: bool,
    rtp_lines: bool,
    share_calls: bool,
}

impl Settings {
    /// Sets one setting; false when there is none of that name, or no such value. Times are milliseconds.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let number = value.parse::<f64>().ok();
        let nanoseconds = number.map(|milliseconds| (milliseconds as i64).saturating_mul(MILLISECOND_NS));
        let is_true = value == "true";
        match name {
            "esp_null" => self.esp_null = is_true,
            "esp_heuristic" => self.esp_heuristic = is_true,
            "esp_icv_size" => self.esp_icv_size = number.map(|size| size as u8),
            "max_flows" => self.max_flows = number.map(|flows| (flows as usize).clamp(1, MOST_FLOWS)),
            "max_calls" => self.max_calls = number.map(|calls| calls as usize),
            "tcp_call_aware_timeout" => self.call_aware_timeout = is_true,
            "rtp_lines" => self.rtp_lines = is_true,
            "share_calls" => self.share_calls = is_true,
            "seed" => self.seed = number.map_or(0, f64::to_bits),
            "pattern_algorithm" => match Algorithm::from_name(value) {
                Some(algorithm) => self.search.algorithm = algorithm,
                None => return false,
            },
            "pattern_buffer_mb" => match value.parse::<usize>() {
                Ok(megabytes) if megabytes > 0 => {
                    self.search.memory_limit = megabytes.saturating_mul(1 << 20)
                }
                _ => return false,
            },
            "tcp_profile" => match ReassemblyOptions::profile(value) {
                Some(profile) => self.reassembly = Some(profile),
                None => return false,
            },
            _ => {
                let reassembly = self.reassembly.get_or_insert_default();
                match (name, nanoseconds) {
                    ("tcp_strategy", _) => match value {
                        "fixed" => reassembly.strategy = Strategy::Fixed,
                        "ring" => reassembly.strategy = Strategy::Ring,
                        "adaptive" => reassembly.strategy = Strategy::Adaptive,
                        _ => return false,
                    },
                    ("tcp_state_timeouts", _) => reassembly.state_timeouts = is_true,
                    ("tcp_opening_timeout_ms", Some(timeout)) => reassembly.opening_ns = timeout,
                    ("tcp_established_timeout_ms", Some(timeout)) => reassembly.established_ns = timeout,
                    ("tcp_closing_timeout_ms", Some(timeout)) => reassembly.closing_ns = timeout,
                    ("tcp_idle_timeout_ms", Some(timeout)) => reassembly.idle_ns = timeout,
                    _ => return false,
                }
            }
        }
        true
    }

    pub(super) fn flow_limits(&self) -> Limits {
        let limits = Limits::default();
        Limits { flows: self.max_flows.unwrap_or(limits.flows), seed: self.seed, ..limits }
    }

    pub(super) fn calls(&self) -> CallLimits {
        let limits = CallLimits::default();
        CallLimits { calls: self.max_calls.unwrap_or(limits.calls), seed: self.seed, ..limits }
    }

    /// Whether streams are kept for as long as a call that they carried is active.
    pub(super) fn call_aware_timeout(&self) -> bool {
        self.call_aware_timeout
    }

    /// Whether text lines have media, too.
    pub(super) fn rtp_lines(&self) -> bool {
        self.rtp_lines
    }

    /// Whether engines of other threads are told of calls; then a number of this one's own.
    pub(super) fn share_calls(&self) -> Option<u64> {
        self.share_calls.then_some(self.seed)
    }

    pub(super) fn search(&self) -> SearchOptions {
        self.search
    }

    pub(super) fn reassembly(&self) -> ReassemblyOptions {
        self.reassembly.unwrap_or_default()
    }

    pub(super) fn esp(&self) -> Option<EspNull> {
        (self.esp_null || self.esp_heuristic).then(|| {
            EspNull::new(EspOptions {
                null: self.esp_null,
                heuristic: self.esp_heuristic,
                icv_size: self.esp_icv_size,
            })
        })
    }
}
