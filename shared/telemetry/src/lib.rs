//! What a function writes about itself: one log line an invocation, metrics, and the invocation that both belong to.
//!
//! Nothing here knows HTTP or the Runtime API, and nothing that a person wrote is ever written: the callers hand over
//! ids, codes and causes alone.
//!
//! Begin with [`invocation`]: everything that is written names the invocation that is under way.

pub mod invocation;
pub mod logging;
pub mod metrics;
