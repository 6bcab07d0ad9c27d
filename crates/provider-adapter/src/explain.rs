//! What a provider's error means and what to do about it, as data. Nothing but texts for the operator comes of it: no sign-in
//! depends on a number or a word here.

use About::{Other, RedirectUri, Scopes};

/// What a known error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What has to be looked at.
    pub about: About,
    /// One sentence for the operator. It is ours, and has nothing of the provider's text in it.
    pub sentence: &'static str,
}

/// What an error is about, as far as an operator would look for it in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The redirect URI: at the provider, or the public URL here.
    RedirectUri,
    /// The scopes that are asked for.
    Scopes,
    /// The client, the person, their session, the provider as a whole, or the way there.
    Other,
}

/// What an error in a provider's own words means; `None` when they are unknown.
///
/// `text` is an error code, a description, a page, or all of these: what is looked for is Microsoft's `AADSTS` number, or words
/// that a product uses. Upper case and punctuation do not matter.
#[must_use]
pub fn explain(text: &str) -> Option<Explanation> {
    of_entra(text).or_else(|| of_others(text))
}

fn of_entra(text: &str) -> Option<Explanation> {
    const PREFIX: &str = "AADSTS";
    let in_words = text.match_indices(PREFIX).filter_map(|(at, _)| {
        let rest = text.get(at + PREFIX.len()..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    });
    // Microsoft's own pages and ours leave the prefix out, too.
    let alone = text.trim().parse().ok();
    in_words.chain(alone).find_map(|number: u32| {
        let known = ENTRA.iter().find(|(numbers, ..)| numbers.contains(&number));
        known.map(|(_, about, sentence)| Explanation { about: *about, sentence })
    })
}

fn of_others(text: &str) -> Option<Explanation> {
    let text = words(text);
    let known = OTHERS.iter().find(|(phrase, ..)| text.contains(&words(phrase)));
    known.map(|(_, about, sentence)| Explanation { about: *about, sentence })
}

/// The words in lower case, each between two blanks: markup, quotes and brackets differ from one version to the next.
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

/// Numbers of Entra's that mean the same.
const ENTRA: &[(&[u32], About, &str)] = &[
    (
        &[7_000_215, 70_002],
        Other,
        "The client secret is wrong: in Certificates & secrets copy the column Value, not Secret ID.",
    ),
    (&[7_000_222], Other, "The client secret has expired: make a new one in Certificates & secrets."),
    (&[7_000_218], Other, "No client secret reached Entra: it is empty, or a proxy took the body away."),
    (
        &[50_011],
        RedirectUri,
        "The redirect URI is not registered: add exactly Labgate's callback under Authentication, platform Web.",
    ),
    (
        &[500_113, 900_971],
        RedirectUri,
        "The application has no redirect URI: add Labgate's callback, platform Web.",
    ),
    (&[500_112], RedirectUri, ANOTHER_REDIRECT_URI),
    (
        &[700_016, 700_011],
        Other,
        "Entra does not know the client id in this tenant: take the Application (client) ID, and check the tenant in the URLs.",
    ),
    (
        &[90_002, 900_023],
        Other,
        "Entra does not know the tenant: check the Directory (tenant) ID and the cloud in the URLs.",
    ),
    (
        &[50_194],
        Other,
        "The application is for one tenant: put the Directory (tenant) ID into the URLs in place of \"common\".",
    ),
    (
        &[50_020, 16_000, 50_034, 51_004],
        Other,
        "The account is not in this tenant: invite it as a guest, or sign in with another one.",
    ),
    (
        &[500_208, 9_002_332, 9_001_023],
        Other,
        "This kind of account does not fit: change the tenant in the URLs or the application's supported account types.",
    ),
    (
        &[50_105],
        Other,
        "The person is not assigned to the application: Enterprise applications, then Users and groups.",
    ),
    (
        &[65_001, 90_008, 650_056],
        Other,
        "Consent is missing: the person consents when they sign in, or an administrator does (API permissions).",
    ),
    (&[90_094, 90_095], Other, "An administrator has to consent: API permissions, then Grant admin consent."),
    (&[65_004], Other, "The person did not consent: they may try again."),
    (
        &[700_025, 9_002_325, 9_002_326, 9_002_327],
        RedirectUri,
        "The redirect URI is registered for a public client or a single-page application: move it to the platform Web.",
    ),
    (
        &[54_005],
        Other,
        "The code was used before: the callback came twice, by a reload or a repeating proxy. Sign in again.",
    ),
    (
        &[70_008, 70_000],
        Other,
        "The code has expired or is not valid: compare the clocks, and sign in again.",
    ),
    (&[501_481, 50_147, 501_491], Other, ANOTHER_VERIFIER),
    (&[700_005], Other, "The code is for another tenant: both URLs must name the same one."),
    (
        &[70_011, 28_002, 28_003, 650_053],
        Scopes,
        "A scope is not valid: ask for openid, profile and email, and User.Read for the groups, only.",
    ),
    (
        &[700_054, 70_005],
        Other,
        "The application may not use this kind of response: Labgate needs response_type=code.",
    ),
    (
        &[900_144, 90_014, 9_002_313, 900_561],
        Other,
        "The request arrived incomplete: check the URLs, and that no proxy turns POST into GET.",
    ),
    (
        &[50_058, 50_076, 50_079, 50_072, 50_074, 16_003],
        Other,
        "Entra wants the person to act, such as with a second factor: sign in again.",
    ),
    (
        &[53_000, 53_001, 53_003, 530_032],
        Other,
        "A Conditional Access policy keeps the person out: the tenant's sign-in logs say which.",
    ),
    (
        &[50_126, 50_053, 50_055, 50_057],
        Other,
        "The account's password is wrong or expired, or the account is locked or disabled: a matter for the tenant.",
    ),
    (&[50_196], Other, "The browser goes round in circles: it loses its cookies between start and callback."),
    (
        &[700_082, 50_173, 70_043, 50_078],
        Other,
        "What was granted has ended, by idleness, a new password or a policy: sign in again.",
    ),
    (&[7_000_112, 70_001], Other, "The application is disabled: enable it under Enterprise applications."),
    (
        &[90_013, 90_023, 900_382],
        Other,
        "Entra cannot use the request: check that the URLs are those of the right cloud.",
    ),
];

/// Words of other products, as they stand there but for case and punctuation; the first that are found count, so that what
/// is special stands before what is general.
const OTHERS: &[(&str, About, &str)] = &[
    // Dex
    (
        "Unregistered redirect_uri",
        RedirectUri,
        "Dex compares redirect URIs as text: add exactly Labgate's callback to redirectURIs, and restart Dex.",
    ),
    ("Invalid client_id", Other, "Dex does not know the client id: check staticClients, and restart Dex."),
    (
        "Unrecognized scope",
        Scopes,
        "Dex refuses scopes that it does not know: take them out of the settings.",
    ),
    (
        "Missing required scope",
        Scopes,
        "The scope openid, which Labgate always asks for, did not arrive: something on the way drops parameters.",
    ),
    ("Invalid ConnectorID", Other, "Dex has no connector of this name: check connector_id."),
    ("Invalid or expired code parameter", Other, WORN_CODE),
    (
        "No PKCE flow started",
        Other,
        "The sign-in started without PKCE: something on the way drops parameters.",
    ),
    (
        "Expecting parameter code_verifier",
        Other,
        "The PKCE verifier did not reach Dex: a proxy changes the body.",
    ),
    ("Invalid code_verifier", Other, ANOTHER_VERIFIER),
    ("redirect_uri did not match URI from initial request", RedirectUri, ANOTHER_REDIRECT_URI),
    (
        "Refresh token is invalid or has already been claimed by another client",
        Other,
        "The refresh token was used before or is another client's: sign in again.",
    ),
    ("Login error", Other, "Dex's connector failed: Dex's log says why."),
    // Keycloak, and Dex in its second line
    (
        "Invalid client or Invalid client credentials",
        Other,
        "Keycloak does not accept the client's secret: compare it with the tab Credentials, and switch Client authentication on.",
    ),
    ("Invalid client credentials", Other, "Client id or secret is wrong: compare both with the provider's."),
    ("Client not found", Other, "Keycloak does not know the client id in this realm: compare both."),
    ("not allowed to initiate browser login", Other, "Keycloak: switch Standard flow on for the client."),
    ("Code not valid", Other, WORN_CODE),
    ("Incorrect redirect_uri", RedirectUri, ANOTHER_REDIRECT_URI),
    (
        "Invalid parameter: redirect_uri",
        RedirectUri,
        "Keycloak: add exactly Labgate's callback to Valid redirect URIs of the client.",
    ),
    ("PKCE verification failed", Other, ANOTHER_VERIFIER),
    (
        "Missing parameter: code_challenge_method",
        Other,
        "The request lost its PKCE parameters on the way to Keycloak.",
    ),
    (
        "Invalid scopes:",
        Scopes,
        "Keycloak: assign the scope to the client under Client scopes, or take it out of the settings.",
    ),
    (
        "Realm does not exist",
        Other,
        "Keycloak does not know the realm: check its name, and whether the path begins with /auth.",
    ),
    (
        "HTTPS required",
        Other,
        "Keycloak wants https for this realm: use TLS, or change Require SSL while developing.",
    ),
    ("Session not active", Other, ENDED_SESSION),
    ("Token is not active", Other, ENDED_SESSION),
    ("authentication_expired", Other, "The person waited too long on Keycloak's page: they start again."),
    // GitHub
    (
        "incorrect_client_credentials",
        Other,
        "GitHub does not accept client id or secret: make a new secret in the OAuth app.",
    ),
    (
        "client_id and/or client_secret passed are incorrect",
        Other,
        "GitHub does not accept client id or secret: make a new secret in the OAuth app.",
    ),
    ("bad_verification_code", Other, WORN_CODE),
    ("The code passed is incorrect or expired", Other, WORN_CODE),
    ("unverified_user_email", Other, "The person must verify their address at GitHub first."),
    ("application_suspended", Other, "GitHub has suspended the OAuth app: ask its support."),
    // Google
    (
        "org_internal",
        Other,
        "The Google app is for its own organisation only: change Audience to External, or use an account of it.",
    ),
    ("deleted_client", Other, "The Google client was deleted: make a new one under Clients."),
    (
        "Error 403: access_denied",
        Other,
        "While the Google app is in testing, only its test users come in: add the person under Audience, or publish the app.",
    ),
    (
        "has not completed the Google verification process",
        Other,
        "While the Google app is in testing, only its test users come in: add the person under Audience, or publish the app.",
    ),
    ("Error 401: invalid_client", Other, UNKNOWN_TO_GOOGLE),
    ("The OAuth client was not found", Other, UNKNOWN_TO_GOOGLE),
    (
        "Error 400: invalid_scope",
        Scopes,
        "Google does not know a scope: ask for openid, email and profile only; offline_access is none of its.",
    ),
    // Okta
    (
        "Policy evaluation failed",
        Other,
        "Okta has no access policy rule for this: Security, API, the authorization server, Access Policies.",
    ),
    ("User is not assigned", Other, "Okta: assign the person or a group under Assignments."),
    (
        "parameter must be a Login redirect URI",
        RedirectUri,
        "Okta: add exactly Labgate's callback to Sign-in redirect URIs.",
    ),
    // Auth0
    ("Callback URL mismatch", RedirectUri, "Auth0: add exactly Labgate's callback to Allowed Callback URLs."),
    (
        "access_denied Unauthorized",
        Other,
        "Auth0 does not accept the client: compare the secret, and set the method to Post under Credentials.",
    ),
    // GitLab
    (
        "Client authentication failed due to unknown client",
        Other,
        "GitLab: check id and secret, and that the application is marked as Confidential.",
    ),
    (
        "redirect URI included is not valid",
        RedirectUri,
        "GitLab: add exactly Labgate's callback to the application's Redirect URI.",
    ),
    (
        "requested scope is invalid, unknown, or malformed",
        Scopes,
        "GitLab: tick the scope on the application, or take it out of the settings.",
    ),
    // Several say so, each in the code of the error
    (
        "redirect_uri_mismatch",
        RedirectUri,
        "The redirect URI is not registered at the provider: add exactly Labgate's callback.",
    ),
    (
        "redirect_mismatch",
        RedirectUri,
        "Cognito: add exactly Labgate's callback to the app client's Allowed callback URLs.",
    ),
];

const ANOTHER_REDIRECT_URI: &str = "The redirect URI was another one when the sign-in started: check the public URL and what the proxy passes on.";
const ANOTHER_VERIFIER: &str = "The PKCE verifier does not fit: the callback reached a server with other secrets than the one that started it.";
const WORN_CODE: &str = "The code was used before or has expired: sign in again, and compare the clocks.";
const ENDED_SESSION: &str = "The person's session at Keycloak has ended: sign in again.";
const UNKNOWN_TO_GOOGLE: &str = "Google does not know the client id: compare it with the one under Clients.";

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str) -> Option<&'static str> {
        explain(text).map(|explanation| explanation.sentence)
    }

    #[test]
    fn the_number_is_found_in_entras_words_and_is_read_whole() {
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
            assert_eq!(explain(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn case_and_punctuation_do_not_matter_and_words_are_whole() {
        for page in [
            "<h2>Bad Request</h2>\n<p>Unregistered  redirect_uri (&#34;http://x&#34;).</p>",
            "UNREGISTERED REDIRECT_URI",
        ] {
            assert_eq!(explain(page).unwrap().about, RedirectUri, "{page}");
        }
        for other in
            ["unregistered redirect_uris", "access_denied unauthorized_client", "invalid_client", "é"]
        {
            assert_eq!(explain(other), None, "{other}");
        }
    }

    #[test]
    fn every_number_and_every_phrase_stands_once_and_leads_to_its_own_sentence() {
        let numbers: Vec<u32> = ENTRA.iter().flat_map(|(numbers, ..)| *numbers).copied().collect();
        for number in &numbers {
            assert_eq!(numbers.iter().filter(|it| *it == number).count(), 1, "{number}");
        }
        for (phrase, about, sentence) in OTHERS {
            let own = Explanation { about: *about, sentence };
            assert_eq!(explain(&phrase.to_uppercase()), Some(own), "hidden by an earlier phrase: {phrase}");
        }
        for sentence in ENTRA.iter().map(|it| it.2).chain(OTHERS.iter().map(|it| it.2)) {
            assert!(sentence.ends_with('.') && sentence.len() < 140, "{sentence}");
        }
    }
}
