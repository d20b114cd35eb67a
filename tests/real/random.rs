//! Objects that nobody thought of, made of parts that proptest picks.
//!
//! A run takes a bounded number of them. `SEED=n` makes the same ones again, `COUNT=n` takes another number.

pub mod certificates;
pub mod routes;

use proptest::prelude::Strategy;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A source of random values that says how to make the same ones again.
pub struct Picker(TestRunner);

impl Picker {
    /// Of the seed in the environment, or of the time.
    pub fn new(what: &str) -> Self {
        let seed = number("SEED").unwrap_or_else(|| kubectl_cert::clock::now().as_millisecond().unsigned_abs());
        // Shown if the test fails.
        eprintln!("random {what}: SEED={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)))
    }

    /// The next one.
    pub fn pick<T: std::fmt::Debug>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("nothing is filtered").current()
    }
}

/// How many are taken in all, if the environment does not say otherwise.
pub fn count(standard: usize) -> usize {
    number("COUNT").map_or(standard, |count| usize::try_from(count).expect("a number that fits"))
}

#[expect(clippy::disallowed_methods, reason = "the environment is how a test is told what to do")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a whole number"))
}
