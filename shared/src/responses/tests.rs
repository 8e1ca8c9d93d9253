//! What is asked, and what is answered.

mod reading;
mod refusals;
mod writing;
