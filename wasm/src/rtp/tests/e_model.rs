use super::super::codec::UNKNOWN_CODEC;
use super::*;

const G711: Impairment = Impairment { ie: 0.0, bpl: 25.1 };

fn is_about(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 0.005
}

#[test]
fn ratings_and_scores() {
    // What G.107 gives for these parameters.
    for (impairment, loss, mean_burst, delay, r, score) in [
        (G711, 0.0, 1.0, 0.0, 93.2, 4.409),
        (G711, 0.0, 1.0, 100.0, 93.2, 4.409),
        (G711, 1.0, 1.0, 0.0, 89.560, 4.328),
        (G711, 5.0, 1.0, 0.0, 77.419, 3.923),
        // BurstR of 2: twice the 1.0526 of random loss.
        (G711, 5.0, 2.0 / 0.95, 0.0, 75.990, 3.864),
        (G711, 100.0, 1.0, 0.0, 17.261, 1.177),
        (Impairment { ie: 11.0, bpl: 19.0 }, 0.0, 1.0, 0.0, 82.2, 4.104),
        (Impairment { ie: 11.0, bpl: 19.0 }, 2.0, 1.0, 50.0, 74.2, 3.787),
        (G711, 0.0, 1.0, 400.0, 69.130, 3.556),
    ] {
        let found = r_factor(impairment, loss, mean_burst, delay);
        assert!(is_about(found, r), "loss {loss} burst {mean_burst} delay {delay}: {found}, expected {r}");
        assert!(is_about(mos(found), score), "R {found}: {}, expected {score}", mos(found));
    }
}

#[test]
fn worse_is_never_better() {
    let steps = |bound: u32| (0..=bound).map(f64::from);
    for impairment in [G711, UNKNOWN_CODEC, Impairment { ie: 50.0, bpl: 4.3 }] {
        for mean_burst in [0.0, 1.0, 1.5, 3.0, 10.0, 500.0] {
            for fixed in [0.0, 3.0, 40.0, 170.0, 900.0] {
                let by_loss: Vec<_> =
                    steps(1100).map(|loss| r_factor(impairment, loss / 10.0, mean_burst, fixed)).collect();
                let by_delay: Vec<_> = steps(20_000)
                    .map(|delay| r_factor(impairment, fixed, mean_burst, delay / 10.0))
                    .collect();
                assert!(by_loss.is_sorted_by(|a, b| a >= b) && by_delay.is_sorted_by(|a, b| a >= b));
                let range = 0.0..=BEST_R;
                assert!(by_loss.iter().chain(&by_delay).all(|r| range.contains(r)));
            }
        }
    }
    let scores: Vec<_> = (-100..1200).map(|r| mos(f64::from(r) / 10.0)).collect();
    assert!(scores.is_sorted() && scores.first() == Some(&1.0) && scores.last() == Some(&4.5));
}
