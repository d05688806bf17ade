//! Weights travel from the machine of a user to workers in other directories.

use crate::support::proxy::{Damage, Proxy};
use crate::support::{Coordinator, Home, Process, eventually};
use serde_json::Value;
use std::path::PathBuf;

/// More than one chunk.
const SIZE: usize = 40 << 20;
const CHUNK: usize = 16 << 20;

/// Weights of a made model, different for each seed.
fn model(home: &Home, name: &str, seed: u64, size: usize) {
    let content: Vec<u8> = (0..size as u64 / 8)
        .flat_map(|n| (n + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .collect();
    home.write(&format!("{name}/config.json"), "{}");
    let size = content.len();
    let header = format!(r#"{{"w":{{"dtype":"U8","shape":[{size}],"data_offsets":[0,{size}]}}}}"#);
    let length = (header.len() as u64).to_le_bytes();
    let tensors = [&length[..], header.as_bytes(), &content].concat();
    std::fs::write(home.path(name).join("model.safetensors"), tensors).expect("written");
}

/// A plan of one test for each worker, which prints the digests of its weights.
fn plan(home: &Home, name: &str, workers: &[&str]) -> PathBuf {
    let tests: String = workers
        .iter()
        .enumerate()
        .map(|(at, worker)| {
            format!(
                "  - name: t{at}-{worker}\n    cmd: [sh, -c, 'cd \"$DTF_WEIGHTS\" && sha256sum *; \
                 echo $DTF_WEIGHTS_SOURCE $DTF_WEIGHTS_ID']\n    weights: {{folder: ./{name}}}\n    \
                 requires: {{tags: [{worker}], cpu: 0.1}}\n"
            )
        })
        .collect();
    home.write(&format!("{name}.yaml"), &format!("schema: 1\nname: {name}\ntests:\n{tests}"))
}

/// A worker with separate directories, over this address.
fn worker(home: &Home, name: &str, url: &str, more: &[&str]) -> Process {
    let log = std::fs::File::create(home.path(&format!("{name}.log"))).expect("a log");
    let mut command = home.command(&["worker", "--name", name, "--tags", name, "--work-dir", name]);
    command.args(["--coordinator", url, "--slots", "2"]).args(more);
    let cache = home.path(&format!("{name}-weights"));
    command.args(["--weights-dir", cache.to_str().expect("a plain path")]);
    Process(Some(command.stderr(log).spawn().expect("dtf starts")))
}

/// A PEFT adapter of a base model that is in another directory, as the training has named it.
fn adapter(home: &Home, name: &str, base: &str) {
    model(home, name, 7, 4096);
    std::fs::rename(
        home.path(name).join("model.safetensors"),
        home.path(name).join("adapter_model.safetensors"),
    )
    .expect("renamed");
    std::fs::remove_file(home.path(name).join("config.json")).expect("removed");
    let settings = serde_json::json!({"peft_type": "LORA", "base_model_name_or_path": base});
    home.write(&format!("{name}/adapter_config.json"), &settings.to_string());
}

/// The lines of `sha256sum` for a directory.
fn expected(home: &Home, name: &str) -> String {
    let listed = std::process::Command::new("sh")
        .args(["-c", "sha256sum *"])
        .current_dir(home.path(name))
        .output()
        .expect("sha256sum runs");
    String::from_utf8(listed.stdout).expect("text")
}

fn outputs(home: &Home, coordinator: &Coordinator, report: &Value) -> Vec<String> {
    let rows = report["rows"].as_array().expect("rows");
    let of = |row: &Value| {
        assert_eq!(row["outcome"], "passed", "{row}");
        let test = row["test"].as_str().expect("an id").to_owned();
        home.at(coordinator, &["logs", &test]).expect_code(0).out
    };
    rows.iter().map(of).collect()
}

fn log(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path(&format!("{name}.log"))).expect("a log")
}

#[test]
fn a_directory_reaches_two_workers_although_a_byte_is_flipped_and_a_download_cut() {
    let home = Home::new();
    model(&home, "mine", 1, SIZE);
    let coordinator = home.coordinator("data");
    let flipped = Proxy::new(coordinator.address(), Some(Damage::Flip(3 << 20)));
    let cut = Proxy::new(coordinator.address(), Some(Damage::Close(5 << 20)));
    let _workers = [worker(&home, "one", &flipped.url, &[]), worker(&home, "two", &cut.url, &[])];
    let plan = plan(&home, "mine", &["one", "two", "one", "two"]);
    let run = home.submit(&coordinator, &plan);
    let report = home.finished(&coordinator, &run);
    let expected = expected(&home, "mine");
    for output in outputs(&home, &coordinator, &report) {
        assert!(output.contains(&expected), "{output}\n{expected}");
        assert!(output.contains("folder sha256:"), "{output}");
    }
    assert!(flipped.has_damaged() && cut.has_damaged());
    assert!(log(&home, "one").contains("a chunk was damaged on its way"), "{}", log(&home, "one"));
    assert!(
        log(&home, "two").contains("fetching a chunk of weights again"),
        "{}",
        log(&home, "two")
    );
    // Two tests of a worker share one download, of which a few pieces were repeated.
    for proxy in [&flipped, &cut] {
        let answered = usize::try_from(proxy.answered()).expect("small");
        assert!(answered < SIZE + (40 << 20), "{answered} bytes");
    }
}

#[test]
fn a_download_continues_over_a_restart_of_the_coordinator() {
    let home = Home::new();
    model(&home, "mine", 2, SIZE);
    let mut coordinator = home.coordinator("data");
    let address = coordinator.address().to_owned();
    let proxy = Proxy::new(&address, Some(Damage::Close(10 << 20)));
    let _one = worker(&home, "one", &proxy.url, &[]);
    let run = home.submit(&coordinator, &plan(&home, "mine", &["one"]));
    eventually("a part of the download", || proxy.has_damaged().then_some(()));
    coordinator.kill();
    let coordinator = home.coordinator_on("data", &address);
    let report = home.finished(&coordinator, &run);
    assert!(outputs(&home, &coordinator, &report)[0].contains(&expected(&home, "mine")));
    assert_eq!(report["totals"]["attempts"], 1, "the attempt waited for its weights");
}

#[test]
fn a_full_cache_removes_the_oldest_weights_and_refuses_what_can_never_fit() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let small = ["--weights-cache-size", "3MiB"];
    let _one = worker(&home, "one", &coordinator.url, &small);
    for (seed, name) in ["a", "b", "c"].into_iter().enumerate() {
        model(&home, name, seed as u64, 1 << 20);
        let run = home.submit(&coordinator, &plan(&home, name, &["one"]));
        let report = home.finished(&coordinator, &run);
        assert!(outputs(&home, &coordinator, &report)[0].contains(&expected(&home, name)));
    }
    let kept = std::fs::read_dir(home.path("one-weights/complete")).expect("listed").count();
    assert_eq!(kept, 2, "the first has made room");
    model(&home, "large", 9, 4 << 20);
    let run = home.submit(&coordinator, &plan(&home, "large", &["one"]));
    let why = eventually("the reason", || {
        let why = home.at(&coordinator, &["why", &format!("{run}.t0")]).out;
        why.contains("weights").then_some(why)
    });
    assert!(why.contains("cache"), "{why}");
}

#[test]
fn the_base_model_of_an_adapter_travels_with_it_from_another_directory() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _one = worker(&home, "one", &coordinator.url, &[]);
    model(&home, "base", 3, 1 << 20);
    adapter(&home, "runs/tuned", "./base");
    let list = "cd \"$DTF_WEIGHTS\" && sha256sum * base_model/*; echo $DTF_WEIGHTS_ID";
    let cmd = serde_json::json!(["sh", "-c", list]);
    let text =
        format!("schema: 1\ntests: [{{name: t, cmd: {cmd}, weights: {{folder: ./runs/tuned}}}}]\n");
    let run = home.submit(&coordinator, &home.write("plan.yaml", &text));
    let report = home.finished(&coordinator, &run);
    let output = outputs(&home, &coordinator, &report).remove(0);
    for line in expected(&home, "base").lines() {
        let (digest, name) = line.split_once("  ").expect("two columns");
        assert!(output.contains(&format!("{digest}  base_model/{name}")), "{output}");
    }
    // Other weights of the base model are other weights.
    let id = |output: &str| output.lines().last().expect("the identity").to_owned();
    model(&home, "base", 4, 1 << 20);
    let run = home.submit(&coordinator, &home.path("plan.yaml"));
    let report = home.finished(&coordinator, &run);
    assert_ne!(id(&outputs(&home, &coordinator, &report)[0]), id(&output));

    std::fs::remove_dir_all(home.path("base")).expect("removed");
    let refused = home.at(&coordinator, &["submit", "plan.yaml"]).expect_code(2).err;
    assert!(refused.contains("the base model of the adapter in "), "{refused}");
    assert!(refused.contains("/runs/tuned is not on this machine"), "{refused}");
}

