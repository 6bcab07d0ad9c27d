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

/// The table of the messages that several providers use alike.
const COMMON: &str = include_str!("kinds/common.tsv");

/// Phrases with one meaning: error codes, error numbers, or words of a page. Case and punctuation do not
/// matter.
struct Meaning {
    phrases: &'static str,
    explanation: Explanation,
}

impl Meaning {
    /// Reads a line of a table: the subject, the phrases and the sentence, with tabs in between. Phrases are
    /// separated by ` | `.
    fn parse(line: &'static str) -> Option<Self> {
        let (about, rest) = line.split_once('\t')?;
        let (phrases, sentence) = rest.split_once('\t')?;
        let about = match about {
            "redirect_uri" => About::RedirectUri,
            "scopes" => About::Scopes,
            "other" => About::Other,
            _ => return None,
        };
        Some(Self { phrases, explanation: Explanation { about, sentence } })
    }

    fn phrases(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.phrases.split(" | ")
    }
}

/// Explains a provider message by the table of its kind, then by what several providers say alike. In a table
/// the first meaning counts, so the special stands before the general.
pub(crate) fn explain(of_kind: &'static str, text: &str) -> Option<Explanation> {
    let number = text.trim();
    let text = words(text);
    let says = |phrase: &str| text.contains(&words(phrase)) || is_number_of(phrase, number);
    let mut meanings = of_kind.lines().chain(COMMON.lines()).filter_map(Meaning::parse);
    meanings.find(|meaning| meaning.phrases().any(says)).map(|known| known.explanation)
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
    use std::collections::HashSet;

    use super::About::RedirectUri;
    use super::*;
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
    fn every_line_has_a_subject_phrases_and_a_sentence_of_its_own() {
        let tables = KINDS.iter().map(|kind| (kind, kind.meanings)).chain([(&GENERIC, COMMON)]);
        for (kind, table) in tables {
            let mut seen = HashSet::new();
            for line in table.lines() {
                let meaning = Meaning::parse(line).expect(line);
                for phrase in meaning.phrases() {
                    assert!(words(phrase).len() > 1 && phrase == phrase.trim(), "no phrase: {line}");
                    assert!(seen.insert(words(phrase)), "listed twice: {phrase}");
                    let found = kind.explain(&phrase.to_uppercase());
                    assert_eq!(found, Some(meaning.explanation), "hidden by an earlier phrase: {phrase}");
                }
                let sentence = meaning.explanation.sentence;
                assert!(sentence.ends_with('.') && sentence.len() < 140, "{sentence}");
                assert!(!sentence.contains('\t'), "a column too many: {line}");
            }
        }
        let bad = ["", "other", "other\tno sentence", "others\ta phrase\tA sentence.", "# a comment"];
        assert!(bad.into_iter().all(|line| Meaning::parse(line).is_none()));
    }
}
