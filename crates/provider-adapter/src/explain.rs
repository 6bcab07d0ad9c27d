//! Explanations of provider messages, as data. They are texts for operators: no sign-in depends on them.

/// The meaning of a known provider message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The setting to look at.
    pub about: About,
    /// One sentence for the operator, without any of the provider's text.
    pub sentence: &'static str,
}

/// The subject of a provider message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The redirect URI: at the provider, or the public URL here.
    RedirectUri,
    /// The requested scopes.
    Scopes,
    /// The client, the person, the session, the provider as a whole, or the network in between.
    Other,
}

/// Phrases with one meaning. Case and punctuation do not matter.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// Error codes, error numbers, or words of a page.
    pub phrases: &'static [&'static str],
    /// The explanation.
    pub explanation: Explanation,
}

/// Writes a table of [`Meaning`]s: `phrase | phrase => sentence;`, each with its subject in front unless that
/// is [`About::Other`].
macro_rules! meanings {
    ($($($about:ident:)? $($phrase:literal)|+ => $sentence:expr;)+) => {
        &[$($crate::explain::Meaning {
            phrases: &[$($phrase),+],
            explanation: $crate::explain::Explanation {
                about: $crate::explain::meanings!(@about $($about)?),
                sentence: $sentence,
            },
        }),+]
    };
    (@about) => { $crate::explain::About::Other };
    (@about $about:ident) => { $crate::explain::About::$about };
}
pub(crate) use meanings;

/// The error codes that several providers use alike.
const COMMON: &[Meaning] = meanings! {
    RedirectUri: "redirect_uri_mismatch" =>
        "The redirect URI is not registered at the provider: add exactly Labgate's callback.";
};

pub(crate) const ANOTHER_REDIRECT_URI: &str = "The redirect URI was another one when the sign-in started: check the public URL and what the proxy passes on.";
pub(crate) const ANOTHER_VERIFIER: &str = "The PKCE verifier does not fit: the callback reached a server with other secrets than the one that started it.";
pub(crate) const WORN_CODE: &str =
    "The code was used before or has expired: sign in again, and compare the clocks.";
pub(crate) const WRONG_CREDENTIALS: &str = "Client id or secret is wrong: compare both with the provider's.";

/// Explains a provider message by the table of its kind, then by what several providers say alike. In a table
/// the first meaning counts, so the special stands before the general.
pub(crate) fn explain(of_kind: &[Meaning], text: &str) -> Option<Explanation> {
    let number = text.trim();
    let text = words(text);
    let says = |phrase: &&str| text.contains(&words(phrase)) || is_number_of(phrase, number);
    let known = of_kind.iter().chain(COMMON).find(|meaning| meaning.phrases.iter().any(says));
    known.map(|meaning| meaning.explanation)
}

/// Returns whether the text is the bare number of a phrase such as `AADSTS50011`: pages often leave the
/// prefix out.
fn is_number_of(phrase: &str, text: &str) -> bool {
    let number = phrase.trim_start_matches(|c: char| c.is_ascii_uppercase());
    number == text && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words in lower case, each between two blanks: markup, quotes and brackets differ between versions.
fn words(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = String::with_capacity(text.len().saturating_add(2));
    for word in text.split(|c| !is_part(c)).filter(|word| !word.is_empty()) {
        words.push(' ');
        words.push_str(&word.to_ascii_lowercase());
    }
    words.push(' ');
    words
}

#[cfg(test)]
mod tests {
    use super::About::RedirectUri;
    use crate::Kind;
    use crate::kinds::{DEX, ENTRA, GENERIC, KINDS};

    fn sentence(kind: &Kind, text: &str) -> Option<&'static str> {
        kind.explain(text).map(|explanation| explanation.sentence)
    }

    #[test]
    fn the_number_is_found_in_entras_words_and_is_read_whole() {
        let sentence = |text: &str| sentence(&ENTRA, text);
        let secret =
            sentence("AADSTS7000215: Invalid client secret provided. Trace ID: 0\r\nTimestamp: 2026-01-01")
                .unwrap();
        assert!(secret.contains("Value"));
        assert!(sentence("invalid_client: AADSTS7000222").unwrap().contains("expired"));
        assert!(
            sentence("see AADSTS0 and AADSTS50011.").unwrap().contains("redirect URI"),
            "an unknown one is passed over"
        );
        assert_eq!(sentence(" 7000222 "), sentence("AADSTS7000222"));
        for unknown in
            ["AADSTS70002150", "AADSTS", "AADSTS99999999999999", "secret 7000215", "", "invalid_grant"]
        {
            assert_eq!(sentence(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn case_and_punctuation_do_not_matter_and_words_are_whole() {
        for page in [
            "<h2>Bad Request</h2>\n<p>Unregistered  redirect_uri (&#34;http://x&#34;).</p>",
            "UNREGISTERED REDIRECT_URI",
        ] {
            assert_eq!(DEX.explain(page).unwrap().about, RedirectUri, "{page}");
        }
        for other in
            ["unregistered redirect_uris", "access_denied unauthorized_client", "invalid_client", "é"]
        {
            for kind in KINDS.iter() {
                assert_eq!(kind.explain(other), None, "{other}");
            }
        }
    }

    #[test]
    fn a_phrase_counts_for_its_own_kind_and_a_common_code_for_all() {
        // Zitadel says the same of a wrong secret, and is no Dex.
        assert!(sentence(&DEX, "Invalid client_id").unwrap().contains("Dex"));
        assert_eq!(sentence(&GENERIC, "Invalid client_id"), None);
        assert_eq!(sentence(&ENTRA, "Invalid client_id"), None);
        for kind in KINDS.iter() {
            assert_eq!(kind.explain("redirect_uri_mismatch").unwrap().about, RedirectUri, "{kind:?}");
        }
    }

    #[test]
    fn every_phrase_of_a_kind_leads_to_its_own_sentence() {
        for meaning in KINDS.iter().flat_map(|kind| kind.meanings.iter().map(move |it| (kind, it))) {
            let (kind, meaning) = meaning;
            for phrase in meaning.phrases {
                let found = kind.explain(&phrase.to_uppercase());
                assert_eq!(found, Some(meaning.explanation), "hidden by an earlier phrase: {phrase}");
            }
            let sentence = meaning.explanation.sentence;
            assert!(sentence.ends_with('.') && sentence.len() < 140, "{sentence}");
        }
    }
}
