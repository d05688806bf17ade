//! The steps of a search: the runs of one candidate after the other.

use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::versions::bisect::args::BisectArgs;
use crate::cli::versions::bisect::candidates::Candidate;
use crate::cli::versions::bisect::subject::{self, Subject};
use crate::cli::versions::bisect::view::{BisectView, Step};
use crate::cli::versions::observe;
use crate::cli::versions::place::Runs;
use crate::domain::id::{RunId, WorkerId};
use crate::plan::submission::Submission;
use crate::results::render::figures::with_unit;
use crate::results::render::words::plain;
use crate::results::upgrade::Observed;
use crate::trends::bisect::{Answer, MAX_RUNS, Search, Trial, nearer};
use crate::trends::judgement::{Direction, Verdict};
use crate::trends::limits::{Better, Kind, Limits, MIN_VALUES};
use crate::trends::robust::median;
use crate::trends::sides::compare;
use crate::trends::upgrade::{Ending, Value};
use std::collections::BTreeSet;

/// Number of runs of each end, and of the two candidates at the boundary.
const CONFIRMING: u32 = 2;
/// Number of runs of the bad end that estimate how often it fails, if it does not always fail.
const ESTIMATING: u32 = 6;
/// Maximum length of a shown reason, in characters.
const REASON_CHARS: usize = 160;

/// The runs of one candidate.
#[derive(Debug, Clone, Default)]
struct Tried {
    trial: Trial,
    values: Vec<f64>,
    runs: Vec<RunId>,
    /// Why it failed or cannot be tried.
    reason: String,
    is_skipped: bool,
    answer: Option<Answer>,
}

pub struct Steps<'a> {
    console: Console,
    runs: &'a Runs,
    args: &'a BisectArgs,
    list: &'a [Candidate],
    subject: &'a mut Subject,
    tried: Vec<Tried>,
    worker: Option<WorkerId>,
    unit: String,
    better: Option<Better>,
    /// Whether the value of the metric decides. Otherwise failures decide.
    measures: bool,
}

impl<'a> Steps<'a> {
    pub fn new(
        console: Console,
        runs: &'a Runs,
        args: &'a BisectArgs,
        list: &'a [Candidate],
        subject: &'a mut Subject,
    ) -> Self {
        let tried = vec![Tried::default(); list.len()];
        let (worker, unit, better) = (None, String::new(), None);
        let measures = false;
        Self { console, runs, args, list, subject, tried, worker, unit, better, measures }
    }

    /// Checks the ends, searches, and runs the candidates at the boundary again.
    pub async fn search(mut self) -> Result<BisectView, CliError> {
        let last = self.list.len() - 1;
        let noun = self.args.noun();
        let Some(mut search) = Search::new(self.list.len()) else {
            let message = format!("there are no two {noun}s to search between");
            return Err(CliError::usage(message));
        };
        let rate = match self.args.metric {
            Some(_) => self.measured_ends(last).await?,
            None => self.ends(last).await?,
        };
        // Each repetition revises the answer of a candidate, which happens once at most.
        loop {
            while let Some(at) = search.next() {
                self.note_remaining(search.open());
                let answer = self.answer(at, rate).await?;
                search.record(at, answer);
            }
            let Some(found) = search.found() else {
                let message = format!(
                    "the ends gave other results when they were run again, so that no {noun} is good \
                     below a bad one"
                );
                return Err(CliError::new(message).hint("the test is flaky: choose another one"));
            };
            let revised = self.confirm([found.last_good, found.first_bad], rate).await?;
            match revised {
                Some((at, answer)) => search.record(at, answer),
                None => return Ok(self.view(&found)),
            }
        }
    }

    fn note_remaining(&self, open: usize) {
        self.console.note(&format!("{open} left to search"));
    }

