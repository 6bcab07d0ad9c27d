//! The texts for people, one TOML file for each language.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

/// A text of a page, with `{places}` for values.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    /// Returns the text with this value at its place.
    pub(crate) fn with(&self, place: &str, value: impl fmt::Display) -> Self {
        let (before, after) = self.around(place);
        Self(format!("{before}{value}{after}"))
    }

    /// Returns the parts before and after a place, for a value with markup of its own.
    pub(crate) fn around(&self, place: &str) -> (&str, &str) {
        self.0.split_once(&format!("{{{place}}}")).unwrap_or((&self.0, ""))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! texts {
    ($($page:ident: $Page:ident { $($text:ident),+ $(,)? })+) => {
        /// All texts of one language.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Texts {
            /// The language's tag (RFC 5646).
            pub(crate) language: String,
            errors: BTreeMap<String, String>,
            $(pub(crate) $page: $Page,)+
        }

        $(
            #[derive(Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $Page { $(pub(crate) $text: Text,)+ }
        )+
    };
}

texts! {
    common: Common {
        main_page, you_are_in, sign_in, sign_in_again, sign_in_with_password, sign_out, sign_out_everywhere,
        create_account, continue_with, go_on_to, the_provider, or, username, email, name, password,
        new_password_rules, role, user, admin, disabled, none, unknown, by_password, session_times, reference,
        groups, groups_from_lab, groups_from, terms,
    }
    main: Main {
        title, hello, signed_in_as, own_account, manage_accounts, not_signed_in, invitation,
    }
    services: Services {
        title, none, configured, allowed, left_out, runs_user_code, add, change, save, remove, who, url, account,
        check, passes, refused,
    }
    service: OneService {
    allow, allow_note, assertion, clear_cookies, description, groups, header_encoding, icon, id, id_note, identity_headers, newer, no, nothing, rules, rules_note, runs_user_code, tokens, told, url, url_note, yes,
    }
    login: Login { title, signed_in_as, go_on, another_account, last_used, unavailable }
    register: Register { setup_title, first_administrator, setup_note, name, have_account }
    password: ChangePassword { title, change_due, signs_out, present, next, change }
    accounts: Accounts {
        title, search_label, search, no_match, more, new_account, username_note,
    }
    account: OneAccount {
        own, disable, enable, make_user, make_admin, rename, change_groups, groups_note, add_groups, add, remove,
        reset_password, sessions, no_sessions, by, delete,
    }
    identities: Identities {
        title, note, from, to, by, same_subjects, other_subjects, what, only_show, really, go_on, nobody, done,
        not_done, free, blocked, by_email, by_proof, shut_out,
    }
    proof: Proof { your_password, confirm_at, confirmed, no_way }
    confirm: Confirm {
    delete, disable, enable, groups, link, make_admin, make_token, make_user, no, remove_service, rename, reset_password, revoke_token, sign_out, unlink,
    }
    initial_password: InitialPassword { title, is, note, go_on }
    own_account: OwnAccount {
        title, email_note, save_name, ways, has_password, change_password, identity, last_used, remove, add,
        sessions, device, session_origin, this_session, sign_out_there,
    }
    link: Link {
        add_title, add_question, own_title, own_question, signed_in, yes, no, password, add, sign_in_as_before,
        then,
    }
    access_token: AccessTokens {
        title, is, note, go_on, tokens, tokens_note, one, suspended, unused, revoke, name, scope, admin, days, make,
    }
    terms: TermsTexts { asked, read, accept, accepted, go_on }
    onward: Onward { title, signed_out_here }
    signed_out: SignedOut { title, heading, kept_by }
    error: ErrorTexts { sign_in_failed, request_failed, other_options, other_ways, for_operator, help }
}

impl Texts {
    /// Returns the English texts.
    pub(crate) fn english() -> &'static Self {
        static ENGLISH: LazyLock<Texts> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
            toml::from_str(include_str!("../texts/en.toml")).expect("the English texts are complete")
        });
        &ENGLISH
    }

    /// Returns the sentence of an error code.
    pub(crate) fn error(&self, code: &str) -> &str {
        self.errors.get(code).map_or("", String::as_str)
    }
}

/// Returns the English sentence that a person gets for an error code.
#[must_use]
pub fn person_text(code: &str) -> &'static str {
    Texts::english().error(code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use labgate_domain::error::ErrorCode;

    use super::*;
    use crate::HttpErrorCode;

    const ENGLISH: &str = include_str!("../texts/en.toml");

    /// Returns each key of a language file with its places.
    fn keys(value: &toml::Value, key: &str) -> BTreeSet<String> {
        match value {
            toml::Value::Table(table) => {
                table.iter().flat_map(|(name, value)| keys(value, &format!("{key}.{name}"))).collect()
            }
            text => {
                let text = text.as_str().unwrap();
                let mut places: Vec<_> =
                    text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
                places.sort_unstable();
                [format!("{key} {}", places.join(" "))].into()
            }
        }
    }

    /// Returns the difference between a language file and the English one.
    fn unlike_english(language: &str) -> Vec<String> {
        let keys = |text| keys(&toml::from_str(text).unwrap(), "");
        keys(ENGLISH).symmetric_difference(&keys(language)).cloned().collect()
    }

    #[test]
    fn every_error_code_has_its_sentence_and_no_sentence_is_left_over() {
        let domain = ErrorCode::ALL.iter().map(|code| code.as_str());
        let codes: BTreeSet<_> = domain.chain(HttpErrorCode::ALL.iter().map(|code| code.as_str())).collect();
        let listed: BTreeSet<_> = Texts::english().errors.keys().map(String::as_str).collect();
        assert_eq!(codes, listed);
        assert!(Texts::english().errors.values().all(|sentence| sentence.ends_with('.')));
    }

    #[test]
    fn every_language_has_the_keys_and_places_of_the_english_file() {
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/texts")).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            toml::from_str::<Texts>(&text).unwrap();
            assert_eq!(unlike_english(&text), Vec::<String>::new());
        }
    }

    #[test]
    fn a_second_language_with_the_same_keys_is_accepted() {
        let german =
            ENGLISH.replace("language = \"en\"", "language = \"de\"").replace("Sign out\"", "Abmelden\"");
        let texts: Texts = toml::from_str(&german).unwrap();
        assert_eq!((texts.language.as_str(), texts.common.sign_out.to_string()), ("de", "Abmelden".into()));
        assert_eq!(unlike_english(&german), Vec::<String>::new());
    }

    #[test]
    fn a_language_with_a_missing_or_an_unknown_key_is_refused() {
        let missing = ENGLISH.replace("sign_out = \"Sign out\"\n", "");
        let error = toml::from_str::<Texts>(&missing).unwrap_err().to_string();
        assert!(error.contains("missing field `sign_out`"), "{error}");
        let unknown = ENGLISH.replace("[main]\n", "[main]\nextra = \"x\"\n");
        let error = toml::from_str::<Texts>(&unknown).unwrap_err().to_string();
        assert!(error.contains("unknown field `extra`"), "{error}");
        assert_eq!(unlike_english(&ENGLISH.replace("Hello, {name}", "Hello")).len(), 2);
    }

    #[test]
    fn a_value_stands_at_its_place_and_is_not_read_again() {
        let text = Text("{b}, {a}!".to_owned());
        assert_eq!(text.with("b", "x").with("a", "{b}").to_string(), "x, {b}!");
        assert_eq!(text.around("a"), ("{b}, ", "!"));
    }
}
