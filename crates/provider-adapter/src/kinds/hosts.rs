use labgate_domain::protocol::Issuer;

/// The host of an https issuer.
pub(super) fn https_host(issuer: &Issuer) -> Option<&str> {
    issuer.as_str().strip_prefix("https://").and_then(|rest| rest.split('/').next())
}

/// Returns whether the issuer's host is below one of these domains, each with its dot, of which the provider
/// gives each customer a name.
pub(super) fn is_below(issuer: &Issuer, domains: &[&str]) -> bool {
    https_host(issuer).is_some_and(|host| domains.iter().any(|domain| host.ends_with(domain)))
}
