//! A client that behaves like a browser, without a network: it keeps cookies by the rules of RFC 6265bis,
//! follows redirects, says in `Sec-Fetch-*` what it is doing, and submits forms.

mod jar;
mod page;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{Method, Request, Response};
use labgate_domain::world::Clock;
use url::Url;

pub use self::jar::StoredCookie;
use self::jar::{Jar, Navigation};
pub use self::page::Page;

/// Answers the requests for one origin.
pub type Host =
    Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// A browser with a person in front of it. Each has its own cookies; all may share the sites.
///
/// Its methods panic when the page does not have what they are told to use: that is a failed test.
pub struct Browser {
    sites: HashMap<String, Host>,
    jar: Jar,
    home: Url,
    page: Option<Page>,
    /// Every URL that was requested, in order.
    history: Vec<Url>,
}

/// More redirects than this are a loop, as in real browsers.
const MAX_REDIRECTS: usize = 20;

impl Browser {
    /// A fresh browser that reaches these origins. A path opened before anything else is looked for at
    /// `home`.
    #[must_use]
    pub fn new(home: Url, sites: HashMap<String, Host>, clock: Arc<dyn Clock>) -> Self {
        Self { sites, jar: Jar::new(clock), home, page: None, history: Vec::new() }
    }

    /// The page that is shown.
    #[must_use]
    pub fn page(&self) -> &Page {
        self.page.as_ref().expect("no page is open")
    }

    /// The cookies it has for a URL's host.
    #[must_use]
    pub fn cookies(&self, url: &str) -> Vec<StoredCookie> {
        self.jar.of_host(&self.resolve(url))
    }

    /// Every URL that was requested, in order.
    #[must_use]
    pub fn history(&self) -> &[Url] {
        &self.history
    }

    /// Types an address, as an absolute URL or as a path on the site that is shown, and follows where it
    /// leads.
    pub async fn open(&mut self, url: &str) -> &Page {
        let url = self.resolve(url);
        self.navigate(Method::GET, url, None, None).await
    }

    /// Follows a link on a page of `from`, which may be a foreign site.
    pub async fn open_from(&mut self, from: &str, url: &str) -> &Page {
        let (from, url) = (self.resolve(from), self.resolve(url));
        self.navigate(Method::GET, url, None, Some(from)).await
    }

    /// Has a page of `from`, which may be a foreign site, submit a form.
    pub async fn post_from(&mut self, from: &str, url: &str, form: &[(&str, &str)]) -> &Page {
        let (from, url) = (self.resolve(from), self.resolve(url));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.navigate(Method::POST, url, Some(body), Some(from)).await
    }

    /// Clicks the link or the button with this text.
    pub async fn click(&mut self, text: &str) -> &Page {
        self.submit(text, &[]).await
    }

    /// Fills in fields by name and clicks the button with this text. A link with this text is followed.
    pub async fn submit(&mut self, text: &str, fields: &[(&str, &str)]) -> &Page {
        let page = self.page();
        let from = page.url().clone();
        if let Some(href) = page.link(text) {
            let url = from.join(&href).expect("a link that is a URL");
            return self.navigate(Method::GET, url, None, Some(from)).await;
        }
        let form = page.form_with_button(text).unwrap_or_else(|| panic!("nothing says {text:?} on {page}"));
        let mut url = from.join(&form.action).expect("a form action that is a URL");
        let body = form.encode(fields);
        if form.is_post {
            return self.navigate(Method::POST, url, Some(body), Some(from)).await;
        }
        url.set_query(Some(&body));
        self.navigate(Method::GET, url, None, Some(from)).await
    }

    /// A script's `fetch()` from a page of the site that is shown, which follows no redirect and opens no
    /// page.
    pub async fn fetch(&mut self, method: Method, url: &str) -> Response<Bytes> {
        let url = self.resolve(url);
        let from = self.page.as_ref().map_or_else(|| self.home.clone(), |page| page.url().clone());
        let is_cross_site = !is_same_site(&from, &url);
        let navigation = Navigation { is_top_level: false, is_safe: method.is_safe(), is_cross_site };
        let site = if from.origin() == url.origin() { "same-origin" } else { "cross-site" };
        let mut headers =
            vec![("sec-fetch-site", site), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
        let origin = from.origin().ascii_serialization();
        if !method.is_safe() || site == "cross-site" {
            headers.push((ORIGIN.as_str(), &origin));
        }
        self.send(&method, &url, None, &headers, navigation).await
    }

    async fn navigate(&mut self, method: Method, url: Url, body: Option<String>, from: Option<Url>) -> &Page {
        let (mut method, mut url, mut body) = (method, url, body);
        let mut cross_site = from.as_ref().is_some_and(|from| !is_same_site(from, &url));
        for _ in 0..=MAX_REDIRECTS {
            let site = match &from {
                None => "none",
                Some(from) if from.origin() == url.origin() && !cross_site => "same-origin",
                Some(_) => "cross-site",
            };
            let mut headers = vec![
                ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-user", "?1"),
            ];
            let origin = from.as_ref().map_or("null".to_owned(), |from| from.origin().ascii_serialization());
            if method == Method::POST {
                headers.push((ORIGIN.as_str(), &origin));
            }
            let is_safe = method.is_safe();
            let navigation = Navigation { is_top_level: true, is_safe, is_cross_site: cross_site };
            let response = self.send(&method, &url, body.as_deref(), &headers, navigation).await;
            let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
            let Some(location) = location else {
                return self.page.insert(Page::new(url, response));
            };
            let location = location.to_str().expect("a location in ASCII");
            let next = url.join(location).expect("a location that is a URL");
            cross_site |= from.is_some() && !is_same_site(&url, &next);
            if !matches!(response.status().as_u16(), 307 | 308) {
                (method, body) = (Method::GET, None);
            }
            url = next;
        }
        panic!("redirected in circles: {:?}", self.history);
    }

    async fn send(
        &mut self,
        method: &Method,
        url: &Url,
        body: Option<&str>,
        headers: &[(&str, &str)],
        navigation: Navigation,
    ) -> Response<Bytes> {
        self.history.push(url.clone());
        let mut request = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header("host", &url[url::Position::BeforeHost..url::Position::AfterPort]);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(cookies) = self.jar.header(url, navigation) {
            request = request.header(COOKIE, cookies);
        }
        let body = Bytes::from(body.unwrap_or_default().to_owned());
        let request = request.body(body).expect("a well-formed request");
        let origin = url.origin().ascii_serialization();
        let site = self.sites.get(&origin).unwrap_or_else(|| panic!("{origin} cannot be reached"));
        let response = site(request).await;
        for cookie in response.headers().get_all(SET_COOKIE) {
            self.jar.store(url, cookie.to_str().expect("a cookie in ASCII"));
        }
        response
    }

    fn resolve(&self, url: &str) -> Url {
        let base = self.page.as_ref().map_or(&self.home, Page::url);
        base.join(url).unwrap_or_else(|error| panic!("{url:?} is not a URL: {error}"))
    }
}

/// Returns true for two URLs of one site: here, of one scheme and host.
fn is_same_site(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host_str() == other.host_str()
}
