//! The commits of a git repository between two revisions.
//!
//! Limits: [`MAX_COMMITS`] commits, `TIME_LIMIT` for each call of git. Promises: a name that starts with
//! `-` never becomes an option, and only the transports of git itself are used. A repository in a
//! directory is not changed. The address of a repository has no user and no query, where a secret could be:
//! it becomes part of results.

use crate::gather::GatherError;
use crate::sys::process::{Call, Completion, Keep, Limits, run};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Maximum number of commits between the two revisions.
pub const MAX_COMMITS: usize = 10_000;
const TIME_LIMIT: Duration = Duration::from_secs(600);
const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// Number of characters of a commit that people see.
const SHORT: usize = 12;
/// Maximum length of the message of git in an error, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// A repository that packages can be installed from.
pub struct Repository {
    directory: PathBuf,
    /// The address for an installer: `https://…`, `ssh://…` or `file://…`.
    pub address: String,
    /// Holds the copy of a repository that is not on this machine.
    _copy: Option<TempDir>,
}

/// The first characters of a commit, for people.
#[must_use]
pub fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

impl Repository {
    /// Opens a directory, or copies the history of an address to a temporary directory.
    ///
    /// # Errors
    /// The directory is not a repository, or the address cannot be read or may contain a secret.
    pub async fn open(place: &str) -> Result<Self, GatherError> {
        if place.contains("://") {
            check_address(place)?;
        }
        if place.starts_with('-') || place.chars().any(|c| c.is_control() || c == ' ') {
            return Err(GatherError::usage(format!(
                "{place:?} is not the address of a repository"
            )));
        }
        if !place.contains("://") {
            let directory = std::fs::canonicalize(place).map_err(|error| {
                GatherError::usage(format!("cannot open the repository {place}: {error}"))
                    .hint("name a directory, or an address such as https://host/project.git")
            })?;
            let address = url::Url::from_file_path(&directory).map(String::from).map_err(|()| {
                GatherError::usage(format!("{} is not an absolute path", directory.display()))
            })?;
            let repository = Self { directory, address, _copy: None };
            repository.git(&["rev-parse", "--git-dir"]).await?;
            return Ok(repository);
        }
        let copy = tempfile::tempdir().map_err(|error| {
            GatherError::new(format!("cannot make a temporary directory: {error}"))
        })?;
        let directory = copy.path().to_owned();
        let repository = Self { directory, address: place.to_owned(), _copy: Some(copy) };
        repository.git(&["clone", "--quiet", "--bare", "--", place, "."]).await?;
        Ok(repository)
    }

    /// The commits from `good` to `bad` along the first parents, the oldest first, both included.
    ///
    /// # Errors
    /// A revision does not exist, `good` is not an ancestor of `bad`, or there are more than
    /// [`MAX_COMMITS`].
    pub async fn commits(&self, good: &str, bad: &str) -> Result<Vec<String>, GatherError> {
        let (good, bad) = (self.commit(good).await?, self.commit(bad).await?);
        let range = format!("{good}..{bad}");
        let max = format!("--max-count={}", MAX_COMMITS + 1);
        let args = ["rev-list", "--reverse", "--first-parent", &max, "--ancestry-path", &range];
        let listed = self.git(&args).await?;
        let mut commits = vec![good.clone()];
        commits.extend(listed.lines().map(str::to_owned));
        if commits.len() < 2 || commits.last() != Some(&bad) {
            let message =
                format!("{} does not come before {} in the history", short(&good), short(&bad));
            return Err(GatherError::usage(message).hint("--good names the older commit"));
        }
        if commits.len() > MAX_COMMITS {
            let message = format!("more than {MAX_COMMITS} commits between the two");
            return Err(GatherError::usage(message).hint("choose closer ends"));
        }
        Ok(commits)
    }

