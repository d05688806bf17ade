//! The table of pages: every path with its requirement on the sender, as for the API.

use crate::coordinator::http::app::App;
use crate::coordinator::http::guard::Access;
use crate::coordinator::http::router::bodies::Budget;
use crate::coordinator::http::routes::{Route, SMALL, WAITING, handled};
use crate::coordinator::pages::{actions, files, live, login, show};
use crate::domain::access::Permission;
use axum::handler::Handler;
use axum::http::Method;
use std::sync::Arc;

const READ: Access = Access::Needs(Permission::Read);

/// All pages, their twins, their files and the actions of their forms.
pub(crate) fn table() -> Vec<Route> {
    let mut routes = vec![
        route("show_login", Method::GET, "/login", Access::Public, SMALL, login::show),
        route("log_in", Method::POST, "/login", Access::Public, SMALL, login::log_in),
        route("get_page_file", Method::GET, "/assets/{file}", Access::Public, SMALL, files::get),
        route("follow_page", Method::GET, "/live", READ, SMALL, live::follow),
        page("show_now", "/", show::now::show),
    ];
    routes.extend(with_twins("show_now_twin", ["/now", "/now.json", "/now.csv"], show::now::show));
    routes.push(page("show_run", "/runs/{run}", show::run::show));
    routes.push(page("show_test", "/tests/{test}", show::test::show));
    let why = ["/tests/{test}/why", "/tests/{test}/why.json", "/tests/{test}/why.csv"];
    routes.extend(with_twins("show_why", why, show::why::show));
    routes.extend(with_twins("show_grid", ["/grid", "/grid.json", "/grid.csv"], show::grid::show));
    let compare = ["/compare", "/compare.json", "/compare.csv"];
    routes.extend(with_twins("show_compare", compare, show::compare::show));
    let upgrade = ["/upgrade", "/upgrade.json", "/upgrade.csv"];
    routes.extend(with_twins("show_upgrade", upgrade, show::upgrade::show));
    let regressions = ["/regressions", "/regressions.json", "/regressions.csv"];
    routes.extend(with_twins("show_regressions", regressions, show::regressions::show));
    let flaky = ["/flaky", "/flaky.json", "/flaky.csv"];
    routes.extend(with_twins("show_flaky", flaky, show::flaky::show));
    let matrix = ["/matrix", "/matrix.json", "/matrix.csv"];
    routes.extend(with_twins("show_matrix", matrix, show::matrix::show));
    let templates = ["/templates", "/templates.json", "/templates.csv"];
    routes.extend(with_twins("show_templates", templates, show::templates::show));
    let workers = ["/workers", "/workers.json", "/workers.csv"];
    routes.extend(with_twins("show_workers", workers, show::workers::show));
    routes.extend(forms());
    routes
}

/// The forms that change something.
fn forms() -> [Route; 8] {
    let manage = Access::Needs(Permission::ManageWorkers);
    let cancel = Access::Needs(Permission::CancelRuns);
    let submit = Access::Needs(Permission::SubmitRuns);
    let mark = Access::Needs(Permission::MarkResults);
    [
        route("log_out", Method::POST, "/actions/log-out", READ, SMALL, actions::log_out),
        route("cancel_form", Method::POST, "/actions/cancel", cancel, SMALL, actions::cancel),
        route("drain_form", Method::POST, "/actions/drain", manage, SMALL, actions::drain),
        route("resume_form", Method::POST, "/actions/resume", manage, SMALL, actions::resume),
        route("again_form", Method::POST, "/actions/run-again", submit, SMALL, actions::run_again),
        route("accept_form", Method::POST, "/actions/accept", mark, SMALL, actions::accept),
        route(
            "quarantine_form",
            Method::POST,
            "/actions/quarantine",
            mark,
            SMALL,
            actions::quarantine,
        ),
        route("release_form", Method::POST, "/actions/release", mark, SMALL, actions::release),
    ]
}

fn route<H, T>(
    id: &'static str,
    method: Method,
    path: &'static str,
    access: Access,
    budget: Budget,
    handler: H,
) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let handler = handled(&method, handler);
    Route { id, method, path, access, budget, handler }
}

/// A page, or one with an id at the end of its path, whose twins have the same path.
fn page<H, T>(id: &'static str, path: &'static str, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    route(id, Method::GET, path, READ, WAITING, handler)
}

/// A page without an id, and its twins.
fn with_twins<H, T>(
    id: &'static str,
    paths: [&'static str; 3],
    handler: H,
) -> impl Iterator<Item = Route>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    paths.into_iter().map(move |path| page(id, path, handler.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_and_the_files_of_the_program_are_public() {
        let public = table().into_iter().filter(|route| route.access.is_public());
        let public: Vec<_> = public.map(|route| route.id).collect();
        assert_eq!(public, ["show_login", "log_in", "get_page_file"]);
    }

    #[test]
    fn whatever_changes_something_is_a_form() {
        use crate::coordinator::http::auth::FORMS;
        for route in table() {
            let is_form = route.path.starts_with(FORMS) || route.id == "log_in";
            assert_eq!(route.method == Method::POST, is_form, "{}", route.id);
        }
    }
}
