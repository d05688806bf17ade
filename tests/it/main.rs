//! The one integration binary: real processes, real torch, and the simulation.

mod api;
mod backends;
mod bad_input;
mod cli;
mod debug;
mod deploy;
mod examples;
mod faults;
mod generate;
mod generated;
mod hardware;
mod install;
mod life;
mod local;
mod models;
mod pages;
mod parameters;
mod pytest;
mod python;
mod recovery;
mod settings;
mod simulation;
mod support;
mod verdicts;
mod waiting;
mod weights;
