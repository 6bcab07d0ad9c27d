//! GitHub: plain OAuth 2.0, and an API that names the person.

mod asked_again;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use labgate_domain::admission::Criterion;
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::EmailAddress;
use labgate_domain::ports::{
    CodeRedemption, IdentityProvider, LogoutTokenError, ProviderCall, ProviderError,
};
use labgate_domain::protocol::{AuthorizationCode, Issuer, Nonce, PkceVerifier, RedirectUri};
use labgate_domain::provider::ProviderHealth;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_provider::{Field, GitHubProvider, SettingsError, UncheckedSettings};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::secrets::{
    LINES, PLANTED_ACCESS_TOKEN, PLANTED_CODE, PLANTED_SECRET, PLANTED_VERIFIER, leaked, listen,
};
use crate::support::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, CODE, NONCE, NOW, REDIRECT_URI, TestClock, VERIFIER, admission,
    at_endpoints, at_issuer, json_answer, made, parsed, with,
};

const TOKEN: &str = "/login/oauth/access_token";
const USER: &str = "/api/v3/user";
const EMAILS: &str = "/api/v3/user/emails";
const ORGS: &str = "/api/v3/user/orgs";
const TEAMS: &str = "/api/v3/user/teams";
const FORM: &str = "application/x-www-form-urlencoded";

/// One answer per path, and per path with a page (`/path?page=2`).
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<String, ResponseTemplate>>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let page = request.url.query_pairs().find(|(name, _)| name == "page");
        let key = page.map_or(path.to_owned(), |(_, page)| format!("{path}?page={page}"));
        self.0.lock().unwrap().get(&key).cloned().unwrap_or_else(|| ResponseTemplate::new(404))
    }
}

/// A GitHub on this machine, and the adapter in front of it.
struct Hub {
    server: MockServer,
    answers: Answers,
    clock: Arc<TestClock>,
    provider: Arc<dyn IdentityProvider>,
}

impl Hub {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut UncheckedSettings)) -> Self {
        let server = MockServer::start().await;
        let answers = Answers::default();
        Mock::given(any()).respond_with(answers.clone()).mount(&server).await;
        let clock = Arc::new(TestClock::at(NOW));
        let mut settings = github_at(&server.uri());
        change(&mut settings);
        let provider =
            labgate_provider::provider(parsed(settings), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let hub = Self { server, answers, clock, provider };
        hub.answer(TOKEN, json_answer(200, &tokens(json!({}))));
        hub.answer(USER, json_answer(200, &user(json!({}))));
        hub.answer(EMAILS, json_answer(200, &json!([address("ada@example.test", true, true)])));
        hub.answer(ORGS, json_answer(200, &json!([{"login": "Acme", "id": 1}, {"login": "lab", "id": 2}])));
        hub.answer(TEAMS, json_answer(200, &json!([team("Acme", "Core-Team"), team("lab", "admins")])));
        hub
    }

    /// A GitHub with groups that make administrators.
    async fn with_groups() -> Self {
        Self::start_with(|settings| {
            admission(settings, &[], Some("lab/admins"));
        })
        .await
    }

