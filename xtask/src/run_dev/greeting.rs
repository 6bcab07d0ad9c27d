//! The page of a service that greets a person and shows what it was told.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::http::Headers;
use super::services::Service;

/// The page loads nothing and runs nothing.
pub(super) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

/// The identity headers, as they are written.
const IDENTITY: [&str; 4] = ["Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups"];

/// The looks of Labgate's own pages.
const STYLE: &str = include_str!("../../../crates/http-adapter/assets/labgate.css");

/// Returns the page. Whatever comes from outside is escaped: one of these services is on the lab's own origin.
pub(super) fn page(
    service: &Service,
    port: u16,
    told: &Headers,
    cookies: &[String],
    cookies_of_labgate: usize,
) -> String {
    let Service { name, description, .. } = service;
    let header = |name: &str| told.get(&name.to_ascii_lowercase()).map(String::from_utf8_lossy);
    let person = ["Remote-Name", "Remote-User"].into_iter().filter_map(header).find(|it| !it.is_empty());
    let hello = format!("Hello, {}", escaped(&person.unwrap_or_else(|| "stranger".into())));
    let row = |name: &str| {
        let value = match header(name) {
            None => "not set".to_owned(),
            Some(value) if value.is_empty() => "empty".to_owned(),
            Some(value) => escaped(&value),
        };
        format!("<dt>{name}</dt><dd>{value}</dd>\n")
    };
    let identity: String = IDENTITY.into_iter().map(row).collect();
    let assertion = match header("X-Labgate-Assertion") {
        Some(assertion) => format!("<pre>{}</pre>", escaped(&decoded(&assertion))),
        None => "<p>None.</p>".to_owned(),
    };
    let seen = match cookies {
        [] => "None.".to_owned(),
        cookies => escaped(&cookies.join("; ")),
    };
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>{name}</title>
<link rel=\"icon\" href=\"data:,\">
<style>{STYLE}
pre {{ margin: 0 0 1rem; padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; font-size: 0.875rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<nav><a href=\"http://127.0.0.1:{port}/\">Lab</a><a href=\"{url}/\">{name}</a></nav>
<main class=\"wide\">
<h1>{hello}</h1>
<p>This is {name}, a service of the lab. {description}. Labgate told it who asks.</p>
<h2>Identity headers</h2>
<dl>
{identity}</dl>
<h2>Assertion: X-Labgate-Assertion, and Authorization: Bearer</h2>
{assertion}
<h2>Cookies that the service saw</h2>
<p>{seen} The front door took away {cookies_of_labgate} of Labgate's.</p>
</main>
</body>
</html>
",
        url = service.url(port),
    )
}

/// Returns the header and the claims of a JWT as readable JSON. Its signature is for a service that means it.
fn decoded(jwt: &str) -> String {
    let part = |part: &str| -> Option<String> {
        let json: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
        serde_json::to_string_pretty(&json).ok()
    };
    let parts: Option<Vec<_>> = jwt.split('.').take(2).map(part).collect();
    parts.map_or_else(|| "not a JWT".to_owned(), |parts| parts.join("\n"))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
