//! Builds without a network, which an empty set of requirements does not need.

use super::*;
use std::sync::Mutex as StdMutex;

/// The tests need no wheels.
const NO_FILES: &str = "/nowhere";

#[derive(Default)]
struct Heard(StdMutex<Vec<String>>);

impl BuildProgress for Heard {
    fn event(&self, event: BuildEvent<'_>) {
        let word = match event {
            BuildEvent::Started { .. } => "started".to_owned(),
            BuildEvent::Line { .. } => return,
            BuildEvent::Notice { line, .. } => line.to_owned(),
            BuildEvent::Finished { error, .. } => format!("finished {}", error.is_none()),
        };
        self.0.lock().expect("a lock").push(word);
    }
}

fn settings(directory: &Path) -> BuildSettings {
    BuildSettings {
        directory: directory.join("made/when/needed"),
        cwd: directory.to_owned(),
        python: None,
        system_packages: false,
        torch_build: TorchBuild::Given("cpu".to_owned()),
        offline: true,
        marker: "test/".to_owned(),
    }
}

fn environments(directory: &Path, heard: Arc<Heard>) -> Environments {
    Environments::new(settings(directory), InheritedVariables::from_process(&[]), heard)
}

/// Finds only the programs in `programs`, and names an interpreter.
fn isolated(directory: &Path, programs: &Path, offline: bool) -> Environments {
    let mut python = std::process::Command::new("python3");
    let real = python.args(["-c", "import sys; print(sys.executable)"]).output().expect("python3");
    let real = String::from_utf8(real.stdout).expect("a path");
    let settings =
        BuildSettings { python: Some(real.trim().into()), offline, ..settings(directory) };
    let path = [("PATH".into(), programs.as_os_str().to_owned())];
    Environments::new(
        settings,
        InheritedVariables::from(path.into_iter(), &[]),
        Arc::new(NoProgress),
    )
}

fn packages(requirements: &[&str]) -> Environment {
    let requirements = requirements.iter().copied().map(String::from).collect();
    Environment::Packages(Packages { requirements, ..Packages::default() })
}

#[tokio::test]
async fn an_environment_is_built_once_and_found_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    let first = environments(dir.path(), heard.clone());
    let empty = packages(&[]);
    let (one, two) = tokio::join!(
        first.prepare(&empty, NO_FILES.as_ref()),
        first.prepare(&empty, NO_FILES.as_ref())
    );
    let one = one.expect("built");
    assert_eq!(Ok(one.clone()), two);
    assert_eq!(one.record["virtual_environment"], true);
    assert!(!one.installed("no-such-package"));
    assert_eq!(*heard.0.lock().expect("a lock"), ["started", "finished true"]);

    let again = environments(dir.path(), heard.clone());
    assert_eq!(again.prepare(&empty, NO_FILES.as_ref()).await, Ok(one.clone()));
    assert_eq!(heard.0.lock().expect("a lock").len(), 2, "found, not built");

    // An incomplete environment is built again.
    let marker = one.python.parent().and_then(Path::parent).expect("a directory").join(COMPLETE);
    std::fs::remove_file(marker).expect("removed");
    let third = environments(dir.path(), heard.clone());
    assert!(third.prepare(&empty, NO_FILES.as_ref()).await.is_ok());
    assert_eq!(heard.0.lock().expect("a lock").len(), 4);
}

#[tokio::test]
async fn a_failed_build_quotes_the_tool_and_is_not_repeated_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    let environments = environments(dir.path(), heard.clone());
    let wanted = packages(&["dtf-no-such-package-anywhere"]);
    let error = environments.prepare(&wanted, NO_FILES.as_ref()).await.expect_err("offline");
    assert!(error.to_string().contains("dtf-no-such-package-anywhere"), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("--system-packages uses the packages that the interpreter already has"),
        "{error}"
    );
    assert_eq!(environments.prepare(&wanted, NO_FILES.as_ref()).await, Err(error));
    assert_eq!(*heard.0.lock().expect("a lock"), ["started", "finished false"]);
}

#[tokio::test]
async fn two_processes_that_want_the_same_environment_build_it_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    // The file lock separates them, as it separates processes.
    let (one, two) =
        (environments(dir.path(), heard.clone()), environments(dir.path(), heard.clone()));
    let empty = packages(&[]);
    let (one, two) = tokio::join!(
        one.prepare(&empty, NO_FILES.as_ref()),
        two.prepare(&empty, NO_FILES.as_ref())
    );
    assert_eq!(one.expect("built"), two.expect("found"));
    assert_eq!(*heard.0.lock().expect("a lock"), ["started", "finished true"]);
}

