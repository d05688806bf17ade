//! Generates the tests of a model: configuration, family, template, then one script for each
//! combination of back-end and shape.
//!
//! ```text
//! subject (model, family, templates) ─ cases (matrix) ─ order ─┬─ names
//!                                                              ├─ test (script, labels, requirements)
//!                                                              └─ workload ─ estimate
//! ```

pub(super) mod bounds;
mod case;
mod cases;
pub(super) mod compare;
mod graphs;
mod names;
mod order;
mod subject;
mod test;
mod workload;

use crate::domain::accelerator::Backend;
use crate::models::catalogue::{ModelConfig, Origin};
use crate::models::classify::{Classification, Confidence};
use crate::models::flags::Flags;
use crate::models::weights::source::Chosen;
use crate::plan::entry::{Entry, TakenFile};
use crate::plan::generate::case::Role;
use crate::plan::generate::subject::Subject;
use crate::plan::model_entry::{Comparison, ModelEntry};
use crate::plan::needs::Known;
use crate::plan::priority::{self, Terms};
use crate::plan::sources::Sources;
use crate::text::error::FieldError;
use std::collections::BTreeMap;

/// File that a reference test hands on to the tests that compare with it.
const REFERENCE_FILE: &str = "reference.safetensors";
/// File with answers that a reference hands on to the tests of another checkpoint.
const ANSWERS_FILE: &str = "answers.safetensors";
/// Environment variable that names the reference in the tests that compare.
const REFERENCE: &str = "DTF_REFERENCE";

/// Description of a model for people.
#[derive(Debug, Clone)]
pub struct About {
    pub model: String,
    pub classification: Classification,
    pub flags: Flags,
    /// Origin of the configuration.
    pub origin: Origin,
    /// Commit of the configuration; empty if unknown.
    pub revision: String,
    /// Weights that the tests use, by what was requested.
    pub weights: BTreeMap<String, Chosen>,
}

impl About {
    /// The weights for people.
    #[must_use]
    pub fn weights_text(&self) -> String {
        let texts = self.weights.iter().map(|(requested, chosen)| match self.weights.len() {
            1 => chosen.to_string(),
            _ => format!("{requested}: {chosen}"),
        });
        texts.collect::<Vec<_>>().join("; ")
    }

    /// Warning if the family is a guess.
    fn doubt(&self) -> Option<String> {
        let Classification { family, confidence, reason, .. } = &self.classification;
        let is_guess = *confidence == Confidence::Low;
        is_guess.then(|| format!("{}: the family {family} is a guess ({reason})", self.model))
    }
}

/// A test, with the terms of its priority and the facts behind its requirements.
#[derive(Debug, Clone)]
pub struct Planned {
    pub entry: Entry,
    pub terms: Terms,
    pub known: Known,
}

/// The tests of one model. Each test follows those that it depends on.
#[derive(Debug, Clone)]
pub struct ModelTests {
    pub about: About,
    pub tests: Vec<Planned>,
    /// Requested shapes that the template does not have.
    pub left_out: Vec<&'static str>,
    /// Error that prevents a run of these tests. They can still be listed and explained.
    pub refusal: Option<FieldError>,
    /// Notes on how the tests differ from the requested model.
    differences: Vec<String>,
}

impl ModelTests {
    /// Warnings about the tests of this model.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        // A value of the plan, of an earlier run or of an estimate reserves memory.
        let unknown =
            self.tests.iter().any(|test| test.entry.settings.requires.memory_bytes.is_none());
        let unreserved = unknown.then(|| {
            let model = &self.about.model;
            format!("cannot estimate the size of {model}: no memory is reserved for its tests")
        });
        self.about.doubt().into_iter().chain(unreserved).chain(self.differences.clone())
    }
}

/// Generates the tests of an entry under `models`.
///
/// # Errors
/// The model has no configuration, family or template, or a shape or parameter does not fit it.
pub fn model_tests(entry: &ModelEntry, sources: &Sources) -> Result<ModelTests, FieldError> {
    let mut subject = Subject::look_up(entry, sources.models, sources.library)?;
    let mut cases = subject.cases(sources.accelerators)?;
    subject.choose_weights(&cases, sources.models)?;
    let unfit = subject.fit_to_graphs(&mut cases)?;
    order::sort(&mut cases);
    let is_shared = entry.comparison != Comparison::None;
    let defaults = &subject.template(Backend::CPU).front_matter.parameters;
    let plan = order::plan(cases, defaults, is_shared);
    let behind = priority::waiting_behind(&plan.before);
    let names: Vec<String> = plan.cases.iter().map(|case| subject.name(case)).collect();
    let mut tests = Vec::with_capacity(names.len());
    let mut terms = Vec::with_capacity(names.len());
    for (at, case) in plan.cases.iter().enumerate() {
        let (mut test, known) =
            subject.test(&names[at], case, plan.reference[at].is_some(), sources)?;
        test.depends_on = plan.before[at].iter().map(|before| names[*before].clone()).collect();
        if let Some(reference) = plan.reference[at] {
            let taken = TakenFile { test: names[reference].clone(), file: REFERENCE_FILE.into() };
            test.depends_on.retain(|name| *name != taken.test);
            test.inputs = vec![taken];
            test.settings.env.insert(REFERENCE.into(), REFERENCE_FILE.into());
        }
        if case.role() == Role::Reference {
            test.artifacts = vec![REFERENCE_FILE.to_owned()];
            if entry.comparison == Comparison::Answers {
                test.artifacts.push(ANSWERS_FILE.to_owned());
            }
        }
        let weight = entry.settings.priority.unwrap_or_default();
        let expected = test.settings.expected.map(|span| span.0).or(known.expected_ms());
        terms.push(Terms::new(weight, known.past.as_ref(), behind[at], expected));
        tests.push(Planned { entry: test, terms: Terms::default(), known });
    }
    priority::raise(&mut terms, &plan.before);
    for (test, terms) in tests.iter_mut().zip(terms) {
        test.terms = terms;
        test.entry.settings.priority = Some(terms.priority());
    }
    let left_out = subject.left_out().map(|(name, _)| *name).collect();
    let random = plan.cases.iter().any(|case| subject.source(case).is_random());
    let differences = subject.differences(random).into_iter().chain(unfit).collect();
    let refusal = plan.cases.iter().find_map(|case| subject.refusal(case));
    let Subject { classification, model, weights, .. } = subject;
    let ModelConfig { config, origin, revision, quantised, .. } = model;
    let flags = Flags::read(&classification.family, &config, quantised.as_ref());
    let about =
        About { model: entry.model.clone(), classification, flags, origin, revision, weights };
    Ok(ModelTests { about, tests, left_out, refusal, differences })
}
