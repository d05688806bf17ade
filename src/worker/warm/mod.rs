//! Warm runners: one preloaded Python process for each environment and number of threads, which
//! forks a child for each attempt (`warm_runner.py`, Linux only).
//!
//! Limits: at most `MAX_RUNNERS` runners exist at a time. An unused one ends after `IDLE_TIMEOUT`.
//!
//! Promises: a runner that fails or does not answer in time is replaced. After `MAX_FAILURES`
//! failures, attempts start cold and report the reason, until the last failure is
//! `FAILURE_MEMORY` old. All runners end with this process.

pub mod child;
pub mod kind;
#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(not(target_os = "linux"))]
mod unsupported;

#[cfg(target_os = "linux")]
pub use pool::WarmPool;
#[cfg(not(target_os = "linux"))]
pub use unsupported::WarmPool;
