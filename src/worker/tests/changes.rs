//! A machine that changes while its worker runs.

use super::*;
use crate::detect::Limits;
use crate::domain::accelerator::{Accelerator, Vendor};
use std::sync::atomic::{AtomicU64, Ordering};

#[tokio::test]
async fn a_limit_that_changed_is_in_one_heartbeat() {
    let milli = Arc::new(AtomicU64::new(2000));
    let read = milli.clone();
    let bench = Bench::with(|settings| {
        settings.offer = Offer::new(capability(), false);
        settings.assessors.limits = Some(Arc::new(move || Limits {
            cpu_milli: Some(read.load(Ordering::Relaxed)),
            memory_bytes: None,
        }));
    });
    bench.fake.until(|state| state.heartbeats.len() >= 2).await;
    assert!(bench.fake.with(|state| state.offers.is_empty()), "nothing has changed");
    milli.store(1500, Ordering::Relaxed);
    bench.fake.until(|state| !state.offers.is_empty()).await;
    let beats = bench.fake.with(|state| state.heartbeats.len());
    bench.fake.until(|state| state.heartbeats.len() >= beats + 3).await;
    let offers = bench.fake.with(|state| state.offers.clone());
    let [offer] = &offers[..] else { panic!("reported once: {offers:?}") };
    assert_eq!((offer.cpu_milli, offer.slots), (1500, 1));
    let (_, detail) = bench.fake.report(bench.fake.command(1, &["true"])).await;
    assert_eq!(detail.environment["slots"], 1);
    bench.finish().await;
}

#[tokio::test]
async fn devices_are_found_by_their_ids_and_a_lost_one_is_named() {
    let device = |index, uuid: &str| {
        let mut device = Accelerator::new(index, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        device.uuid = uuid.into();
        device
    };
    let bench = Bench::with(|settings| {
        let accelerators = vec![device(3, "GPU-b")];
        settings.offer = Offer::new(Capability { accelerators, ..capability() }, true);
    });
    let launch = || json!({ "run": { "command": ["true"] } });
    let there = bench.fake.grant_on(&["nvidia:GPU-b"], 1, 1, launch());
    let lost = bench.fake.grant_on(&["nvidia:GPU-a"], 2, 2, launch());
    let (report, detail) = bench.fake.report(there).await;
    assert_eq!((report.outcome, detail.devices), (Outcome::Passed, vec!["L4".to_owned()]));
    let (report, detail) = bench.fake.report(lost).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::SetUp)));
    assert!(detail.message.contains("does not have the device nvidia:GPU-a"), "{detail:?}");
    bench.finish().await;
}
