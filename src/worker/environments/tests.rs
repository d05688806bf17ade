//! Builds without any network: an empty set of requirements needs none.

use super::*;
use std::sync::Mutex as StdMutex;

#[derive(Default)]
struct Heard(StdMutex<Vec<String>>);

impl Progress for Heard {
    fn event(&self, event: Event<'_>) {
        let word = match event {
            Event::Started { .. } => "started".to_owned(),
            Event::Line { .. } => return,
            Event::Finished { error, .. } => format!("finished {}", error.is_none()),
        };
        self.0.lock().expect("a lock").push(word);
    }
}

fn environments(directory: &Path, heard: Arc<Heard>) -> Environments {
    let recipe = Recipe {
        directory: directory.to_owned(),
        python: None,
        torch_backend: "cpu".to_owned(),
        offline: true,
        marker: "test/".to_owned(),
    };
    Environments::new(recipe, Inherited::from_process(&[]), heard)
}

fn packages(requirements: &[&str]) -> Environment {
    let requirements = requirements.iter().copied().map(String::from).collect();
    Environment::Packages(Packages { requirements, python: None })
}

#[tokio::test]
async fn an_environment_is_built_once_and_found_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    let first = environments(dir.path(), heard.clone());
    let empty = packages(&[]);
    let (one, two) = tokio::join!(first.prepare(&empty), first.prepare(&empty));
    let one = one.expect("built");
    assert_eq!(Ok(one.clone()), two);
    assert_eq!(one.record["virtual_environment"], true);
    assert!(!one.installed("no-such-package"));
    assert_eq!(*heard.0.lock().expect("a lock"), ["started", "finished true"]);

    let again = environments(dir.path(), heard.clone());
    assert_eq!(again.prepare(&empty).await, Ok(one.clone()));
    assert_eq!(heard.0.lock().expect("a lock").len(), 2, "found, not built");

    // One that was not completed is built anew.
    let marker = one.python.parent().and_then(Path::parent).expect("a directory").join(COMPLETE);
    std::fs::remove_file(marker).expect("removed");
    let third = environments(dir.path(), heard.clone());
    assert!(third.prepare(&empty).await.is_ok());
    assert_eq!(heard.0.lock().expect("a lock").len(), 4);
}

#[tokio::test]
async fn a_failed_build_quotes_the_tool_and_is_not_repeated_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    let environments = environments(dir.path(), heard.clone());
    let wanted = packages(&["dtf-no-such-package-anywhere"]);
    let error = environments.prepare(&wanted).await.expect_err("offline");
    assert!(error.to_string().contains("dtf-no-such-package-anywhere"), "{error}");
    assert_eq!(environments.prepare(&wanted).await, Err(error));
    assert_eq!(*heard.0.lock().expect("a lock"), ["started", "finished false"]);
}

#[tokio::test]
async fn options_are_no_requirements() {
    let dir = tempfile::tempdir().expect("a directory");
    let environments = environments(dir.path(), Arc::default());
    let error = environments.prepare(&packages(&["--index-url=x"])).await;
    assert_eq!(error, Err(EnvironmentError::Option("--index-url=x".into())));
}

#[tokio::test]
async fn the_interpreter_of_the_system_is_described() {
    let dir = tempfile::tempdir().expect("a directory");
    let environments = environments(dir.path(), Arc::default());
    let prepared = environments.prepare(&Environment::System).await.expect("python3");
    assert!(prepared.record["python"].is_string());
    assert_eq!(prepared.bin, None);
}

#[test]
fn requirements_name_their_distribution() {
    for (requirement, name) in
        [("torch", "torch"), ("torch==2.9", "torch"), ("a-b_c.d[x]>=1 ; y", "a-b_c.d"), ("", "")]
    {
        assert_eq!(distribution(requirement), name);
    }
}