    /// Runs the ends. Returns how often the bad one fails.
    async fn ends(&mut self, last: usize) -> Result<f64, CliError> {
        for _ in 0..CONFIRMING {
            self.once(0).await?;
            self.end(0, "good")?;
        }
        let good = self.tried[0].clone();
        if good.trial.failed > 0 {
            let name = &self.list[0].name;
            let message = if good.trial.is_mixed() {
                format!("the test is flaky with {name}, the good end: {}", good.reason)
            } else {
                format!("the test fails with {name}, the good end: {}", good.reason)
            };
            let hint = format!("choose a {} with which it passes", self.args.noun());
            return Err(CliError::usage(message).hint(hint));
        }
        self.tried[0].answer = Some(Answer::Good);
        self.note(0);
        for at in 0..ESTIMATING {
            if at >= CONFIRMING && self.tried[last].trial.passed == 0 {
                break;
            }
            self.once(last).await?;
            self.end(last, "bad")?;
        }
        let bad = self.tried[last].trial;
        if bad.failed == 0 {
            let name = &self.list[last].name;
            let message =
                format!("the test passes with {name}, the bad end, in {} runs", bad.runs());
            let hint = format!("choose a {} with which it fails", self.args.noun());
            return Err(CliError::usage(message).hint(hint));
        }
        self.tried[last].answer = Some(Answer::Bad);
        self.note(last);
        Ok(bad.rate())
    }

    /// An end that cannot be tried ends the search.
    fn end(&self, at: usize, which: &str) -> Result<(), CliError> {
        if !self.tried[at].is_skipped {
            return Ok(());
        }
        let (name, reason) = (&self.list[at].name, &self.tried[at].reason);
        let message = format!("{name}, the {which} end, cannot be tried: {reason}");
        Err(CliError::usage(message).hint("choose another end"))
    }

    /// Measures the ends, which must differ beyond noise, unless the bad one fails. Returns how often it
    /// fails.
    async fn measured_ends(&mut self, last: usize) -> Result<f64, CliError> {
        // In turns, so that a drift of the machine affects both.
        for _ in 0..MIN_VALUES {
            for (at, which) in [(0, "good"), (last, "bad")] {
                self.once(at).await?;
                self.end(at, which)?;
            }
        }
        let metric = self.args.metric.clone().unwrap_or_default();
        let (good, bad) = (&self.tried[0], &self.tried[last]);
        if good.trial.failed > 0 {
            let message = format!("the test fails with {}: {}", self.list[0].name, good.reason);
            let hint = format!("choose a {} with which it passes", self.args.noun());
            return Err(CliError::usage(message).hint(hint));
        }
        self.measures = bad.trial.failed == 0;
        if self.measures {
            let limits = Limits::of(Kind::of_unit(&self.unit));
            let judgement = compare(&good.values, &bad.values, self.better, limits);
            let is_worse =
                judgement.verdict == Verdict::Confirmed && judgement.direction == Direction::Worse;
            if !is_worse {
                let shown = |value: Option<f64>| {
                    value.map_or_else(|| "none".to_owned(), |value| with_unit(value, &self.unit))
                };
                let message = format!(
                    "{metric} is not worse beyond noise at the bad end: {} before, {} after",
                    shown(judgement.before),
                    shown(judgement.after)
                );
                return Err(CliError::usage(message).hint("choose other ends or another metric"));
            }
        }
        let rate = if self.measures { 1.0 } else { bad.trial.rate() };
        for (at, answer) in [(0, Answer::Good), (last, Answer::Bad)] {
            self.tried[at].answer = Some(answer);
            self.note(at);
        }
        Ok(rate)
    }

    /// Runs a candidate until it is decided what it is, at most [`MAX_RUNS`] times.
    async fn answer(&mut self, at: usize, rate: f64) -> Result<Answer, CliError> {
        let answer = self.run_until_decided(at, rate, 1).await?;
        self.tried[at].answer = Some(answer);
        self.note(at);
        Ok(answer)
    }

