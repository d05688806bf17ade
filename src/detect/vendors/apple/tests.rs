//! Tests with recorded outputs of `system_profiler` and `sysctl`.

use crate::detect::vendors::Devices;
use crate::detect::vendors::tests::{detected, sample, unusable, usable};
use crate::sys::process::{Completion, exited};

const M1: &str =
    "hw.memsize: 17179869184\nhw.optional.arm64: 1\nmachdep.cpu.brand_string: Apple M1\n";

fn mac(version: &str, profile: &Completion, sysctl: &str) -> Devices {
    let list = format!(
        "<plist><dict><key>ProductName</key><string>macOS</string>\n<key>ProductVersion</key>\n\
         <string>{version}</string></dict></plist>"
    );
    detected(&[("System/Library/CoreServices/SystemVersion.plist", &list)], |line| {
        match line.split(' ').next() {
            Some("system_profiler") => profile.clone(),
            Some("sysctl") => exited(1, sysctl, "sysctl: unknown oid 'iogpu.wired_limit_mb'"),
            _ => Completion::NotFound,
        }
    })
}

#[test]
fn apple_processors_have_a_budget_of_memory() {
    let m1 = exited(0, sample!("apple-m1-system-profiler.json.txt"), "");
    assert_eq!(
        usable(&mac("14.5", &m1, M1)),
        [
            "apple 0 | Apple M1 | about 12288 MiB of 75 % of system memory | unified | metal3 | mps=Driver"
        ]
    );
    let m2 = exited(0, sample!("apple-m2-max-system-profiler.json.txt"), "");
    let limit = format!("{M1}iogpu.wired_limit_mb: 57344\n");
    assert_eq!(
        usable(&mac("15.1", &m2, &limit)),
        [
            "apple 0 | Apple M2 Max | 57344 MiB of iogpu.wired_limit_mb | unified | metal4 | mps=Driver"
        ]
    );
    let no_limit = format!("{M1}iogpu.wired_limit_mb: 0\n");
    assert_eq!(usable(&mac("14.5", &m1, &no_limit)), usable(&mac("14.5", &m1, M1)));
}

#[test]
fn the_other_key_of_metal_and_machines_without_a_screen_are_read() {
    let profile = |metal: &str| {
        let text = format!(
            "{{\"SPDisplaysDataType\": [{{\"sppci_model\": \"Apple M4\", \"spdisplays_vendor\": \
             \"sppci_vendor_Apple\"{metal}}}]}}"
        );
        mac("15.0", &exited(0, &text, "warning\n"), M1)
    };
    let backends = |found: &Devices| found.accelerators[0].offered().count();
    assert_eq!(backends(&profile(", \"spdisplays_metal\": \"spdisplays_supported\"")), 1);
    assert_eq!(backends(&profile(", \"spdisplays_metal\": \"spdisplays_notsupported\"")), 0);
    assert_eq!(backends(&profile("")), 0);
}

#[test]
fn a_profiler_that_fails_leaves_a_device_without_proof() {
    for profile in [Completion::NotFound, exited(1, "", "error"), exited(0, "{}", "")] {
        let found = mac("14.5", &profile, M1);
        assert_eq!(
            usable(&found),
            [
                "apple 0 | Apple M1 | about 12288 MiB of 75 % of system memory | unified | mps=Hardware"
            ]
        );
        assert_eq!((found.errors.len(), found.notes.len()), (0, 1));
    }
}

#[test]
fn old_systems_and_translation_are_reported() {
    let m1 = exited(0, sample!("apple-m1-system-profiler.json.txt"), "");
    let old = mac("12.2.1", &m1, M1);
    assert!(unusable(&old)[0].contains("PyTorch requires macOS 12.3, and this machine has 12.2.1"));
    let translated = mac("14.5", &m1, &format!("{M1}sysctl.proc_translated: 1\n"));
    assert_eq!(translated.accelerators.len(), 1);
    assert!(translated.notes[0].contains("Rosetta"), "{:?}", translated.notes);
}

#[test]
fn macs_with_an_intel_processor_offer_nothing() {
    let text = r#"{"SPDisplaysDataType": [
        {"sppci_model": "AMD Radeon Pro 560X", "spdisplays_vendor": "AMD (0x1002)", "spdisplays_vram": "4 GB",
         "spdisplays_metal": "spdisplays_supported"},
        {"sppci_model": "Intel UHD Graphics 630", "spdisplays_vendor": "Intel",
         "spdisplays_vram_shared": "1536 MB"}]}"#;
    let found =
        mac("13.0", &exited(0, text, ""), "machdep.cpu.brand_string: Intel(R) Core(TM) i7\n");
    assert_eq!(
        usable(&found),
        [
            "amd 0 | AMD Radeon Pro 560X | 4096 MiB of system_profiler | mps=Hardware",
            "intel 1 | Intel UHD Graphics 630 | 1536 MiB of system_profiler | unified | mps=Hardware",
        ]
    );
}

#[test]
fn an_apple_processor_has_graphics_even_if_none_are_listed() {
    let empty = r#"{"SPDisplaysDataType": []}"#;
    let found = mac("14.5", &exited(0, empty, ""), M1);
    assert_eq!(
        usable(&found),
        ["apple 0 | Apple M1 | about 12288 MiB of 75 % of system memory | unified | mps=Hardware"]
    );
    assert!(found.notes[0].contains("system_profiler does not list them"), "{:?}", found.notes);
    let old = mac("12.0", &exited(0, empty, ""), M1);
    assert_eq!((old.accelerators.len(), old.unusable.len()), (0, 1));
    let intel = "machdep.cpu.brand_string: Intel(R) Core(TM) i7\n";
    assert_eq!(mac("13.0", &exited(0, empty, ""), intel).accelerators, []);
}
