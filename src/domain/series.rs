//! The identity of a test over time: which results of different runs and workers are compared.
//!
//! A *case* is what a test is, known before it runs; a *series* is a case on one kind of hardware. Both
//! ids are the first 8 bytes of the SHA-256 of a canonical JSON text with a format number. Promises: the
//! order of labels and requirements changes nothing; what varies between runs of the same test
//! (resolved versions, readings of devices, workers, paths, limits of time) is not part of an id;
//! addresses and commands enter only through the digest.

use crate::domain::accelerator::Backend;
use crate::domain::added::change_limits::CHANGE_LIMITS;
use crate::domain::launch::{CONFIRMS, Environment, LEFT_OUT, Launch, Program};
use crate::domain::weights::Weights;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Format of the canonical texts. A change of the format starts all histories again.
const FORMAT: u32 = 1;
/// Label with the packages that are pinned for a comparison of versions: PEP 508 requirements without
/// blanks, separated by blanks. They are not part of a case, because they are what is compared.
pub const PINNED_PACKAGES: &str = "packages";
/// Labels of a generated test that describe what it tests. Labels that a plan adds do not count.
const DESCRIBING: [&str; 19] = [
    "model",
    "family",
    "task",
    "role",
    "backend",
    "dtype",
    "attention",
    "runtime",
    "batch",
    "sequence_length",
    "image_size",
    "max_new_tokens",
    "audio_seconds",
    "latent_size",
    "parameters",
    "allow_pickle",
    "trust_remote_code",
    "template",
    "template_version",
];

/// Identity of what a test is: model, weights, shape, back-end, template and declared packages of a
/// generated test; name, labels and command of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId(pub u64);

/// Identity of a case on one kind of hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// A device that an attempt held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldDevice<'a> {
    /// Product name, as the vendor's tool prints it.
    pub product: &'a str,
    /// Version of the driver; empty if unknown.
    pub driver: &'a str,
}

/// The canonical text of a case. Fields that do not apply are absent.
#[derive(Serialize)]
struct CaseText<'a> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a Program>,
    environment: Declared<'a>,
}

/// The declared environment: requirements with their specifiers, and files of wheels by digest.
#[derive(Default, Serialize)]
struct Declared<'a> {
    requirements: BTreeSet<String>,
    python: Option<&'a str>,
    wheels: BTreeSet<&'a str>,
}

#[derive(Serialize)]
struct SeriesText<'a> {
    format: u32,
    case: CaseId,
    /// Product and major version of the driver of each device.
    devices: Vec<(&'a str, &'a str)>,
    /// Product of the CPU, for tests that hold no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<&'a str>,
}

impl CaseId {
    /// The case of a test with this name and launch.
    #[must_use]
    pub fn of(name: &str, launch: &Launch) -> Self {
        let labels = launch.labels.iter().map(|(label, value)| (&**label, &**value));
        let is_generated = ["model", "template"].iter().all(|l| launch.labels.contains_key(*l));
        let describes = |label: &str| match label {
            PINNED_PACKAGES | CONFIRMS | CHANGE_LIMITS | LEFT_OUT => false,
            _ => !is_generated || DESCRIBING.contains(&label),
        };
        Self(digest(&CaseText {
            format: FORMAT,
            name: (!is_generated).then_some(name),
            labels: labels.filter(|(label, _)| describes(label)).collect(),
            backend: launch.backend.as_ref().map(Backend::name),
            weights: launch.weights.as_ref().map(|weights| (weights.kind(), identity(weights))),
            program: (!is_generated).then_some(&launch.run),
            environment: declared(launch),
        }))
    }
}

impl SeriesId {
    /// The series of a case on the devices that an attempt held. `cpu` is the product of the worker's CPU,
    /// empty if unknown; it counts only for an attempt without a device.
    #[must_use]
    pub fn of(case: CaseId, devices: &[HeldDevice<'_>], cpu: &str) -> Self {
        let devices = devices.iter();
        let mut products: Vec<(&str, &str)> =
            devices.map(|device| (device.product.trim(), driver_major(device.driver))).collect();
        products.sort_unstable();
        let cpu = products.is_empty().then(|| cpu.trim());
        Self(digest(&SeriesText { format: FORMAT, case, devices: products, cpu }))
    }
}

/// The part of a driver's version before its first dot: `570` of `570.124.06`.
#[must_use]
pub fn driver_major(version: &str) -> &str {
    version.trim().split('.').next().unwrap_or_default()
}

/// Identity of requested weights. Paths on the machine that submitted, and addresses, which may
/// contain a signature, are left out when there is a digest.
fn identity(weights: &Weights) -> &str {
    match weights {
        Weights::Random {} => "",
        Weights::Folder { manifest, .. } => manifest,
        Weights::Hub { commit, .. } => commit,
        Weights::Cache { revision, .. } => revision.as_deref().unwrap_or_default(),
        Weights::Path { path } => path,
        Weights::Url { sha256, .. } => sha256,
    }
}

fn declared(launch: &Launch) -> Declared<'_> {
    let Environment::Packages(packages) = &launch.environment else { return Declared::default() };
    let pinned = launch.labels.get(PINNED_PACKAGES).map_or("", String::as_str);
    let pinned: BTreeSet<&str> = pinned.split_whitespace().collect();
    let without_blanks = |text: &String| text.split_whitespace().collect::<String>();
    let requirements = packages.requirements.iter().map(without_blanks);
    Declared {
        requirements: requirements.filter(|text| !pinned.contains(&**text)).collect(),
        python: packages.python.as_deref(),
        wheels: packages.wheels.iter().map(|wheel| &*wheel.sha256).collect(),
    }
}

