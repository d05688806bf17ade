//! The benchmark of a calibration: multiplications and additions in registers, and copies in memory that
//! no cache holds.
//!
//! Each thread measures the same windows of time; the values of a window are added over the threads.
//! It takes a few hundred milliseconds, and at most an eighth of the worker's memory.

use crate::domain::capability::calibration::Speed;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Maximum number of threads.
const MAX_THREADS: usize = 64;
/// Size of each of the two buffers of a thread, larger than its share of most caches.
const MAX_BUFFER_BYTES: usize = 32 * 1024 * 1024;
const MIN_BUFFER_BYTES: usize = 1024 * 1024;
/// Size of a copy between two readings of the clock.
const PIECE_BYTES: usize = 256 * 1024;
/// Independent sums, so that the latency of an addition does not limit the speed.
const SUMS: usize = 32;
/// Steps between two readings of the clock.
const STEPS: usize = 512;

/// How long is measured.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// Windows whose values are left out, while frequencies rise and memory is mapped.
    pub warm_up: usize,
    pub count: usize,
    pub length: Duration,
}

/// Twice 140 ms.
pub const USUAL: Windows = Windows { warm_up: 2, count: 12, length: Duration::from_millis(10) };

/// The speed of the CPU and of the memory.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub threads: usize,
    pub compute: Speed,
    pub memory: Speed,
}

/// Measures with one thread for each core. `None` if no values were measured.
#[must_use]
pub fn measure(cpu_milli: u64, memory_bytes: u64, windows: Windows) -> Option<Measured> {
    let cores = usize::try_from(cpu_milli / 1000).unwrap_or(MAX_THREADS);
    let threads = cores.clamp(1, MAX_THREADS);
    let share = usize::try_from(memory_bytes / 16).unwrap_or(usize::MAX) / threads;
    let buffer = share.clamp(MIN_BUFFER_BYTES, MAX_BUFFER_BYTES);
    let compute = in_threads(threads, windows, || {
        let mut sums = [1.0_f32; SUMS];
        move || calculate(&mut sums)
    });
    let memory = in_threads(threads, windows, || {
        let (source, mut target) = (vec![1_u8; buffer], vec![2_u8; buffer]);
        let mut next = 0;
        move || {
            let end = (next + PIECE_BYTES).min(buffer);
            target[next..end].copy_from_slice(black_box(&source[next..end]));
            black_box(&mut target);
            let bytes = 2 * (end - next);
            next = if end == buffer { 0 } else { end };
            bytes
        }
    });
    Some(Measured { threads, compute: Speed::of(&compute)?, memory: Speed::of(&memory)? })
}

/// Operations of one call.
fn calculate(sums: &mut [f32; SUMS]) -> usize {
    let (factor, summand) = (black_box(0.999_f32), black_box(0.5_f32));
    for _ in 0..STEPS {
        for sum in sums.iter_mut() {
            *sum = *sum * factor + summand;
        }
    }
    black_box(sums);
    2 * SUMS * STEPS
}

/// The work of all threads per second, for each window.
fn in_threads<W: FnMut() -> usize>(
    threads: usize,
    windows: Windows,
    work: impl Fn() -> W + Sync,
) -> Vec<f64> {
    let start = Barrier::new(threads);
    let run = || {
        let mut work = work();
        start.wait();
        (0..windows.warm_up + windows.count).map(|_| rate(&mut work, windows.length)).collect()
    };
    let rates: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let sum = |window: usize| rates.iter().filter_map(|of_thread| of_thread.get(window)).sum();
    (windows.warm_up..windows.warm_up + windows.count).map(sum).collect()
}

/// The work of a thread per second within a window.
fn rate(work: &mut impl FnMut() -> usize, length: Duration) -> f64 {
    let begun = Instant::now();
    let mut done = 0_usize;
    loop {
        done = done.saturating_add(work());
        let elapsed = begun.elapsed();
        if elapsed >= length {
            return done as f64 / elapsed.as_secs_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_and_windows_are_counted() {
        let windows = Windows { warm_up: 1, count: 4, length: Duration::from_micros(50) };
        let rates = in_threads(3, windows, || || 7);
        assert_eq!(rates.len(), 4);
        assert!(rates.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{rates:?}");
        let measured = measure(2500, 1 << 26, windows).expect("measured");
        assert_eq!(measured.threads, 2);
        for speed in [measured.compute, measured.memory] {
            assert!(speed.per_second > 0.0 && speed.spread >= 0.0, "{speed:?}");
        }
    }

    #[test]
    fn a_call_counts_its_operations() {
        let mut sums = [0.0; SUMS];
        assert_eq!(calculate(&mut sums), 2 * SUMS * STEPS);
        // The series converges to 0.5 / (1 - 0.999).
        assert!(sums.iter().all(|sum| (190.0..500.0).contains(sum)), "{sums:?}");
    }
}
