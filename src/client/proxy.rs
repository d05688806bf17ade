//! Which proxy stands between this process and a coordinator, to tell people of it. Whether one
//! is asked is decided by the rules that the HTTP client itself uses.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use std::fmt;

/// Variables that name a proxy, for a scheme, in the order in which they count.
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that requests go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Without user and password.
    address: String,
    /// The variable that names it, when it is one.
    variable: Option<&'static str>,
    /// Host that it is asked for.
    host: String,
}

impl Proxy {
    /// The proxy for an address, by the environment of this process.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Self::by(url, &Matcher::from_env(), is_set)
    }

    fn by(url: &Url, rules: &Matcher, is_set: impl Fn(&str) -> bool) -> Option<Self> {
        let asked = rules.intercept(&url.as_str().parse().ok()?)?;
        let uri = asked.uri();
        let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host()?);
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        let variables = if url.scheme() == "https" { HTTPS } else { HTTP };
        Some(Self {
            address: format!("{scheme}://{host}{port}"),
            variable: variables.into_iter().find(|name| is_set(name)),
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        })
    }

    /// The next step for a person who did not mean to ask it.
    pub(crate) fn hint(&self) -> String {
        format!(
            "when the coordinator is reached without a proxy, set NO_PROXY={} (or add it to the \
             list there)",
            self.host
        )
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.address)?;
        match self.variable {
            Some(variable) => write!(f, " (from {variable})"),
            None => Ok(()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a convention of all programs, no setting of dtf")]
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, rules: Matcher, variable: &str) -> Option<Proxy> {
        Proxy::by(&url.parse().expect("an address"), &rules, |name| name == variable)
    }

    #[test]
    fn a_proxy_is_told_without_its_password() {
        let rules = || Matcher::builder().http("http://me:hunter2@proxy:3128").no("local").build();
        let proxy = asked("http://lab-1:7700/", rules(), "http_proxy").expect("a proxy");
        assert_eq!(proxy.to_string(), "the proxy http://proxy:3128 (from http_proxy)");
        assert!(proxy.hint().contains("NO_PROXY=lab-1"), "{}", proxy.hint());
        assert!(!format!("{proxy:?}").contains("hunter2"));
        assert_eq!(asked("http://a.local:7700/", rules(), "http_proxy"), None);
        assert_eq!(asked("https://lab-1/", rules(), "http_proxy"), None);
        let all = Matcher::builder().all("proxy:3128").build();
        let proxy = asked("https://lab-1/", all, "ALL_PROXY").expect("a proxy");
        assert_eq!(proxy.to_string(), "the proxy http://proxy:3128 (from ALL_PROXY)");
    }
}
