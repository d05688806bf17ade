//! The reasons why a test waits, with the reason for each worker.

use super::state::{Scheduler, State};
use super::status::{Availability, Explanation};
use crate::domain::id::{TestId, WorkerId};
use crate::domain::requirement::{Lacks, Mismatch, Requirement};
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
            before = self.classes.get(class).map_or(0, |class| class.before(run.place(id)));
            let avoid = self.classes.get(class).and_then(|class| class.key.avoid);
            workers = self.explain_workers(&test.spec.requirement, avoid);
            let need = &test.spec.requirement;
            let same = self.classes.iter().filter(|(_, class)| class.key.requirement == *need);
            alike = same.map(|(_, class)| class.waiting).sum();
        }
        Some(Explanation { status, blocked_by, workers, before, since, alike })
    }

    fn explain_workers(
        &self,
        need: &Requirement,
        avoid: Option<WorkerId>,
    ) -> Vec<(WorkerId, Box<str>, Option<Lacks>)> {
        let others = |id: WorkerId| {
            self.groups.iter().any(|group| {
                need.met_by(&group.shape).is_ok()
                    && group.members.iter().any(|other| *other != id && need.allows(*other).is_ok())
            })
        };
        let present =
            self.workers.iter().filter(|(_, worker)| worker.availability != Availability::Gone);
        present
            .take(MAX_WORKERS)
            .map(|(id, worker)| {
                let lacks = need.allows(*id).err().map(Lacks::from);
                let lacks = lacks.or_else(|| need.met_by(&worker.capability).err());
                let lacks = lacks.or_else(|| match worker.availability {
                    Availability::Active if avoid == Some(*id) && others(*id) => {
                        Some(Mismatch::Avoided.into())
                    }
                    Availability::Active => None,
                    Availability::Draining => {
                        Some(Mismatch::Unavailable { state: "draining".into() }.into())
                    }
                    Availability::Lost | Availability::Gone => {
                        Some(Mismatch::Unavailable { state: "lost".into() }.into())
                    }
                });
                (*id, worker.name.clone(), lacks)
            })
            .collect()
    }
}

impl Explanation {
    /// Time since a waiting test became ready.
    #[must_use]
    pub fn waited(&self, now: Timestamp) -> Option<Millis> {
        self.since.map(|since| now.since(since))
    }
}