    fn answer(&self, path: &str, answer: ResponseTemplate) {
        self.answers.0.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn redemption(&self) -> CodeRedemption {
        CodeRedemption {
            code: AuthorizationCode::parse(CODE).unwrap(),
            verifier: PkceVerifier::parse(VERIFIER).unwrap(),
            nonce: Nonce::parse(NONCE).unwrap(),
            redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
            issuer: Issuer::parse(&format!("{}/login/oauth", self.server.uri())).unwrap(),
            started_at: Timestamp::from_unix_seconds(NOW),
        }
    }

    async fn redeem(&self) -> Result<ExternalIdentity, ProviderError> {
        self.provider.redeem(self.redemption()).await
    }

    async fn redeem_with(
        &self,
        path: &str,
        answer: ResponseTemplate,
    ) -> Result<ExternalIdentity, ProviderError> {
        self.answer(path, answer);
        self.redeem().await
    }

    async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    async fn paths(&self) -> Vec<String> {
        self.requests().await.iter().map(|request| request.url.path().to_owned()).collect()
    }
}

fn github_at(origin: &str) -> UncheckedSettings {
    at_endpoints(&format!("{origin}/login/oauth/authorize"), &format!("{origin}{TOKEN}"), None)
}

fn provider(settings: UncheckedSettings) -> Arc<dyn IdentityProvider> {
    made(settings).unwrap()
}

fn tokens(changes: Value) -> Value {
    let tokens = json!({
        "access_token": ACCESS_TOKEN,
        "token_type": "bearer",
        "scope": "read:org,read:user,user:email",
    });
    with(tokens, changes)
}

fn user(changes: Value) -> Value {
    let user = json!({
        "id": 583_231,
        "login": "ada",
        "name": "Ada",
        "email": "victim@example.test",
        "two_factor_authentication": true,
    });
    with(user, changes)
}

fn address(email: &str, primary: bool, verified: bool) -> Value {
    json!({"email": email, "primary": primary, "verified": verified, "visibility": "private"})
}

fn team(organization: &str, slug: &str) -> Value {
    json!({"slug": slug, "name": "a name", "organization": {"login": organization}})
}

fn page(items: &Value, link: &str) -> ResponseTemplate {
    json_answer(200, items).insert_header("link", link)
}

fn stated(address: &str, verified: bool) -> EmailClaim {
    EmailClaim::Stated { address: EmailAddress::parse(address).unwrap(), verified }
}

fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

#[track_caller]
fn unavailable(result: Result<ExternalIdentity, ProviderError>) -> (ProviderCall, String) {
    match result {
        Err(ProviderError::Unavailable { call, reason, .. }) => (call, reason),
        other => panic!("expected an outage, not {other:?}"),
    }
}

#[tokio::test]
async fn somebody_signs_in_with_github() {
    let hub = Hub::start().await;
    assert_eq!(hub.provider.health(), ProviderHealth::Unknown);
    let identity = hub.redeem().await.unwrap();
    assert_eq!(identity.issuer.as_str(), format!("{}/login/oauth", hub.server.uri()));
    assert_eq!(identity.subject.as_str(), "583231");
    assert_eq!(identity.email, stated("ada@example.test", true));
    assert_eq!(identity.name.unwrap().as_str(), "Ada");
    assert!(
        identity.authentication_methods.is_empty(),
        "a property of the account is no proof of this sign-in"
    );
    assert_eq!((identity.authenticated_at, identity.session, identity.id_token_hint), (None, None, None));
    assert_eq!(hub.provider.health(), ProviderHealth::Ready);
    assert_eq!(hub.paths().await, [TOKEN, USER, EMAILS], "and nothing beyond need");
}

#[tokio::test]
async fn c015_c017_c097_the_code_goes_into_the_body_and_the_access_token_into_the_header() {
    let hub = Hub::with_groups().await;
    hub.redeem().await.unwrap();
    let requests = hub.requests().await;
    let sent = form(&requests[0]);
    assert_eq!(requests[0].method.as_str(), "POST");
    for (name, value) in [
        ("code", CODE),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ] {
        assert_eq!(sent[name], value);
    }
    assert_eq!(requests[0].headers["accept"], "application/json");
    assert!(!requests[0].headers.contains_key("authorization") && requests[0].url.query().is_none());

    assert_eq!(hub.paths().await, [TOKEN, USER, EMAILS, ORGS, TEAMS]);
    for request in &requests[1..] {
        assert_eq!(request.headers["authorization"], format!("Bearer {ACCESS_TOKEN}").as_str());
        assert_eq!(request.headers["accept"], "application/vnd.github+json");
        assert_eq!(request.headers["x-github-api-version"], "2022-11-28");
        assert_eq!(request.headers["user-agent"], concat!("labgate/", env!("CARGO_PKG_VERSION")));
        assert!(!request.url.as_str().contains(ACCESS_TOKEN) && request.body.is_empty());
    }
}

#[tokio::test]
async fn each_github_has_its_own_issuer_and_nobody_is_asked_for_it() {
    for origin in
        ["https://github.com", "https://acme.ghe.com", "https://git.example:8443", "http://127.0.0.1:9"]
    {
        let issuer = format!("{origin}/login/oauth");
        for settings in [github_at(origin), at_issuer(&issuer)] {
            let provider = provider(settings);
            let server = provider.authorization_server().await.unwrap();
            assert_eq!(server.issuer.as_str(), issuer);
            assert_eq!(server.authorization_endpoint.as_str(), format!("{issuer}/authorize"));
            assert_eq!(server.end_session_endpoint, None);
            assert!(!server.states_issuer_in_response, "it may be there, and then the core compares it");
            assert_eq!(server.scopes.to_parameter(), "read:user user:email");
            assert_eq!(provider.health(), ProviderHealth::Unknown);
        }
    }
    let inner = at_issuer("http://github:3000/login/oauth");
    assert!(inner.clone().with(Field::PlainHttpOrigin, ["http://github:3000"]).parse().is_ok());
    assert!(inner.parse().is_err());
}

#[tokio::test]
async fn c016_read_org_is_asked_for_only_where_memberships_decide_something() {
    let scopes = async |rules: &[(Criterion, &str)], administrators| {
        let mut settings = github_at("https://github.com");
        admission(&mut settings, rules, administrators);
        provider(settings).authorization_server().await.unwrap().scopes.to_parameter()
    };
    let (without, with) = ("read:user user:email", "read:user user:email read:org");
    assert_eq!(scopes(&[(Criterion::EmailDomain, "example.test")], None).await, without);
    assert_eq!(scopes(&[(Criterion::Account, "583231")], None).await, without);
    assert_eq!(scopes(&[(Criterion::Organization, "acme")], None).await, with);
    assert_eq!(scopes(&[(Criterion::Group, "acme/core")], None).await, with);
    assert_eq!(scopes(&[], Some("acme/core")).await, with);

    let settings = github_at("https://github.com").with(Field::Scopes, ["email read:org gist user:email"]);
    let server = provider(settings).authorization_server().await.unwrap();
    assert_eq!(server.scopes.to_parameter(), "read:user user:email read:org gist");
}

#[tokio::test]
async fn other_urls_make_an_openid_provider_and_no_github() {
    let elsewhere = || at_endpoints("https://op.example/authorize", "https://op.example/token", None);
    let refused = GitHubProvider::new(parsed(elsewhere()), Arc::new(TestClock::at(NOW)));
    assert!(matches!(refused, Err(SettingsError::UrlForm(_))));
    assert_eq!(provider(elsewhere()).description().id.as_str(), "op");

    // With its own issuer, something with GitHub's paths is an OpenID provider.
    let forgejo = at_endpoints(
        "https://git.example/login/oauth/authorize",
        "https://git.example/login/oauth/access_token",
        Some("https://git.example/"),
    );
    let refused = GitHubProvider::new(parsed(forgejo), Arc::new(TestClock::at(NOW)));
    assert!(matches!(refused, Err(SettingsError::UrlForm(_))));
}

#[tokio::test]
async fn at_github_com_no_operator_can_vouch_for_what_people_enter() {
    let trusting = |origin| made(github_at(origin).with(Field::EmailTrust, ["provider"]));
    assert!(matches!(trusting("https://github.com"), Err(SettingsError::EmailTrust(_))));
    assert!(trusting("https://git.example").is_ok(), "an operator's own server");
}

#[tokio::test]
async fn a_sign_in_that_started_elsewhere_never_sends_the_code() {
    let hub = Hub::start().await;
    let mut redemption = hub.redemption();
    redemption.issuer = Issuer::parse("https://github.com/login/oauth").unwrap();
    let refused = hub.provider.redeem(redemption).await;
    assert!(matches!(refused, Err(ProviderError::Misconfigured(_))));
    assert!(hub.requests().await.is_empty());
}

#[tokio::test]
async fn c046_c050_errors_come_with_status_200_and_say_whose_fault_it_is() {
    let hub = Hub::start().await;
    let mut seen = Vec::new();
    for code in [
        "bad_verification_code",
        "incorrect_client_credentials",
        "redirect_uri_mismatch",
        "unverified_user_email",
    ] {
        let description = format!("about {code}");
        let json =
            json_answer(200, &json!({"error": code, "error_description": description, "error_uri": "x"}));
        let form = format!("error={code}&error_description=about+{code}&error_uri=x");
        let form = ResponseTemplate::new(200).set_body_raw(form, FORM);
        let by_json = hub.redeem_with(TOKEN, json).await.unwrap_err();
        assert_eq!(by_json, hub.redeem_with(TOKEN, form).await.unwrap_err());
        assert!(by_json.to_string().contains(&description), "{by_json}");
        assert_eq!(hub.provider.health(), ProviderHealth::Ready, "it answers");
        seen.push(by_json);
    }
    assert!(matches!(seen[0], ProviderError::CodeRejected(_)));
    assert!(matches!(seen[1], ProviderError::ClientRejected(_)));
    for (error, code) in [(&seen[2], "redirect_uri_mismatch"), (&seen[3], "unverified_user_email")] {
        assert!(
            matches!(error, ProviderError::TokenError { code: it, .. } if it.as_str() == code),
            "{error}"
        );
    }
    assert_eq!(hub.paths().await, [TOKEN; 8], "the code is sent once, and the API is not asked");

    let both = tokens(json!({"error": "bad_verification_code"}));
    let refused = hub.redeem_with(TOKEN, json_answer(200, &both)).await;
    assert!(matches!(refused, Err(ProviderError::CodeRejected(None))), "an error beside a token");
}

#[tokio::test]
async fn c049_c052_token_responses_are_json_or_a_form_with_a_bearer_token() {
    let hub = Hub::start().await;
    let body = format!("access_token={ACCESS_TOKEN}&scope=read%3Auser%2Cuser%3Aemail&token_type=BEARER");
    for (text, media_type) in [
        (body.as_str(), FORM),
        (body.as_str(), "application/x-www-form-urlencoded; charset=utf-8"),
        (&tokens(json!({"token_type": "Bearer"})).to_string(), "application/json ; charset=utf-8"),
        (&tokens(json!({"further": [1]})).to_string(), "application/json"),
    ] {
        let answer = ResponseTemplate::new(200).set_body_raw(text, media_type);
        assert!(hub.redeem_with(TOKEN, answer).await.is_ok(), "{text} {media_type}");
    }
    let doubled = format!("{body}&access_token=another");
    for (text, media_type) in [
        ("<html>Unicorn</html>", "text/html"),
        ("", "application/json"),
        ("[]", "application/json"),
        (doubled.as_str(), FORM),
        ("", FORM),
        (body.as_str(), "text/plain"),
        (&tokens(json!({"token_type": null})).to_string(), "application/json"),
        (&tokens(json!({"token_type": "dpop"})).to_string(), "application/json"),
        (&tokens(json!({"access_token": ""})).to_string(), "application/json"),
        (&tokens(json!({"access_token": "a\nb"})).to_string(), "application/json"),
        (&tokens(json!({"access_token": 7})).to_string(), "application/json"),
        (&tokens(json!({"scope": ["user:email"]})).to_string(), "application/json"),
    ] {
        let answer = ResponseTemplate::new(200).set_body_raw(text, media_type);
        let refused = hub.redeem_with(TOKEN, answer).await;
        assert!(matches!(refused, Err(ProviderError::TokenResponse(_))), "{text} {media_type}: {refused:?}");
    }
    let created = hub.redeem_with(TOKEN, json_answer(201, &tokens(json!({})))).await;
    assert!(matches!(created, Err(ProviderError::TokenResponse(_))));
    assert_eq!(hub.paths().await.iter().filter(|path| *path == USER).count(), 4);
}

#[tokio::test]
async fn without_the_scope_for_addresses_the_error_says_what_to_do() {
    let hub = Hub::start().await;
    for granted in ["", "read:user", "read:user,user:emails", "user:follow"] {
        let refused = hub.redeem_with(TOKEN, json_answer(200, &tokens(json!({"scope": granted})))).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("user:email") && text.contains("OAuth app"), "{granted:?}: {text}");
    }
    assert_eq!(hub.paths().await, [TOKEN; 4]);
    for granted in [json!("user"), json!("gist, user:email"), Value::Null] {
        let answer = json_answer(200, &tokens(json!({"scope": granted})));
        assert!(hub.redeem_with(TOKEN, answer).await.is_ok(), "{granted}");
    }
}

