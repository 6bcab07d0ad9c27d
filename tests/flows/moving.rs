//! What moves: usernames, and identities whose provider is known by another issuer.

use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::{EmailAddress, Role, Username};
use labgate_domain::ports::{AccountStore as _, IdentityStore as _};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, agree, json, posted, proven, request, session_cookie, with_carol};

const GOOD: &str = "correct horse battery";
const OTHER: &str = "staple clip drawer";
const ADDRESS: &str = "ada@example.test";
const OLD: &str = "https://old.example.org";

/// A browser in which the first administrator is signed in.
async fn administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    browser
}

async fn with_password(lab: &TestLab, name: &str, password: &str) -> Browser {
    let mut browser = lab.browser();
    browser.open("/login").await;
    browser.submit("Sign in with password", &[("username", name), ("password", password)]).await;
    browser
}

/// Makes an account with this address, opened by this subject at the old issuer.
async fn at_the_old_issuer(lab: &TestLab, address: &str, subject: &str) {
    lab.invite(address, None, None).await;
    let name = Username::parse(address).unwrap();
    let account = lab.store().find_by_name(&name).await.unwrap().unwrap();
    let identity = ExternalIdentity {
        issuer: Issuer::parse(OLD).unwrap(),
        subject: Subject::parse(subject).unwrap(),
        email: EmailClaim::Stated { address: EmailAddress::parse(address).unwrap(), verified: true },
        username: None,
        name: None,
        groups: Vec::new(),
        memberships: Memberships::default(),
        authentication_methods: Vec::new(),
        authenticated_at: None,
        session: None,
        id_token_hint: None,
        refresh_token: None,
    };
    lab.store().link(account.id, &identity, None, account.created_at).await.unwrap();
}

fn new_issuer(lab: &TestLab) -> String {
    lab.idp().issuers()[0].issuer().as_str().to_owned()
}

#[tokio::test]
async fn f22_a_renamed_account_signs_in_by_its_new_name_and_its_session_goes_on() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    lab.add_account("ada", Role::User, GOOD).await;
    let mut ada = with_password(&lab, "ada", GOOD).await;
    ada.submit("Change the password", &[("next", OTHER)]).await;
    for (typed, status, said) in [
        ("root", 409, "This name is taken"),
        ("a b", 422, "A username has up to 64"),
        ("eve@example.test", 422, "A username has up to 64"),
    ] {
        root.open("/admin").await;
        root.click("ada").await;
        root.submit("Rename", &[("username", typed)]).await;
        agree(&mut root, "Rename", GOOD).await;
        assert_eq!(root.page().status(), status, "{}", root.page());
        assert!(root.page().text().contains(said), "{}", root.page());
        assert!(root.page().html().contains(&format!("value=\"{typed}\"")), "{}", root.page().html());
    }
    root.submit("Rename", &[("username", "Lovelace"), ("your_password", GOOD)]).await;
    assert!(root.page().text().contains("lovelace"), "{}", root.page());

    let me = lab.request(request("GET", "/api/auth/me", &[("cookie", &session_cookie(&ada))])).await;
    assert_eq!(me.status(), 200, "the session goes on");
    ada.open("/account").await;
    assert!(ada.page().text().contains("lovelace"), "{}", ada.page());
    let by_old_name = with_password(&lab, "ada", OTHER).await;
    assert!(
        by_old_name.page().text().contains("The name or the password is wrong"),
        "{}",
        by_old_name.page()
    );
    let by_new_name = with_password(&lab, "lovelace", OTHER).await;
    assert!(by_new_name.page().text().contains("Hello, lovelace"), "{}", by_new_name.page());
}

