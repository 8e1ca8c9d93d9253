//! Requests and answers.

mod reading;
mod refusals;
mod writing;
