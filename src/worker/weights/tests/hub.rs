//! A stand-in of a hub on loopback: cut, busy, closed, damaged.

use super::*;
use crate::client::{Hub, Secret};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_a_secret_token";

/// Treatment of the next request for the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Half of what was asked for.
    Cut,
    /// Status 429 with Retry-After.
    Busy,
    /// The whole file, whatever was asked for.
    Whole,
    /// A flipped bit.
    Flipped,
    Status(u16),
}

struct Site {
    files: BTreeMap<String, Vec<u8>>,
    next: Vec<Answer>,
    /// Ranges of the requests for the weights; empty for the whole file.
    ranges: Vec<String>,
    tokens: Vec<bool>,
}

type Shared = Arc<Mutex<Site>>;

/// A running server with the files of one model, and its address.
fn serve(files: &[(&str, &[u8])], next: &[Answer]) -> (Shared, String) {
    let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec()));
    let (next, ranges, tokens) = (next.to_vec(), Vec::new(), Vec::new());
    let site = Arc::new(Mutex::new(Site { files: files.collect(), next, ranges, tokens }));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let shared = site.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &shared);
        }
    });
    (site, address)
}

fn answer(mut stream: TcpStream, site: &Shared) {
    let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    let headers: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut site = site.lock().expect("a lock");
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut send = |status: &str, more: &str, claimed: usize, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {claimed}\r\n\r\n"
        );
        // The client may have gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if path.starts_with("/api/models/") {
        let listed = site.files.iter().map(|(name, content)| {
            serde_json::json!({"rfilename": name, "size": content.len(),
                "lfs": {"sha256": sha256_hex(content), "size": content.len()}})
        });
        let text = serde_json::json!({"sha": COMMIT, "siblings": listed.collect::<Vec<_>>()});
        let text = text.to_string();
        return send("200 OK", "", text.len(), text.as_bytes());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(mut content) = site.files.get(name).cloned() else {
        return send("404 Not Found", "", 0, b"");
    };
    if name != "model.safetensors" {
        return send("200 OK", "", content.len(), &content);
    }
    site.tokens.push(header("authorization").is_some_and(|value| value.contains(TOKEN)));
    site.ranges.push(header("range").unwrap_or_default());
    let from = header("range").and_then(|range| range[6..].trim_end_matches('-').parse().ok());
    let from: usize = from.unwrap_or_default();
    let size = content.len();
    let partial = format!("content-range: bytes {from}-{}/{size}\r\n", size - 1);
    let (status, more) = if from > 0 { ("206 Partial Content", &*partial) } else { ("200 OK", "") };
    let rest = size - from;
    match site.next.pop() {
        Some(Answer::Cut) => send(status, more, rest, &content[from..from + rest / 2]),
        Some(Answer::Busy) => send("429 Too Many Requests", "retry-after: 0\r\n", 0, b""),
        Some(Answer::Whole) => send("200 OK", "", size, &content),
        Some(Answer::Flipped) => {
            content[size - 1] ^= 1;
            send(status, more, rest, &content[from..]);
        }
        Some(Answer::Status(code)) => send(&format!("{code} No"), "", 0, b""),
        None => send(status, more, rest, &content[from..]),
    }
}

fn published() -> Weights {
    Weights::Hub { model: "owner/model".into(), commit: COMMIT.into(), size_bytes: None }
}

/// Provides weights on a worker without a model cache.
async fn provide(
    root: &Path,
    address: &str,
    weights: &Weights,
) -> Result<ReadyWeights, WeightsError> {
    let (directory, limit) = (root.join("weights"), CacheLimit::Unlimited);
    let settings = CacheSettings { directory, limit, digests: root.join("digests") };
    let hub = Hub::new(address, Some(&Secret::new(TOKEN))).map_err(|error| error.to_string());
    let millis = Duration::from_millis;
    let backoff = Backoff { first: millis(1), max: millis(5) };
    let limits = Limits { stall: Duration::from_secs(20), room: millis(1), backoff };
    let worker = WeightSources::new(StandIn::new(), settings, hub).with_limits(limits);
    let variables = Variables::from([("HF_HUB_CACHE".into(), root.join("hub").into_os_string())]);
    worker.ensure(weights, &variables, &worker.fetch(weights)).await
}

