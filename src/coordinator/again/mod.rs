//! Tests that run again: their specifications, and the confirmation of suspected changes.

mod confirm;
mod repeat;
pub(crate) mod specs;
mod suspects;

pub(crate) use confirm::Confirmer;