#[tokio::test]
async fn c099_a_renamed_login_is_the_same_person_and_a_reused_one_another() {
    let hub = Hub::start().await;
    let before = hub.redeem().await.unwrap();
    let renamed = user(json!({"login": "countess", "name": null}));
    let renamed = hub.redeem_with(USER, json_answer(200, &renamed)).await.unwrap();
    assert_eq!(renamed.subject, before.subject);
    assert_eq!(renamed.name.unwrap().as_str(), "countess", "for want of a name");
    let reused = hub.redeem_with(USER, json_answer(200, &user(json!({"id": 583_232})))).await.unwrap();
    assert_ne!(reused.subject, before.subject);
}

#[tokio::test]
async fn c078_an_id_is_a_whole_number_from_1_on() {
    let hub = Hub::start().await;
    for id in
        ["\"583231\"", "583231.0", "583231.5", "0", "-1", "5.83231e5", "18446744073709551616", "null", "[1]"]
    {
        let body = format!(r#"{{"login":"ada","id":{id}}}"#);
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        let refused = hub.redeem_with(USER, answer).await;
        assert!(matches!(refused, Err(ProviderError::UserInfo(_))), "{id}: {refused:?}");
    }
    let refused = hub.redeem_with(USER, json_answer(200, &json!({"login": "583231"}))).await;
    assert!(matches!(refused, Err(ProviderError::UserInfo(_))));
    let largest = hub.redeem_with(USER, json_answer(200, &user(json!({"id": u64::MAX})))).await.unwrap();
    assert_eq!(largest.subject.as_str(), u64::MAX.to_string());
}

#[tokio::test]
async fn c101_c102_only_the_primary_address_counts_and_only_github_verifies_it() {
    let hub = Hub::start().await;
    let victim = "victim@example.test";
    let missing = EmailClaim::Missing;
    for (emails, expected) in [
        // `email` of the profile, which is the victim's, is never looked at.
        (json!([]), missing.clone()),
        (json!([address(victim, false, false)]), missing.clone()),
        (json!([address(victim, false, true)]), missing.clone()),
        (json!([address(victim, true, false)]), stated(victim, false)),
        (
            json!([address("a@example.test", false, true), address(victim, true, false)]),
            stated(victim, false),
        ),
        (
            json!([address(victim, false, false), address("Ada@Example.test", true, true)]),
            stated("ada@example.test", true),
        ),
        (json!([with(address(victim, true, true), json!({"verified": "true"}))]), stated(victim, false)),
        (json!([with(address(victim, true, true), json!({"verified": 1}))]), stated(victim, false)),
        (json!([with(address(victim, true, true), json!({"verified": null}))]), stated(victim, false)),
        (json!([with(address(victim, true, true), json!({"primary": "true"}))]), missing.clone()),
        (json!([with(address(victim, true, true), json!({"email": 7}))]), EmailClaim::Malformed),
        (json!([address("victim@example.test\n", true, true)]), EmailClaim::Malformed),
        (json!(["victim@example.test", null, 7]), missing),
    ] {
        let identity = hub.redeem_with(EMAILS, json_answer(200, &emails)).await.unwrap();
        assert_eq!(identity.email, expected, "{emails}");
    }
    let two = json!([address("ada@example.test", true, true), address(victim, true, true)]);
    let refused = hub.redeem_with(EMAILS, json_answer(200, &two)).await;
    assert!(matches!(refused, Err(ProviderError::UserInfo(_))));
    let twice =
        r#"[{"email":"a@example.test","email":"victim@example.test","primary":true,"verified":true}]"#;
    let twice = ResponseTemplate::new(200).set_body_raw(twice, "application/json");
    unavailable(hub.redeem_with(EMAILS, twice).await);
}

#[tokio::test]
async fn an_address_that_receives_no_mail_is_none() {
    let hub = Hub::start().await;
    for address_at in ["users.noreply.github.com", "USERS.noreply.GitHub.com", "users.noreply.git.example"] {
        let emails = json!([address(&format!("583231+ada@{address_at}"), true, true)]);
        let identity = hub.redeem_with(EMAILS, json_answer(200, &emails)).await.unwrap();
        assert_eq!(identity.email, EmailClaim::Missing, "{address_at}");
    }
}

#[tokio::test]
async fn groups_are_teams_and_organizations_are_logins_from_all_pages() {
    let hub = Hub::with_groups().await;
    let identity = hub.redeem().await.unwrap();
    assert_eq!(identity.memberships.organizations, ["Acme", "lab"]);
    assert_eq!(identity.groups, ["lab/admins", "acme/core-team"], "those that a rule names come first");
    assert!(identity.memberships.groups_are_complete);

    let next = |number: usize| {
        // Real ones name the person's account by number, and mark other pages, too.
        let at = |page| format!("{}{TEAMS}?per_page=50&page={page}", hub.server.uri());
        format!("<{}>; rel=\"prev\", <{}>; rel=\"next\"", at(1), at(number))
    };
    hub.answer(TEAMS, page(&json!([team("a", "1")]), &next(2)));
    hub.answer(&format!("{TEAMS}?page=2"), page(&json!([team("a", "2")]), &next(3)));
    hub.answer(&format!("{TEAMS}?page=3"), json_answer(200, &json!([team("a", "3")])));
    let identity = hub.redeem().await.unwrap();
    assert_eq!(identity.groups, ["a/1", "a/2", "a/3"]);
    assert!(identity.memberships.groups_are_complete);
    let asked: Vec<_> =
        hub.requests().await.iter().filter_map(|it| it.url.query().map(str::to_owned)).collect();
    assert!(asked.contains(&"per_page=100".to_owned()) && asked.contains(&"per_page=50".to_owned()));
}

#[tokio::test]
async fn at_most_ten_pages_are_read_and_then_the_groups_are_not_complete() {
    let hub = Hub::with_groups().await;
    let around = format!("<{}{TEAMS}?page=1>; rel=\"next\"", hub.server.uri());
    hub.answer(TEAMS, page(&json!([team("a", "1")]), &around));
    hub.answer(&format!("{TEAMS}?page=1"), page(&json!([team("a", "1")]), &around));
    let identity = hub.redeem().await.unwrap();
    assert!(!identity.memberships.groups_are_complete);
    assert_eq!(identity.groups.len(), 10);
    assert_eq!(hub.paths().await.iter().filter(|path| *path == TEAMS).count(), 10);
}

#[tokio::test]
async fn c005_the_access_token_goes_to_no_other_place_whatever_a_link_says() {
    let hub = Hub::with_groups().await;
    let thief = MockServer::start().await;
    let at_thief = format!("{}{TEAMS}?page=2", thief.uri());
    let relative = at_thief.strip_prefix("http:").unwrap();
    let with_name = at_thief.replace("http://", "http://api@");
    let own_with_name = hub.server.uri().replace("http://", "http://x:y@") + TEAMS + "?page=2";
    let outside = format!("{}/other?page=2", hub.server.uri());
    let beside = format!("{}/api/v3evil?page=2", hub.server.uri());
    let up = format!("{}/api/v3/../../login?page=2", hub.server.uri());
    let https = hub.server.uri().replace("http:", "https:") + TEAMS + "?page=2";
    for target in [
        &at_thief,
        relative,
        &with_name,
        &own_with_name,
        &outside,
        &beside,
        &up,
        &https,
        "file:///x",
        "http://",
    ] {
        hub.answer(TEAMS, page(&json!([team("a", "1")]), &format!("<{target}>; rel=\"next\"")));
        let before = hub.paths().await.len();
        let identity = hub.redeem().await.unwrap();
        assert!(!identity.memberships.groups_are_complete, "{target}");
        assert_eq!(identity.groups, ["a/1"], "{target}");
        assert_eq!(hub.paths().await.len() - before, 5, "{target}");
    }
    assert!(thief.received_requests().await.unwrap().is_empty());

    let to_thief = || ResponseTemplate::new(307).insert_header("location", at_thief.as_str());
    for path in [TEAMS, ORGS, EMAILS, USER, TOKEN] {
        let (_, reason) = unavailable(hub.redeem_with(path, to_thief()).await);
        assert!(reason.contains("redirect"), "{path}: {reason}");
    }
    assert!(thief.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_github_holds_back_makes_groups_incomplete() {
    let hub = Hub::with_groups().await;
    let partial =
        json_answer(200, &json!([])).insert_header("x-github-sso", "partial-results; organizations=1,2");
    let identity = hub.redeem_with(ORGS, partial).await.unwrap();
    assert!(!identity.memberships.groups_are_complete);

    let hub = Hub::with_groups().await;
    let without = json_answer(200, &tokens(json!({"scope": "read:user,user:email"})));
    let identity = hub.redeem_with(TOKEN, without).await.unwrap();
    assert!(!identity.memberships.groups_are_complete && identity.groups.is_empty());
    assert_eq!(hub.paths().await, [TOKEN, USER, EMAILS]);
    let wider = json_answer(200, &tokens(json!({"scope": "admin:org,user"})));
    assert!(hub.redeem_with(TOKEN, wider).await.unwrap().memberships.groups_are_complete);
}

#[tokio::test]
async fn no_team_can_look_like_one_of_another_organization() {
    let hub = Hub::with_groups().await;
    for bad in [
        team("evil", "x/../lab/admins"),
        team("lab/admins", "x"),
        team("", "admins"),
        team("lab", ""),
        team("lab", "admins\n"),
        team("lab", &"x".repeat(257)),
        json!({"slug": "admins"}),
        json!({"slug": "admins", "organization": "lab"}),
        json!({"name": "admins", "organization": {"login": "lab"}}),
        json!("lab/admins"),
    ] {
        let refused = hub.redeem_with(TEAMS, json_answer(200, &json!([bad]))).await;
        assert!(matches!(refused, Err(ProviderError::UserInfo(_))), "{bad}: {refused:?}");
    }
    hub.answer(TEAMS, json_answer(200, &json!([])));
    let refused = hub.redeem_with(ORGS, json_answer(200, &json!([{"id": 7}]))).await;
    assert!(matches!(refused, Err(ProviderError::UserInfo(_))));
}

#[tokio::test]
async fn c006_c048_answers_that_are_none_end_the_sign_in() {
    let hub = Hub::with_groups().await;
    let sound = |path: &str| hub.answers.0.lock().unwrap().get(path).cloned().unwrap();
    for path in [USER, EMAILS, ORGS, TEAMS] {
        let before = sound(path);
        let huge = format!("[{}]", "1,".repeat(200_000));
        for (answer, told) in [
            (ResponseTemplate::new(502).set_body_raw("<html>Unicorn</html>", "text/html"), "502"),
            (ResponseTemplate::new(200).set_body_raw("<html>Unicorn</html>", "text/html"), "text/html"),
            (ResponseTemplate::new(200).set_body_raw(huge, "application/json"), "256 KiB"),
            (ResponseTemplate::new(200).set_body_raw("[{\"a\":", "application/json"), "JSON"),
            (ResponseTemplate::new(200).set_body_raw("7", "application/json"), "JSON"),
            (ResponseTemplate::new(200).insert_header("content-encoding", "gzip"), "compressed"),
            (ResponseTemplate::new(204), "204"),
        ] {
            let (call, reason) = unavailable(hub.redeem_with(path, answer).await);
            assert_eq!(call, ProviderCall::UserInfo);
            let asked = path.replace("/api/v3", "GET ");
            assert!(reason.contains(told) && reason.contains(&asked), "{path}: {reason}");
        }
        for status in [401, 403, 404] {
            let refused = hub.redeem_with(path, json_answer(status, &json!({"message": "no"}))).await;
            assert!(matches!(refused, Err(ProviderError::UserInfo(_))), "{path}: {refused:?}");
        }
        hub.answer(path, before);
        assert!(hub.redeem().await.is_ok());
    }
    let huge = ResponseTemplate::new(200).set_body_raw("x".repeat(300_000), "application/json");
    assert_eq!(unavailable(hub.redeem_with(TOKEN, huge).await).0, ProviderCall::Token);
}

#[tokio::test]
async fn a_used_up_rate_limit_is_an_outage_that_says_so() {
    let hub = Hub::start().await;
    for (status, header, value) in
        [(403, "x-ratelimit-remaining", "0"), (429, "x-ratelimit-remaining", "0"), (403, "retry-after", "60")]
    {
        let answer = json_answer(status, &json!({"message": "slow down"})).insert_header(header, value);
        let (_, reason) = unavailable(hub.redeem_with(USER, answer).await);
        assert!(reason.contains("too often"), "{reason}");
    }
    let left = json_answer(403, &json!({})).insert_header("x-ratelimit-remaining", "59");
    assert!(matches!(hub.redeem_with(USER, left).await, Err(ProviderError::UserInfo(_))));
    let (call, reason) = unavailable(hub.redeem_with(TOKEN, ResponseTemplate::new(429)).await);
    assert!(call == ProviderCall::Token && reason.contains("429"), "{reason}");
}

#[tokio::test]
async fn c047_what_takes_too_long_in_all_is_given_up() {
    let hub = Hub::start_with(|settings| settings.limits.discovery_time = Duration::from_millis(150)).await;
    let slow = json_answer(200, &json!([])).set_delay(Duration::from_secs(5));
    let (call, reason) = unavailable(hub.redeem_with(EMAILS, slow).await);
    assert!(call == ProviderCall::UserInfo && reason.contains("in time"), "{reason}");
}

#[tokio::test]
async fn health_tells_since_when_github_fails() {
    let hub = Hub::start().await;
    let down = ResponseTemplate::new(503);
    for _ in 0..2 {
        unavailable(hub.redeem_with(USER, down.clone()).await);
        hub.clock.advance(60);
        let since = Timestamp::from_unix_seconds(NOW);
        assert_eq!(hub.provider.health(), ProviderHealth::Unavailable { since });
    }
    hub.redeem_with(USER, json_answer(200, &user(json!({})))).await.unwrap();
    assert_eq!(hub.provider.health(), ProviderHealth::Ready);
}

#[tokio::test]
async fn github_signs_nobody_out() {
    let hub = Hub::start().await;
    for token in ["", "a.b.c"] {
        let refused = hub.provider.verify_logout_token(token).await;
        assert_eq!(refused, Err(LogoutTokenError::OfAnotherIssuer));
    }
    assert!(hub.requests().await.is_empty());
}

#[tokio::test]
async fn c190_no_github_error_and_no_log_line_carries_a_secret() {
    listen();
    let planted = [PLANTED_CODE, PLANTED_VERIFIER, PLANTED_SECRET, PLANTED_ACCESS_TOKEN];
    let hub = Hub::start_with(|settings| {
        settings.set(Field::ClientSecret, [PLANTED_SECRET]);
        admission(settings, &[], Some("lab/admins"));
    })
    .await;
    let all = planted.join(" ");
    let granted = json_answer(200, &tokens(json!({"access_token": PLANTED_ACCESS_TOKEN})));
    let error = |code: &str| json_answer(200, &json!({"error": code, "error_description": all}));
    let html = || ResponseTemplate::new(500).set_body_raw(all.clone(), "text/html");
    let echo = || ResponseTemplate::new(200).set_body_raw(all.clone(), "application/json");
    let odd =
        || json_answer(200, &json!([])).insert_header("link", format!("<//{all}>; rel=\"next\"").as_str());
    let mut scenarios = vec![(TOKEN, granted.clone())];
    scenarios
        .extend([error("bad_verification_code"), error(PLANTED_CODE), html(), echo()].map(|it| (TOKEN, it)));
    for path in [TEAMS, ORGS, EMAILS, USER] {
        let denied = json_answer(401, &json!({"message": all}));
        scenarios.extend([html(), echo(), odd(), denied].map(|answer| (path, answer)));
    }
    for (path, answer) in scenarios {
        hub.answer(TOKEN, granted.clone());
        hub.answer(path, answer);
        let mut redemption = hub.redemption();
        redemption.code = AuthorizationCode::parse(PLANTED_CODE).unwrap();
        redemption.verifier = PkceVerifier::parse(PLANTED_VERIFIER).unwrap();
        let told = match hub.provider.redeem(redemption).await {
            Ok(identity) => format!("{identity:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert_eq!(leaked(&told, ""), None, "{path}: {told}");
        assert_eq!(leaked(&LINES.lock().unwrap(), ""), None, "{path}");
    }
    let sent = hub.requests().await;
    assert!(sent[0].body.windows(PLANTED_SECRET.len()).any(|part| part == PLANTED_SECRET.as_bytes()));
    assert_eq!(sent[1].headers["authorization"], format!("Bearer {PLANTED_ACCESS_TOKEN}").as_str());
}