/// A whole safetensors file with one tensor.
fn tensors() -> Vec<u8> {
    let header = br#"{"w":{"dtype":"U8","shape":[200000],"data_offsets":[0,200000]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header, &content(200_000)].concat()
}

#[tokio::test]
async fn a_model_of_the_hub_is_fetched_over_cuts_and_pauses() {
    let root = tempfile::tempdir().expect("a directory");
    let tensors = tensors();
    let files = [("config.json", &b"{}"[..]), ("model.safetensors", &tensors), ("README.md", b"x")];
    let (site, address) =
        serve(&files, &[Answer::Cut, Answer::Whole, Answer::Cut, Answer::Busy, Answer::Cut]);
    let ready = provide(root.path(), &address, &published()).await.expect("fetched");
    let directory = path(&ready);
    assert!(std::fs::read(directory.join("model.safetensors")).expect("there") == tensors);
    assert!(directory.join("config.json").exists() && !directory.join("README.md").exists());
    assert_eq!(
        (ready.source, ready.identity.as_deref()),
        ("hub", Some(&*format!("owner/model@{COMMIT}")))
    );
    {
        let site = site.lock().expect("a lock");
        assert!(site.tokens.iter().all(|given| *given), "the token is sent to the hub");
        let resumed = site.ranges.iter().filter(|range| !range.is_empty()).count();
        assert!(resumed >= 3, "{:?}", site.ranges);
    }
    // Fetched weights need no hub.
    provide(root.path(), "http://127.0.0.1:9", &published()).await.expect("from the cache");
}

#[tokio::test]
async fn a_file_of_the_hub_with_another_digest_is_fetched_again_and_then_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let tensors = tensors();
    let files = [("config.json", &b"{}"[..]), ("model.safetensors", &tensors)];
    let (_, address) = serve(&files, &[Answer::Flipped]);
    provide(root.path(), &address, &published()).await.expect("fetched again");
    let other = tempfile::tempdir().expect("a directory");
    let (_, address) = serve(&files, &[Answer::Flipped, Answer::Flipped]);
    let error = provide(other.path(), &address, &published()).await.expect_err("damaged");
    assert!(error.to_string().contains("after 2 downloads"), "{error}");
}

#[tokio::test]
async fn a_hub_that_refuses_a_file_is_named_with_the_next_step_and_without_the_token() {
    let tensors = tensors();
    let files = [("config.json", &b"{}"[..]), ("model.safetensors", &tensors)];
    for status in [401, 403] {
        let root = tempfile::tempdir().expect("a directory");
        let (_, address) = serve(&files, &[Answer::Status(status)]);
        let error = provide(root.path(), &address, &published()).await.expect_err("refused");
        let text = format!("{error} {error:?}");
        assert!(text.contains(&format!("status {status}")) && text.contains("account"), "{text}");
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_file_at_an_address_is_compared_with_its_digest() {
    let root = tempfile::tempdir().expect("a directory");
    let tensors = tensors();
    let (_, address) = serve(&[("model.safetensors", &tensors)], &[]);
    let of =
        |sha256: String| Weights::Url { address: format!("{address}/a/model.safetensors"), sha256 };
    let ready = provide(root.path(), &address, &of(sha256_hex(&tensors))).await.expect("fetched");
    assert!(std::fs::read(path(&ready).join("model.safetensors")).expect("there") == tensors);
    assert_eq!(ready.source, "url");
    let wrong = provide(root.path(), &address, &of(sha256_hex(b"x"))).await.expect_err("another");
    assert!(wrong.to_string().contains("does not match its digest"), "{wrong}");
    let missing =
        Weights::Url { address: format!("{address}/none.gguf"), sha256: sha256_hex(b"x") };
    let error = provide(root.path(), &address, &missing).await.expect_err("missing").to_string();
    assert!(error.contains("status 404"), "{error}");
    let store = Weights::Url { address: "s3://bucket/x.gguf".into(), sha256: sha256_hex(b"x") };
    let error = provide(root.path(), &address, &store).await.expect_err("a store").to_string();
    assert!(error.contains("s3"), "{error}");
}
