//! The terms of service.

use labgate_domain::people::{RequiredTerms, TermsDigest, TermsVersion};
use labgate_http::Terms;
use secrecy::ExposeSecret as _;
use url::Url;

use super::keys::{TERMS_MUST_ACCEPT, TERMS_TEXT_FILE, TERMS_URL};
use super::settings::Settings;
use super::values::Readers;

/// Reads the terms of service, with the digest of the file or link; none when none are set, or there are problems.
pub(super) fn read(settings: &mut Settings) -> Option<(Terms, TermsDigest)> {
    if settings.is_set(&TERMS_URL) && settings.is_set(&TERMS_TEXT_FILE) {
        let text = format!("is set, and so is {}: set one of them", TERMS_TEXT_FILE.path);
        return settings.refuse(&TERMS_URL, text);
    }
    if settings.is_set(&TERMS_URL) {
        // Pages link to it: an address of another scheme could be a script.
        return settings.value(&TERMS_URL, |text| match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                let digest = TermsDigest::of(url.as_str());
                Ok((Terms::Link(url), digest))
            }
            _ => Err("is not an absolute http or https URL, such as https://example.org/terms"),
        });
    }
    let content = settings.secret_file(&TERMS_TEXT_FILE, Readers::Anybody)?;
    match content.expose_secret().trim() {
        "" => settings.refuse(&TERMS_TEXT_FILE, "names an empty file"),
        text => Some((Terms::Text(text.to_owned()), TermsDigest::of(content.expose_secret()))),
    }
}

/// Reads the version of the terms of service with this digest that every user must accept; none when there is none, or
/// there are problems.
pub(super) fn must_accept(settings: &mut Settings, digest: Option<TermsDigest>) -> Option<RequiredTerms> {
    if settings.is_set(&TERMS_MUST_ACCEPT)
        && !settings.is_set(&TERMS_URL)
        && !settings.is_set(&TERMS_TEXT_FILE)
    {
        let (url, file) = (TERMS_URL.path, TERMS_TEXT_FILE.path);
        let text = format!("is set, and there are no terms to accept: set {url} or {file}");
        return settings.refuse(&TERMS_MUST_ACCEPT, text);
    }
    let version = settings.value(&TERMS_MUST_ACCEPT, |text| {
        TermsVersion::parse(text).map_err(|_| {
            let longest = TermsVersion::MAX_CHARS;
            format!("is not one line of 1 to {longest} visible characters, such as \"2026-11-01\"")
        })
    })?;
    Some(RequiredTerms { version, digest: digest? })
}

#[cfg(test)]
mod tests {
    use labgate_domain::people::TermsDigest;

    use crate::configuration::{Configuration, File, Sources};

    fn read(text: String) -> Result<Configuration, String> {
        let sources =
            Sources { file: Some(File { name: "lab.toml".to_owned(), text }), environment: Vec::new() };
        Configuration::read(&sources).map_err(|problems| problems.to_string())
    }

    #[test]
    fn terms_are_a_link_or_the_text_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |content: &str| {
            let path = folder.path().join("terms.txt");
            std::fs::write(&path, content).unwrap();
            read(format!("[terms]\ntext_file = {:?}", path.to_str().unwrap()))
        };
        let of = |configuration: Result<Configuration, String>| format!("{:?}", configuration.unwrap().terms);
        assert_eq!(of(read(String::new())), "None");
        assert!(of(read("[terms]\nurl = \"https://example.org/terms\"".to_owned())).contains("Link"));
        assert_eq!(
            of(file("\u{feff}Be <kind>.\r\n\nThat is all.\n")),
            "Some(Text(\"Be <kind>.\\r\\n\\nThat is all.\"))"
        );
        assert!(file(" \n").unwrap_err().contains("names an empty file"));
        for bad in ["javascript:alert(1)", "data:text/html,x", "/terms", "terms"] {
            let error = read(format!("[terms]\nurl = {bad:?}")).unwrap_err();
            assert!(error.contains("terms.url") && error.contains("absolute http or https URL"), "{error}");
        }
        let version = |value: &str| {
            let read = read(format!("[terms]\nurl = \"https://example.org\"\nmust_accept = {value}"));
            read.map(|it| it.policy.terms.unwrap().version.to_string())
        };
        assert_eq!(version("\"2026-11-01\"").unwrap(), "2026-11-01");
        let path = folder.path().join("required.txt");
        std::fs::write(&path, "\u{feff}Be kind.\n").unwrap();
        let required = format!("[terms]\nmust_accept = \"1\"\ntext_file = {:?}", path.to_str().unwrap());
        let digest = read(required).unwrap().policy.terms.unwrap().digest;
        assert_eq!(digest, TermsDigest::of("Be kind.\n"), "as sha256sum prints it of the file");
        for bad in ["\"\"", "\" 1\"", "\"1\\u0007\"", "\"1\\n2\"", &format!("{:?}", "x".repeat(65))] {
            let error = version(bad).unwrap_err();
            assert!(error.contains("terms.must_accept"), "{bad}: {error}");
        }
        let nothing = read("[terms]\nmust_accept = \"1\"".to_owned()).unwrap_err();
        assert!(nothing.contains("set terms.url or terms.text_file"), "{nothing}");
        let missing = read("[terms]\ntext_file = \"/nowhere/terms.txt\"".to_owned()).unwrap_err();
        assert!(missing.contains("terms.text_file") && missing.contains("/nowhere/terms.txt"), "{missing}");
        let both = read("[terms]\nurl = \"https://example.org\"\ntext_file = \"x\"".to_owned()).unwrap_err();
        assert!(both.contains("set one of them"), "{both}");
    }
}
