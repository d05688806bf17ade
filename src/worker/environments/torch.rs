//! The build of torch that environments get: `cpu`, `auto`, `cu128`, ….
//!
//! Promise: it follows the offer of the worker, so an environment that is built after a device has
//! appeared can use the device.

use crate::backends::Table;
use crate::worker::offer::Offer;
use std::fmt;
use std::sync::Arc;

/// See the head of this module.
#[derive(Clone)]
pub enum TorchBuild {
    Given(String),
    /// The build of the first offered back-end that needs one.
    OfOffer {
        backends: Arc<Table>,
        offer: Arc<Offer>,
    },
}

impl TorchBuild {
    /// The value for `uv pip install --torch-backend` at this time. `auto` makes uv detect the driver; a
    /// worker without such a back-end uses the much smaller CPU build.
    #[must_use]
    pub fn now(&self) -> String {
        match self {
            Self::Given(name) => name.clone(),
            Self::OfOffer { backends, offer } => {
                let capability = offer.current();
                let offered = capability.backends.iter();
                let mut builds =
                    offered.filter_map(|backend| backends.get(*backend)?.torch.clone());
                builds.next().unwrap_or_else(|| "cpu".to_owned())
            }
        }
    }
}

impl fmt::Debug for TorchBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::capability::Capability;

    fn capability(backends: &[&str]) -> Capability {
        serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1 << 30,
            "slots": 1, "backends": backends,
        }))
        .expect("a capability")
    }

    #[test]
    fn the_build_follows_the_offer() {
        let offer = Offer::new(capability(&["cpu"]), true);
        let backends = Arc::new(Table::built_in().clone());
        let build = TorchBuild::OfOffer { backends, offer: offer.clone() };
        assert_eq!(build.now(), "cpu");
        offer.detected(capability(&["cpu", "cuda"]), crate::detect::Limits::default());
        assert_eq!(build.now(), "auto");
        assert_eq!(TorchBuild::Given("cu128".to_owned()).now(), "cu128");
    }
}
