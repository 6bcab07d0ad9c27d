//! The proxy that the environment names, for messages: the HTTP client reads the same variables itself.

use std::net::IpAddr;

use labgate_domain::ForeignText;
use url::Url;

use crate::exchange::ExchangeError;

/// Returns host and port of the proxy for https, without the credentials that its URL may have.
pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let value = names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))?;
    let url = if value.contains("://") { Url::parse(&value) } else { Url::parse(&format!("http://{value}")) };
    let url = url.ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default().unwrap_or(80)))
}

/// Names the proxy in a failure to connect, which may be the proxy's.
pub(crate) fn named(error: ExchangeError, proxy: Option<&str>) -> ExchangeError {
    match (error, proxy) {
        (ExchangeError::Unreachable(cause, text), Some(proxy)) => {
            let text =
                format!("{text}; by the proxy {proxy} of the environment, unless NO_PROXY excepts this host");
            ExchangeError::Unreachable(cause, ForeignText::new(&text))
        }
        (error, _) => error,
    }
}

/// Returns the patterns of a `NO_PROXY` that the HTTP client does not understand, and which therefore except no
/// host. It understands an address, a network such as `10.0.0.0/8`, a domain such as `example.org` or
/// `.example.org`, both with all below it, and `*` alone.
#[must_use]
pub fn unknown_no_proxy_patterns(no_proxy: &str) -> Vec<&str> {
    no_proxy.split(',').map(str::trim).filter(|pattern| !pattern.is_empty() && !is_known(pattern)).collect()
}

fn is_known(pattern: &str) -> bool {
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    let is_network = || {
        pattern.split_once('/').is_some_and(|(address, prefix)| {
            let longest = if address.contains(':') { 128 } else { 32 };
            is_address(address) && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest)
        })
    };
    let is_domain = || {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        pattern.chars().all(allowed)
    };
    pattern == "*" || is_address(pattern) || is_network() || is_domain()
}

#[cfg(test)]
mod tests {
    use labgate_domain::ports::CallFailure;

    use super::*;

    #[test]
    fn f24_a_failure_behind_a_proxy_names_it_without_its_password() {
        let set =
            |name: &str| (name == "https_proxy").then(|| "http://user:secret@proxy.lab:3128".to_owned());
        let proxy = of_environment(set);
        assert_eq!(proxy.as_deref(), Some("proxy.lab:3128"));
        let refused = || ExchangeError::Unreachable(CallFailure::Refused, ForeignText::new("refused"));
        let told = named(refused(), proxy.as_deref()).to_string();
        assert!(told.contains("refused; by the proxy proxy.lab:3128 of the environment"), "{told}");
        assert_eq!(named(refused(), None), refused());
        assert_eq!(of_environment(|_| None), None);
        assert_eq!(of_environment(|_| Some("proxy:8080".to_owned())).as_deref(), Some("proxy:8080"));
    }

    #[test]
    fn f24_patterns_that_except_no_host_are_found() {
        let unknown = unknown_no_proxy_patterns(
            "localhost, 10.0.0.0/8,::1,fd00::/8,.example.org,*,*.example.org,idp:8443,https://idp,10.*,10.0.0.0/40",
        );
        assert_eq!(unknown, ["*.example.org", "idp:8443", "https://idp", "10.*", "10.0.0.0/40"]);
        assert!(unknown_no_proxy_patterns("").is_empty());
    }
}