#[tokio::test]
async fn without_uv_the_environment_is_made_by_venv_and_pip() {
    let (dir, none) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let environments = isolated(dir.path(), none.path(), true);
    let prepared = environments.prepare(&packages(&[]), NO_FILES.as_ref()).await.expect("built");
    assert_eq!(prepared.record["virtual_environment"], true);
    let bin = prepared.bin.as_deref().expect("a virtual environment");
    assert!(bin.join("pip").exists(), "uv brings no pip along");
    let error = environments.prepare(&packages(&["dtf-no-such-package"]), NO_FILES.as_ref()).await;
    let error = error.expect_err("offline").to_string();
    assert!(error.contains("dtf-no-such-package"), "the message of pip: {error}");
}

#[tokio::test]
async fn a_torch_index_out_of_reach_gives_way_to_the_default_one() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, programs) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let (uv, log) = (programs.path().join("uv"), programs.path().join("log"));
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {}\ncase \"$1 $*\" in\n\
         venv*) for last; do :; done; exec \"$4\" -m venv --without-pip \"$last\" ;;\n\
         *--torch-backend*) echo the index is out of reach; exit 2 ;;\nesac\n",
        log.display()
    );
    std::fs::write(&uv, script).expect("written");
    std::fs::set_permissions(&uv, std::fs::Permissions::from_mode(0o755)).expect("set");
    let environments = isolated(dir.path(), programs.path(), false);
    environments.prepare(&packages(&["torch"]), NO_FILES.as_ref()).await.expect("built");
    let log = std::fs::read_to_string(log).expect("calls");
    let installs: Vec<_> = log.lines().filter(|line| line.starts_with("pip install")).collect();
    assert_eq!(installs.len(), 2, "{log}");
    assert!(installs[0].contains("--torch-backend=cpu") && installs[0].ends_with("-- torch"));
    assert!(!installs[1].contains("--torch-backend") && installs[1].ends_with("-- torch"));
}

#[test]
fn the_fallback_says_why_and_how_large_it_is() {
    let error = EnvironmentError::Failed {
        what: "install the packages".to_owned(),
        reason: "it exited with code 2: the index is out of reach\nand more".to_owned(),
    };
    let notice =
        |requirement: &str| build::fallback_notice("cpu", &[requirement.to_owned()], &error);
    let torch = notice("torch>=2.4");
    assert!(torch.contains("the index is out of reach") && torch.contains("5 GB"), "{torch}");
    assert!(!torch.contains("and more") && !notice("numpy").contains("GB"), "{torch}");
}

#[tokio::test]
async fn options_are_no_requirements() {
    let dir = tempfile::tempdir().expect("a directory");
    let environments = environments(dir.path(), Arc::default());
    let error = environments.prepare(&packages(&["--index-url=x"]), NO_FILES.as_ref()).await;
    assert_eq!(error, Err(EnvironmentError::Option("--index-url=x".into())));
}

#[tokio::test]
async fn the_interpreter_of_the_system_is_described() {
    let dir = tempfile::tempdir().expect("a directory");
    let environments = environments(dir.path(), Arc::default());
    let prepared =
        environments.prepare(&Environment::System, NO_FILES.as_ref()).await.expect("python3");
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

#[tokio::test]
async fn packages_of_the_system_are_used_or_named_and_nothing_is_built() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Arc::new(Heard::default());
    let settings = BuildSettings { system_packages: true, ..settings(dir.path()) };
    let environments =
        Environments::new(settings, InheritedVariables::from_process(&[]), heard.clone());
    let prepared = environments
        .prepare(&packages(&[]), NO_FILES.as_ref())
        .await
        .expect("nothing is asked for");
    assert_eq!(Ok(prepared.python.clone()), environments.python());
    assert!(prepared.bin.is_some() && !prepared.record.contains_key("missing"));

    let error = environments.prepare(&packages(&["dtf-no-such-package"]), NO_FILES.as_ref()).await;
    assert!(matches!(error, Err(EnvironmentError::MissingPackages { .. })), "{error:?}");
    let left = std::fs::read_dir(dir.path()).expect("readable").count();
    assert_eq!((left, heard.0.lock().expect("a lock").len()), (0, 0), "nothing was built");
}
