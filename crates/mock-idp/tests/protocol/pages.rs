use http::StatusCode;
use labgate_mock_idp::{Fault, User};

use crate::lab::{CALLBACK, MockLab, target};

#[tokio::test]
async fn pages_need_neither_script_nor_network() {
    let lab = MockLab::new();
    let authorize = target(&lab.authorization_url()).to_owned();
    for path in ["/", "/end_session", "/nothing", "/authorize", &authorize] {
        let page = lab.get(path, &[]).await;
        let policy = page.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'");
        assert!(!page.text.contains("<script") && !page.text.contains("style="), "{path}");
        assert!(page.text.contains("<html lang=\"en\">") && page.text.contains("name=\"viewport\""));
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let style = lab.get("/style.css", &[]).await;
    assert!(style.header("content-type").starts_with("text/css"));
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
}

#[tokio::test]
async fn every_control_of_the_login_page_has_a_label() {
    let page = MockLab::new();
    let page = page.get(target(&page.authorization_url()), &[]).await.text;
    for id in ["sub", "email", "name", "groups", "claims", "pick-fault", "type-fault"] {
        assert!(page.contains(&format!("<label for=\"{id}\">")), "{id}");
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(page.contains("<label class=\"check\"><input type=\"checkbox\""));
    let order: Vec<_> = ["Sign in as Ada", "Sign in as Bob", "id=\"sub\"", "id=\"email\"", "name=\"deny\""]
        .map(|what| page.find(what).unwrap())
        .into();
    assert!(order.is_sorted(), "the keyboard goes from top to bottom");
}

#[tokio::test]
async fn what_comes_from_outside_is_escaped() {
    let hostile = "\"><script>alert(1)</script>";
    let lab = MockLab::with(|builder| builder.user(User::new(hostile).name(hostile).email(hostile)));
    let hinted = lab.altered("login_hint", Some(hostile));
    let unknown = lab.altered("client_id", Some(hostile));
    let unregistered = lab.altered("redirect_uri", Some(hostile));
    for url in [&hinted, &unknown, &unregistered] {
        let page = lab.get(target(url), &[]).await.text;
        assert!(!page.contains("<script"), "{page}");
    }
    assert!(!lab.get("/", &[]).await.text.contains("<script"));
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    for (name, value) in [("user", hostile), ("fault", hostile), ("groups", hostile), ("name", hostile)] {
        let page = lab.post(&login, &[(name, value.to_owned()), ("claims", "x".to_owned())], &[]).await;
        assert!(!page.text.contains("<script"), "{name}");
    }
}

#[tokio::test]
async fn the_page_at_the_root_names_issuers_users_and_redirect_uris() {
    let page = MockLab::new().get("/", &[]).await.text;
    for name in ["http://idp.test", "ada@example.test", "bob@example.test, not verified", CALLBACK] {
        assert!(page.contains(name), "{name}");
    }
    assert!(!page.contains("lab-secret"));
}

#[tokio::test]
async fn every_fault_of_a_sign_in_can_be_chosen_on_the_page() {
    let lab = MockLab::new();
    let page = lab.get(target(&lab.authorization_url()), &[]).await.text;
    for fault in Fault::ALL {
        let offered = page.contains(&format!("<option value=\"{}\">", fault.name()));
        let before_sign_in =
            matches!(fault, Fault::Discovery500 | Fault::DiscoveryIssuerMismatch | Fault::Jwks500);
        assert_eq!(offered, !before_sign_in, "{}", fault.name());
    }
}

#[tokio::test]
async fn an_unknown_address_or_method_gets_a_page() {
    let lab = MockLab::new();
    assert_eq!(lab.get("/nothing", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(lab.get("/token", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(lab.post("/jwks", &[], &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