    async fn commit(&self, revision: &str) -> Result<String, GatherError> {
        let peeled = format!("{revision}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &*peeled];
        let found = self.git(&args).await.map_err(|_| {
            GatherError::usage(format!("the repository has no commit {revision:?}"))
        })?;
        Ok(found.trim().to_owned())
    }

    async fn git(&self, args: &[&str]) -> Result<String, GatherError> {
        let safe = ["-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null"];
        let call = Call {
            program: "git".into(),
            args: safe.iter().chain(args).map(OsString::from).collect(),
            cwd: self.directory.clone(),
            env: variables(),
            ..Call::default()
        };
        let limits = Limits { time: TIME_LIMIT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::Start };
        let completion = run(&call, limits).await;
        if let (Completion::Exited(output), None) = (&completion, completion.failure()) {
            return Ok(output.stdout.text.clone());
        }
        let reason = completion.failure().unwrap_or_default();
        let printed = completion.output().map(|output| output.stderr.text.trim().to_owned());
        let printed: String = printed.unwrap_or_default().chars().take(MAX_MESSAGE_CHARS).collect();
        Err(GatherError::new(format!("git {reason}: {printed}")))
    }
}

/// Refuses an address that may have a secret, and does not repeat it. `ssh://git@host` has a user without
/// one; in an address of the web, a user without a password may be a token.
fn check_address(place: &str) -> Result<(), GatherError> {
    let refused = |what: &str| {
        let error = GatherError::usage(format!("the address of the repository {what}"));
        Err(error.hint("results contain the address; use a credential helper of git"))
    };
    let Ok(address) = place.parse::<url::Url>() else { return refused("cannot be read") };
    let has_user = !address.username().is_empty() && !address.scheme().contains("ssh");
    if address.password().is_some() || has_user {
        return refused("has a password or a token");
    }
    if address.query().is_some() || address.fragment().is_some() {
        return refused("has a query");
    }
    Ok(())
}

/// The variables of this process, without those by which git would use another repository.
fn variables() -> Vec<(OsString, OsString)> {
    let kept = |(name, _): &(OsString, OsString)| {
        !["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"].iter().any(|other| name == other)
    };
    let mut variables: Vec<_> = std::env::vars_os().filter(kept).collect();
    variables.push(("GIT_TERMINAL_PROMPT".into(), "0".into()));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a number of commits.
    async fn repository(commits: usize) -> (TempDir, Repository) {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a plain path").to_owned();
        let made = Repository {
            directory: directory.path().to_owned(),
            address: String::new(),
            _copy: None,
        };
        made.git(&["init", "--quiet", "."]).await.expect("git");
        for at in 0..commits {
            let message = format!("commit {at}");
            let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
            let commit = ["commit", "--quiet", "--allow-empty", "-m", &message];
            made.git(&[&who[..], &commit[..]].concat()).await.expect("a commit");
        }
        (directory, Repository::open(&place).await.expect("a repository"))
    }

    #[tokio::test]
    async fn commits_are_listed_from_the_good_to_the_bad_one() {
        let (_directory, repository) = repository(4).await;
        let commits = repository.commits("HEAD~3", "HEAD").await.expect("commits");
        assert_eq!(commits.len(), 4);
        assert!(repository.address.starts_with("file:///"), "{}", repository.address);
        for (good, bad, why) in [
            ("HEAD", "HEAD~2", "does not come before"),
            ("HEAD", "HEAD", "does not come before"),
            ("nothing", "HEAD", "no commit \"nothing\""),
            ("--all", "HEAD", "no commit \"--all\""),
        ] {
            let message = repository.commits(good, bad).await.expect_err(good).message;
            assert!(message.contains(why), "{message}");
        }
    }

    #[tokio::test]
    async fn other_places_are_refused() {
        let empty = tempfile::tempdir().expect("a directory");
        for (place, why) in [
            ("--upload-pack=x", "not the address"),
            ("https://user:secret@host/x", "password"),
            ("https://secret@host/x.git", "token"),
            ("https://secret:@host/x y", "token"),
            ("git+ssh://git:secret@host/x", "password"),
            ("https://host/x.git?token=secret", "query"),
            ("https://host:secret/x", "cannot be read"),
            ("./no/such/directory", "cannot open"),
            (empty.path().to_str().expect("a plain path"), "git"),
        ] {
            let error = Repository::open(place).await.err().expect(place);
            assert!(error.message.contains(why) && !error.message.contains("secret"), "{error:?}");
        }
        assert!(check_address("ssh://git@host/x.git").is_ok());
        assert!(check_address("https://host:8443/group/x.git").is_ok());
    }
}
