//! Warnings about a submission: uncertain models, random weights, tests that no worker can run.

use crate::api::v1::runs::Unschedulable;
use crate::cli::terminal::console::Console;
use crate::plan::submission::Submission;

/// Warns about models whose classification is uncertain.
pub fn warn_doubts(console: Console, submission: &Submission) {
    for doubt in &submission.doubts {
        console.warning(doubt);
    }
}

/// Notes which models are tested with random weights, or with those of the model cache instead of the
/// hub. `here`: the tests run on this machine.
pub fn note_weights(console: Console, submission: &Submission, here: bool) {
    for note in submission.weights_notes.notes(here) {
        console.note(&note);
    }
}

/// Warns about tests that no worker can run, with what the nearest workers lack.
pub fn warn_unschedulable(console: Console, unschedulable: &[Unschedulable]) {
    for group in unschedulable {
        let more = match group.tests {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let nearest: Vec<_> =
            group.nearest.iter().map(|miss| format!("{} {}", miss.name, miss.lacks)).collect();
        let nearest = match nearest.as_slice() {
            [] => "there are no workers".to_owned(),
            misses => misses.join("; "),
        };
        console.warning(&format!("no worker can run {}{more}: {nearest}", group.test));
    }
}
