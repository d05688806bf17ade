//! The agent on a machine that runs tests.

pub mod capture;
pub mod files;
pub mod junit;
pub mod link;
pub mod machine;
pub mod protocol;
pub mod site;
pub mod surroundings;
pub mod verdict;
