//! The lab as its visitors meet it: the texts of its pages, and their place below the base path.

use std::ops::Deref;

use labgate_domain::public_url::PublicUrl;
use labgate_domain::return_to::ReturnTo;

use crate::paths::{self, InLab};
use crate::texts::Texts;

/// The lab's texts and addresses, for its pages. The base path is added here and nowhere else.
pub(crate) struct Site {
    texts: &'static Texts,
    origin: String,
    /// Without a slash at the end; empty for a lab that has its host for itself.
    base_path: String,
}

impl Site {
    pub(crate) fn new(texts: &'static Texts, public_url: &PublicUrl) -> Self {
        let (origin, base_path) = (public_url.origin().to_owned(), public_url.base_path().to_owned());
        Self { texts, origin, base_path }
    }

    /// Returns an address of the lab as links, forms and redirects name it.
    pub(crate) fn at(&self, address: impl InLab) -> String {
        format!("{}{}", self.base_path, address.below_base())
    }

    /// Returns a whole URL of the lab, for other hosts.
    pub(crate) fn url(&self, address: impl InLab) -> String {
        format!("{}{}", self.origin, self.at(address))
    }

    /// Returns the address that a target leads to.
    pub(crate) fn target(&self, return_to: &ReturnTo) -> String {
        return_to.path().map_or_else(|| self.at(paths::MAIN_PAGE), str::to_owned)
    }

    /// Returns a page of the lab as a target.
    pub(crate) fn return_to_page(&self, page: impl InLab) -> ReturnTo {
        ReturnTo::or_main_page(&self.at(page))
    }

    /// Parses the target that a request states; none, a target that leaves the origin, and one that would send the
    /// person round in circles are the main page.
    pub(crate) fn return_to(&self, target: Option<&str>) -> ReturnTo {
        let is_main_page = |text: &str| text == self.base_path || text == self.at(paths::MAIN_PAGE);
        let target = target.filter(|text| !is_main_page(text)).map(ReturnTo::or_main_page);
        target.filter(|target| !target.leads_into(&self.base_path, paths::CIRCULAR)).unwrap_or_default()
    }

    /// Returns the part of a request's path that routes are found by: below the base path, or one of those that
    /// are answered everywhere.
    pub(crate) fn below_base<'p>(&self, path: &'p str) -> Option<&'p str> {
        match path.strip_prefix(&*self.base_path) {
            Some("") if !self.base_path.is_empty() => Some(paths::MAIN_PAGE.as_str()),
            Some(below) if self.base_path.is_empty() || below.starts_with('/') => Some(below),
            _ => Some(path).filter(|path| paths::BESIDE_BASE.iter().any(|beside| beside.as_str() == *path)),
        }
    }
}

impl Deref for Site {
    type Target = Texts;

    fn deref(&self) -> &Texts {
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;

    fn site(public_url: &str) -> Site {
        let public_url = PublicUrl::parse(public_url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap();
        Site::new(Texts::english(), &public_url)
    }

    #[test]
    fn every_address_is_below_the_base_path() {
        for (public_url, main, login) in
            [("https://lab.example", "/", "/login"), ("https://lab.example/auth/", "/auth/", "/auth/login")]
        {
            let site = site(public_url);
            assert_eq!((site.at(paths::MAIN_PAGE), site.at(paths::LOGIN_PAGE)), (main.into(), login.into()));
            assert_eq!(site.target(&ReturnTo::main_page()), main);
            assert_eq!(site.return_to_page(paths::ACCOUNT_PAGE).path(), Some(&*site.at(paths::ACCOUNT_PAGE)));
        }
    }

    #[test]
    fn a_route_is_found_below_the_base_path_alone() {
        let auth = site("https://lab.example/auth");
        for (path, below) in [
            ("/auth", Some("/")),
            ("/auth/", Some("/")),
            ("/auth/login", Some("/login")),
            ("/auth//login", Some("//login")),
            ("/auth/healthz", Some("/healthz")),
            ("/healthz", Some("/healthz")),
            ("/readyz", Some("/readyz")),
            ("/", None),
            ("", None),
            ("*", None),
            ("/login", None),
            ("/authx/login", None),
            ("/AUTH/login", None),
            ("/%61uth/login", None),
            ("//auth/login", None),
            ("/x/auth/login", None),
            ("/healthz/", None),
        ] {
            assert_eq!(auth.below_base(path), below, "{path}");
        }
        for path in ["/", "", "*", "/login", "//login"] {
            assert_eq!(site("https://lab.example").below_base(path), Some(path));
        }
    }

    #[test]
    fn a_target_may_be_beside_the_base_path_and_not_circular_below_it() {
        let return_to = |base, text| site(&format!("https://lab.example{base}")).return_to(Some(text));
        for (base, target, kept) in [
            ("/auth", "/", Some("/")),
            ("/auth", "/notebooks/x?y#z", Some("/notebooks/x?y#z")),
            ("/auth", "/login", Some("/login")),
            ("/auth", "/auth", None),
            ("/auth", "/auth/", None),
            ("/auth", "/auth/account", Some("/auth/account")),
            ("/auth", "/auth/login", None),
            ("/auth", "/auth/api/auth/me", None),
            ("/auth", "//evil.example", None),
            ("", "/", None),
            ("", "/login", None),
            ("", "/auth", Some("/auth")),
        ] {
            assert_eq!(return_to(base, target).path(), kept, "{base} {target}");
        }
        assert_eq!(site("https://lab.example").return_to(None), ReturnTo::main_page());
    }
}
