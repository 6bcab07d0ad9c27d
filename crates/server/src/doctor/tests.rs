//! Every error of Entra's, Dex's, Keycloak's, GitHub's and Google's that operators meet, and some of others:
//! in the provider's own words, from where it arrives to what the operator is told.

use labgate_domain::ForeignText;
use labgate_domain::error::{CallbackError, Reference, SignInError};
use labgate_domain::ports::{CallFailure, Observer as _, ProviderCall, ProviderError, Source};
use labgate_domain::protocol::{
    AuthorizationErrorCode, ClientId, HintParameters, Issuer, RedirectUri, Scopes, TokenErrorCode,
};
use labgate_domain::provider::AuthorizationServer;
use labgate_domain::sign_in::{self, Trail, Way};
use labgate_domain::time::Timestamp;
use labgate_provider::{Kind, kinds};
use serde_json::Value;

use super::authorization::Probe;
use super::http::Answer;
use super::provider::of_token_error;
use super::{Outcome, Step};
use crate::logging::testing::log_of;
use crate::logging::{LogFormat, TracingLog};
use crate::world::OsEntropy;

const CALLBACK: &str = "https://lab.example/api/auth/oidc/callback";

/// The way on which an error arrives.
#[derive(Clone, Copy, Debug)]
enum By {
    /// On a page of the provider's, with this status: only browsers see it, and the doctor.
    Page(u16),
    /// With the browser, as this error.
    Callback(&'static str),
    /// From the token endpoint, as this error.
    Token(&'static str),
}
use By::{Callback, Page, Token};

/// Entra's errors by their numbers; each is looked for in every way that it may arrive.
const ENTRA: &[(&[u32], &str)] = &[
    (&[50011], "add exactly Labgate's callback under Authentication, platform Web"),
    (&[500_112], "check the public URL and what the proxy passes on"),
    (&[500_113, 900_971], "has no redirect URI: add"),
    (&[700_016, 700_011], "Application (client) ID, and check the tenant"),
    (&[90002, 900_023], "does not know the tenant"),
    (&[50194], "in place of \"common\""),
    (&[50020, 16000, 50034, 51004], "invite it as a guest, or sign in with another one"),
    (&[500_208, 9_002_332, 9_001_023], "supported account types"),
    (&[50105], "Enterprise applications, then Users and groups"),
    (&[65001, 90008, 650_056], "the person consents when they sign in, or an administrator does"),
    (&[90094, 90095], "Grant admin consent"),
    (&[65004], "did not consent"),
    (&[7_000_215, 70002], "the column Value, not Secret ID"),
    (&[7_000_222], "has expired: make a new one"),
    (&[7_000_218], "is empty, or a proxy took the body away"),
    (&[700_025, 9_002_325, 9_002_326, 9_002_327], "move it to the platform Web"),
    (&[54005], "the callback came twice"),
    (&[70008, 70000], "compare the clocks, and sign in again"),
    (&[501_481, 50147, 501_491], "The PKCE verifier does not fit"),
    (&[700_005], "both URLs must name the same one"),
    (&[70011, 28002, 28003, 650_053], "openid, profile and email, and User.Read for the groups, only"),
    (&[700_054, 70005], "response_type=code"),
    (&[900_144, 90014, 9_002_313, 900_561], "no proxy turns POST into GET"),
    (&[50058, 50076, 50079, 50072, 50074, 16003], "a second factor: sign in again"),
    (&[53003, 53000, 53001, 530_032], "Conditional Access"),
    (&[50126, 50053, 50055, 50057], "a matter for the tenant"),
    (&[50196], "loses its cookies"),
    (&[700_082, 50173, 70043, 50078], "What was granted has ended"),
    (&[7_000_112, 70001], "enable it under Enterprise applications"),
    (&[90013, 90023, 900_382], "the right cloud"),
];

/// The way of an error, the words, and a part of the remedy.
type Row = (By, &'static str, &'static str);

/// The errors of other kinds, as they arrive.
const OTHERS: &[(&Kind, &[Row])] = &[
    (
        &kinds::DEX,
        &[
            (Page(404), "Invalid client_id.", "check staticClients, and restart Dex"),
            (Page(400), "Unregistered redirect_uri.", "add exactly Labgate's callback to redirectURIs"),
            (
                Page(400),
                "Unregistered redirect_uri (&#34;https://x&#34;).",
                "add exactly Labgate's callback to redirectURIs",
            ),
            (Callback("invalid_scope"), "Unrecognized scope(s) [\"x\"]", "take them out of the settings"),
            (Callback("invalid_scope"), "Missing required scope(s) [\"openid\"].", "drops parameters"),
            (Callback("invalid_request"), "Invalid ConnectorID", "check connector_id"),
            (Token("invalid_client"), "Invalid client credentials.", "compare both with the provider's"),
            (Token("invalid_grant"), "Invalid or expired code parameter.", "compare the clocks"),
            (Token("invalid_grant"), "Invalid code_verifier.", "The PKCE verifier does not fit"),
            (
                Token("invalid_grant"),
                "Expecting parameter code_verifier in PKCE flow.",
                "verifier did not reach Dex",
            ),
            (
                Token("invalid_request"),
                "No PKCE flow started. Cannot check code_verifier.",
                "started without PKCE",
            ),
            (
                Token("invalid_request"),
                "redirect_uri did not match URI from initial request.",
                "check the public URL and what the proxy passes on",
            ),
            (
                Token("invalid_request"),
                "Refresh token is invalid or has already been claimed by another client.",
                "was used before or is another client's",
            ),
            (Page(500), "Login error. Please contact your administrator", "Dex's log says why"),
            (
                Page(500),
                "Authentication failed. Please contact your administrator or try again later.",
                "Dex's log says why",
            ),
            (
                Page(403),
                "You are not a member of any of the required groups to authenticate.",
                "admits certain groups only",
            ),
            (Page(500), "A database error occurred. Please try again later.", "storage does not answer"),
        ],
    ),
    (
        &kinds::KEYCLOAK,
        &[
            (Page(400), "Invalid parameter: redirect_uri", "Valid redirect URIs of the client"),
            (Page(400), "Client not found.", "does not know the client id in this realm"),
            (Page(404), "Realm does not exist", "whether the path begins with /auth"),
            (
                Token("unauthorized_client"),
                "Invalid client or Invalid client credentials",
                "Client authentication on",
            ),
            (Token("invalid_client"), "Invalid client or Invalid client credentials", "the tab Credentials"),
            (Token("invalid_grant"), "Code not valid", "used before or has expired"),
            (Token("invalid_grant"), "Incorrect redirect_uri", "check the public URL"),
            (
                Token("invalid_grant"),
                "PKCE verification failed: Code mismatch",
                "The PKCE verifier does not fit",
            ),
            (
                Callback("invalid_request"),
                "Missing parameter: code_challenge_method",
                "lost its PKCE parameters",
            ),
            (Token("invalid_grant"), "Session not active", "session at Keycloak has ended: sign in again"),
            (Token("invalid_grant"), "Token is not active", "session at Keycloak has ended: sign in again"),
            (
                Callback("unauthorized_client"),
                "Client is not allowed to initiate browser login with given response_type.",
                "switch Standard flow on",
            ),
            (Callback("invalid_scope"), "Invalid scopes: openid groups", "under Client scopes"),
            (Page(403), "HTTPS required", "change Require SSL"),
            (Callback("temporarily_unavailable"), "authentication_expired", "they start again"),
        ],
    ),
    (
        &kinds::GITHUB,
        &[
            (
                Token("invalid_client"),
                "The client_id and/or client_secret passed are incorrect.",
                "make a new secret in the OAuth app",
            ),
            (Token("incorrect_client_credentials"), "", "make a new secret in the OAuth app"),
            (
                Token("invalid_grant"),
                "The code passed is incorrect or expired.",
                "used before or has expired",
            ),
            (Token("bad_verification_code"), "", "used before or has expired"),
            (
                Callback("redirect_uri_mismatch"),
                "The redirect_uri MUST match the registered callback URL for this application.",
                "add exactly Labgate's callback",
            ),
            (Token("redirect_uri_mismatch"), "", "add exactly Labgate's callback"),
            (Token("unverified_user_email"), "", "verify their address at GitHub"),
            (Callback("application_suspended"), "Your application has been suspended.", "ask its support"),
        ],
    ),
    (
        &kinds::GOOGLE,
        &[
            (Page(400), "<b>Error 400: redirect_uri_mismatch</b>", "add exactly Labgate's callback"),
            (Page(403), "Error 403: org_internal", "change Audience to External"),
            (Page(403), "Error 403: access_denied", "add the person under Audience"),
            (Page(401), "Error 401: invalid_client", "does not know the client id"),
            (Page(401), "Error 401: deleted_client", "make a new one under Clients"),
            (Page(400), "Error 400: invalid_scope", "offline_access is none of its"),
            (Token("invalid_client"), "The OAuth client was not found.", "does not know the client id"),
        ],
    ),
    (
        &kinds::OKTA,
        &[
            (Callback("access_denied"), "Policy evaluation failed for this request", "Access Policies"),
            (
                Callback("access_denied"),
                "User is not assigned to the client application.",
                "under Assignments",
            ),
            (
                Page(400),
                "The &#39;redirect_uri&#39; parameter must be a Login redirect URI in the client app settings",
                "Sign-in redirect URIs",
            ),
        ],
    ),
    (
        &kinds::AUTH0,
        &[
            (Page(403), "Callback URL mismatch.", "Allowed Callback URLs"),
            (Token("access_denied"), "Unauthorized", "set the method to Post under Credentials"),
        ],
    ),
    (&kinds::COGNITO, &[(Page(400), "redirect_mismatch", "Allowed callback URLs")]),
    (
        &kinds::GITLAB,
        &[
            (Page(400), "The redirect URI included is not valid.", "the application's Redirect URI"),
            (
                Page(401),
                "Client authentication failed due to unknown client, no client …",
                "marked as Confidential",
            ),
            (
                Token("invalid_client"),
                "Client authentication failed due to unknown client, …",
                "marked as Confidential",
            ),
            (
                Callback("invalid_scope"),
                "The requested scope is invalid, unknown, or malformed.",
                "tick the scope on the application",
            ),
        ],
    ),
];

/// Errors in no table, since the code of the refusal says it all.
const BY_CODE: &[(By, &str, &str)] = &[
    // Dex 2.45 answers a code that has expired with 500 and server_error; the adapter knows it as the code's.
    (Token("invalid_grant"), "", "the code was used before or has expired"),
    (Callback("access_denied"), "", "The person cancelled, or the provider does not allow this person"),
    // Google, Okta, Cognito
    (Token("invalid_client"), "Unauthorized", "paste the secret's value and not its id"),
];

fn rows() -> impl Iterator<Item = (&'static Kind, By, String, &'static str)> {
    let entra = ENTRA.iter().flat_map(|(numbers, told)| {
        numbers.iter().flat_map(|number| {
            let words = format!(
                "AADSTS{number}: Some words about it. Trace ID: 0\r\nTimestamp: 2026-11-24 13:52:56Z"
            );
            let page = format!(
                "$Config={{\"strServiceExceptionMessage\":\"AADSTS{number}: Words \\u0027x\\u0027.\"}};"
            );
            let by = [Callback("invalid_request"), Token("invalid_client"), Token("invalid_grant")];
            let by = by.map(|by| (by, words.clone())).into_iter().chain([(Page(200), page)]);
            by.map(|(by, words)| (&kinds::ENTRA, by, words, *told))
        })
    });
    let others = OTHERS.iter().flat_map(|(kind, rows)| {
        rows.iter().map(|(by, words, told)| (*kind, *by, (*words).to_owned(), *told))
    });
    entra.chain(others)
}

fn probe(kind: &'static Kind) -> Probe {
    probe_of(kind, false)
}

fn probe_of(kind: &'static Kind, states_issuer_in_response: bool) -> Probe {
    Probe::of(
        &AuthorizationServer {
            issuer: Issuer::parse("https://op.example").unwrap(),
            authorization_endpoint: "https://op.example/authorize".parse().unwrap(),
            end_session_endpoint: None,
            states_issuer_in_response,
            pushes_requests: false,
            client_id: ClientId::parse("lab").unwrap(),
            scopes: Scopes::with_openid(["email"]).unwrap(),
            extra_parameters: Vec::new(),
            reauthenticates: true,
            hint_parameters: HintParameters::OPENID,
        },
        &RedirectUri::parse(CALLBACK).unwrap(),
        kind,
    )
}

/// The browser is sent back with these parameters besides the state.
fn sent_back(probe: &Probe, parameters: &[(&str, &str)]) -> Answer {
    let state = probe.url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut location: url::Url = CALLBACK.parse().unwrap();
    location.query_pairs_mut().extend_pairs(parameters).append_pair("state", &state);
    Answer { status: 303, location: Some(location.into()), ..Answer::default() }
}

fn of_token(code: &str, words: &str) -> ProviderError {
    let description = Some(words).filter(|words| !words.is_empty()).map(ForeignText::new);
    match TokenErrorCode::parse(code) {
        TokenErrorCode::InvalidGrant => ProviderError::CodeRejected(description),
        TokenErrorCode::InvalidClient | TokenErrorCode::UnauthorizedClient => {
            ProviderError::ClientRejected(description)
        }
        code => ProviderError::TokenError { code, description },
    }
}

/// The doctor's remedy.
fn by_the_doctor(kind: &'static Kind, by: By, words: &str) -> (Step, String) {
    let probe = probe(kind);
    let findings = match by {
        Page(status) => probe.judge(&Answer { status, body: words.to_owned(), ..Answer::default() }),
        Callback(code) => probe.judge(&sent_back(&probe, &[("error", code), ("error_description", words)])),
        Token(code) => vec![of_token_error(kind, &of_token(code, words))],
    };
    let bad = findings.into_iter().filter_map(|(step, outcome)| match outcome {
        Outcome::Bad { remedy, .. } => Some((step, remedy)),
        _ => None,
    });
    let [only] = bad.collect::<Vec<_>>().try_into().unwrap_or_else(|all| panic!("{by:?} {words}: {all:?}"));
    only
}

/// The line of the log that has the reference which the person was told.
fn in_the_log(kind: &Kind, error: &SignInError) -> Value {
    let reference = Reference::fresh(&OsEntropy);
    // As the sign-in and the adapters do between them.
    let explanation = error.provider_message().and_then(|words| kind.explain(&words));
    let explanation = explanation.map(|explanation| explanation.sentence);
    let at = Timestamp::from_unix_seconds(0);
    let trail = Trail {
        reference: reference.clone(),
        way: Way::External,
        provider: None,
        name: None,
        source: Source::default(),
        began_at: at,
        ended_at: at,
        steps: Vec::new(),
        outcome: sign_in::Outcome::Refused { code: error.code(), error: error.to_string(), explanation },
    };
    let log = log_of("info", LogFormat::Json, || TracingLog::default().finished(&trail));
    let line: Value = serde_json::from_str(log.trim_end()).unwrap();
    assert_eq!(line["reference"], reference.as_str());
    line
}

fn refused(by: By, words: &str) -> Option<SignInError> {
    match by {
        Page(_) => None,
        Callback(code) => Some(SignInError::from(CallbackError::Refused {
            code: AuthorizationErrorCode::parse(code),
            description: Some(ForeignText::new(words)),
        })),
        Token(code) => Some(of_token(code, words).into()),
    }
}

#[test]
fn every_error_in_its_providers_words_leads_to_what_to_do() {
    for (kind, by, words, told) in rows() {
        // To the doctor, a refused code is good news.
        if !matches!(by, Token("invalid_grant")) {
            let (_, remedy) = by_the_doctor(kind, by, &words);
            assert!(remedy.contains(told), "the doctor, {by:?} {words}: {remedy}");
        }
        if let Some(error) = refused(by, &words) {
            let line = in_the_log(kind, &error);
            let in_log = line["explanation"].as_str().unwrap_or_else(|| panic!("{by:?} {words}: {line}"));
            assert!(in_log.contains(told), "the log, {by:?} {words}: {in_log}");
        }
        // Some say so in the code alone.
        let code = match by {
            Callback(code) | Token(code) => code,
            Page(_) => "",
        };
        let explanation =
            kind.explain(&format!("{code} {words}")).unwrap_or_else(|| panic!("{by:?} {words}"));
        assert!(explanation.sentence.contains(told), "--explain {code} {words}");
    }
    for (by, words, told) in BY_CODE {
        let line = in_the_log(&kinds::GENERIC, &refused(*by, words).unwrap());
        assert!(line["remedy"].as_str().unwrap().contains(told), "{by:?} {words}: {line}");
        assert!(line.get("explanation").is_none(), "{by:?} {words}: {line}");
    }
}

#[test]
fn an_error_is_found_at_the_step_that_it_is_about() {
    for (kind, by, words, step) in [
        (&kinds::DEX, Page(400), "Unregistered redirect_uri.", Step::RedirectUri),
        (&kinds::ENTRA, Page(200), "AADSTS50011: The redirect URI …", Step::RedirectUri),
        (&kinds::DEX, Page(404), "Invalid client_id.", Step::Authorization),
        (&kinds::GOOGLE, Page(400), "Error 400: invalid_scope", Step::Scopes),
        (&kinds::GENERIC, Page(400), "something else", Step::Authorization),
        (&kinds::GENERIC, Callback("redirect_uri_mismatch"), "", Step::RedirectUri),
        (&kinds::GENERIC, Callback("invalid_scope"), "", Step::Scopes),
        (&kinds::GENERIC, Callback("unauthorized_client"), "", Step::Authorization),
        (&kinds::GENERIC, Callback("server_error"), "", Step::Authorization),
        (&kinds::GENERIC, Callback("invalid_request"), "something else", Step::Authorization),
        (&kinds::GENERIC, Token("invalid_client"), "", Step::Client),
        (&kinds::GENERIC, Token("redirect_uri_mismatch"), "", Step::RedirectUri),
    ] {
        assert_eq!(by_the_doctor(kind, by, words).0, step, "{by:?} {words}");
    }
}

#[test]
fn an_error_in_the_address_of_the_next_page_is_found_even_in_base64() {
    // As Google has it: a protocol buffer.
    let error = "ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSA2Zvbw==";
    for location in [
        format!("https://accounts.google.com/signin/oauth/error/v2?authError={error}&client_id=lab"),
        "/error?error=redirect_mismatch&client_id=lab".to_owned(),
        // Not ours, though it begins like it.
        format!("{CALLBACK}.evil.example/?error=redirect_mismatch"),
    ] {
        let answer = Answer { status: 302, location: Some(location.clone()), ..Answer::default() };
        let kind = if location.contains("google") { &kinds::GOOGLE } else { &kinds::COGNITO };
        let [(step, outcome)] = probe(kind).judge(&answer).try_into().unwrap();
        assert_eq!(step, Step::RedirectUri);
        assert!(matches!(outcome, Outcome::Bad { .. }), "{location}: {outcome:?}");
    }
}

#[test]
fn what_goes_on_to_a_page_without_an_error_is_not_known() {
    for answer in [
        Answer { status: 200, body: "<h1>Sign in</h1>".to_owned(), ..Answer::default() },
        Answer { status: 302, location: Some("/login?return_to=%2F".to_owned()), ..Answer::default() },
    ] {
        let [(step, outcome)] = probe(&kinds::GENERIC).judge(&answer).try_into().unwrap();
        assert_eq!(step, Step::RedirectUri);
        assert!(matches!(&outcome, Outcome::Unknown(text) if text.contains("--explain")), "{outcome:?}");
    }
}

#[test]
fn a_browser_that_is_sent_back_because_nobody_is_signed_in_is_fine() {
    let probe = probe(&kinds::GENERIC);
    for error in ["login_required", "interaction_required", "consent_required", "account_selection_required"]
    {
        let findings = probe.judge(&sent_back(&probe, &[("error", error), ("iss", "https://op.example")]));
        let steps: Vec<Step> = findings.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [Step::RedirectUri, Step::Issuer, Step::Scopes], "{error}");
        assert!(findings.iter().all(|(_, outcome)| matches!(outcome, Outcome::Good(_))), "{findings:?}");
    }
}

#[test]
fn f25_an_error_without_the_promised_issuer_says_nothing_of_sign_ins() {
    let probe = probe_of(&kinds::GENERIC, true);
    let of_issuer = |parameters: &[(&str, &str)]| {
        let findings = probe.judge(&sent_back(&probe, parameters));
        findings.into_iter().find(|(step, _)| *step == Step::Issuer).unwrap().1
    };
    assert!(matches!(of_issuer(&[("error", "login_required")]), Outcome::Unknown(_)));
    assert!(matches!(of_issuer(&[("code", "abc")]), Outcome::Bad { .. }));
    assert!(matches!(
        of_issuer(&[("error", "login_required"), ("iss", "https://op.example")]),
        Outcome::Good(_)
    ));
}

#[test]
fn f25_a_provider_that_fails_at_prompt_none_is_asked_as_a_sign_in_asks() {
    let probe = probe(&kinds::GENERIC);
    assert!(probe.url.query().unwrap().contains("prompt=none"));
    assert!(!probe.as_a_sign_in.query().unwrap().contains("prompt"));
    for (status, fails) in [(500, true), (502, true), (400, false), (404, false), (200, false), (302, false)]
    {
        assert_eq!(probe.fails(&Answer { status, ..Answer::default() }), fails, "{status}");
    }
}

#[test]
fn a_token_endpoint_that_fails_says_nothing_of_the_client() {
    let error =
        ProviderError::unavailable(ProviderCall::Token, CallFailure::Status(502), "it answers with 502");
    assert!(matches!(of_token_error(&kinds::GENERIC, &error), (Step::Client, Outcome::Unknown(_))));
    // The code is made up: a provider that finds that invalid may well know the client.
    let error = of_token("invalid_request", "code_challenge required");
    assert!(matches!(of_token_error(&kinds::GENERIC, &error), (Step::Client, Outcome::Unknown(_))));
    let reason = "it invalid peer certificate: Expired".to_owned();
    let error = ProviderError::unavailable(ProviderCall::Token, CallFailure::Certificate, reason);
    assert!(matches!(of_token_error(&kinds::GENERIC, &error), (Step::Tls, Outcome::Bad { .. })));
}

/// The one finding of a page or a redirect.
fn of_answer(answer: &Answer) -> (Step, Outcome) {
    let [only] = probe(&kinds::GENERIC).judge(answer).try_into().unwrap();
    only
}

#[test]
fn f39_an_error_in_the_query_of_another_page_is_the_providers_words() {
    let location = "/oauth2/fallbacks/error?error=invalid_request&error_description=The+%27redirect_uri%27+\
                    parameter+does+not+match";
    let answer = Answer { status: 302, location: Some(location.to_owned()), ..Answer::default() };
    let (step, outcome) = of_answer(&answer);
    assert_eq!(step, Step::RedirectUri);
    assert!(
        matches!(&outcome, Outcome::Bad { problem, .. } if problem.contains("parameter does not match")),
        "{outcome:?}"
    );
    assert_eq!(probe(&kinds::GENERIC).next_page(&answer), None, "it says it all");
    let other =
        Answer { status: 302, location: Some("/error?error=invalid_client".to_owned()), ..Answer::default() };
    assert_eq!(of_answer(&other).0, Step::Authorization);
    let silent =
        Answer { status: 302, location: Some("/login?error=login_required".to_owned()), ..Answer::default() };
    assert!(matches!(of_answer(&silent), (Step::RedirectUri, Outcome::Unknown(_))));
}

#[test]
fn f39_a_page_that_names_the_redirect_uri_is_about_it_and_is_quoted() {
    let body = format!(
        "<html><head><title>T</title></head><body><script>var x = 1</script><p>Mismatching\n redirect URI.</p>{}",
        "x".repeat(1000)
    );
    let (step, outcome) = of_answer(&Answer { status: 400, body, ..Answer::default() });
    assert_eq!(step, Step::RedirectUri);
    let Outcome::Bad { problem, .. } = outcome else { panic!("{outcome:?}") };
    assert!(problem.contains("Mismatching redirect URI. xxx") && !problem.contains("var x"), "{problem}");
    assert!(problem.matches('x').count() < 220, "{problem}");
}

#[test]
fn f39_one_further_page_is_asked_for_on_the_providers_own_origin_alone() {
    let probe = probe(&kinds::DEX);
    let to =
        |location: &str| Answer { status: 302, location: Some(location.to_owned()), ..Answer::default() };
    let next = |answer: &Answer| probe.next_page(answer).map(String::from);
    assert_eq!(next(&to("/authorize/local?a=1")).as_deref(), Some("https://op.example/authorize/local?a=1"));
    for elsewhere in ["https://github.com/login", "http://op.example/authorize/local", CALLBACK] {
        assert_eq!(next(&to(elsewhere)), None, "{elsewhere}");
    }
    assert_eq!(next(&to(probe.url.as_str())), None, "a loop");
    let query = probe.url.query().unwrap().replace('&', "&amp;");
    let page = |link: &str| Answer {
        status: 200,
        body: format!("<a href=\"/theme/style.css\"></a><a href=\"{link}\">Log in</a>"),
        ..Answer::default()
    };
    let link = next(&page(&format!("/authorize/ldap?{query}"))).unwrap();
    assert!(link.starts_with("https://op.example/authorize/ldap?") && !link.contains("&amp;"), "{link}");
    for other in ["/authorize/ldap?state=another".to_owned(), format!("/elsewhere?{query}")] {
        assert_eq!(next(&page(&other)), None, "{other}");
    }
}

#[test]
fn f26_only_words_about_the_page_after_sign_out_are_a_problem() {
    let [url, page] =
        ["https://op.example/logout", "https://lab.example/signed-out"].map(|it| it.parse().unwrap());
    let judged = |status, location: Option<&str>, body: &str| {
        let answer = Answer {
            status,
            location: location.map(str::to_owned),
            body: body.to_owned(),
            ..Answer::default()
        };
        super::logout::judge(&url, &page, &answer)
    };
    assert!(matches!(judged(302, Some("https://lab.example/signed-out?state=x"), ""), Outcome::Good(_)));
    assert!(matches!(judged(400, None, "<p>Invalid redirect uri</p>"), Outcome::Bad { .. }));
    let elsewhere =
        "/error?error=invalid_request&error_description=post_logout_redirect_uri+is+not+registered";
    assert!(matches!(judged(302, Some(elsewhere), ""), Outcome::Bad { .. }));
    for (status, location, body) in [
        (200, None, "Sign out? We redirect you."),
        (400, None, "id_token_hint is missing"),
        (302, Some("/login"), ""),
        (302, Some("https://lab.example.evil.example/signed-out"), ""),
        (0, None, ""),
    ] {
        assert!(matches!(judged(status, location, body), Outcome::Unknown(_)), "{status} {body}");
    }
}
