//! No token of one kind is accepted in the place of another: each kind in each place.

use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use labgate_domain::access::{Service, TokenUse};
use labgate_mock_idp::User;
use labgate_test_harness::{Browser, TestLab};
use url::Url;

use super::services::{check, service, with_services};
use super::{ADA, CAROL, json, posted, proven, request, session_cookie};

const FIRST: &str = "correct horse battery";
const SECOND: &str = "staple clip drawer";

/// What Labgate gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    Pass,
    PassOfAnotherHost,
    Assertion,
    HandOverCode,
    LeavingTicket,
    ChangeTicket,
    LinkTicket,
    Device,
    AccessToken,
}

/// Where Labgate takes something, with the kind that it takes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Api,
    CheckOfALabPath,
    CheckOfAHost,
    CheckOfAnotherHost,
    Entry,
    Leaving,
    PasswordChange,
    Linking,
    DeviceCookie,
    Bearer,
    CheckByBearer,
    CheckByBasic,
    Administration,
}

const PLACES: [(Place, Option<Kind>); 13] = [
    (Place::Api, Some(Kind::Session)),
    (Place::CheckOfALabPath, Some(Kind::Session)),
    (Place::CheckOfAHost, Some(Kind::Pass)),
    (Place::CheckOfAnotherHost, Some(Kind::PassOfAnotherHost)),
    (Place::Entry, Some(Kind::HandOverCode)),
    (Place::Leaving, Some(Kind::LeavingTicket)),
    (Place::PasswordChange, Some(Kind::ChangeTicket)),
    (Place::Linking, Some(Kind::LinkTicket)),
    // A known device opens nothing by itself.
    (Place::DeviceCookie, None),
    // Outside of checks and the administration, Labgate takes nothing from the header.
    (Place::Bearer, None),
    (Place::CheckByBearer, Some(Kind::AccessToken)),
    (Place::CheckByBasic, Some(Kind::AccessToken)),
    (Place::Administration, Some(Kind::AccessToken)),
];

/// Everything that a lab has given out, and the hand-over that the code belongs to.
struct Given {
    tokens: Vec<(Kind, String)>,
    /// The state of the hand-over, and the cookie of the browser that began it.
    flow: (String, String),
}

#[tokio::test]
async fn f30_no_token_is_accepted_in_the_place_of_another() {
    for (place, own) in PLACES {
        let wandb = service("wandb", "https://wandb.test", Vec::new());
        let wandb = Service { tokens: TokenUse::Yes, ..wandb };
        let lab = with_services()
            .service(wandb)
            .user(User::new("carol").name("Carol Example").email("carol@example.test"));
        let lab = lab.build();
        let given = give_out(&lab).await;
        // What is good there comes last: it may be good once.
        let (good, others): (Vec<_>, Vec<_>) = given.tokens.iter().partition(|(kind, _)| Some(*kind) == own);
        for (kind, token) in others {
            assert!(!is_accepted(&lab, place, token, &given).await, "{kind:?} is accepted at {place:?}");
        }
        for (kind, token) in good {
            assert!(is_accepted(&lab, place, token, &given).await, "{kind:?} is refused at {place:?}");
        }
    }
}

async fn give_out(lab: &TestLab) -> Given {
    let mut carol = lab.browser();
    lab.sign_in(&mut carol, CAROL).await;
    for url in ["https://nb.test/", "https://grafana.test/"] {
        carol.open(url).await;
    }
    let session = cookie(&carol, "https://lab.test/", "__Host-labgate");

    let asked = Request::get("/api/auth/check/caddy")
        .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
        .header("x-forwarded-host", "lab.test")
        .header("x-forwarded-uri", "/mlflow/")
        .header("x-forwarded-method", "GET")
        .header("cookie", format!("__Host-labgate={session}"));
    let checked = lab.app().handle(asked.body(Bytes::new()).unwrap()).await;
    let assertion = checked.headers()["x-labgate-assertion"].to_str().unwrap().to_owned();

    // A browser begins at the host of a service, and Labgate's host hands the session over.
    let begun = at_host(lab, "nb.test", "/.labgate/enter?to=%2F", "").await;
    let (entering, onward) = (set_cookie(&begun), location(&begun));
    let state = onward.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let onward = format!("{}?{}", onward.path(), onward.query().unwrap());
    let handed = at_host(lab, "lab.test", &onward, &format!("__Host-labgate={session}")).await;
    let code = location(&handed).query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();

    let entered = "__Host-labgate-entered=https://nb.test";
    let sent = location(&at_host(lab, "lab.test", "/leaving", entered).await);
    let leaving = sent.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned();

    lab.add_account("eve", labgate_domain::people::Role::User, FIRST).await;
    lab.invite("ada@example.test", Some("ada"), Some(FIRST)).await;
    let mut eve = lab.browser();
    with_password(&mut eve, "eve", FIRST).await;
    let mut ada = lab.browser();
    with_password(&mut ada, "ada", FIRST).await;
    ada.submit("Change the password", &[("next", SECOND)]).await;
    let mut ada_at_provider = lab.browser();
    lab.sign_in(&mut ada_at_provider, ADA).await;

    let on_lab = |browser: &Browser, name| cookie(browser, "https://lab.test/", name);
    let tokens = vec![
        (Kind::Pass, cookie(&carol, "https://nb.test/", "__Host-labgate")),
        (Kind::PassOfAnotherHost, cookie(&carol, "https://grafana.test/", "__Host-labgate")),
        (Kind::Session, session),
        (Kind::Assertion, assertion),
        (Kind::HandOverCode, code),
        (Kind::LeavingTicket, leaving),
        (Kind::ChangeTicket, on_lab(&eve, "__Host-labgate-change")),
        (Kind::LinkTicket, on_lab(&ada_at_provider, "__Host-labgate-link")),
        (Kind::Device, on_lab(&ada, "__Host-labgate-device")),
        (Kind::AccessToken, access_token(lab).await),
    ];
    Given { tokens, flow: (state, entering) }
}

