//! What a provider's error means and what to do about it, as data. Nothing but texts for the operator comes of it: no sign-in
//! depends on a number or a word here.

/// One sentence for the operator about an error in a provider's own words; `None` when they are unknown.
///
/// `text` is an error code, a description, a page, or all of these: what is looked for is Microsoft's `AADSTS` number, or a
/// phrase that only one product uses. The sentence is ours and has nothing of the text in it.
#[must_use]
pub fn hint(text: &str) -> Option<&'static str> {
    of_entra(text).or_else(|| of_others(text))
}

fn of_entra(text: &str) -> Option<&'static str> {
    const PREFIX: &str = "AADSTS";
    text.match_indices(PREFIX).find_map(|(at, _)| {
        let rest = text.get(at + PREFIX.len()..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        let known = ENTRA.iter().find(|(numbers, _)| numbers.contains(&number));
        known.map(|(_, sentence)| *sentence)
    })
}

fn of_others(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let known = OTHERS.iter().find(|(phrase, _)| text.contains(phrase));
    known.map(|(_, sentence)| *sentence)
}

/// Numbers of Entra's that mean the same.
const ENTRA: &[(&[u32], &str)] = &[
    (
        &[7_000_215, 70_002],
        "The client secret is wrong: in Certificates & secrets copy the column Value, not Secret ID.",
    ),
    (&[7_000_222], "The client secret has expired: make a new one in Certificates & secrets."),
    (&[7_000_218], "No client secret reached Entra: it is empty, or a proxy took the body away."),
    (
        &[50_011],
        "The redirect URI is not registered: add exactly Labgate's callback under Authentication, platform Web.",
    ),
    (&[500_113, 900_971], "The application has no redirect URI: add Labgate's callback, platform Web."),
    (
        &[500_112],
        "The redirect URI was another one when the sign-in started: check the public URL and what the proxy passes on.",
    ),
    (
        &[700_016, 700_011],
        "Entra does not know the client id in this tenant: take the Application (client) ID, and check the tenant in the URLs.",
    ),
    (
        &[90_002, 900_023],
        "Entra does not know the tenant: check the Directory (tenant) ID and the cloud in the URLs.",
    ),
    (
        &[50_194],
        "The application is for one tenant: put the Directory (tenant) ID into the URLs in place of \"common\".",
    ),
    (
        &[50_020, 16_000, 50_034, 51_004],
        "The account is not in this tenant: invite it as a guest, or sign in with another one.",
    ),
    (
        &[500_208, 9_002_332, 9_001_023],
        "This kind of account does not fit: change the tenant in the URLs or the application's supported account types.",
    ),
    (
        &[50_105],
        "The person is not assigned to the application: Enterprise applications, then Users and groups.",
    ),
    (
        &[65_001, 90_008, 650_056, 90_094, 90_095],
        "Consent is missing: an administrator grants it under API permissions, Grant admin consent.",
    ),
    (&[65_004], "The person did not consent: they may try again."),
    (
        &[700_025, 9_002_325, 9_002_326, 9_002_327],
        "The redirect URI is registered for a public client or a single-page application: move it to the platform Web.",
    ),
    (
        &[54_005],
        "The code was used before: the callback came twice, by a reload or a repeating proxy. Sign in again.",
    ),
    (&[70_008, 70_000], "The code has expired or is not valid: compare the clocks, and sign in again."),
    (
        &[501_481, 50_147, 501_491],
        "The PKCE verifier does not fit: the callback reached a server with other secrets than the one that started it.",
    ),
    (&[700_005], "The code is for another tenant: both URLs must name the same one."),
    (
        &[70_011, 28_002, 28_003, 650_053],
        "A scope is not valid: ask for openid, profile and email, and User.Read for the groups, only.",
    ),
    (
        &[700_054, 70_005],
        "The application may not use this kind of response: Labgate needs response_type=code.",
    ),
    (
        &[900_144, 90_014, 9_002_313, 900_561],
        "The request arrived incomplete: check the URLs, and that no proxy turns POST into GET.",
    ),
    (
        &[50_058, 50_076, 50_079, 50_072, 50_074, 16_003],
        "Entra wants the person to act, such as with a second factor: sign in again.",
    ),
    (
        &[53_000, 53_001, 53_003, 530_032],
        "A Conditional Access policy keeps the person out: the tenant's sign-in logs say which.",
    ),
    (
        &[50_126, 50_053, 50_055, 50_057],
        "The account's password is wrong or expired, or the account is locked or disabled: a matter for the tenant.",
    ),
    (&[50_196], "The browser goes round in circles: it loses its cookies between start and callback."),
    (&[7_000_112, 70_001], "The application is disabled: enable it under Enterprise applications."),
    (
        &[90_013, 90_023, 900_382],
        "Entra cannot use the request: check that the URLs are those of the right cloud.",
    ),
];

