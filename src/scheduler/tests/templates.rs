//! Versions of templates: counted, refused, kept.

use super::harness::Sim;
use crate::domain::added::template::{MAX_PATH_BYTES, MAX_TEMPLATES};
use crate::scheduler::{Answer, Command, Rejected, Scheduler};

fn add(seen: u64, templates: &[(&str, &str)]) -> Command {
    let owned = |(path, sha256): &(&str, &str)| ((*path).into(), (*sha256).into());
    Command::AddTemplates {
        seen,
        templates: templates.iter().map(owned).collect(),
        user: "anna".into(),
    }
}

fn added(answer: Answer) -> Vec<(String, u32, bool)> {
    let Answer::TemplatesAdded(items) = answer else { panic!("{answer:?}") };
    items.into_iter().map(|(path, version, new)| (path.into(), version, new)).collect()
}

#[test]
fn each_new_text_of_a_path_is_a_version() {
    let mut sim = Sim::new();
    let item = |path: &str, version, new| (path.to_owned(), version, new);
    let first = added(sim.run(add(0, &[("a", "1"), ("b", "1")])));
    assert_eq!(first, [item("a", 1, true), item("b", 1, true)]);
    assert_eq!(
        added(sim.run(add(2, &[("a", "1"), ("b", "2")]))),
        [item("a", 1, false), item("b", 2, true)]
    );
    assert_eq!(added(sim.run(add(3, &[("b", "1")]))), [item("b", 3, true)]);
    assert_eq!(sim.try_run(add(3, &[("c", "1")])), Err(Rejected::TemplatesChanged));
    let kept = |scheduler: &Scheduler| {
        let all = scheduler.templates();
        all.map(|(path, known)| (path.to_owned(), known.clone())).collect::<Vec<_>>()
    };
    let now = kept(sim.scheduler());
    assert_eq!((now.len(), now[1].1.version, &*now[1].1.user), (2, 3, "anna"));
    assert_eq!(kept(&sim.replayed()), now);
    let restored = Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot");
    assert_eq!(kept(&restored), now);
    assert_eq!(restored.template_changes(), 4);
}

#[test]
fn limits_hold_and_nothing_is_taken_in_part() {
    let mut sim = Sim::new();
    let paths: Vec<String> = (0..=MAX_TEMPLATES).map(|number| number.to_string()).collect();
    let all: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "1")).collect();
    let refused = sim.try_run(add(0, &all)).expect_err("too many");
    assert_eq!(refused.to_string(), "too many templates: 501 (maximum 500)");
    let long = "x".repeat(MAX_PATH_BYTES + 1);
    for templates in
        [&[("a", "1"), ("", "1")][..], &[("a", "1"), (&long, "1")], &[("a", "1"), ("a", "2")]]
    {
        assert!(matches!(sim.try_run(add(0, templates)), Err(Rejected::BadName(_))));
    }
    assert_eq!(sim.scheduler().template_changes(), 0);
    sim.run(add(0, &all[1..]));
    assert_eq!(sim.scheduler().templates().count(), MAX_TEMPLATES);
}