    /// Runs a candidate until it is decided and has run at least `least` times. One that is not decided
    /// after [`MAX_RUNS`] runs is skipped.
    async fn run_until_decided(
        &mut self,
        at: usize,
        rate: f64,
        least: usize,
    ) -> Result<Answer, CliError> {
        loop {
            let runs = self.tried[at].runs.len();
            match self.decided(at, rate) {
                Some(Answer::Skipped) => return Ok(Answer::Skipped),
                Some(answer) if runs >= least => return Ok(answer),
                None if runs >= MAX_RUNS as usize => {
                    let tried = &mut self.tried[at];
                    tried.is_skipped = true;
                    tried.reason = format!("its results differ after {runs} runs");
                }
                _ => self.once(at).await?,
            }
        }
    }

    fn decided(&self, at: usize, rate: f64) -> Option<Answer> {
        let tried = &self.tried[at];
        if tried.is_skipped {
            return Some(Answer::Skipped);
        }
        let ends = median(&self.tried[0].values)
            .zip(self.tried.last().and_then(|bad| median(&bad.values)));
        match ends {
            Some((good, bad)) if self.measures && tried.trial.failed == 0 => {
                nearer(&tried.values, good, bad)
            }
            _ => tried.trial.answer(rate),
        }
    }

    /// Runs candidates again that ran only once. Returns the first one whose answer changes.
    async fn confirm(
        &mut self,
        boundary: [usize; 2],
        rate: f64,
    ) -> Result<Option<(usize, Answer)>, CliError> {
        for at in boundary {
            let known = self.tried[at].answer;
            let answer = self.run_until_decided(at, rate, CONFIRMING as usize).await?;
            if Some(answer) != known {
                self.tried[at].answer = Some(answer);
                self.note(at);
                return Ok(Some((at, answer)));
            }
        }
        Ok(None)
    }

    /// Runs a candidate once.
    async fn once(&mut self, at: usize) -> Result<(), CliError> {
        let candidate = &self.list[at];
        let (submission, named) = self.subject.pinned(self.console, &candidate.pin).await?;
        if self.tried.iter().all(|tried| tried.runs.is_empty()) {
            self.worker = subject::worker(&self.runs.client, &submission.tests).await?;
        }
        let name = format!("bisect {} {}", self.args.package, candidate.name);
        let submission = subject::on(Submission { name, ..submission }, self.worker);
        let tests = submission.tests.len();
        let runs = self.runs.together(&[submission]).await?;
        for run in runs {
            self.tried[at].runs.push(run);
            let observed = observe::run(&self.runs.client, run, tests).await?;
            self.add(at, &observed, &named)?;
        }
        Ok(())
    }

    /// Adds the results of a run. A failure of any test counts, also of one that the others need. A
    /// candidate without the searched metric cannot be tried.
    fn add(
        &mut self,
        at: usize,
        observed: &[Observed],
        named: &BTreeSet<usize>,
    ) -> Result<(), CliError> {
        let tried = &mut self.tried[at];
        let failed = observed.iter().find_map(|test| match &test.run.ending {
            Ending::Failed(message) => Some((&test.name, message)),
            _ => None,
        });
        if let Some((name, message)) = failed {
            tried.trial.add(true);
            tried.reason = format!("{name}: {message}");
            return Ok(());
        }
        let absent = observed.iter().find_map(|test| match &test.run.ending {
            Ending::NotRun(reason) => Some(reason.clone()),
            _ => None,
        });
        if let Some(reason) = absent {
            tried.is_skipped = true;
            tried.reason = reason;
            return Ok(());
        }
        let measured = match &self.args.metric {
            Some(metric) => match measured(metric, observed, named)? {
                None => {
                    tried.is_skipped = true;
                    tried.reason = unmeasured(metric, observed, named);
                    return Ok(());
                }
                value => value,
            },
            None => None,
        };
        if let Some(value) = measured {
            tried.values.push(value.median);
            self.unit.clone_from(&value.unit);
            self.better = Some(value.better);
        }
        tried.trial.add(observed.iter().any(|test| test.run.flaky));
        Ok(())
    }