/// Makes an access token of an administrator, for a service and for the administration.
async fn access_token(lab: &TestLab) -> String {
    lab.add_account("root", labgate_domain::people::Role::Admin, FIRST).await;
    let mut root = lab.browser();
    with_password(&mut root, "root", FIRST).await;
    root.submit("Change the password", &[("next", SECOND)]).await;
    let body = proven("{\"name\":\"CI\",\"scope\":\"wandb api:admin\",\"days\":\"\"}", SECOND);
    let made = lab.request(posted("/api/auth/account/tokens", &session_cookie(&root), &body)).await;
    json(&made)["token"].as_str().unwrap().to_owned()
}

async fn is_accepted(lab: &TestLab, place: Place, token: &str, given: &Given) -> bool {
    let as_cookie = |end: &str| format!("__Host-labgate{end}={token}");
    let me = |headers: &[(&str, &str)]| lab.request(request("GET", "/api/auth/me", headers));
    match place {
        Place::Api => me(&[("cookie", &as_cookie(""))]).await.status() == StatusCode::OK,
        Place::DeviceCookie => me(&[("cookie", &as_cookie("-device"))]).await.status() == StatusCode::OK,
        Place::Bearer => {
            me(&[("authorization", &format!("Bearer {token}"))]).await.status() == StatusCode::OK
        }
        Place::CheckByBearer => by_authorization(lab, &format!("Bearer {token}")).await,
        Place::CheckByBasic => {
            let credentials = base64::prelude::BASE64_STANDARD.encode(format!("carol:{token}"));
            by_authorization(lab, &format!("Basic {credentials}")).await
        }
        Place::Administration => {
            let listed = [("authorization", &*format!("Bearer {token}"))];
            lab.request(request("GET", "/api/auth/users", &listed)).await.status() == StatusCode::OK
        }
        Place::CheckOfALabPath => check(lab, "lab.test", "/mlflow/", token).await == StatusCode::OK,
        Place::CheckOfAHost => check(lab, "nb.test", "/", token).await == StatusCode::OK,
        Place::CheckOfAnotherHost => check(lab, "grafana.test", "/", token).await == StatusCode::OK,
        Place::Entry => {
            let (state, entering) = &given.flow;
            let path = format!("/.labgate/enter?code={token}&state={state}&to=%2F");
            let entered = at_host(lab, "nb.test", &path, entering).await;
            let cookies = entered.headers().get_all("set-cookie").iter();
            let is_pass = |cookie: &&str| cookie.starts_with("__Host-labgate=ey");
            cookies.filter_map(|cookie| cookie.to_str().ok()).any(|cookie| is_pass(&cookie))
        }
        Place::Leaving => {
            let path = format!("/.labgate/leave?ticket={token}");
            at_host(lab, "nb.test", &path, "").await.headers().contains_key("clear-site-data")
        }
        Place::PasswordChange => {
            let change = Request::post("/api/auth/password")
                .header("origin", "https://lab.test")
                .header("content-type", "application/json")
                .header("cookie", as_cookie("-change"));
            let next = Bytes::from(format!("{{\"next\":\"{SECOND} two\"}}"));
            lab.request(change.body(next).unwrap()).await.status().is_success()
        }
        Place::Linking => {
            at_host(lab, "lab.test", "/link", &as_cookie("-link")).await.status() == StatusCode::OK
        }
    }
}

/// Asks as a proxy does about a service that takes access tokens.
async fn by_authorization(lab: &TestLab, authorization: &str) -> bool {
    let asked = Request::get("/api/auth/check/caddy")
        .extension(labgate_http::Peer("10.0.0.1".parse().unwrap()))
        .header("x-forwarded-host", "wandb.test")
        .header("x-forwarded-uri", "/")
        .header("x-forwarded-method", "GET")
        .header("authorization", authorization);
    lab.app().handle(asked.body(Bytes::new()).unwrap()).await.status() == StatusCode::OK
}

/// Opens a page at a host, as a browser with these cookies would.
async fn at_host(lab: &TestLab, host: &str, path: &str, cookies: &str) -> Response<Bytes> {
    lab.request(request("GET", path, &[("host", host), ("accept", "text/html"), ("cookie", cookies)])).await
}

async fn with_password(browser: &mut Browser, name: &str, password: &str) {
    browser.open("https://lab.test/login").await;
    browser.submit("Sign in with password", &[("username", name), ("password", password)]).await;
}

fn cookie(browser: &Browser, url: &str, name: &str) -> String {
    let found = browser.cookies(url).into_iter().find(|cookie| cookie.name == name);
    found.unwrap_or_else(|| panic!("no {name}: {:?}", browser.page())).value
}

fn set_cookie(response: &Response<Bytes>) -> String {
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn location(response: &Response<Bytes>) -> Url {
    response.headers()["location"].to_str().unwrap().parse().unwrap()
}
