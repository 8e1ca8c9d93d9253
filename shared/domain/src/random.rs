//! Random bits: the system's, or in tests those of a seed.

pub use getrandom::Error;

#[cfg(any(test, feature = "test-util"))]
pub use seeded::Seeded;

/// Fills `bytes` with random bits.
///
/// # Errors
/// [`Error`] if the system gives no random bits.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    #[cfg(any(test, feature = "test-util"))]
    if seeded::fill(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes)
}

/// 64 random bits.
///
/// # Errors
/// [`Error`] if the system gives no random bits.
pub fn bits() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(any(test, feature = "test-util"))]
mod seeded {
    use std::cell::RefCell;

    thread_local! {
        static GENERATOR: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
    }

    /// While this value lives, the thread's random bits follow from a seed.
    #[must_use = "the seed is forgotten when this is dropped"]
    pub struct Seeded(());

    impl Seeded {
        /// Seeds our random bits and those of the AWS SDK, whose waits take their jitter from fastrand's generator of
        /// the thread.
        pub fn with(seed: u64) -> Self {
            fastrand::seed(seed);
            GENERATOR.set(Some(fastrand::Rng::with_seed(seed)));
            Self(())
        }
    }

    impl Drop for Seeded {
        fn drop(&mut self) {
            GENERATOR.set(None);
        }
    }

    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        GENERATOR.with_borrow_mut(|generator| {
            let Some(generator) = generator else { return false };
            generator.fill(bytes);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_from_a_seed_only_while_it_is_set() {
        let first = Seeded::with(1);
        let bits_of_first = (bits().unwrap(), bits().unwrap());
        drop(first);
        let again = Seeded::with(1);
        assert_eq!((bits().unwrap(), bits().unwrap()), bits_of_first);
        drop(again);
        assert_ne!((bits().unwrap(), bits().unwrap()), bits_of_first);
    }
}