fn digest(text: &impl Serialize) -> u64 {
    // Texts, numbers and lists can always be written.
    let json = serde_json::to_vec(text).unwrap_or_default();
    let digest = Sha256::digest(&json);
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// The text is not the id of a case or a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: 16 lower-case hexadecimal digits, such as 00c0ffee12345678")]
pub struct ParseSeriesError {
    text: String,
    kind: &'static str,
}

/// The text form of an id: 16 lower-case hexadecimal digits.
macro_rules! hexadecimal_id {
    ($id:ident, $kind:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl FromStr for $id {
            type Err = ParseSeriesError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let digits = Some(text).filter(|t| t.len() == 16 && t.bytes().all(is_digit));
                let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                number.map(Self).ok_or_else(|| ParseSeriesError {
                    text: text.chars().take(80).collect(),
                    kind: $kind,
                })
            }
        }

        impl Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
hexadecimal_id!(CaseId, "the id of a case");
hexadecimal_id!(SeriesId, "the id of a series");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

    /// The launch of a generated test.
    fn generated() -> Value {
        json!({
            "run": {"script": "test.py"},
            "files": [{"path": "test.py", "sha256": "00", "size_bytes": 7}],
            "backend": "cuda",
            "weights": {"source": "hub", "model": "gpt2", "commit": COMMIT},
            "environment": {"packages": {
                "requirements": ["torch>=2.4", "transformers>=4.56"], "python": ">=3.10"}},
            "labels": {
                "model": "gpt2", "family": "decoder", "task": "text-generation", "role": "test",
                "backend": "cuda", "dtype": "fp16", "attention": "default", "runtime": "torch",
                "batch": "1", "sequence_length": "128", "parameters": "kv_cache=true",
                "template": "decoder", "template_version": "3", "template_digest": "aa",
            },
        })
    }

    fn case_of(name: &str, launch: &Value) -> CaseId {
        let launch: Launch = serde_json::from_value(launch.clone()).expect("a launch");
        CaseId::of(name, &launch)
    }

    /// A change of these ids starts all stored histories again: increase [`FORMAT`] with it.
    #[test]
    fn ids_are_those_of_earlier_versions() {
        let case = case_of("name", &generated());
        let series = SeriesId::of(case, &[device("H200", "570.124.06")], "");
        assert_eq!(
            (case.to_string(), series.to_string()),
            ("eabdba39dd0b3f04".into(), "0845ebdbb35bcb0e".into())
        );
    }

    /// The ids of a launch before and after a change.
    fn changed(start: Value, pointer: &str, value: Value) -> (CaseId, CaseId) {
        let before = case_of("name", &start);
        let mut launch = start;
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        launch.pointer_mut(parent).expect("a field")[key] = value;
        (before, case_of("name", &launch))
    }

    #[test]
    fn each_named_field_of_a_generated_test_makes_another_case() {
        let mut seen = std::collections::HashSet::from([case_of("name", &generated())]);
        let labels = generated()["labels"].as_object().expect("labels").clone();
        let labels = labels.keys().filter(|label| *label != "template_digest");
        let labels = labels.map(|label| (format!("/labels/{label}"), json!("other")));
        let further = [
            ("/labels/image_size", json!("224")),
            ("/backend", json!("rocm")),
            ("/weights/commit", json!(COMMIT.replace('6', "7"))),
            ("/weights", json!({"source": "random"})),
            (
                "/weights",
                json!({"source": "folder", "manifest": "ab", "size_bytes": 1, "path": "/m"}),
            ),
            ("/environment/packages/requirements", json!(["torch>=2.5", "transformers>=4.56"])),
            ("/environment/packages/python", json!(">=3.11")),
            ("/environment", json!("system")),
        ];
        let further = further.map(|(pointer, value)| (pointer.to_owned(), value));
        for (pointer, value) in labels.chain(further) {
            let (_, after) = changed(generated(), &pointer, value);
            assert!(seen.insert(after), "{pointer} does not count, or as another one does");
        }
    }

    #[test]
    fn what_varies_between_runs_of_a_test_is_no_other_case() {
        let pinned = json!(["transformers == 5.24.0", "transformers>=4.56", "torch>=2.4"]);
        let mut upgraded = generated();
        upgraded["environment"]["packages"]["requirements"] = pinned;
        upgraded["labels"][PINNED_PACKAGES] = json!("transformers==5.24.0");
        assert_eq!(case_of("gpt2/upgraded", &upgraded), case_of("name", &generated()));
        for (pointer, value) in [
            ("/environment/packages/requirements", json!(["transformers>=4.56", "torch>=2.4"])),
            ("/labels/team", json!("a")),
            ("/labels/template_digest", json!("bb")),
            ("/labels/weights_reason", json!("not in the cache")),
            ("/labels/confirms", json!("r1.t2")),
            ("/labels/change_limits", json!("*=10%")),
            ("/timeout_ms", json!(5)),
            ("/isolation", json!("warm")),
            ("/env", json!({"A": "b"})),
            ("/files/0/sha256", json!("11")),
            ("/weights/size_bytes", json!(7)),
        ] {
            let (before, after) = changed(generated(), pointer, value);
            assert_eq!(before, after, "{pointer}");
        }
    }

    #[test]
    fn a_signed_address_and_a_path_of_the_submitter_do_not_count_beside_a_digest() {
        let url = |query: &str| json!({"source": "url", "address": format!("https://a/b{query}"), "sha256": "cd"});
        let (one, other) = ("?signature=1", "?signature=2");
        let mut launch = generated();
        launch["weights"] = url(one);
        let (before, after) = changed(launch.clone(), "/weights", url(other));
        assert_eq!(before, after);
        let folder = |path: &str| json!({"source": "folder", "manifest": "ab", "size_bytes": 1, "path": path});
        launch["weights"] = folder("/home/a/model");
        let (before, after) = changed(launch, "/weights", folder("/home/b/model"));
        assert_eq!(before, after);
    }

    #[test]
    fn another_test_is_its_name_its_labels_and_its_command() {
        let plain = json!({"run": {"command": ["pytest", "-q"]}, "labels": {"team": "a"}});
        assert_ne!(case_of("one", &plain), case_of("two", &plain));
        for (pointer, value) in
            [("/labels/team", json!("b")), ("/run/command", json!(["pytest", "-x"]))]
        {
            let (before, after) = changed(plain.clone(), pointer, value);
            assert_ne!(before, after, "{pointer}");
        }
        let (before, after) = changed(plain, "/labels/confirms", json!("r1.t2"));
        assert_eq!(before, after);
    }

    fn device(product: &'static str, driver: &'static str) -> HeldDevice<'static> {
        HeldDevice { product, driver }
    }

    #[test]
    fn a_series_is_a_case_on_one_kind_of_hardware() {
        let case = CaseId(7);
        let h200 = [device("H200", "570.124.06")];
        let of = |devices: &[HeldDevice<'_>]| SeriesId::of(case, devices, "EPYC");
        assert_eq!(of(&h200), of(&[device("H200", "570.133.20")]), "a minor version");
        assert_eq!(of(&h200), SeriesId::of(case, &h200, "Xeon"), "the CPU beside a device");
        let mixed = [device("A", "1"), device("B", "2")];
        let turned = [device("B", "2"), device("A", "1")];
        assert_eq!(of(&mixed), of(&turned));
        let different = [
            of(&[]),
            of(&h200),
            of(&[device("H200", "580.1")]),
            of(&[device("H200", "")]),
            of(&[device("H100", "570.1")]),
            of(&[device("H200", "570"), device("H200", "570")]),
            of(&mixed),
            SeriesId::of(case, &[], "Xeon"),
            SeriesId::of(CaseId(8), &h200, "EPYC"),
        ];
        let distinct: BTreeSet<SeriesId> = different.into_iter().collect();
        assert_eq!(distinct.len(), different.len());
    }

    proptest! {
        #[test]
        fn ids_survive_their_text(number: u64) {
            let text = CaseId(number).to_string();
            prop_assert_eq!(text.parse::<CaseId>(), Ok(CaseId(number)));
            prop_assert_eq!(text.len(), 16);
            let json = serde_json::to_string(&SeriesId(number)).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<SeriesId>(&json).expect("an id"), SeriesId(number));
        }

        #[test]
        fn other_texts_are_refused(text in "[0-9a-fA-F+ -]{0,20}") {
            let is_id = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(text.parse::<CaseId>().is_ok(), is_id);
        }
    }
}
