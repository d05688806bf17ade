//! The properties of one back-end.

use crate::domain::accelerator::Vendor;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The properties of one back-end. Every key is optional, so that a table can change one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name for people.
    pub title: Option<String>,
    /// Whether a test holds a device. The default is yes.
    pub device: Option<bool>,
    pub detect: Option<Detect>,
    pub pin: Option<Pin>,
    /// Packages that every test on this back-end needs, in addition to those of its template.
    pub packages: Option<Vec<String>>,
    /// Build of torch for a worker with such a device: `--torch-backend` of uv.
    pub torch: Option<String>,
    /// The library that runs the model instead of torch: `onnxruntime` or `openvino`.
    pub runtime: Option<String>,
    pub python: Option<Python>,
    pub onnxruntime: Option<OnnxRuntime>,
}

/// How a worker finds the devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Devices of this vendor. For built-in back-ends, the detector of the vendor decides which.
    pub vendor: Option<Vendor>,
    /// Device files, one for each device. The last part may contain one `*`.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Environment variables that show a test exactly its devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Variables of a test that holds devices. In the values, `{ids}` and `{indexes}` are the ids
    /// and numbers of the devices, and `{cores}` the numbers of their cores, separated by commas or
    /// as a range.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Those on Windows, if they differ.
    pub windows: Option<BTreeMap<String, String>>,
    /// Variables of a test that holds no such device.
    #[serde(default)]
    pub hide: BTreeMap<String, String>,
    /// Variables of other back-ends that these devices follow, too. They are not set to hide
    /// devices of those back-ends.
    #[serde(default)]
    pub reads: Vec<String>,
}

/// The functions that a test calls, as dotted names such as `torch.cuda.synchronize`. They are
/// called without arguments, except for `seed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Python {
    /// The device for `torch.device`, such as `cuda:0`.
    pub device: String,
    /// Modules that are imported first.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Entry of `torch.version` that must be present.
    pub build: Option<String>,
    /// Returns whether a device is available.
    pub available: Option<String>,
    /// Returns the name of the device.
    pub name: Option<String>,
    /// Sets the seed of the device.
    pub seed: Option<String>,
    /// Waits until the device has finished; `none` if every operation waits.
    pub synchronise: String,
    /// Releases memory that the allocator keeps.
    pub empty_cache: Option<String>,
    /// Begins a new measurement of the peak memory.
    pub reset_peak: Option<String>,
    /// Returns the peak memory in bytes.
    pub peak: Option<String>,
}

impl Python {
    /// The functions that an entry may leave out, with their keys.
    pub(super) fn functions(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("available", &self.available),
            ("name", &self.name),
            ("seed", &self.seed),
            ("empty_cache", &self.empty_cache),
            ("reset_peak", &self.reset_peak),
            ("peak", &self.peak),
        ]
    }
}

/// How ONNX Runtime uses the devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxRuntime {
    /// The package with these providers, instead of `onnxruntime`.
    pub package: String,
    /// Providers, of which the first available one is used.
    pub providers: Vec<Provider>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    pub name: String,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Entry {
    /// This entry with the keys of `below` that it does not give.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            title: self.title.or(below.title),
            device: self.device.or(below.device),
            detect: self.detect.or(below.detect),
            pin: self.pin.or(below.pin),
            packages: self.packages.or(below.packages),
            torch: self.torch.or(below.torch),
            runtime: self.runtime.or(below.runtime),
            python: self.python.or(below.python),
            onnxruntime: self.onnxruntime.or(below.onnxruntime),
        }
    }

    /// Whether a test on this back-end holds a device unless it specifies otherwise.
    #[must_use]
    pub fn needs_device(&self) -> bool {
        self.device.unwrap_or(true)
    }

    /// The requirements of a test on this back-end: those of its template with the package of ONNX
    /// Runtime for this back-end, and those of the back-end.
    #[must_use]
    pub fn requirements(&self, of_template: Vec<String>) -> Vec<String> {
        let own = self.onnxruntime.as_ref().map(|own| own.package.as_str());
        let chosen = of_template.into_iter().map(|wanted| match own {
            Some(own) if wanted == "onnxruntime" => own.to_owned(),
            _ => wanted,
        });
        let mut requirements: Vec<String> = chosen.collect();
        for package in self.packages.iter().flatten() {
            if !requirements.contains(package) {
                requirements.push(package.clone());
            }
        }
        requirements
    }

    /// The requirements of the library that runs models instead of torch, without those of a test.
    #[must_use]
    pub fn library(&self) -> Option<Vec<String>> {
        let library = self.runtime.clone().filter(|runtime| runtime != "torch")?;
        Some(self.requirements(vec![library]))
    }

    /// The names of the variables that pin devices.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let pin = self.pin.iter();
        let set = pin.flat_map(|pin| pin.set.keys().chain(pin.windows.iter().flatten().map(first)));
        set.map(String::as_str)
    }

    /// The facts about this back-end that Python needs.
    #[must_use]
    pub fn hooks(&self) -> Map<String, Value> {
        let mut hooks = Map::new();
        hooks.extend(self.runtime.as_ref().map(|runtime| ("runtime".into(), json!(runtime))));
        if let Some(python) = &self.python {
            hooks.insert("device".into(), json!(python.device));
            if !python.imports.is_empty() {
                hooks.insert("imports".into(), json!(python.imports));
            }
            let build = [("build", &python.build)];
            for (name, function) in build.into_iter().chain(python.functions()) {
                hooks.extend(function.as_ref().map(|function| (name.into(), json!(function))));
            }
            if python.synchronise != NONE {
                hooks.insert("synchronise".into(), json!(python.synchronise));
            }
        }
        if let Some(own) = &self.onnxruntime {
            let pair = |provider: &Provider| json!([provider.name, provider.options]);
            hooks.insert("providers".into(), own.providers.iter().map(pair).collect());
        }
        let variables: Vec<&str> = self.variables().collect();
        if !variables.is_empty() {
            hooks.insert("variables".into(), json!(variables));
        }
        hooks
    }
}

/// The word for a function that is not needed.
pub(super) const NONE: &str = "none";

fn first<A, B>((first, _): (A, B)) -> A {
    first
}
