//! Logs and metrics of functions, and the invocation that both belong to.
//!
//! This crate knows neither HTTP nor the Runtime API. Its callers hand over ids, codes and causes, and never a text
//! that a person wrote.
//!
//! Begin with [`invocation`]: log lines and metrics name the invocation that is under way.

pub mod invocation;
pub mod logging;
pub mod metrics;