/// Phrases in lower case; the first that fits counts, so that what is special stands before what is general.
const OTHERS: &[(&str, &str)] = &[
    // Dex
    (
        "unregistered redirect_uri",
        "Dex compares redirect URIs as text: add exactly Labgate's callback to redirectURIs.",
    ),
    ("invalid client_id", "Dex does not know the client id: check staticClients, and restart Dex."),
    ("unrecognized scope", "Dex refuses scopes that it does not know: take them out of the settings."),
    ("invalid connectorid", "Dex has no connector of this name: check connector_id."),
    (
        "invalid or expired code parameter",
        "The code was used before or has expired: sign in again, and compare the clocks.",
    ),
    (
        "no pkce flow started",
        "The sign-in started without PKCE: something between browser and Dex drops parameters.",
    ),
    (
        "invalid code_verifier",
        "The PKCE verifier does not fit: the callback reached a server with other secrets than the one that started it.",
    ),
    (
        "redirect_uri did not match uri from initial request",
        "The redirect URI was another one when the sign-in started: check the public URL and what the proxy passes on.",
    ),
    ("login error. please contact your administrator", "Dex's connector failed: Dex's log says why."),
    // Keycloak, and Dex in its second line
    (
        "invalid client or invalid client credentials",
        "Keycloak does not accept the client's secret: compare it with the tab Credentials, and switch Client authentication on.",
    ),
    ("invalid client credentials", "Client id or secret is wrong: compare both with the provider's."),
    ("not allowed to initiate browser login", "Keycloak: switch Standard flow on for the client."),
    ("code not valid", "The code was used before or has expired: sign in again, and compare the clocks."),
    (
        "incorrect redirect_uri",
        "The redirect URI was another one when the sign-in started: check the public URL and what the proxy passes on.",
    ),
    ("invalid parameter: redirect_uri", "Keycloak: add exactly Labgate's callback to Valid redirect URIs."),
    (
        "pkce verification failed",
        "The PKCE verifier does not fit: the callback reached another server than the one that started it.",
    ),
    (
        "missing parameter: code_challenge_method",
        "The request lost its PKCE parameters on the way to Keycloak.",
    ),
    (
        "invalid scopes:",
        "Keycloak: assign the scope to the client under Client scopes, or take it out of the settings.",
    ),
    (
        "realm does not exist",
        "Keycloak does not know the realm: check its name, and whether the path begins with /auth.",
    ),
    (
        "https required",
        "Keycloak wants https for this realm: use TLS, or change Require SSL while developing.",
    ),
    // GitHub
    (
        "incorrect_client_credentials",
        "GitHub does not accept client id or secret: make a new secret in the OAuth app.",
    ),
    ("bad_verification_code", "The code was used before or has expired: sign in again."),
    ("unverified_user_email", "The person must verify their address at GitHub first."),
    ("application_suspended", "GitHub has suspended the OAuth app: ask its support."),
    // Google
    (
        "org_internal",
        "The Google app is for its own organisation only: change Audience to External, or use an account of it.",
    ),
    ("deleted_client", "The Google client was deleted: make a new one under Clients."),
    // Okta
    (
        "policy evaluation failed",
        "Okta has no access policy rule for this: Security, API, the authorization server, Access Policies.",
    ),
    (
        "user is not assigned to the client application",
        "Okta: assign the person or a group under Assignments.",
    ),
    // Auth0
    ("callback url mismatch", "Auth0: add exactly Labgate's callback to Allowed Callback URLs."),
    // GitLab
    (
        "client authentication failed due to unknown client",
        "GitLab: check id and secret, and that the application is marked as Confidential.",
    ),
    (
        "redirect uri included is not valid",
        "GitLab: add exactly Labgate's callback to the application's Redirect URI.",
    ),
    // Several say so, each in the code of the error
    (
        "redirect_uri_mismatch",
        "The redirect URI is not registered at the provider: add exactly Labgate's callback.",
    ),
    (
        "redirect_mismatch",
        "Cognito: add exactly Labgate's callback to the app client's Allowed callback URLs.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_entras_words_and_is_read_whole() {
        let secret =
            hint("AADSTS7000215: Invalid client secret provided. Trace ID: 0\r\nTimestamp: 2026-01-01")
                .unwrap();
        assert!(secret.contains("Value"));
        assert!(hint("invalid_client: AADSTS7000222").unwrap().contains("expired"));
        assert!(
            hint("see AADSTS0 and AADSTS50011.").unwrap().contains("redirect URI"),
            "an unknown one is passed over"
        );
        for unknown in ["AADSTS70002150", "AADSTS", "AADSTS99999999999999", "7000215", "", "invalid_grant"] {
            assert_eq!(hint(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_number_and_every_phrase_stands_once_and_leads_to_its_own_sentence() {
        let numbers: Vec<u32> = ENTRA.iter().flat_map(|(numbers, _)| *numbers).copied().collect();
        for number in &numbers {
            assert_eq!(numbers.iter().filter(|it| *it == number).count(), 1, "{number}");
        }
        for (phrase, sentence) in OTHERS {
            assert_eq!(
                hint(&phrase.to_uppercase()),
                Some(*sentence),
                "hidden by an earlier phrase: {phrase}"
            );
        }
        for sentence in ENTRA.iter().map(|it| it.1).chain(OTHERS.iter().map(|it| it.1)) {
            assert!(sentence.ends_with('.') && sentence.len() < 140, "{sentence}");
        }
    }
}
