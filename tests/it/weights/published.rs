//! Weights of the hub on a worker, and code of a model without the consent of the worker.

use crate::support::hub::{COMMIT, Fault, Hub};
use crate::support::{Coordinator, Home, Process, eventually};
use serde_json::json;
use std::process::Command;

/// A safetensors file with content of this size.
fn shard(size: usize, seed: u8) -> Vec<u8> {
    let header =
        format!(r#"{{"w{seed}":{{"dtype":"U8","shape":[{size}],"data_offsets":[0,{size}]}}}}"#);
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![seed; size]].concat()
}

/// The command, with this hub and nothing of the hub's tools of this machine.
fn with_hub(mut command: Command, hub: &Hub) -> Command {
    for name in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", &hub.url);
    command
}

/// A worker with its own model cache, which is empty.
fn worker(home: &Home, coordinator: &Coordinator, hub: &Hub) -> Process {
    let log = std::fs::File::create(home.path("one.log")).expect("a log");
    let args = ["worker", "--name", "one", "--work-dir", "one", "--coordinator", &coordinator.url];
    let mut command = with_hub(home.command(&args), hub);
    command.arg("--weights-dir").arg(home.path("weights")).stderr(log);
    Process(Some(command.spawn().expect("dtf starts")))
}

#[test]
fn a_sharded_checkpoint_of_the_hub_arrives_although_the_hub_is_busy_slow_and_cuts() {
    let home = Home::new();
    let shards = [shard(3 << 20, 1), shard(2 << 20, 2)];
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = json!({"metadata": {}, "weight_map": {"w1": names[0], "w2": names[1]}}).to_string();
    let files: [(&str, &[u8]); 5] = [
        ("config.json", b"{}"),
        ("model.safetensors.index.json", index.as_bytes()),
        (names[0], &shards[0]),
        (names[1], &shards[1]),
        ("pytorch_model.bin", b"never fetched"),
    ];
    let siblings = files.map(|(name, content)| json!({"rfilename": name, "size": content.len()}));
    let listing = json!({"sha": COMMIT, "siblings": siblings}).to_string();
    let place = |name: &str| format!("/acme/large/resolve/{COMMIT}/{name}");
    let api = format!("/api/models/acme/large/revision/{COMMIT}");
    let places: Vec<String> = files.iter().map(|(name, _)| place(name)).collect();
    let mut served: Vec<(&str, &[u8])> =
        places.iter().zip(&files).map(|(path, (_, content))| (path.as_str(), *content)).collect();
    served.push((&api, listing.as_bytes()));
    let (first, second) = (place(names[0]), place(names[1]));
    let hub = Hub::failing(
        &served,
        &[
            (&first, Fault::Busy),
            (&first, Fault::Cut),
            (&first, Fault::Cut),
            (&second, Fault::Held),
        ],
    );
    let coordinator = home.coordinator("data");
    let _one = worker(&home, &coordinator, &hub);
    let list = "cd \"$DTF_WEIGHTS\" && sha256sum *; echo $DTF_WEIGHTS_ID";
    let cmd = json!(["sh", "-c", list]);
    let weights = format!("{{hub: acme/large, revision: {COMMIT}}}");
    home.write(
        "plan.yaml",
        &format!("schema: 1\ntests: [{{name: t, cmd: {cmd}, weights: {weights}}}]\n"),
    );
    let submit = home.command(&["submit", "plan.yaml", "--coordinator", &coordinator.url]);
    let submitted = with_hub(submit, &hub).output().expect("dtf starts");
    let run = String::from_utf8(submitted.stdout).expect("text").trim().to_owned();
    // One file has arrived over two cuts and a pause, the other one waits for the hub.
    eventually("the fetch", || {
        let printed = home.at(&coordinator, &["logs", &format!("{run}.t0")]).out;
        printed.contains("fetching the weights").then_some(())
    });
    eventually("the first file", || {
        let asked = hub.asked().into_iter().filter(|asked| asked.path.contains(names[0]));
        (asked.count() >= 4).then_some(())
    });
    hub.release();
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "passed", "{report}");
    let printed = home.at(&coordinator, &["logs", &format!("{run}.t0")]).expect_code(0).out;
    home.write("check/config.json", "{}");
    for (name, content) in &files[..4] {
        std::fs::write(home.path("check").join(name), content).expect("written");
    }
    let sums = Command::new("sh")
        .args(["-c", "sha256sum *"])
        .current_dir(home.path("check"))
        .output()
        .expect("sha256sum runs")
        .stdout;
    assert!(printed.contains(&*String::from_utf8_lossy(&sums)), "{printed}");
    assert!(printed.contains(&format!("acme/large@{COMMIT}")), "{printed}");
    let resumed = hub.asked().into_iter().filter(|asked| !asked.range.is_empty()).count();
    assert!(resumed >= 2, "{:?}", hub.asked());
    assert!(!hub.asked().iter().any(|asked| asked.path.contains("pytorch_model")));
}

#[test]
fn code_of_a_model_waits_for_a_worker_that_allows_it() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _one = home.worker(&coordinator, "one", &[]);
    let config = include_str!("../../../templates/catalogue/dtf--tiny-bert.json");
    home.write("mine/config.json", config);
    home.write(
        "plan.yaml",
        "models: [{model: ./mine, backends: [cpu], trust_remote_code: true}]\n",
    );
    let run = home.submit(&coordinator, &home.path("plan.yaml"));
    let why = eventually("the reason", || {
        let why = home.at(&coordinator, &["why", &format!("{run}.t0")]).out;
        why.contains("remote-code").then_some(why)
    });
    assert!(why.contains("one"), "{why}");
    let report = home.report(&coordinator, &run);
    assert_eq!(report["totals"]["attempts"], json!(0), "{report}");
}
