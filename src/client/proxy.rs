//! The proxy between this process and a coordinator, for messages to the user. The rules by which a
//! proxy is chosen are those of the HTTP client.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use std::fmt;

/// Environment variables with the proxy of a scheme; the first one that is set applies.
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that requests pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Address without user name and password.
    address: String,
    /// The environment variable that names the proxy, if it comes from one.
    variable: Option<&'static str>,
    /// The host that is reached through the proxy.
    host: String,
}

impl Proxy {
    /// The proxy for an address, according to the environment of this process.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Self::by(url, &Matcher::from_env(), is_set)
    }

    fn by(url: &Url, rules: &Matcher, is_set: impl Fn(&str) -> bool) -> Option<Self> {
        let proxy = rules.intercept(&url.as_str().parse().ok()?)?;
        let uri = proxy.uri();
        let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host()?);
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        let variables = if url.scheme() == "https" { HTTPS } else { HTTP };
        Some(Self {
            address: format!("{scheme}://{host}{port}"),
            variable: variables.into_iter().find(|name| is_set(name)),
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        })
    }

    /// The next step for a user who does not want to use the proxy.
    pub(crate) fn hint(&self) -> String {
        format!(
            "to reach the coordinator without the proxy, set NO_PROXY={0}, or add {0} to its list",
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

#[expect(clippy::disallowed_methods, reason = "a convention of all programs, not a setting of dtf")]
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_for(url: &str, rules: Matcher, variable: &str) -> Option<Proxy> {
        Proxy::by(&url.parse().expect("an address"), &rules, |name| name == variable)
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let rules = || Matcher::builder().http("http://me:hunter2@proxy:3128").no("local").build();
        let proxy = proxy_for("http://lab-1:7700/", rules(), "http_proxy").expect("a proxy");
        assert_eq!(proxy.to_string(), "the proxy http://proxy:3128 (from http_proxy)");
        assert!(proxy.hint().contains("NO_PROXY=lab-1"), "{}", proxy.hint());
        assert!(!format!("{proxy:?}").contains("hunter2"));
        assert_eq!(proxy_for("http://a.local:7700/", rules(), "http_proxy"), None);
        assert_eq!(proxy_for("https://lab-1/", rules(), "http_proxy"), None);
        let all = Matcher::builder().all("proxy:3128").build();
        let proxy = proxy_for("https://lab-1/", all, "ALL_PROXY").expect("a proxy");
        assert_eq!(proxy.to_string(), "the proxy http://proxy:3128 (from ALL_PROXY)");
    }
}
