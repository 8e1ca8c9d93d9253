//! Mutexes that a test which panicked may have held.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value of `mutex`. The test that panicked has failed already, and the others go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
