//! The results database as a whole: queries in SQL, export and import, removal of old runs, and
//! writing it anew.

pub mod answer;
pub mod exchange;
pub mod keep;
pub mod query;
mod source;
