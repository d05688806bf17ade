//! Submissions: the tests of a part are checked together and become facts.

use super::classes::{ClassId, ClassKey};
use super::command::{Answer, Step, Submission, Unschedulable};
use super::deps;
use super::error::{FactError, Rejected};
use super::state::{Named, Run, Scheduler, State, Tally, Test};
use super::weights::table::ClassWeights;
use crate::domain::access::Subject;
use crate::domain::capability::Capability;
use crate::domain::fact::{Fact, Idempotency};
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::name;
use crate::domain::requirement::unmet::{Unmet, nearest_misses, unmet};
use crate::domain::requirement::{Lacks, MAX_MISSES, Requirement};
use crate::domain::test::{
    MAX_DEPENDENCIES, MAX_NAME_BYTES, MAX_TESTS_PER_RUN, OnFailure, SkipCause, TestSpec,
};
use crate::domain::time::{Millis, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum number of requirements named in one answer.
const MAX_UNSCHEDULABLE: usize = 100;
/// A finished run is forgotten when there are more runs than this and it ended longer ago than
/// `KEEP_RUNS`.
const MIN_RUNS_KEPT: usize = 10_000;
const KEEP_RUNS: Millis = Millis::from_secs(7 * 24 * 3600);

impl Scheduler {
    pub(super) fn decide_submit(
        &self,
        now: Timestamp,
        submission: Submission,
    ) -> Result<Step, Rejected> {
        let Submission { name, tests, more, closed_world, idempotency, user } = submission;
        check_name("run", &name)?;
        if let Some(sent) = &idempotency
            && let Some(run) = self.submissions.get(&(user.clone(), sent.key.clone()))
        {
            return self.repeated(*run, sent);
        }
        if tests.is_empty() && !more {
            return Err(Rejected::Empty);
        }
        let run = RunId(self.next_run.max(1));
        check_tests(None, &tests)?;
        let unschedulable = self.unschedulable_among(&tests);
        let count = u32::try_from(tests.len()).unwrap_or(u32::MAX);
        let skips = self.skips_at_start(now, run, None, closed_world, 0, &tests);
        let mut facts = vec![
            Fact::RunSubmitted { run, name, idempotency, user, closed_world, at: now },
            Fact::TestsAdded { run, first: 0, tests, last: !more, part: 0, at: now },
        ];
        facts.extend(skips.into_facts());
        let answer = Answer::Submitted { run, tests: count, repeated: false, unschedulable };
        Ok(Step::answered(facts, answer))
    }

    fn repeated(&self, run: RunId, sent: &Idempotency) -> Result<Step, Rejected> {
        let stored = self.runs.get(&run).ok_or(Rejected::UnknownRun(run))?;
        if stored.idempotency.as_ref() != Some(sent) {
            return Err(Rejected::KeyReused(run));
        }
        let tests = stored.tally.total;
        let answer = Answer::Submitted { run, tests, repeated: true, unschedulable: vec![] };
        Ok(Step::answered(vec![], answer))
    }

    pub(super) fn decide_add(
        &self,
        now: Timestamp,
        id: RunId,
        part: u32,
        tests: Vec<Arc<TestSpec>>,
        more: bool,
    ) -> Result<Step, Rejected> {
        let run = self.runs.get(&id).ok_or(Rejected::UnknownRun(id))?;
        for test in &tests {
            check_name("test", &test.name)?;
        }
        let submitted = |tests, repeated, unschedulable| Answer::Submitted {
            run: id,
            tests,
            repeated,
            unschedulable,
        };
        if part < run.next_part() {
            if !run.has_part(part, &tests) {
                return Err(Rejected::PartReused { run: id, part });
            }
            let answer = submitted(run.tally.total, true, vec![]);
            return Ok(Step::answered(vec![], answer));
        }
        if run.closed || run.cancelled {
            return Err(Rejected::RunClosed(id));
        }
        if part > run.next_part() {
            return Err(Rejected::PartOutOfOrder { run: id, expected: run.next_part(), got: part });
        }
        check_tests(Some(run), &tests)?;
        let unschedulable = self.unschedulable_among(&tests);
        let first = run.tally.total;
        let total = first + u32::try_from(tests.len()).unwrap_or(u32::MAX);
        let skips = self.skips_at_start(now, id, Some(run), run.closed_world, first, &tests);
        let mut facts =
            vec![Fact::TestsAdded { run: id, first, tests, last: !more, part, at: now }];
        facts.extend(skips.into_facts());
        Ok(Step::answered(facts, submitted(total, false, unschedulable)))
    }

    /// Collects the tests of a new part that will not run: a dependency did not pass or is itself
    /// skipped, or in a closed world no present worker can run them.
    fn skips_at_start(
        &self,
        now: Timestamp,
        id: RunId,
        run: Option<&Run>,
        closed_world: bool,
        first: u32,
        tests: &[Arc<TestSpec>],
    ) -> deps::Skips {
        let mut skips = deps::Skips::new(now, id);
        let mut lacks: HashMap<&Requirement, Option<Box<str>>> = HashMap::new();
        let mut doomed = Vec::new();
        for (index, test) in (first..).zip(tests) {
            if closed_world {
                let need = &*test.requirement;
                let lack = lacks.entry(need).or_insert_with(|| self.lack(need));
                if let Some(lack) = lack {
                    skips.push(index, SkipCause::NoWorker(lack.clone()));
                }
            }
            for on in test.depends_on.iter().copied() {
                let earlier = run.and_then(|run| run.tests.get(on as usize));
                if earlier.and_then(Test::done).is_some_and(|o| deps::dooms(o, test.on_failure)) {
                    skips.dependency(index, on);
                }
            }
            if skips.has(index) {
                doomed.push(index);
            }
        }
        if doomed.is_empty() {
            return skips;
        }
        // Edges may point forwards, so the dependants of each skipped test are followed.
        let mut dependants: HashMap<u32, Vec<u32>> = HashMap::new();
        for (index, test) in (first..).zip(tests).filter(|(_, t)| t.on_failure == OnFailure::Skip) {
            for on in test.depends_on.iter().copied() {
                dependants.entry(on).or_default().push(index);
            }
        }
        while let Some(on) = doomed.pop() {
            for index in dependants.remove(&on).unwrap_or_default() {
                if !skips.has(index) {
                    skips.dependency(index, on);
                    doomed.push(index);
                }
            }
        }
        skips
    }

    /// Describes what the nearest worker lacks; `None` when a worker meets the requirement.
    fn lack(&self, need: &Requirement) -> Option<Box<str>> {
        let nearest = self.nearest_misses(need)?;
        let lack = nearest.first().map(|(id, lacks)| format!("{} {lacks}", self.name_of(*id)));
        Some(lack.unwrap_or_else(|| "there are no workers".to_owned()).into())
    }

    /// The requirements that no active worker meets, with the nearest misses.
    fn unschedulable_among(&self, tests: &[Arc<TestSpec>]) -> Vec<Unschedulable> {
        let needs = tests.iter().map(|test| &*test.requirement);
        let mut missed = unmet(needs, |need| self.nearest_misses(need));
        missed.truncate(MAX_UNSCHEDULABLE);
        let named =
            missed.into_iter().map(|Unmet { first, tests: count, nearest }| Unschedulable {
                test: tests[first].name.clone(),
                tests: count,
                nearest: nearest
                    .into_iter()
                    .map(|(id, lacks)| (id, self.name_of(id).into(), lacks))
                    .collect(),
            });
        named.collect()
    }

    /// The parts that the nearest active workers lack; `None` when a worker meets the requirement.
    fn nearest_misses(&self, need: &Requirement) -> Option<Vec<(WorkerId, Lacks)>> {
        let misses = nearest_misses(need, &self.offers());
        if misses.is_some() || need.weights.is_none() {
            return misses;
        }
        let groups = self.groups.iter().filter(|group| need.met_by(&group.shape).is_ok());
        let mut small = Vec::new();
        for worker in groups.flat_map(|group| group.members.iter().copied()) {
            small.push((worker, self.weights_met_by(need, worker).err()?));
        }
        small.sort_by(|(a, one), (b, two)| two.cmp(one).then(a.cmp(b)));
        small.truncate(MAX_MISSES);
        Some(small.into_iter().map(|(worker, miss)| (worker, Lacks::from(miss))).collect())
    }

    /// One active worker of each shape.
    fn offers(&self) -> Vec<(WorkerId, &Capability)> {
        let groups = self.groups.iter();
        groups.filter_map(|group| Some((*group.members.first()?, &group.shape))).collect()
    }

    fn name_of(&self, id: WorkerId) -> &str {
        self.workers.get(&id).map_or("", |worker| &worker.name)
    }

    pub(super) fn apply_submitted(
        &mut self,
        id: RunId,
        name: &str,
        idempotency: Option<&Idempotency>,
        user: &Subject,
        closed_world: bool,
        at: Timestamp,
    ) -> Result<(), FactError> {
        if self.runs.contains_key(&id) {
            return Err(FactError::KnownRun(id));
        }
        self.forget_old_runs(at);
        self.next_run = self.next_run.max(id.0 + 1);
        if let Some(sent) = idempotency {
            self.submissions.insert((user.clone(), sent.key.clone()), id);
        }
        let run = Run {
            name: name.into(),
            user: user.clone(),
            idempotency: idempotency.cloned(),
            submitted_at: at,
            finished_at: None,
            parts: Vec::new(),
            closed: false,
            cancelled: false,
            closed_world,
            tests: Vec::new(),
            names: HashSet::new(),
            tally: Tally::default(),
        };
        self.runs.insert(id, run);
        Ok(())
    }

    fn forget_old_runs(&mut self, at: Timestamp) {
        while self.runs.len() > MIN_RUNS_KEPT {
            let Some((id, run)) = self.runs.first_key_value() else { return };
            let id = *id;
            if run.finished_at.is_none_or(|finished| at.since(finished) < KEEP_RUNS) {
                return;
            }
            if let Some(run) = self.runs.remove(&id)
                && let Some(sent) = run.idempotency
            {
                self.submissions.remove(&(run.user, sent.key));
            }
        }
    }

    pub(super) fn apply_added(
        &mut self,
        id: RunId,
        first: u32,
        tests: &[Arc<TestSpec>],
        last: bool,
        part: u32,
        at: Timestamp,
    ) -> Result<(), FactError> {
        let run = self.runs.get_mut(&id).ok_or(FactError::UnknownRun(id))?;
        let expected = run.next_part();
        if part != expected || first as usize != run.tests.len() {
            return Err(FactError::PartOutOfOrder { run: id, part, expected });
        }
        run.parts.push((first, at));
        run.closed = last;
        run.tests.reserve(tests.len());
        for spec in tests {
            run.push(spec);
            if !last {
                run.names.insert(Named(Arc::clone(spec)));
            }
        }
        if last {
            run.names = HashSet::new();
        }
        // Edges to tests of the same part can point forwards, so they come when all are there.
        let mut ready = Vec::new();
        for index in (first..).take(tests.len()) {
            if run.link(index) {
                ready.push(index);
            }
        }
        for index in (first..).take(tests.len()) {
            if let Some(due) = run.expires_at(index) {
                self.expiries.insert((due, TestId { run: id, index }));
            }
        }
        let mut last_class: Option<(Arc<_>, ClassId)> = None;
        for index in ready {
            self.make_ready(TestId { run: id, index }, None, at, &mut last_class)?;
        }
        self.close_if_over(id, at);
        Ok(())
    }

    /// Puts a test into the queue of its class. `cache` saves the search for neighbours with the
    /// same requirement.
    pub(super) fn make_ready(
        &mut self,
        id: TestId,
        avoid: Option<WorkerId>,
        at: Timestamp,
        cache: &mut Option<(Arc<Requirement>, ClassId)>,
    ) -> Result<(), FactError> {
        let test = self.find(id).ok_or(FactError::UnknownTest(id))?;
        let requirement = Arc::clone(&test.spec.requirement);
        let class = match cache {
            Some((same, class)) if *same == requirement && avoid.is_none() => *class,
            _ => {
                let class = self.class_of(&requirement, avoid);
                if avoid.is_none() {
                    *cache = Some((requirement, class));
                }
                class
            }
        };
        let run = self.runs.get_mut(&id.run).ok_or(FactError::UnknownTest(id))?;
        run.set_state(id.index, State::Waiting { class, since: at });
        let place = run.place(id);
        self.classes.enqueue(class, place);
        self.hints.wanted.insert(class);
        Ok(())
    }

    /// Returns the class of a requirement; a new class is added to the groups of workers that
    /// meet it.
    pub(super) fn class_of(
        &mut self,
        requirement: &Arc<Requirement>,
        avoid: Option<WorkerId>,
    ) -> ClassId {
        let key = ClassKey { requirement: Arc::clone(requirement), avoid };
        let (class, new) = self.classes.intern(&key);
        if new {
            if let (Some(need), Some(class)) = (&requirement.weights, self.classes.get_mut(class)) {
                let id = self.weights.name(&need.key);
                class.weights = Some(ClassWeights { id, bytes: need.size_bytes.unwrap_or(0) });
            }
            for group in &mut self.groups {
                if requirement.met_by(&group.shape).is_ok() {
                    group.classes.insert(class.0);
                }
            }
        }
        class
    }
}

impl Run {
    /// Whether a part was sent with these tests. Repeats are rare, so comparing JSON is quick enough.
    /// A finished run has kept only the number of its tests.
    fn has_part(&self, part: u32, tests: &[Arc<TestSpec>]) -> bool {
        let start = |part: usize| self.parts.get(part).map(|(first, _)| *first as usize);
        let at = part as usize;
        let Some(first) = start(at) else { return false };
        let end = start(at + 1).unwrap_or(self.tally.total as usize);
        if self.finished_at.is_some() {
            return tests.len() == end - first;
        }
        let text = |spec: &Arc<TestSpec>| serde_json::to_string(spec).unwrap_or_default();
        self.tests.get(first..end).is_some_and(|stored| {
            stored.iter().map(|test| text(&test.spec)).eq(tests.iter().map(text))
        })
    }

    pub(super) fn push(&mut self, spec: &Arc<TestSpec>) {
        self.tally.total += 1;
        self.tally.enter(&State::Blocked);
        self.tests.push(Test {
            spec: Arc::clone(spec),
            state: State::Blocked,
            attempts: 0,
            failed: 0,
            infrastructure: 0,
            waiting_on: 0,
            dependants: Vec::new(),
        });
    }

    /// Connects a test with its dependencies; true when nothing keeps it from running.
    pub(super) fn link(&mut self, index: u32) -> bool {
        let Some(test) = self.tests.get(index as usize) else { return false };
        let spec = Arc::clone(&test.spec);
        let mut waiting_on = 0;
        for on in &spec.depends_on {
            let Some(dependency) = self.tests.get_mut(*on as usize) else { continue };
            match dependency.done() {
                Some(outcome) if !deps::dooms(outcome, spec.on_failure) => {}
                // A dependency that did not pass keeps the test blocked until it is skipped.
                Some(_) => waiting_on += 1,
                None => {
                    dependency.dependants.push(index);
                    waiting_on += 1;
                }
            }
        }
        let test = &mut self.tests[index as usize];
        test.waiting_on = waiting_on;
        waiting_on == 0 && test.state == State::Blocked
    }
}

fn check_name(what: &str, name: &str) -> Result<(), Rejected> {
    name::check(name, MAX_NAME_BYTES)
        .map_err(|error| Rejected::BadName(format!("the name of a {what} {error}")))
}

/// Checks the tests of one part; `run` has the earlier parts.
fn check_tests(run: Option<&Run>, tests: &[Arc<TestSpec>]) -> Result<(), Rejected> {
    let first = run.map_or(0, |run| run.tally.total);
    let total = u64::from(first) + tests.len() as u64;
    if total > u64::from(MAX_TESTS_PER_RUN) {
        let maximum = u64::from(MAX_TESTS_PER_RUN);
        return Err(Rejected::TooMany { what: "tests in one run", count: total, maximum });
    }
    let mut names = HashSet::with_capacity(tests.len());
    for test in tests {
        check_name("test", &test.name)?;
        let taken = run.is_some_and(|run| run.names.contains(&*test.name));
        if taken || !names.insert(&*test.name) {
            return Err(Rejected::DuplicateName(test.name.clone()));
        }
        if test.depends_on.len() > MAX_DEPENDENCIES {
            let (count, maximum) = (test.depends_on.len() as u64, MAX_DEPENDENCIES as u64);
            return Err(Rejected::TooMany { what: "dependencies of one test", count, maximum });
        }
        if let Some(on) = test.depends_on.iter().find(|on| u64::from(**on) >= total) {
            return Err(Rejected::UnknownDependency { test: test.name.clone(), on: *on });
        }
    }
    deps::check_acyclic(first, tests)
}
