//! Detection against captured output of real tools.

use super::*;
use futures::FutureExt;
use std::collections::BTreeMap;

/// Tools by name and first argument, with what they print.
struct Pretend(BTreeMap<&'static str, &'static str>);

impl CommandRunner for Pretend {
    fn run<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> BoxFuture<'a, Option<String>> {
        let key = if args == ["-L"] { "nvidia-smi -L" } else { program };
        let answer = self.0.get(key).map(|text| (*text).to_owned());
        async move { answer }.boxed()
    }
}

const TWO: &str = "index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current\n\
                   0, A, GPU-a, 1024 MiB, 8.0, [N/A]\n1, B, GPU-b, 2048 MiB, 9.0, [N/A]\n";

async fn with(tools: &[(&'static str, &'static str)], overrides: Overrides) -> Detected {
    capability(&Pretend(tools.iter().copied().collect()), overrides).await
}

#[tokio::test]
async fn a_machine_without_tools_has_a_processor() {
    let detected = with(&[], Overrides::default()).await;
    assert_eq!(detected.capability.check(), Ok(()));
    assert!(detected.capability.backends.contains(&Backend::Cpu));
    assert!(detected.notes.is_empty());
}

#[tokio::test]
async fn devices_bring_their_back_end() {
    let detected = with(&[("nvidia-smi", TWO)], Overrides::default()).await;
    assert!(detected.capability.backends.contains(&Backend::Cuda));
    assert_eq!(detected.capability.accelerators.len(), 2);
    assert_eq!(detected.capability.check(), Ok(()));
}

#[tokio::test]
async fn a_broken_driver_is_noted() {
    let broken = "NVIDIA-SMI has failed because it couldn't communicate with the driver.\n";
    let detected = with(&[("nvidia-smi", broken)], Overrides::default()).await;
    assert!(detected.capability.accelerators.is_empty());
    assert!(detected.notes[0].contains("couldn't communicate"), "{:?}", detected.notes);
}

#[tokio::test]
async fn the_worker_offers_no_more_than_it_was_given() {
    for (given, left) in
        [("1", vec!["B"]), ("GPU-a", vec!["A"]), ("", vec![]), ("1,0", vec!["A", "B"])]
    {
        let overrides = Overrides { cuda_visible: Some(given.into()), ..Overrides::default() };
        let detected = with(&[("nvidia-smi", TWO)], overrides).await;
        let models: Vec<_> = detected.capability.accelerators.iter().map(|d| &d.model).collect();
        assert_eq!(models, left, "{given:?}");
    }
}

#[tokio::test]
async fn two_vendors_do_not_share_numbers() {
    let amd = include_str!("../../tests/data/detect/amd-rocm-smi-rx6700xt-rocm612.json.txt");
    let detected = with(&[("nvidia-smi", TWO), ("rocm-smi", amd)], Overrides::default()).await;
    assert_eq!(detected.capability.accelerators.len(), 3);
    assert_eq!(detected.capability.check(), Ok(()));
}

#[tokio::test]
#[cfg(unix)]
async fn real_tools_are_found_and_absent_ones_are_not() {
    let printed = SystemTools.run("sh", &["-c", "echo out; echo err >&2; exit 3"]).await;
    assert_eq!(printed.as_deref(), Some("out\nerr\n"));
    assert_eq!(SystemTools.run("dtf-no-such-tool", &[]).await, None);
}
