//! The reasons why a test waits, with the reason for each worker.

use super::classes::QueueClass;
use super::state::{Scheduler, State, Worker};
use super::status::{Availability, Explanation, WorkerFit};
use crate::domain::id::{TestId, WorkerId};
use crate::domain::requirement::{Lacks, Mismatch};
use crate::domain::time::{Millis, Timestamp};

/// Maximum number of dependencies and workers that are named.
const MAX_BLOCKED_BY: usize = 20;
const MAX_WORKERS: usize = 1_000;

impl Scheduler {
    /// Explains the phase of a test; `None` for a test that the scheduler does not have (any more).
    #[must_use]
    pub fn why(&self, id: TestId) -> Option<Explanation> {
        let status = self.test(id)?;
        let test = self.find(id)?;
        let run = self.runs.get(&id.run)?;
        let open = |on: &&u32| {
            run.tests.get(**on as usize).is_some_and(|dependency| dependency.done().is_none())
        };
        let blocked_by = match test.state {
            State::Blocked => test.spec.depends_on.iter().filter(open).take(MAX_BLOCKED_BY),
            _ => [].iter().filter(open).take(0),
        };
        let blocked_by = blocked_by.map(|on| TestId { run: id.run, index: *on }).collect();
        let (mut workers, mut before, mut since, mut alike) = (Vec::new(), 0, None, 0);
        if let State::Waiting { class, since: ready } = test.state {
            since = Some(ready);
            if let Some(class) = self.classes.get(class) {
                before = class.before(run.place(id));
                workers = self.explain_workers(class);
            }
            let need = &test.spec.requirement;
            let same = self.classes.iter().filter(|(_, class)| class.key.requirement == *need);
            alike = same.map(|(_, class)| class.waiting).sum();
        }
        Some(Explanation { status, blocked_by, workers, before, since, alike })
    }

    fn explain_workers(&self, class: &QueueClass) -> Vec<WorkerFit> {
        let present =
            self.workers.iter().filter(|(_, worker)| worker.availability != Availability::Gone);
        let explain = |(id, worker): (&WorkerId, &Worker)| WorkerFit {
            worker: *id,
            name: worker.name.clone(),
            lacks: self.lacks(*id, worker, class),
            has_weights: class.weights.map(|weights| worker.weights.has(weights.id)),
            is_cache_full: !worker.weights.has_room(class.weights),
        };
        present.take(MAX_WORKERS).map(explain).collect()
    }

    /// The parts of a requirement that a worker lacks for a class; `None` if it may take its tests.
    fn lacks(&self, id: WorkerId, worker: &Worker, class: &QueueClass) -> Option<Lacks> {
        let need = &class.key.requirement;
        let unavailable = |state: &str| Mismatch::Unavailable { state: state.into() };
        let lacks = need.allows(id).err().map(Lacks::from);
        let lacks = lacks.or_else(|| need.met_by(&worker.capability).err());
        let lacks = lacks.or_else(|| self.weights_met_by(need, id).err().map(Lacks::from));
        lacks.or_else(|| {
            let mismatch = match worker.availability {
                Availability::Active if worker.is_held => {
                    Some(unavailable("taking no tests until it is calibrated"))
                }
                Availability::Active => {
                    let is_avoided = class.key.avoid == Some(id)
                        && self.active_for(class).any(|other| other != id);
                    is_avoided.then_some(Mismatch::Avoided)
                }
                Availability::Draining => Some(unavailable("draining")),
                Availability::Lost | Availability::Gone => Some(unavailable("lost")),
            };
            mismatch.map(Lacks::from)
        })
    }
}

impl Explanation {
    /// Time since a waiting test became ready.
    #[must_use]
    pub fn waited(&self, now: Timestamp) -> Option<Millis> {
        self.since.map(|since| now.since(since))
    }
}
