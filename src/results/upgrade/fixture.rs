//! Tests with their runs before and after an upgrade of the package `x`.

use super::{Observed, Tested};
use crate::domain::id::{RunId, TestId};
use crate::plan::packages::PACKAGES;
use crate::trends::upgrade::{Ending, SideRun};
use std::collections::BTreeMap;

pub fn observed(name: &str, model: &str, ending: Ending) -> Observed {
    let labels = [("model", model), ("backend", "cpu"), (PACKAGES, "x==1")];
    let run = SideRun {
        ending,
        flaky: false,
        metrics: BTreeMap::new(),
        errors: BTreeMap::new(),
        sketch: None,
    };
    Observed {
        test: TestId { run: RunId(1), index: 0 },
        name: name.to_owned(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        run,
        is_quarantined: false,
        packages: BTreeMap::new(),
    }
}

pub fn both(before: Observed, after: Observed) -> Tested {
    let mut tested = Tested::new(&after.name, after.labels.clone());
    tested.add(0, before);
    tested.add(1, after);
    tested
}
