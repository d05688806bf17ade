//! dtf on a machine without its sources: the program that a coordinator serves, the wheel, and the
//! release archive.

use crate::python::environments;
use crate::support::{Finished, Home, finished};
use dtf::api::v1::program::ProgramView;
use dtf::client::{Client, ClientOptions};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command with the arguments and the environment of another one, and without the variables by which
/// cargo lets programs find libraries.
fn with_program(program: &Path, template: &Command) -> Command {
    let mut command = Command::new(program);
    command.args(template.get_args());
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = template.get_current_dir() {
        command.current_dir(directory);
    }
    command.env_remove("LD_LIBRARY_PATH").env_remove("DYLD_LIBRARY_PATH");
    command
}

fn run(home: &Home, program: &Path, args: &[&str]) -> Finished {
    let output = with_program(program, &home.command(args)).output();
    finished(&output.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

/// The program starts and runs a test.
fn works(home: &Home, program: &Path) {
    let version = run(home, program, &["--version"]).expect_code(0).out;
    assert_eq!(version.trim(), concat!("dtf ", env!("CARGO_PKG_VERSION")));
    let plan = home.write("p.yaml", "schema: 1\ntests: [{name: a, cmd: [\"true\"]}]\n");
    run(home, program, &["run", plan.to_str().expect("a plain path")]).expect_code(0);
}

/// The binary loads no library from a place that another machine lacks.
fn loads_from(home: &Home, binary: &Path, root: &Path) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut listing = with_program(binary, &home.command(&[]));
    let listing = listing.env("LD_TRACE_LOADED_OBJECTS", "1").output().expect("listed");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let lines: Vec<_> = listing.lines().filter(|line| line.contains("libduckdb")).collect();
    assert_eq!(lines.len(), usize::from(library().is_some()), "{listing}");
    for line in lines {
        let path = Path::new(line.split_whitespace().nth(2).expect(line));
        let path = path.canonicalize().expect(line);
        assert!(path.starts_with(root.canonicalize().expect("a directory")), "{listing}");
    }
}

fn executable(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("set");
}

/// Downloads the program into a directory, as a script would.
async fn download(url: &str, to: &Path) -> ProgramView {
    let client = Client::new(ClientOptions::new(url)).expect("a client");
    let program = client.program().await.expect("the files");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    for file in &program.files {
        let address = format!("{url}/api/v1/program/{}", file.sha256);
        let tag = format!("\"{}\"", file.sha256);
        let end = http.get(&address).header("range", format!("bytes={}-", file.size - 7));
        let end = end.send().await.expect("an answer");
        assert_eq!(end.status(), 206);
        let end = end.bytes().await.expect("the end");
        let whole = http.get(&address).send().await.expect("an answer");
        assert_eq!(whole.headers()["etag"].to_str().ok(), Some(tag.as_str()));
        let content = whole.bytes().await.expect("the file");
        assert_eq!(content.len() as u64, file.size);
        assert_eq!(dtf::domain::digest::sha256_hex(&content), file.sha256);
        assert!(content.ends_with(&end) && end.len() == 7);
        let path = to.join(&file.name);
        std::fs::write(&path, content).expect("written");
        executable(&path);
    }
    program
}

#[test]
fn a_coordinator_serves_the_program_that_it_runs() {
    let home = Home::new();
    let [installed, other] = ["installed/dtf", "other"].map(|name| home.path(name));
    std::fs::create_dir_all(installed.parent().expect("a parent")).expect("a directory");
    std::fs::copy(env!("CARGO_BIN_EXE_dtf"), &installed).expect("copied");
    let data = home.path("data");
    let mut template = home.command(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir"]);
    let command = with_program(&installed, template.arg(&data));
    let (coordinator, _) = home.coordinator_by(command, data);
    // An update, which the running coordinator does not have.
    std::fs::remove_file(&installed).expect("removed");
    std::fs::write(&installed, "another version").expect("written");
    std::fs::create_dir(&other).expect("a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let program = runtime.block_on(download(&coordinator.url, &other));
    assert_eq!((&*program.os, &*program.arch), (std::env::consts::OS, std::env::consts::ARCH));
    let built = std::fs::read(env!("CARGO_BIN_EXE_dtf")).expect("read");
    assert!(std::fs::read(other.join("dtf")).expect("read") == built, "the program that runs");
    drop(coordinator);
    works(&home, &other.join("dtf"));
    loads_from(&home, &other.join("dtf"), &other);
}

/// Runs a script of the project.
fn script(program: &str, args: &[&str], target: Option<&Path>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(program));
    command.args(args).current_dir(root);
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    finished(&command.output().expect("the script starts")).expect_code(0);
}

/// Copies what `cargo test` has built, because maturin moves and changes the program that it packs, which
/// other tests run meanwhile. All files but programs are hard links.
fn copy_build(target: &Path) {
    let copy = |option: &str, from: &Path, to: &Path| {
        let copied = Command::new("cp").arg(option).args([from, to]).status();
        assert!(copied.expect("cp starts").success(), "{}", from.display());
    };
    let built = Path::new(env!("CARGO_BIN_EXE_dtf")).parent().expect("a directory");
    let copied = target.join("debug");
    std::fs::create_dir_all(&copied).expect("a directory");
    for part in [".fingerprint", "build", "deps"] {
        copy("-al", &built.join(part), &copied.join(part));
    }
    for entry in std::fs::read_dir(built.join("deps")).expect("listed").flatten() {
        let name = entry.file_name().into_string().expect("a plain name");
        if name.starts_with("dtf-") && !name.contains('.') {
            let program = copied.join("deps").join(name);
            std::fs::remove_file(&program).expect("removed");
            copy("-a", &entry.path(), &program);
        }
    }
}

/// The library that this build loads; none if DuckDB is compiled in.
fn library() -> Option<PathBuf> {
    let directory = option_env!("DUCKDB_LIB_DIR")?;
    let path = Path::new(directory).join("libduckdb.so");
    path.is_file().then_some(path)
}

fn only(directory: &Path, ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(directory).expect("listed").flatten();
    let mut found = entries.map(|entry| entry.path());
    let path = found.find(|path| path.display().to_string().ends_with(ending));
    path.unwrap_or_else(|| panic!("no {ending} in {}", directory.display()))
}

#[test]
fn a_wheel_runs_in_a_fresh_environment() {
    let home = Home::new();
    let dist = home.path("dist").display().to_string();
    let target = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    copy_build(target.path());
    script("scripts/wheel.sh", &["--profile", "dev", "--out", &dist], Some(target.path()));
    let wheel = only(Path::new(&dist), ".whl");
    let environment = home.path("fresh");
    let python = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(home.root.path()).output();
        finished(&output.expect("Python starts")).expect_code(0)
    };
    python(Path::new("python3"), &["-m", "venv", &environment.display().to_string()]);
    let wheel = wheel.display().to_string();
    let install = ["-m", "pip", "install", "--quiet", "--no-index", &wheel];
    python(&environment.join("bin/python"), &install);
    works(&home, &environment.join("bin/dtf"));
    // Beside a library, the wheel has a script that starts the binary.
    let packages = only(&environment.join("lib"), "").join("site-packages");
    let inner = packages.join("dtf.scripts/dtf");
    let binary = if inner.is_file() { inner } else { environment.join("bin/dtf") };
    loads_from(&home, &binary, &environment);
}

#[test]
fn a_release_archive_runs_where_it_is_unpacked_and_its_checksum_holds() {
    let home = Home::new();
    let dist = home.path("dist").display().to_string();
    let target = "x86_64-unknown-linux-gnu";
    let library = library().map(|path| path.display().to_string());
    let mut args = vec!["archive", "--program", env!("CARGO_BIN_EXE_dtf"), "--target", target];
    args.extend(["--output", &dist]);
    args.extend(library.iter().flat_map(|path| ["--library", path.as_str()]));
    script("scripts/release.py", &args, None);
    script("scripts/release.py", &["checksums", &dist], None);
    let archive = only(Path::new(&dist), ".tar.gz");
    let content = std::fs::read(&archive).expect("read");
    let name = archive.file_name().expect("a name").display();
    let sums = std::fs::read_to_string(home.path("dist/SHA256SUMS")).expect("read");
    assert_eq!(sums, format!("{}  {name}\n", dtf::domain::digest::sha256_hex(&content)));
    let mut unpack = Command::new("tar");
    let unpack = unpack.arg("-xzf").arg(&archive).current_dir(home.root.path()).status();
    assert!(unpack.expect("tar starts").success());
    let top = home.path(&format!("dtf-{}-{target}", env!("CARGO_PKG_VERSION")));
    for file in ["README.md", "LICENSE-MIT", "completions/dtf.bash"] {
        assert!(top.join(file).is_file(), "{file}");
    }
    works(&home, &top.join("dtf"));
    loads_from(&home, &top.join("dtf"), &top);
}

#[test]
fn workflows_match_the_published_schema_and_pin_every_action() {
    let home = Home::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).expect("listed").flatten() {
        let name = entry.file_name().into_string().expect("a plain name");
        let text = std::fs::read_to_string(entry.path()).expect("read");
        for line in text.lines().filter(|line| line.contains("uses:")) {
            let (_, version) = line.split_once('@').expect(line);
            let (commit, tag) = version.split_once(" # v").expect(line);
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
            assert!(tag.split('.').count() == 3, "{line}");
        }
        for line in text.lines().filter(|line| line.contains("container: \"")) {
            assert!(line.matches(':').count() > 3 && !line.contains("latest"), "{line}");
        }
        home.write(&format!("workflows/{name}"), &text);
        names.push(format!("workflows/{name}"));
    }
    names.sort();
    assert_eq!(names, ["workflows/ci.yml", "workflows/release.yml"]);
    home.write("workflows/broken.yml", "on: push\njobs: {a: {runs-on: x, stepz: []}}\n");
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\ndefaults:\n  files: [workflows/]\n  \
               environment: {{packages: [\"check-jsonschema==0.39.0\"]}}\ntests:\n  \
             - {{name: valid, cmd: [check-jsonschema, --builtin-schema, vendor.github-workflows, {}]}}\n  \
             - {{name: broken, cmd: [check-jsonschema, --builtin-schema, vendor.github-workflows, \
                 workflows/broken.yml]}}\n",
            names.join(", ")
        ),
    );
    let environments = environments().display().to_string();
    let plan = plan.to_str().expect("a plain path");
    let run = ["run", plan, "--environments-dir", &environments, "--output", "json"];
    let report = home.dtf(&run).expect_code(100).json();
    let rows = report["rows"].as_array().expect("rows");
    let outcome = |name: &str| rows.iter().find(|row| row["name"] == name).expect(name);
    assert_eq!(outcome("valid")["outcome"], "passed", "{report}");
    assert_eq!(outcome("broken")["outcome"], "failed", "{report}");
}