#[test]
fn a_download_continues_over_a_restart_of_the_worker() {
    let home = Home::new();
    model(&home, "mine", 5, SIZE);
    let coordinator = home.coordinator("data");
    let stalled = Proxy::new(coordinator.address(), Some(Damage::Stall(10 << 20)));
    let mut one = worker(&home, "one", &stalled.url, &[]);
    let run = home.submit(&coordinator, &plan(&home, "mine", &["one"]));
    // One of three chunks has stalled, the others arrive meanwhile.
    let whole = std::fs::read(home.path("mine/model.safetensors")).expect("read");
    let partial = home.path("one-weights/partial");
    eventually("the rest of the download", || {
        let weights = std::fs::read_dir(&partial).ok()?.next()?.ok()?.path();
        let written = std::fs::read(weights.join("files/model.safetensors")).ok()?;
        let chunks = whole.chunks(CHUNK).zip(written.chunks(CHUNK));
        (chunks.filter(|(expected, found)| expected == found).count() == 2).then_some(())
    });
    assert!(stalled.has_damaged());
    one.kill();
    let proxy = Proxy::new(coordinator.address(), None);
    let _one = worker(&home, "one", &proxy.url, &[]);
    let report = home.finished(&coordinator, &run);
    assert!(outputs(&home, &coordinator, &report)[0].contains(&expected(&home, "mine")));
    let answered = proxy.answered();
    assert!(answered < 20 << 20, "{answered} bytes were fetched again");
}

