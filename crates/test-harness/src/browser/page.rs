//! Pages, with their links and forms.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A page that a browser shows.
#[derive(Debug)]
pub struct Page {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

/// A form and the button that submits it.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) is_post: bool,
    fields: Vec<(String, String)>,
}

impl Page {
    pub(super) fn new(url: Url, response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let html = String::from_utf8(body.to_vec()).expect("a page in UTF-8");
        Self { url, status: parts.status, headers: parts.headers, html }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers it came with.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its source.
    #[must_use]
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The text that a person reads on it, with single spaces.
    #[must_use]
    pub fn text(&self) -> String {
        words(Html::parse_document(&self.html).root_element())
    }

    /// Every address that the page names: of links, forms and what it loads.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let document = Html::parse_document(&self.html);
        let named = ["href", "action", "src"].into_iter().flat_map(|name| {
            let elements: Vec<_> = document.select(&selector(&format!("[{name}]"))).collect();
            elements.into_iter().filter_map(move |element| element.value().attr(name))
        });
        named.map(str::to_owned).collect()
    }

    /// The target of the link with this text.
    pub(super) fn link(&self, text: &str) -> Option<String> {
        let document = Html::parse_document(&self.html);
        let link = document.select(&selector("a[href]")).find(|link| words(*link) == text)?;
        link.value().attr("href").map(str::to_owned)
    }

    /// The form with a button of this text, or this value.
    pub(super) fn form_with_button(&self, text: &str) -> Option<Form> {
        let document = Html::parse_document(&self.html);
        document.select(&selector("form")).find_map(|form| {
            let button = form
                .select(&selector("button, input[type=submit]"))
                .find(|button| words(*button) == text || button.value().attr("value") == Some(text))?;
            let mut fields: Vec<_> = form
                .select(&selector("input[name], textarea[name], select[name]"))
                .filter_map(field)
                .collect();
            if let Some(name) = button.value().attr("name") {
                let value = button.value().attr("value").unwrap_or_default();
                fields.push((name.to_owned(), value.to_owned()));
            }
            Some(Form {
                action: form.value().attr("action").unwrap_or_default().to_owned(),
                is_post: form.value().attr("method").is_some_and(|it| it.eq_ignore_ascii_case("post")),
                fields,
            })
        })
    }
}

impl Form {
    /// The form's data with these fields filled in (`application/x-www-form-urlencoded`).
    pub(super) fn encode(&self, filled: &[(&str, &str)]) -> String {
        let mut fields = self.fields.clone();
        for (name, value) in filled {
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => (*value).clone_into(known),
                None => fields.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.url, self.status, self.text())
    }
}

/// The name and value that a field submits, if it does.
fn field(element: ElementRef<'_>) -> Option<(String, String)> {
    let attributes = element.value();
    let name = attributes.attr("name")?.to_owned();
    let value = match attributes.name() {
        "textarea" => element.text().collect(),
        "select" => element
            .select(&selector("option[selected], option"))
            .next()
            .map(|option| option.value().attr("value").map_or_else(|| words(option), str::to_owned))?,
        _ => match attributes.attr("type") {
            Some("submit" | "button" | "image" | "reset") => return None,
            Some("checkbox" | "radio") if attributes.attr("checked").is_none() => return None,
            Some("checkbox" | "radio") => attributes.attr("value").unwrap_or("on").to_owned(),
            _ => attributes.attr("value").unwrap_or_default().to_owned(),
        },
    };
    Some((name, value))
}

fn words(element: ElementRef<'_>) -> String {
    let mut words = Vec::new();
    for node in element.descendants() {
        let parent = node.parent().and_then(ElementRef::wrap);
        if !parent.is_some_and(|it| matches!(it.value().name(), "style" | "script" | "title")) {
            words.extend(node.value().as_text().into_iter().flat_map(|text| text.split_whitespace()));
        }
    }
    words.join(" ")
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a selector written here")
}