#[tokio::test]
async fn f22_the_api_renames_and_says_beforehand_what_it_would_do() {
    let lab = TestLab::new();
    let root = administrator(&lab).await;
    lab.add_account("ada", Role::User, GOOD).await;
    let ada = lab.store().accounts().into_iter().find(|it| it.username.as_str() == "ada").unwrap();
    let post = async |path: &str, body: &str| {
        lab.request(posted(path, &session_cookie(&root), &proven(body, GOOD))).await
    };
    let path = format!("/api/auth/users/{}/rename", ada.id);
    let name = async || lab.store().find(ada.id).await.unwrap().unwrap().username.to_string();
    for (body, status, then) in [
        (r#"{"username":"lovelace","dry_run":"true"}"#, 204, "ada"),
        (r#"{"username":"root","dry_run":"true"}"#, 409, "ada"),
        (r#"{"username":"lovelace","dry_run":"perhaps"}"#, 400, "ada"),
        ("{}", 422, "ada"),
        (r#"{"username":"lovelace"}"#, 204, "lovelace"),
    ] {
        assert_eq!(post(&path, body).await.status(), status, "{body}");
        assert_eq!(name().await, then, "{body}");
    }
    let unknown = "/api/auth/users/01890000-0000-7000-8000-000000000000/rename";
    assert_eq!(json(&post(unknown, r#"{"username":"x"}"#).await)["code"], "account_unknown");
}

#[tokio::test]
async fn f22_after_a_move_by_address_the_next_sign_in_there_claims_the_account_once() {
    let lab = with_carol().without_self_registration().build();
    let mut root = administrator(&lab).await;
    at_the_old_issuer(&lab, ADDRESS, "4711").await;
    let id = lab.store().find_by_name(&Username::parse(ADDRESS).unwrap()).await.unwrap().unwrap().id;

    // Until then the person is asked for proof, which they cannot give.
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    assert_eq!(ada.page().url().path(), "/link", "{}", ada.page());

    root.open("/admin").await;
    root.click("Move identities").await;
    let new = new_issuer(&lab);
    let wanted = [("from", OLD), ("to", &new), ("by", "email")];
    root.submit("Go on", &[("from", OLD), ("to", OLD), ("by", "email")]).await;
    assert_eq!(root.page().status(), 422, "{}", root.page());
    assert!(root.page().html().contains(&format!("name=\"from\" value=\"{OLD}\"")), "{}", root.page().html());
    root.submit("Go on", &wanted).await;
    assert!(root.page().text().contains("Nothing was changed yet"), "{}", root.page());
    assert!(root.page().text().contains("the account's e-mail address claims it"), "{}", root.page());
    lab.sign_in(&mut ada, ADA).await;
    assert_eq!(ada.page().url().path(), "/link", "the form only shows at first: {}", ada.page());
    root.submit("Go on", &[&wanted[..], &[("dry_run", "false"), ("your_password", GOOD)]].concat()).await;
    assert!(root.page().text().contains("It is done"), "{}", root.page());

    lab.sign_in(&mut ada, ADA).await;
    assert!(ada.page().text().contains("Hello, Ada Example"), "{}", ada.page());
    let identities = lab.store().identities(id).await.unwrap();
    let issuers: Vec<_> = identities.iter().map(|it| it.issuer.as_str()).collect();
    assert_eq!(issuers, [&new], "the old identity is gone");
    let mut again = lab.browser();
    lab.sign_in(&mut again, ADA).await;
    assert!(again.page().text().contains("Hello, Ada Example"), "{}", again.page());
}

#[tokio::test]
async fn f22_an_identity_that_gave_way_is_taken_back_and_expires() {
    for expires in [false, true] {
        let lab = TestLab::new();
        let root = administrator(&lab).await;
        at_the_old_issuer(&lab, ADDRESS, "4711").await;
        let new = new_issuer(&lab);
        let post = async |fields: serde_json::Value| {
            let body = proven(&fields.to_string(), GOOD);
            lab.request(posted("/api/auth/identities/move", &session_cookie(&root), &body)).await
        };
        let by_email = |days: &str| serde_json::json!({"from": OLD, "to": new, "by": "email", "days": days});
        let moved = json(&post(by_email("7")).await);
        assert_eq!((&moved["moved"], &moved["accounts"][0]["claimable"]), (&true.into(), &true.into()));
        if expires {
            lab.clock().advance(std::time::Duration::from_hours(7 * 24));
        } else {
            assert_eq!(post(by_email("0")).await.status(), 200);
        }
        let mut ada = lab.browser();
        lab.sign_in(&mut ada, ADA).await;
        assert_eq!(ada.page().url().path(), "/link", "{}", ada.page());
        if !expires {
            for fields in
                [by_email("366"), by_email("-1"), serde_json::json!({"from": OLD, "to": new, "by": "name"})]
            {
                assert_eq!(post(fields).await.status(), 400);
            }
            assert_eq!(
                json(&post(serde_json::json!({"from": OLD, "to": "x"})).await)["code"],
                "issuers_invalid"
            );
        }
    }
}

#[tokio::test]
async fn f22_the_api_moves_identities_where_the_subjects_stay() {
    let lab = TestLab::new();
    let root = administrator(&lab).await;
    at_the_old_issuer(&lab, "ada@example.org", "ada-at-both").await;
    let new = new_issuer(&lab);
    let post = async |dry_run: &str, cookie: &str| {
        let fields = serde_json::json!({"from": OLD, "to": new, "dry_run": dry_run}).to_string();
        lab.request(posted("/api/auth/identities/move", cookie, &proven(&fields, GOOD))).await
    };
    let cookie = session_cookie(&root);
    assert_eq!(post("false", "").await.status(), 401);
    for (dry_run, moved, left) in [("true", false, 1), ("false", true, 1), ("false", true, 0)] {
        let answer = json(&post(dry_run, &cookie).await);
        assert_eq!((&answer["moved"], answer["accounts"].as_array().unwrap().len()), (&moved.into(), left));
    }
    let subject = Subject::parse("ada-at-both").unwrap();
    let found = lab.store().find_by_identity(&Issuer::parse(&new).unwrap(), &subject).await.unwrap();
    assert_eq!(found.unwrap().username.as_str(), "ada@example.org");
}
