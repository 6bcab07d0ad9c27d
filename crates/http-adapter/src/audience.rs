use http::HeaderMap;
use http::header::ACCEPT;

/// The readers of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person in front of a browser: gets pages.
    Person,
    /// A program, be it a script in a page: gets JSON.
    Program,
}

impl Audience {
    /// Decided by `Sec-Fetch-Mode` and `Sec-Fetch-Dest`, which a page's script cannot set; without them by
    /// `Accept`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let for_person = match (value("sec-fetch-mode"), value("sec-fetch-dest")) {
            (None, None) => headers
                .get_all(ACCEPT)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .any(|accept| accept.split(',').any(is_html)),
            (mode, dest) => mode == Some("navigate") || matches!(dest, Some("document" | "iframe" | "frame")),
        };
        if for_person { Self::Person } else { Self::Program }
    }
}

fn is_html(range: &str) -> bool {
    let media_type = range.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("text/html") || media_type.eq_ignore_ascii_case("application/xhtml+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Audience {
        Audience::of(
            &headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
        )
    }

    #[test]
    fn sec_fetch_decides_before_accept() {
        assert_eq!(of(&[("sec-fetch-mode", "navigate"), ("accept", "application/json")]), Audience::Person);
        assert_eq!(of(&[("sec-fetch-mode", "cors"), ("accept", "text/html")]), Audience::Program);
        assert_eq!(of(&[("sec-fetch-dest", "image"), ("accept", "text/html")]), Audience::Program);
    }

    #[test]
    fn without_sec_fetch_accept_decides() {
        assert_eq!(of(&[("accept", "text/html,application/xhtml+xml;q=0.9")]), Audience::Person);
        assert_eq!(of(&[("accept", "application/json")]), Audience::Program);
        assert_eq!(of(&[("accept", "*/*")]), Audience::Program);
        assert_eq!(of(&[]), Audience::Program);
    }
}
