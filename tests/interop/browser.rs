//! As much of a browser as a sign-in needs: it keeps cookies, follows redirects, and says where a form came
//! from.

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, StatusCode, redirect};
use url::{Url, form_urlencoded};

/// A browser with a cookie jar of its own.
pub(super) struct Browser {
    client: Client,
    cookies: Vec<Cookie>,
    /// The secrets: the values of cookies, and of `code`, `state` and `nonce` in redirects.
    pub(super) secrets: Vec<String>,
}

/// Everything here is on one host, and cookies know no ports: a cookie belongs to a path (RFC 6265 section
/// 8.5).
#[derive(Clone)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// The page after the last redirect.
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// A form of a page: where it goes, and what it sends by itself.
pub(super) struct Form {
    action: String,
    hidden: Vec<(String, String)>,
}

impl Page {
    /// The first form in which this text stands.
    pub(super) fn form(&self, with: &str) -> Form {
        let forms = self.text.split("<form").skip(1).filter_map(|form| Some(form.split_once("</form>")?.0));
        let form = forms.into_iter().find(|form| form.contains(with));
        let form = form.unwrap_or_else(|| panic!("no form has {with}: {}", self.text));
        let hidden = form.split("<input").skip(1).map(|input| input.split('>').next().unwrap());
        let hidden = hidden.filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let hidden = hidden.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
        Form { action: attribute(form, "action").unwrap_or_default(), hidden: hidden.collect() }
    }

    /// Returns the target of the link with this beginning.
    pub(super) fn link(&self, text: &str) -> String {
        let mut links = self.text.split("<a ").skip(1);
        let link =
            links.find(|link| link.split_once('>').is_some_and(|(_, inside)| inside.starts_with(text)));
        let href = link.and_then(|link| attribute(link, "href"));
        href.unwrap_or_else(|| panic!("no link says {text}: {}", self.text))
    }
}

/// An attribute of the tag that this is the inside of.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    Some(value.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
}

impl Browser {
    const MOST_REDIRECTS: usize = 20;

    pub(super) fn new() -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { client, cookies: Vec::new(), secrets: Vec::new() }
    }

    /// A second browser with the same cookies.
    pub(super) fn copy(&self) -> Self {
        Self { client: self.client.clone(), cookies: self.cookies.clone(), secrets: Vec::new() }
    }

    pub(super) async fn open(&mut self, url: &str) -> Page {
        self.go(Method::GET, url.parse().unwrap(), HeaderMap::new(), String::new()).await
    }

    /// Sends a form that stands on the page, with these fields filled in or pressed.
    pub(super) async fn send(&mut self, page: &Page, form: &Form, fields: &[(&str, &str)]) -> Page {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        headers.insert(ORIGIN, page.url.origin().ascii_serialization().parse().unwrap());
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(&form.hidden).extend_pairs(fields).finish();
        self.go(Method::POST, page.url.join(&form.action).unwrap(), headers, body).await
    }

    /// The same with a form whose fields go into the URL.
    pub(super) async fn submit(&mut self, page: &Page, form: &Form, fields: &[(&str, &str)]) -> Page {
        let mut url = page.url.join(&form.action).unwrap();
        url.query_pairs_mut().clear().extend_pairs(&form.hidden).extend_pairs(fields);
        self.open(url.as_str()).await
    }

    async fn go(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut headers: HeaderMap,
        mut body: String,
    ) -> Page {
        for _ in 0..Self::MOST_REDIRECTS {
            headers.insert(ACCEPT, "text/html".parse().unwrap());
            headers.insert(COOKIE, self.cookies_for(&url).parse().unwrap());
            let request = self.client.request(method, url.clone()).headers(headers).body(body);
            let response = request.send().await.unwrap_or_else(|error| panic!("{url}: {error}"));
            for cookie in response.headers().get_all(SET_COOKIE) {
                self.keep(cookie.to_str().unwrap(), &url);
            }
            let status = response.status();
            let Some(location) = response.headers().get(LOCATION).filter(|_| status.is_redirection()) else {
                return Page { url, status, text: response.text().await.unwrap() };
            };
            assert!(matches!(status.as_u16(), 302 | 303), "{url} redirects with {status}");
            url = url.join(location.to_str().unwrap()).unwrap();
            let secret = url.query_pairs().filter(|(name, _)| matches!(&**name, "code" | "state" | "nonce"));
            self.secrets.extend(secret.map(|(_, value)| value.into_owned()));
            (method, headers, body) = (Method::GET, HeaderMap::new(), String::new());
        }
        panic!("too many redirects, the last to {url}");
    }

    fn cookies_for(&self, url: &Url) -> String {
        let matching = self.cookies.iter().filter(|cookie| {
            let rest = url.path().strip_prefix(&cookie.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.path.ends_with('/'))
        });
        matching.map(|Cookie { name, value, .. }| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// A removed cookie is also empty, so dates need not be read.
    fn keep(&mut self, set_cookie: &str, url: &Url) {
        let mut parts = set_cookie.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.find_map(|part| {
            let (attribute, value) = part.split_once('=')?;
            attribute.eq_ignore_ascii_case("path").then_some(value)
        });
        let path = path.unwrap_or_else(|| url.path().rsplit_once('/').map_or("/", |(folder, _)| folder));
        self.cookies.retain(|cookie| (&*cookie.name, &*cookie.path) != (name, path));
        if !value.is_empty() {
            self.secrets.push(value.to_owned());
            self.cookies.push(Cookie { name: name.into(), value: value.into(), path: path.into() });
        }
    }
}
