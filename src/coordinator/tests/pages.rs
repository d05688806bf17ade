//! The pages, as a browser requests them.

use super::harness::{Hand, Running, run_of};
use super::marks::{quarantine, run_one};
use crate::api::v1::now::NowView;
use crate::api::v1::reports::ReportView;
use crate::api::v1::runs::SubmitRun;
use crate::api::v1::upgrades::UpgradeView;
use crate::client::{Client, ClientOptions, Secret};
use crate::domain::outcome::Outcome;
use crate::plan::packages::upgrade_run;
use crate::trends::upgrade::Effect;
use reqwest::header::{ACCEPT, COOKIE, ETAG, HOST, IF_NONE_MATCH, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};

const ADMIN: &str = "admin-token-of-pages";
const TOKENS: &str = "admin anna admin-token-of-pages\nviewer eve viewer-token-of-pages\n\
    submitter otto submitter-token-of-pages\n";

/// A browser without a script that follows no redirects.
struct Browser {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Browser {
    fn new(running: &Running) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
        let http = http.build().expect("a client");
        Self { http, url: running.url.clone(), cookie: String::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// The text of a page that is there.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = plain(answer).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Sends a form of a page of this origin.
    async fn post(&self, path: &str, origin: &str, fields: &[(&str, &str)]) -> Response {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = self.request(Method::POST, path).header(ORIGIN, origin).body(body.finish());
        request.send().await.expect("an answer")
    }

    async fn log_in(&mut self, token: &str) -> Response {
        let answer =
            self.post("/login", &self.url, &[("token", token), ("next", "/runs/r1")]).await;
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a text");
            for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        answer
    }
}

/// The text of an answer. Templates also escape slashes, which need not be escaped.
async fn plain(answer: Response) -> String {
    answer.text().await.expect("a text").replace("&#x2f;", "/")
}

/// The token of the forms of a page.
fn form_token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form\" value=\"").expect("a form");
    rest.split('"').next().expect("a value").to_owned()
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("no header {name}"));
    value.to_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_and_its_twins_show_the_same_documents() {
    let running = Running::start().await;
    let browser = Browser::new(&running);
    let empty = browser.page("/").await;
    assert!(empty.contains("No test waits.") && empty.contains("No run was submitted yet."));
    for path in ["/grid", "/workers", "/templates", "/flaky", "/matrix", "/compare", "/upgrade"] {
        browser.page(path).await;
    }
    let nothing = browser.page("/regressions").await;
    assert!(nothing.contains("No metric got worse beyond its limits."), "{nothing}");
    assert_eq!(browser.get("/compare?from=r1&to=r2").await.status(), StatusCode::NOT_FOUND);
    for days in ["0", "3651", "99999999999"] {
        let refused = browser.get(&format!("/matrix?days={days}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{days}");
    }
    running.client.submit(&run_of(3), Some("key")).await.expect("submitted");
    let now: NowView = browser.get("/now.json").await.json().await.expect("a document");
    assert_eq!((now.status.tests_waiting, now.waiting[0].tests, now.runs.len()), (3, 3, 1));
    assert!(now.waiting[0].stuck, "there is no worker");
    assert_eq!((now.tests_stuck, now.tests_running), (3, 0));
    let page = browser.page("/").await;
    assert!(page.contains("no worker can run it: none has registered"), "{page}");
    assert!(page.contains("href=\"/tests/r1.t0/why\""), "{page}");
    let csv = browser.page("/now.csv").await;
    assert!(
        csv.starts_with("state,test,name,tests,for_ms,worker,reason\r\nstuck,r1.t0,t0,3,"),
        "{csv}"
    );
    let hand = Hand::register(&running.client, 2).await;
    let report: ReportView = browser.get("/runs/r1.json").await.json().await.expect("a document");
    assert_eq!(report.rows.len(), 3);
    for (query, count) in [("name=T2", 1), ("name=t&state=waiting", 3), ("state=passed", 0)] {
        let twin = browser.get(&format!("/runs/r1.json?{query}")).await;
        let report: ReportView = twin.json().await.expect("a document");
        assert_eq!((report.rows.len(), report.totals.tests), (count, 3), "{query}");
        let csv = browser.page(&format!("/runs/r1.csv?{query}")).await;
        assert_eq!(csv.lines().count(), count + 1, "{query}: {csv}");
        let page = browser.page(&format!("/runs/r1?{query}")).await;
        assert_eq!(page.matches("<tr><td><a href=\"/tests/").count(), count, "{query}: {page}");
    }
    for (path, part) in [
        ("/runs/r1", "Tests of the run"),
        ("/runs/r1?state=failed", "No test matches the filters"),
        ("/runs/r1?name=T2&state=waiting", "<p>1 test</p>"),
        ("/tests/r1.t0", "No attempt has begun yet."),
        ("/tests/r1.t0/why", "can run it"),
        ("/workers", "hand"),
        ("/grid", "href=\"/tests/r1.t2\""),
    ] {
        let page = browser.page(path).await;
        assert!(page.contains(part), "{path}: {page}");
    }
    for path in ["/workers.json", "/tests/r1.t0.json", "/tests/r1.t0/why.json", "/grid.json"] {
        let document: serde_json::Value = browser.get(path).await.json().await.expect(path);
        assert_eq!(document["schema"], 1, "{path}");
    }
    for path in ["/workers.csv", "/tests/r1.t0.csv", "/tests/r1.t0/why.csv", "/runs/r1.csv"] {
        assert!(browser.page(path).await.contains("\r\n"), "{path}");
    }
    drop(hand);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_restricted_tagged_and_answer_errors_as_pages() {
    let running = Running::start().await;
    let browser = Browser::new(&running);
    let answer = browser.get("/templates").await;
    let policy = header(&answer, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe")
    );
    assert_eq!(header(&answer, "x-frame-options"), "DENY");
    let tag = answer.headers()[ETAG].clone();
    let again = browser.request(Method::GET, "/templates").header(IF_NONE_MATCH, tag);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
    for (path, status, part) in [
        ("/nowhere", StatusCode::NOT_FOUND, "there is no route"),
        ("/runs/r99", StatusCode::NOT_FOUND, "r99 was not found"),
        ("/runs/x", StatusCode::BAD_REQUEST, "such as r12"),
        ("/runs/r1?state=nope", StatusCode::UNPROCESSABLE_ENTITY, "states are passed, failed"),
        ("/grid?runs=many", StatusCode::UNPROCESSABLE_ENTITY, "runs: invalid digit"),
        ("/compare?from=1", StatusCode::UNPROCESSABLE_ENTITY, "from: "),
        ("/assets/base.html", StatusCode::NOT_FOUND, "not found"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(header(&answer, "content-type").starts_with("text/html"), "{path}");
        assert_eq!(header(&answer, "content-security-policy"), policy, "{path}");
        let text = answer.text().await.expect("a text");
        assert!(text.contains(part) && text.contains("<h1>"), "{path}: {text}");
        assert!(text.contains(">Workers</a>"), "{path} leads nowhere: {text}");
    }
    // Programs get JSON, also from a page.
    let plain = browser.http.get(format!("{}/runs/r99.json", running.url)).send().await;
    let plain: serde_json::Value = plain.expect("an answer").json().await.expect("JSON");
    assert_eq!(plain["code"], "not_found");
    for file in ["style.css", "pages.js", "icon.svg"] {
        browser.page(&format!("/assets/{file}")).await;
    }
    let foreign = browser.request(Method::GET, "/").header(HOST, "evil.example:7700");
    assert_eq!(foreign.send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    running.stop().await;
}

/// Names of tests that try to leave their place in HTML, in a line of text, and in a spreadsheet.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://evil.example\")",
    "a\u{202e}gnp.exe",
    "{{ 7 * 7 }}{% raw %}",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_others_are_escaped_on_every_page() {
    let running = Running::start().await;
    let browser = Browser::new(&running);
    let names = HOSTILE.map(str::to_owned).into_iter().chain(["x".repeat(512)]);
    let tests: Vec<_> = names
        .map(|name| {
            serde_json::json!({"name": name, "launch": {"run": {"command": ["true"]},
                "labels": {"model": name, "backend": HOSTILE[1]}}})
        })
        .collect();
    let run = serde_json::json!({"name": HOSTILE[0], "tests": tests});
    let run: SubmitRun = serde_json::from_value(run).expect("a run");
    running.client.submit(&run, Some("key")).await.expect("submitted");
    let mut paths: Vec<String> =
        ["/", "/runs/r1", "/grid", "/runs/r1?name=%3Cscript%3E", "/grid?name=%22%3E%3Cimg"]
            .map(str::to_owned)
            .into();
    for index in 0..=HOSTILE.len() {
        paths.push(format!("/tests/r1.t{index}"));
        paths.push(format!("/tests/r1.t{index}/why"));
    }
    for path in &paths {
        let page = browser.page(path).await;
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
        // The value of a filter is the label itself. It is not shown.
        let shown = page.split("value=\"").map(|part| part.split_once('"').map_or(part, |p| p.1));
        let shown: String = shown.collect();
        assert!(!shown.contains('\u{202e}'), "{path}: a character that changes the direction");
    }
    assert!(browser.page("/tests/r1.t4").await.contains("{{ 7 * 7 }}"));
    for path in ["/runs/r1.csv", "/grid.csv"] {
        let csv = browser.page(path).await;
        assert!(!csv.contains("\r\n=") && !csv.contains(",=") && !csv.contains("\"="), "{csv}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_logs_in_with_a_token_and_acts_by_forms_only() {
    let running = Running::guarded(TOKENS).await;
    let mut options = ClientOptions::new(&running.url);
    options.token = Some(Secret::new(ADMIN));
    let client = Client::new(options).expect("a client");
    client.submit(&run_of(1), Some("one")).await.expect("submitted");
    let mut browser = Browser::new(&running);
    let answer = browser.get("/runs/r1?state=failed").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&answer, "location"), "/login?next=%2Fruns%2Fr1%3Fstate%3Dfailed");
    assert_eq!(browser.get("/assets/style.css").await.status(), StatusCode::OK);

    let answer = browser.log_in("wrong-token-of-pages").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let text = answer.text().await.expect("a text");
    assert!(browser.cookie.is_empty() && text.contains("does not know this token"), "{text}");
    let foreign = browser.post("/login", "http://evil.example", &[("token", ADMIN)]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let answer = browser.log_in(ADMIN).await;
    assert!(plain(answer).await.contains("url=/runs/r1"));
    let page = browser.page("/runs/r1").await;
    assert!(page.contains("anna") && page.contains("Cancel the run") && !page.contains(ADMIN));

    let token = form_token(&page);
    let (url, cancel) = (running.url.clone(), "/actions/cancel");
    let fields = [("form", &*token), ("run", "r1"), ("back", "/runs/r1")];
    for (origin, form) in [("http://evil.example", &*token), (&*url, "0"), ("null", &*token)] {
        let fields = [("form", form), ("run", "r1")];
        let answer = browser.post(cancel, origin, &fields).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin} {form}");
    }
    let answer = browser.post("/api/v1/runs/r1/cancel", &url, &fields).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "the API takes no cookie for a change");
    let mut eve = Browser::new(&running);
    eve.log_in("viewer-token-of-pages").await;
    let page = eve.page("/runs/r1").await;
    assert!(!page.contains("Cancel the run"));
    let answer = eve.post(cancel, &url, &[("form", &form_token(&page)), ("run", "r1")]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "a viewer changes nothing");
    let mut otto = Browser::new(&running);
    otto.log_in("submitter-token-of-pages").await;
    let form = form_token(&otto.page("/runs/r1").await);
    let answer = otto.post(cancel, &url, &[("form", &form), ("run", "r1")]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "the run is another one's");
    assert!(answer.text().await.expect("a text").contains("this belongs to anna"));

    let answer = browser.post(cancel, &url, &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[LOCATION], "/runs/r1?done=cancelled");
    let page = browser.page("/runs/r1?done=cancelled").await;
    assert!(page.contains("The run was cancelled."), "{page}");
    browser.post("/actions/log-out", &url, &[("form", &token)]).await;
    assert_eq!(browser.get("/").await.status(), StatusCode::SEE_OTHER, "the session has ended");
    running.stop().await;
}

/// A code with which a browser logs in as this user, as a program requests it.
async fn code(running: &Running, token: &str) -> String {
    let address = format!("{}/api/v1/sessions", running.url);
    let request = reqwest::Client::new().post(&address).bearer_auth(token);
    let made: serde_json::Value =
        request.send().await.expect("an answer").json().await.expect("a code");
    made["code"].as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_logs_a_browser_in_once_and_tries_are_limited() {
    let running = Running::guarded(TOKENS).await;
    let mut browser = Browser::new(&running);
    let path = format!("/login?code={}&next=/runs/r1", code(&running, ADMIN).await);
    let here = |browser: &Browser, method: Method| {
        browser.request(method, &path).header("sec-fetch-site", "same-origin")
    };
    // Nothing but a request of a page of this coordinator spends the code.
    let head = here(&browser, Method::HEAD).send().await.expect("an answer");
    assert!(!head.headers().contains_key(SET_COOKIE));
    let foreign = browser.request(Method::GET, &path).header("sec-fetch-site", "cross-site");
    let foreign = foreign.send().await.expect("an answer");
    assert!(!foreign.headers().contains_key(SET_COOKIE));
    let page = plain(foreign).await;
    assert!(page.contains("Log in as <bdi>anna</bdi>"), "{page}");
    assert!(page.contains("http-equiv=\"refresh\" content=\"0; url=/login?code="), "{page}");
    let first = here(&browser, Method::GET).send().await.expect("an answer");
    assert!(first.headers().contains_key(SET_COOKIE));
    assert!(plain(first).await.contains("url=/runs/r1"));
    let second = here(&browser, Method::GET).send().await.expect("an answer");
    assert!(!second.headers().contains_key(SET_COOKIE), "a code is valid once");
    assert_eq!(second.status(), StatusCode::UNAUTHORIZED);

    // The link of somebody else ends no session; the form of its page does.
    browser.log_in("viewer-token-of-pages").await;
    let other = code(&running, ADMIN).await;
    let link = browser.request(Method::GET, &format!("/login?code={other}"));
    let link = link.header("sec-fetch-site", "same-origin").send().await.expect("an answer");
    assert!(!link.headers().contains_key(SET_COOKIE));
    let page = plain(link).await;
    assert!(page.contains("logged in as <bdi>eve</bdi>") && !page.contains("refresh"), "{page}");
    let fields = [("code", &*other), ("next", "/")];
    let foreign = browser.post("/login", "http://evil.example", &fields).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let answer = browser.post("/login", &running.url, &fields).await;
    assert!(answer.headers().contains_key(SET_COOKIE));

    let mut last = browser.get("/login?code=guessed").await;
    assert_eq!(last.status(), StatusCode::UNAUTHORIZED);
    for _ in 0..12 {
        last = browser.get("/login?code=guessed").await;
    }
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(plain(last).await.contains("Too many failed tries"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_in_quarantine_are_shown_everywhere_and_turn_nothing_red() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::new(&running));
    let mut hand = Hand::register(client, 1).await;
    run_one(client, &mut hand, Outcome::Passed).await;
    let before = run_one(client, &mut hand, Outcome::Failed).await;
    let view = client.run(before).await.expect("a run");
    assert_eq!(view.counts.quarantined, Some([].into()), "there was none");
    client.add_quarantine(&quarantine("t?")).await.expect("added");
    let during = run_one(client, &mut hand, Outcome::Failed).await;
    let view = client.run(during).await.expect("a run");
    assert_eq!(view.counts.quarantined, Some([(Outcome::Failed, 1)].into()));
    assert_eq!(client.status().await.expect("a state").quarantines, 1);
    let compare = format!("/compare?from=r1&to={during}");
    for (path, mark) in [
        ("/", "1 in quarantine"),
        (&*format!("/runs/{during}"), "in quarantine q1"),
        (&format!("/tests/{during}.t0"), "does not count in the verdict"),
        ("/grid", "in quarantine q1"),
        ("/matrix", "(1 in quarantine)"),
        (&compare, "in quarantine q1"),
        ("/regressions", "in quarantine q1"),
    ] {
        let page = browser.page(path).await;
        assert!(page.contains(mark), "{path}: {page}");
        let red = page.matches("class=\"state bad\"").count();
        // The run before the quarantine stays red.
        let expected = usize::from(["/", "/grid"].contains(&path));
        assert_eq!(red, expected, "{path}: {page}");
    }
    for path in [&*format!("/runs/{during}.csv"), "/grid.csv", &compare.replace('?', ".csv?")] {
        let csv = browser.page(path).await;
        assert!(csv.contains(",q1,") || csv.contains(",q1\r\n"), "{path}: {csv}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_reports_changes_and_output_and_ends_with_the_coordinator() {
    let running = Running::start().await;
    let browser = Browser::new(&running);
    let mut stream = browser.get("/live").await;
    assert_eq!(header(&stream, "content-type"), "text/event-stream");
    running.client.submit(&run_of(1), Some("key")).await.expect("submitted");
    let mut text = String::new();
    while !text.contains("event: changed") {
        let piece = stream.chunk().await.expect("a piece").expect("not the end");
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(text.starts_with(": live"), "{text}");
    let id = text.rsplit_once("id: ").and_then(|(_, rest)| rest.split_once('\n')).expect("an id").0;
    // A browser that connects again continues after its last event.
    let mut again = browser.get(&format!("/live?after={id}")).await;
    let first = again.chunk().await.expect("a piece").expect("not the end");
    assert_eq!(&first[..], b": live\n\n");
    drop(again);
    // The end of the stream, not the time limit of open requests.
    let stopping = std::time::Instant::now();
    running.stop().await;
    assert!(stopping.elapsed() < std::time::Duration::from_secs(8), "the stream delayed the stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_of_an_upgrade_are_compared_with_their_packages() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::new(&running));
    let mut hand = Hand::register(client, 1).await;
    for (side, torch) in [("before", "2.8.0"), ("after", "2.9.0")] {
        let run = SubmitRun { name: format!("plan ({side} the upgrade)").into(), ..run_of(1) };
        client.submit(&run, None).await.expect("submitted");
        let leases = hand.claim(10_000).await.leases;
        let detail = serde_json::json!({ "message": "", "environment": {
            "python": "3.12.1", "torch": torch } });
        hand.report(&leases, &detail.to_string()).await;
    }
    let link =
        "<a href=\"/upgrade?before=r1&amp;after=r2\"><bdi>plan: r1 before, r2 after</bdi></a>";
    for path in ["/compare", "/upgrade"] {
        let offered = browser.page(path).await;
        assert!(offered.contains(link), "{offered}");
    }
    let page = browser.page("/compare?from=r1&to=r2").await;
    let row =
        "<tr><td><bdi>torch</bdi></td><td><bdi>2.8.0</bdi></td><td><bdi>2.9.0</bdi></td></tr>";
    assert!(page.contains(row) && !page.contains("3.12.1"), "{page}");
    let twin = browser.get("/compare.json?from=r1&to=r2").await;
    let twin: serde_json::Value = twin.json().await.expect("a document");
    let expected = serde_json::json!([{ "package": "torch", "before": "2.8.0", "after": "2.9.0" }]);
    assert_eq!(twin["packages"], expected);
    running.stop().await;
}

/// A run of two models on one side of an upgrade of `demo`, which leaves a third test out.
fn side_of_an_upgrade(name: &str, version: &str) -> SubmitRun {
    let test = |model: &str| {
        serde_json::json!({"name": format!("{model}/load"), "launch": {
            "run": {"command": ["true"]},
            "labels": {"model": model, "backend": "cpu", "packages": format!("demo=={version}"),
                "upgrade_left_out": "1"}}})
    };
    let run = serde_json::json!({"name": name, "tests": [test("a"), test("b")]});
    serde_json::from_value(run).expect("a run")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_effect_of_an_upgrade_is_that_of_its_runs() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::new(&running));
    let mut hand = Hand::register(client, 2).await;
    // The first round, with the side after it slower, and four that confirm it.
    for round in 1..=5 {
        for (side, version, seconds) in [(0, "1.0", 0.5), (1, "1.1", 0.75)] {
            let name = upgrade_run("plan", side, round);
            let run = side_of_an_upgrade(&name, version);
            client.submit(&run, None).await.expect("submitted");
            let leases = hand.claim(10_000).await.leases;
            assert_eq!(leases.len(), 2);
            for (lease, seconds) in leases.iter().zip([0.5, seconds]) {
                let detail = serde_json::json!({ "message": "", "environment": {
                    "packages": { "demo": version } }, "metrics": [ { "name": "latency_seconds",
                    "unit": "seconds", "better": "lower", "values": [seconds] } ] });
                hand.report(std::slice::from_ref(lease), &detail.to_string()).await;
            }
        }
    }
    let query = "before=r1,r3,r5,r7,r9&after=r2,r4,r6,r8,r10";
    let offered = browser.page("/upgrade").await;
    assert!(offered.contains(&query.replace('&', "&amp;")), "{offered}");
    let view = browser.get(&format!("/api/v1/upgrade?{query}")).await;
    let view: UpgradeView = view.json().await.expect("a document");
    let sides = [&view.before, &view.after].map(|side| (&*side.pins, &*side.packages["demo"]));
    assert_eq!(sides, [("demo==1.0", "1.0"), ("demo==1.1", "1.1")]);
    let effects = view.tests.iter().map(|test| (&*test.model, test.effect, test.runs));
    let expected = [("a", Effect::Same, [5, 5]), ("b", Effect::Worse, [5, 5])];
    assert_eq!(effects.collect::<Vec<_>>(), expected);
    assert_eq!(view.cells[0].effect, Effect::Worse, "the worst is first");
    assert_eq!((view.is_safe, view.left_out), (false, 1));
    let newest = view.tests[1].newest.map(|test| test.map(|id| id.to_string()));
    assert_eq!(newest, [Some("r9.t1".to_owned()), Some("r10.t1".to_owned())]);
    let twin = browser.get(&format!("/upgrade.json?{query}")).await;
    assert_eq!(twin.json::<UpgradeView>().await.expect("a document"), view);
    let page = browser.page(&format!("/upgrade?{query}")).await;
    for part in [
        "Effect of demo==1.1",
        "not shown to be safe: 1 worse, 1 not changed by it, so not run",
        "latency_seconds +50.0 % (5 runs each)",
        "href=\"/tests/r10.t1\"",
        "href=\"/runs/r9\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let csv = browser.page(&format!("/upgrade.csv?{query}")).await;
    assert!(csv.contains("b/load,b,cpu,worse,false,5,5,r9.t1,r10.t1,"), "{csv}");
    for (query, status) in [
        ("before=r1&after=r1", StatusCode::UNPROCESSABLE_ENTITY),
        ("before=r1&after=r99", StatusCode::NOT_FOUND),
        ("before=x&after=r2", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(browser.get(&format!("/upgrade?{query}")).await.status(), status, "{query}");
    }
    running.stop().await;
}
