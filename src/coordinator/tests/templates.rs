//! Templates that people add: versions, refusals, and that nothing gets lost.

use super::disk::start;
use super::harness::Running;
use crate::api::v1::templates::{AddTemplates, NewTemplate, TemplateList, TemplateQuery};
use crate::client::{Client, ClientError};

const TABLE: &str = "schema: 1\nfamilies: { radar: { title: Radar, tasks: [echo] } }\n";

fn script(version: u32) -> String {
    format!(
        "---\nfamily: radar\nversion: {version}\ntasks: [echo]\nbackends: [cpu]\n\
         parameters: {{batch: 1}}\nrequirements: []\n---\n\
         NAME = {{{{ model | pyrepr }}}}\nPARAMETERS = {{{{ parameters | pyrepr }}}}\n\
         print(PARAMETERS['batch'])\n"
    )
}

fn of(templates: &[(&str, &str)]) -> AddTemplates {
    let new = |(path, text): &(&str, &str)| NewTemplate {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    };
    AddTemplates { templates: templates.iter().map(new).collect() }
}

async fn add(client: &Client, templates: &[(&str, &str)]) -> Vec<(String, u32, bool)> {
    let added = client.add_templates(&of(templates)).await.expect("added");
    added.items.into_iter().map(|item| (item.path, item.version, item.new)).collect()
}

async fn both(client: &Client) -> (TemplateList, TemplateList) {
    let list = client.templates().await.expect("a list");
    let history = client.template_history(&TemplateQuery::default()).await.expect("a history");
    (list, history)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_count_and_survive_restarts_and_a_lost_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let role = start(directory.path()).await;
    let client = &role.client;
    let (one, two) = (script(1), script(2));
    let path = "radar/test.py.j2";
    let expected = [("families.yaml", 1, true), (path, 1, true)]
        .map(|(path, version, new)| (path.to_owned(), version, new));
    assert_eq!(add(client, &[("families.yaml", TABLE), (path, &one)]).await, expected);
    assert_eq!(add(client, &[(path, &one)]).await, [(path.to_owned(), 1, false)]);
    assert_eq!(add(client, &[(path, &two)]).await, [(path.to_owned(), 2, true)]);
    assert_eq!(add(client, &[(path, &one)]).await, [(path.to_owned(), 3, true)]);
    let before = both(client).await;
    let list: Vec<_> = before.0.items.iter().map(|item| (&*item.path, item.version)).collect();
    assert_eq!(list, [("families.yaml", 1), (path, 3)]);
    let query = TemplateQuery { path: Some(path.to_owned()) };
    let history = client.template_history(&query).await.expect("a history");
    let versions: Vec<u32> = history.items.iter().map(|item| item.version).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!(history.items[0].sha256, history.items[2].sha256);
    assert!(history.items.iter().all(|item| !item.user.is_empty() && item.added_at.0 > 0));
    let text = client.get_blob(&history.items[1].sha256).await.expect("the text");
    assert_eq!(text, two.as_bytes());
    role.end().await;

    let role = start(directory.path()).await;
    assert_eq!(both(&role.client).await, before);
    role.end().await;
    std::fs::remove_file(directory.path().join(crate::store::FILE_NAME)).expect("removed");
    let role = start(directory.path()).await;
    assert_eq!(both(&role.client).await, before);
    assert_eq!(add(&role.client, &[(path, &two)]).await, [(path.to_owned(), 4, true)]);
    role.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_a_check_is_refused_as_a_whole() {
    let running = Running::start().await;
    let client = &running.client;
    let good = script(1);
    let refused = async |templates: &[(&str, &str)]| {
        let error = client.add_templates(&of(templates)).await.expect_err("refused");
        let ClientError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!(refusal.status, 422);
        refusal.body.message
    };
    let bare = script(1).replace(" | pyrepr }}\nPARAMETERS", " }}\nPARAMETERS");
    for (templates, expected) in [
        (vec![], "no template is given"),
        (vec![("../x/test.py.j2", good.as_str())], "is not the path of a template"),
        (vec![("radar/test.py.j2", &good)], "no families.yaml defines the family radar"),
        (vec![("families.yaml", TABLE), ("radar/test.py.j2", "x = 1")], "does not start with ---"),
        (vec![("families.yaml", TABLE), ("radar/test.py.j2", &bare)], "write {{ … | pyrepr }}"),
        (vec![("families.yaml", TABLE), ("families.yaml", TABLE)], "given twice"),
        // Every template includes it.
        (vec![("_shared/report.py.j2", "{% if %}")], "_shared/report.py.j2:1"),
        (vec![("_shared/report.py.j2", "X = {{ model }}")], "model is not escaped in the script"),
    ] {
        let message = refused(&templates).await;
        assert!(message.contains(expected), "{message}");
    }
    assert!(client.templates().await.expect("a list").items.is_empty());
    running.stop().await;
}
