//! How long to wait after a failure: doubling, capped, with jitter. Pure.

use super::clock::nanos;
use super::settings::Settings;

/// Nanoseconds to wait after failure number `failures` (from 1) of the event with this key: between
/// half of the doubled distance and the whole. Half is kept so that two tries never meet; the rest
/// is spread so that many collectors do not come back to a target in step.
pub(super) fn delay(settings: &Settings, key: &str, failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(32);
    let whole =
        nanos(settings.first_delay).saturating_mul(1 << doublings).min(nanos(settings.max_delay));
    let seed = key.bytes().fold(settings.seed, |h, b| mix(h ^ u64::from(b)));
    let share = mix(seed ^ u64::from(failures)) >> 32;
    let half = whole / 2;
    // Both factors fit: nanoseconds of 5 minutes take 39 bits, so scale in 128.
    half + u64::try_from((u128::from(half) * u128::from(share)) >> 32).unwrap_or(half)
}

/// SplitMix64's output function (Steele, Lea, Flood 2014): spreads any bits over all of them.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    #[test]
    fn doubles_to_the_cap_and_is_spread() {
        let settings = Settings { seed: 7, ..Settings::default() };
        for (failures, whole) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (4_000_000, 300)] {
            let delays: Vec<u64> =
                (0..200).map(|n| delay(&settings, &n.to_string(), failures)).collect();
            let (least, most) = (whole * SECOND / 2, whole * SECOND);
            assert!(delays.iter().all(|d| (least..=most).contains(d)), "{failures}");
            let low = delays.iter().filter(|d| **d < least + (most - least) / 4).count();
            assert!((25..=80).contains(&low), "{failures}: {low} of 200 in the lowest quarter");
        }
        assert_eq!(delay(&settings, "a", 3), delay(&settings, "a", 3));
        let other = Settings { seed: 8, ..settings };
        assert_ne!(delay(&other, "a", 3), delay(&Settings { seed: 7, ..other.clone() }, "a", 3));
    }
}