#[test]
fn a_file_that_cannot_be_written_ends_the_attempt_and_not_the_worker() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    model(&home, "small", 1, 1 << 20);
    model(&home, "large", 2, 24 << 20);
    // Writing beyond this size of a file fails, as on a file system that does not support it.
    let mut command = std::process::Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\"";
    let own = home.command(&["worker", "--name", "one", "--tags", "one", "--work-dir", "one"]);
    command.args(["-c", limited]).arg(own.get_program()).args(own.get_args());
    command.args(["--coordinator", &coordinator.url, "--weights-dir"]).arg(home.path("cache"));
    command.current_dir(home.root.path());
    for (name, value) in own.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let log = std::fs::File::create(home.path("one.log")).expect("a log");
    let _one = Process(Some(command.stderr(log).spawn().expect("dtf starts")));
    let text = std::fs::read_to_string(plan(&home, "large", &["one"])).expect("written");
    let once = home.write("large.yaml", &format!("{text}    retries: {{infrastructure: 0}}\n"));
    let run = home.submit(&coordinator, &once);
    let report = home.finished(&coordinator, &run);
    let row = &report["rows"][0];
    assert_eq!(row["outcome"], "error", "{row}");
    let message = row["message"].as_str().expect("a reason");
    assert!(message.contains("cannot use the weights cache"), "{message}");
    let run = home.submit(&coordinator, &plan(&home, "small", &["one"]));
    let report = home.finished(&coordinator, &run);
    assert!(outputs(&home, &coordinator, &report)[0].contains(&expected(&home, "small")));
}
