use crate::people::EmailAddress;
use crate::session::SessionPerson;

/// Conditions that a reverse proxy states with its check, beside those of the service: a person meets each list
/// that names somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowLists {
    /// The person is in one of these groups.
    pub groups: Vec<String>,
    /// The person has one of these e-mail addresses.
    pub emails: Vec<String>,
    /// The person's e-mail address is of one of these domains; `.example.org` and `*.example.org` are those below
    /// it.
    pub email_domains: Vec<String>,
}

impl AllowLists {
    /// Returns whether the person meets every list.
    #[must_use]
    pub fn admit(&self, person: &SessionPerson) -> bool {
        let email = person.email.as_ref().map(EmailAddress::as_str);
        let has_address = |address: &String| email.is_some_and(|email| email.eq_ignore_ascii_case(address));
        let host = email.and_then(|email| email.rsplit_once('@')).map(|(_, host)| host);
        let is_of = |domain: &String| host.is_some_and(|host| is_of_domain(host, domain));
        (self.groups.is_empty() || self.groups.iter().any(|group| person.groups.contains(group)))
            && (self.emails.is_empty() || self.emails.iter().any(has_address))
            && (self.email_domains.is_empty() || self.email_domains.iter().any(is_of))
    }
}

/// Returns whether the host is this domain, or below it where the domain begins with a dot: on the boundary of a
/// label.
fn is_of_domain(host: &str, domain: &str) -> bool {
    let Some(parent) = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')) else {
        return host.eq_ignore_ascii_case(domain);
    };
    let below = host.len().checked_sub(parent.len() + 1).and_then(|dot| host.get(dot..));
    below.is_some_and(|end| {
        end.starts_with('.') && end.get(1..).is_some_and(|it| it.eq_ignore_ascii_case(parent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_ends_at_a_label() {
        for (host, domain, expected) in [
            ("example.org", "example.org", true),
            ("EXAMPLE.org", "example.ORG", true),
            ("a.example.org", "example.org", false),
            ("a.example.org", ".example.org", true),
            ("a.example.org", "*.example.org", true),
            ("example.org", ".example.org", false),
            ("badexample.org", ".example.org", false),
            ("badexample.org", "example.org", false),
            ("org", ".example.org", false),
        ] {
            assert_eq!(is_of_domain(host, domain), expected, "{host} {domain}");
        }
    }
}
