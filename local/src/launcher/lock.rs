//! Mutexes that a task which panicked may have held.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value of `mutex`. The launcher's values are whole after each statement, so a panic leaves nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
