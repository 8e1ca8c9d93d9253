//! The words of chat-api as types: credits and prices, names and passwords, ids and time.
//!
//! Every type checks its value in its constructor. Nothing here reads or writes anything but the clock and the
//! system's random bits; nothing here knows a table, a protocol or a model.
//!
//! Begin with [`credits`] and [`pricing`].

pub mod allowance;
pub mod budget;
pub mod calendar;
pub mod cause;
pub mod code;
pub mod conversation_title;
pub mod credits;
pub mod ids;
pub mod invalid_field;
pub mod message;
pub mod password;
pub mod period;
pub mod pricing;
pub mod random;
pub mod reason;
pub mod reasoning_proof;
pub mod requests_per_minute;
pub mod setting;
pub mod source_network;
pub mod term_change;
pub mod time;
pub mod time_span;
pub mod username;
pub mod voucher_end;
