//! The E-model (ITU-T G.107): from loss and delay to a transmission rating R, and from that to an opinion score.

use super::codec::Impairment;

/// R of a connection with the default values of G.107 and neither delay, codec nor loss (section 7.7).
pub const BEST_R: f64 = 93.2;

/// Transmission rating R, 0 to [`BEST_R`], with the default values of G.107 and perfect echo control.
///
/// `loss_percent` is Ppl, 0 to 100; `mean_burst` the mean number of packets lost in a row, from 1 on; `delay_ms` the
/// delay from mouth to ear. R never rises with loss, with bursts of one length, or with delay.
pub fn r_factor(impairment: Impairment, loss_percent: f64, mean_burst: f64, delay_ms: f64) -> f64 {
    let r = BEST_R - delay_impairment(delay_ms) - loss_impairment(impairment, loss_percent, mean_burst);
    r.clamp(0.0, BEST_R)
}

/// Ie-eff: what the codec and the loss of packets do (G.107 equation 7-29).
///
/// BurstR is the mean burst over that of random loss, 1/(1 - Ppl). As that grows with the loss, from some loss on (far
/// beyond what the equation was tested with) more of it would count for less; there the loss is held.
fn loss_impairment(Impairment { ie, bpl }: Impairment, loss_percent: f64, mean_burst: f64) -> f64 {
    let with = |ppl: f64, burst_ratio: f64| ie + (95.0 - ie) * ppl / (ppl / burst_ratio.max(1.0) + bpl);
    let ppl = loss_percent.clamp(0.0, 100.0);
    // Where the derivative of the equation by Ppl is 0.
    let odds = (bpl * mean_burst.max(1.0) / 100.0).sqrt();
    let held = ppl.min(100.0 * odds / (1.0 + odds));
    with(held, mean_burst * (1.0 - held / 100.0)).max(with(ppl, 1.0))
}

/// Idd: what too long a delay does, from 100 ms on (G.107 equations 7-27 and 7-28).
fn delay_impairment(delay_ms: f64) -> f64 {
    if delay_ms <= 100.0 {
        return 0.0;
    }
    let x = (delay_ms / 100.0).log2();
    let sixth_root = |base: f64| (1.0 + base.powi(6)).powf(1.0 / 6.0);
    25.0 * (sixth_root(x) - 3.0 * sixth_root(x / 3.0) + 2.0)
}

/// Mean opinion score of a rating, 1 to 4.5 (G.107 annex B); never falls when R rises.
pub fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        return 1.0;
    }
    let r = r.min(100.0);
    // Below R = 6.5 the polynomial dips under the lowest opinion there is.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
#[path = "tests/e_model.rs"]
mod tests;
