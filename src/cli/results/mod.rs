//! Commands over results (`dtf report`, `dtf logs`, `dtf why`), and where they find them.

pub mod commands;
pub mod database;
pub mod diff;
pub mod formats;
pub mod gather;
pub mod logs;
pub mod marks;
pub mod naming;
pub mod publish;
pub mod report;
pub mod segments;
pub mod selection;
pub mod serving;
pub mod stored;
pub mod why;