    fn note(&self, at: usize) {
        let (tried, name) = (&self.tried[at], &self.list[at].name);
        let runs: Vec<String> = tried.runs.iter().map(ToString::to_string).collect();
        let counts = if tried.trial.is_mixed() {
            format!(" ({} of {} runs failed)", tried.trial.failed, tried.trial.runs())
        } else {
            String::new()
        };
        let value =
            median(&tried.values).map(|value| format!(", {}", with_unit(value, &self.unit)));
        let reason = match tried.answer {
            Some(Answer::Good) | None => String::new(),
            _ if tried.reason.is_empty() => String::new(),
            _ => format!(": {}", plain(&tried.reason, REASON_CHARS)),
        };
        self.console.note(&format!(
            "{name}: {}{counts}{}{reason} [{}]",
            word(tried.answer),
            value.unwrap_or_default(),
            runs.join(", ")
        ));
    }

    fn view(&self, found: &crate::trends::bisect::Found) -> BisectView {
        let name = |at: usize| self.list[at].name.clone();
        let bad = name(found.first_bad);
        let step = |(at, tried): (usize, &Tried)| Step {
            name: name(at),
            answer: word(tried.answer),
            passed: tried.trial.passed,
            failed: tried.trial.failed,
            runs: tried.runs.clone(),
            value: median(&tried.values),
            reason: tried.reason.clone(),
        };
        let tried = self.tried.iter().enumerate().filter(|(_, tried)| !tried.runs.is_empty());
        let reason = match (&*self.tried[found.first_bad].reason, &self.args.metric) {
            ("", Some(metric)) => {
                let value = |at: usize| {
                    let value = median(&self.tried[at].values);
                    value.map_or_else(|| "none".to_owned(), |value| with_unit(value, &self.unit))
                };
                format!("{metric}: {} after {}", value(found.first_bad), value(found.last_good))
            }
            (reason, _) => reason.to_owned(),
        };
        BisectView {
            schema: BisectView::schema(),
            package: self.args.package.clone(),
            of: self.args.noun(),
            candidates: self.list.len(),
            first_bad: found.skipped.is_empty().then(|| bad.clone()),
            last_good: name(found.last_good),
            untried: found.skipped.iter().map(|at| name(*at)).collect(),
            bad,
            reason,
            good_again: found.good_again.iter().map(|at| name(*at)).collect(),
            steps: tried.map(step).collect(),
        }
    }
}

/// The value of a metric. `None` if no named test reports it.
///
/// # Errors
/// Several named tests report it, so that it is unknown which one is meant.
fn measured<'o>(
    metric: &str,
    observed: &'o [Observed],
    named: &BTreeSet<usize>,
) -> Result<Option<&'o Value>, CliError> {
    let reporting = named.iter().filter_map(|at| {
        let test = observed.get(*at)?;
        Some((&test.name, test.run.metrics.get(metric)?))
    });
    let reporting: Vec<(&String, &Value)> = reporting.collect();
    match reporting.as_slice() {
        [] => Ok(None),
        [(_, value)] => Ok(Some(value)),
        [(first, _), (second, _), ..] => {
            let message = format!(
                "{} tests report {metric}, such as {} and {}",
                reporting.len(),
                plain(first, REASON_CHARS),
                plain(second, REASON_CHARS)
            );
            Err(CliError::usage(message)
                .hint("name one of them: its name with --plan, or the id of one of its results"))
        }
    }
}

/// Why a candidate cannot be tried without the searched metric.
fn unmeasured(metric: &str, observed: &[Observed], named: &BTreeSet<usize>) -> String {
    let tests = named.iter().filter_map(|at| observed.get(*at));
    let known: BTreeSet<&str> =
        tests.flat_map(|test| test.run.metrics.keys()).map(String::as_str).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let reported = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("the test does not report the metric {metric}; its metrics: {reported}")
}

fn word(answer: Option<Answer>) -> &'static str {
    match answer {
        Some(Answer::Good) => "good",
        Some(Answer::Bad) => "bad",
        Some(Answer::Skipped) => "skipped",
        None => "undecided",
    }
}
