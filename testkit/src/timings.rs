//! Measured times, and a test whether two samples of them differ.

use std::fmt;
use std::time::Duration;

/// The quantile of the normal distribution for a two-sided test at 5%.
const SIGNIFICANT_DEVIATIONS: f64 = 1.96;

/// Steps of a hundredth of a millisecond up to ten seconds.
const MAX_STEPS: u32 = 1_000_000;

/// A sample of times, in milliseconds.
#[derive(Clone, Default)]
pub struct Timings(Vec<f64>);

impl Timings {
    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1000.0);
    }

    /// The number of times.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The quantile at `share`, in milliseconds: 0 is the smallest time, 0.5 the median.
    ///
    /// # Panics
    /// The sample is empty.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "some hundred times, and a share between 0 and 1"
    )]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(share * (sorted.len() - 1) as f64).round() as usize]
    }

    fn shifted_by(&self, shift_ms: f64) -> Self {
        Self(self.0.iter().map(|time| time + shift_ms).collect())
    }
}

/// A comparison of two samples: the Mann–Whitney U test, by its normal approximation.
pub struct Comparison {
    /// The median of the second sample minus that of the first.
    medians_apart_ms: f64,
    /// U as a share of all pairs (the area under the ROC curve): how often a time of the second sample is longer than
    /// one of the first. At 0.5 the samples cannot be told apart, at 0 and 1 always.
    area: f64,
    /// Half the width of the interval around 0.5 in which the area lies by chance alone.
    chance: f64,
    /// The least shift between two such samples that the test would have found, in steps of a hundredth of a
    /// millisecond.
    detectable_ms: f64,
}

impl Comparison {
    /// Compares two samples.
    ///
    /// # Panics
    /// A sample is empty.
    #[must_use]
    pub fn of(first: &Timings, second: &Timings) -> Self {
        let chance = chance(first.count(), second.count());
        let shows = |shift_ms: &f64| area(first, &first.shifted_by(*shift_ms)) - 0.5 > chance;
        Self {
            medians_apart_ms: second.quantile_ms(0.5) - first.quantile_ms(0.5),
            area: area(first, second),
            chance,
            detectable_ms: (1..=MAX_STEPS).map(|step| f64::from(step) * 0.01).find(shows).unwrap_or(f64::INFINITY),
        }
    }

    /// Whether the samples differ by more than chance.
    #[must_use]
    pub fn tells_apart(&self) -> bool {
        (self.area - 0.5).abs() > self.chance
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { medians_apart_ms, area, chance, detectable_ms } = self;
        let verdict = if self.tells_apart() { "CAN" } else { "cannot" };
        write!(
            formatter,
            "they {verdict} be told apart. The medians are {medians_apart_ms:+.3} ms apart; AUC {area:.3}, by chance \
             0.5 ± {chance:.3}. A shift of {detectable_ms:.2} ms would have shown."
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred times")]
fn area(first: &Timings, second: &Timings) -> f64 {
    let longer = |before: &f64| second.0.iter().map(|after| share_longer(*before, *after)).sum::<f64>();
    first.0.iter().map(longer).sum::<f64>() / (first.count() * second.count()) as f64
}

fn share_longer(before: f64, after: f64) -> f64 {
    match after.total_cmp(&before) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred times")]
fn chance(first: usize, second: usize) -> f64 {
    let (first, second) = (first as f64, second as f64);
    SIGNIFICANT_DEVIATIONS * ((first + second + 1.0) / (12.0 * first * second)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(milliseconds: impl IntoIterator<Item = u64>) -> Timings {
        let mut timings = Timings::default();
        milliseconds.into_iter().for_each(|time| timings.add(Duration::from_millis(time)));
        timings
    }

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let timings = timings((0..=100).rev());
        let quantiles = [0.0, 0.5, 0.95, 1.0].map(|share| timings.quantile_ms(share).to_string());
        assert_eq!(quantiles, ["0", "50", "95", "100"]);
    }

    #[test]
    fn the_same_times_cannot_be_told_apart_and_others_can() {
        let fast = timings(100..200);
        let same = Comparison::of(&fast, &fast);
        assert!(!same.tells_apart());
        assert!((same.area - 0.5).abs() < f64::EPSILON);
        for (other, area) in [(timings(300..400), 1.0), (timings(0..100), 0.0)] {
            let comparison = Comparison::of(&fast, &other);
            assert!(comparison.tells_apart());
            assert!((comparison.area - area).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn a_shift_is_told_from_chance_from_the_least_detectable_one_on() {
        let times = timings(100..200);
        let detectable_ms = Comparison::of(&times, &times).detectable_ms;
        assert!(Comparison::of(&times, &times.shifted_by(detectable_ms)).tells_apart());
        assert!(!Comparison::of(&times, &times.shifted_by(detectable_ms - 0.02)).tells_apart());
    }

    #[test]
    fn chance_is_that_of_the_normal_approximation() {
        // 1.96 · √(201 / (12 · 100 · 100)).
        assert!((chance(100, 100) - 0.080_216).abs() < 1e-6);
    }
}
