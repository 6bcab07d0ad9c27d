//! Local groups: administrators give them, sessions have them beside the provider's, and no admission rule looks
//! at them.

use std::sync::Arc;
use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::people::{GroupName, GroupPatch, Username};
use labgate_domain::ports::AccountStore as _;
use labgate_domain::sign_in::{Administrator, SignIn};
use labgate_test_harness::{Browser, TestLab};
use serde_json::{Value, json};

use super::{ADA, CAROL, agree, proven, request, session_cookie, with_carol};

const GOOD: &str = "correct horse battery";
const YES: &str = "Change the groups";
const CAROLS: &str = "carol@example.test";

/// A browser in which the first administrator is signed in.
async fn administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    browser
}

async fn id_of(lab: &TestLab, name: &str) -> String {
    let account = lab.store().find_by_name(&Username::typed(name).unwrap()).await.unwrap();
    account.unwrap().id.to_string()
}

/// Changes groups as the command line does: by a process of its own on the same store.
async fn change(lab: &TestLab, name: &str, add: &str) {
    let patch = GroupPatch { add: GroupName::typed_list(add).unwrap(), ..GroupPatch::default() };
    let command = SignIn::new(lab.ports().clone(), lab.policy().clone());
    let (administration, by) = (command.administration(), Administrator::local_operator());
    let account = administration.named(&by, name).await.unwrap();
    administration.change_groups(&by, account.id, &patch).await.unwrap();
}

async fn me(lab: &TestLab, cookie: &str) -> Value {
    let answer = lab.request(request("GET", "/api/auth/me", &[("cookie", cookie)])).await;
    assert_eq!(answer.status(), 200);
    super::json(&answer)
}

/// Posts to the groups of an account.
async fn post(lab: &TestLab, cookie: &str, id: &str, body: &Value) -> (u16, Option<String>) {
    let headers =
        [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let mut request = request("POST", &format!("/api/auth/users/{id}/groups"), &headers);
    *request.body_mut() = proven(&body.to_string(), GOOD).into();
    let answer = lab.request(request).await;
    let code = (!answer.body().is_empty()).then(|| super::json(&answer)["code"].to_string());
    (answer.status().as_u16(), code)
}

#[tokio::test]
async fn an_administrator_gives_groups_on_the_page_and_the_person_has_them_at_once() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    let cookie = session_cookie(&ada);
    assert_eq!(me(&lab, &cookie).await["local_groups"], json!([]));

    root.open(&format!("/admin/accounts/{}", id_of(&lab, "ada@example.test").await)).await;
    root.submit("Add", &[("add", "gpu, lab-users")]).await;
    agree(&mut root, YES, GOOD).await;
    assert_eq!(root.page().status(), 200);
    let text = root.page().text();
    assert!(text.contains("gpu (from the lab)") && text.contains("lab-users (from the lab)"), "{text}");
    assert!(text.contains("Groups: lab-admins, lab-users (from mock)"), "{text}");

    // Her session goes on; what she is in is a union, with the origin beside it.
    let hers = me(&lab, &cookie).await;
    assert_eq!(hers["groups"], json!(["gpu", "lab-users", "lab-admins"]));
    assert_eq!((&hers["local_groups"], &hers["role"]), (&json!(["gpu", "lab-users"]), &json!("user")));
    let verified = lab.request(request("GET", "/api/auth/verify", &[("cookie", &cookie)])).await;
    let renewed = verified.headers()["set-cookie"].to_str().unwrap();
    let token = renewed.split_once('=').unwrap().1.split(';').next().unwrap();
    let claims = lab.ports().tokens.authenticate(token).unwrap();
    assert_eq!(claims.groups, ["gpu", "lab-users", "lab-admins"], "a service learns it by the next token");
    ada.open("/account").await;
    let text = ada.page().text();
    assert!(text.contains("gpu, lab-users (from the lab)"), "{text}");
    assert!(text.contains("lab-admins, lab-users (from Mock provider)"), "{text}");

    root.click("Remove").await;
    agree(&mut root, YES, GOOD).await;
    assert!(!root.page().text().contains("gpu (from the lab)"), "{}", root.page());
    assert_eq!(me(&lab, &cookie).await["groups"], json!(["lab-users", "lab-admins"]));
    root.click("Remove").await;
    agree(&mut root, YES, GOOD).await;
    let hers = me(&lab, &cookie).await;
    assert_eq!(hers["groups"], json!(["lab-admins", "lab-users"]), "the provider's stay, in its order");
    assert_eq!(hers["local_groups"], json!([]));
}

#[tokio::test]
async fn c192_a_local_group_is_escaped_on_every_page() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    let hostile = "<b>&\"'<script>alert(1)</script>";
    root.open(&format!("/admin/accounts/{}", id_of(&lab, "root").await)).await;
    root.submit("Add", &[("add", hostile)]).await;
    assert!(!root.page().html().contains("<script>"), "{}", root.page().html());
    agree(&mut root, YES, GOOD).await;
    for page in [root.page().url().to_string(), "/".to_owned(), "/account".to_owned()] {
        root.open(&page).await;
        assert!(root.page().text().contains(hostile), "{}", root.page());
        assert!(!root.page().html().contains("<script>"), "{}", root.page().html());
    }
    root.open(&format!("/admin/accounts/{}", id_of(&lab, "root").await)).await;
    root.click("Remove").await;
    agree(&mut root, YES, GOOD).await;
    assert!(!root.page().text().contains(hostile), "the form names it as it is: {}", root.page());
}

#[tokio::test]
async fn a_change_of_groups_that_cannot_be_is_refused() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    let page = format!("/admin/accounts/{}", id_of(&lab, "root").await);
    for typed in ["a,,b", "", "x\u{202e}"] {
        root.open(&page).await;
        root.submit("Add", &[("add", typed)]).await;
        assert_eq!(root.page().status(), 422, "{}", root.page());
        assert!(root.page().text().contains("1 to 64 visible characters"), "{}", root.page());
    }
    let many = (0..65).map(|number| format!("g{number}")).collect::<Vec<_>>().join(",");
    root.open(&page).await;
    root.submit("Add", &[("add", &many)]).await;
    agree(&mut root, YES, GOOD).await;
    assert_eq!(root.page().status(), 409, "{}", root.page());
    assert!(root.page().text().contains("at most 64 groups"), "{}", root.page());
    assert!(
        root.page().html().contains(&format!("name=\"add\" value=\"{many}\"")),
        "what was asked for is lost"
    );
}

#[tokio::test]
async fn the_api_takes_lists_and_only_from_an_administrator() {
    let lab = with_carol().build();
    let root = administrator(&lab).await;
    let mut carol = lab.browser();
    lab.sign_in(&mut carol, CAROL).await;
    let (id, root, carol) = (id_of(&lab, CAROLS).await, session_cookie(&root), session_cookie(&carol));

    assert_eq!(post(&lab, &carol, &id, &json!({ "add": "gpu" })).await.0, 403, "nobody gives herself groups");
    let forged = [("cookie", &*root), ("sec-fetch-site", "same-site"), ("content-type", "application/json")];
    let path = format!("/api/auth/users/{id}/groups");
    let mut forged = request("POST", &path, &forged);
    *forged.body_mut() = json!({ "add": "gpu" }).to_string().into();
    assert_eq!(lab.request(forged).await.status(), 403, "another page cannot");

    for (body, expected) in [
        (json!({ "add": "staff,gpu", "remove": "none" }), (204, None)),
        (json!({ "add": "gpu", "remove": "staff" }), (204, None)),
        (json!({}), (400, Some("\"bad_request\""))),
        (json!({ "add": ["gpu"] }), (400, Some("\"bad_request\""))),
        (json!({ "add": "gpu,", "remove": "gpu" }), (422, Some("\"group_invalid\""))),
        (json!({ "add": "x".repeat(65) }), (422, Some("\"group_invalid\""))),
    ] {
        let (status, code) = post(&lab, &root, &id, &body).await;
        assert_eq!((status, code.as_deref()), expected, "{body}");
    }
    let nobody = "01890000-0000-7000-8000-000000000000";
    let unknown = post(&lab, &root, nobody, &json!({ "add": "gpu" })).await;
    assert_eq!(unknown, (404, Some("\"account_unknown\"".to_owned())));
    let shown = lab.request(request("GET", &format!("/api/auth/users/{id}"), &[("cookie", &root)])).await;
    assert_eq!(super::json(&shown)["local_groups"], json!(["gpu"]));
    assert_eq!(me(&lab, &carol).await["groups"], json!(["gpu"]));
}

#[tokio::test]
async fn a_change_elsewhere_is_effective_within_a_second() {
    let lab = with_carol().build();
    let other = lab.replica(lab.store(), Arc::new(lab.store().clone()));
    let mut carol = lab.browser();
    lab.sign_in(&mut carol, CAROL).await;
    let cookie = session_cookie(&carol);
    for replica in [&lab, &other] {
        assert_eq!(me(replica, &cookie).await["groups"], json!([]));
    }
    change(&lab, CAROLS, "gpu").await;
    lab.clock().advance(Duration::from_secs(1));
    for replica in [&lab, &other] {
        assert_eq!(me(replica, &cookie).await["groups"], json!(["gpu"]));
    }
}

#[tokio::test]
async fn a_local_group_admits_nobody_and_makes_nobody_an_administrator() {
    let admitted = Rule::new(Criterion::Group, ["members"]).unwrap();
    let rules = AdmissionRules::new(vec![admitted], Some(vec!["chiefs".to_owned()]));
    let lab = with_carol().admission(rules).build();
    lab.invite(CAROLS, None, None).await;
    change(&lab, CAROLS, "members, chiefs").await;
    let mut carol = lab.browser();
    lab.sign_in(&mut carol, CAROL).await;
    assert_eq!(carol.page().status(), 403, "{}", carol.page());

    let chiefs_only = AdmissionRules::new(Vec::new(), Some(vec!["chiefs".to_owned()]));
    let lab = with_carol().admission(chiefs_only).build();
    lab.invite(CAROLS, None, None).await;
    change(&lab, CAROLS, "chiefs").await;
    let mut carol = lab.browser();
    lab.sign_in(&mut carol, CAROL).await;
    let hers = me(&lab, &session_cookie(&carol)).await;
    assert_eq!((&hers["role"], &hers["groups"]), (&json!("user"), &json!(["chiefs"])));
}

#[tokio::test]
async fn session_revalidation_asks_for_the_providers_groups_only() {
    let rules = AdmissionRules::new(vec![Rule::new(Criterion::Group, ["lab-users"]).unwrap()], None);
    let lab = TestLab::builder().admission(rules).revalidation(Duration::from_mins(15)).build();
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    let cookie = session_cookie(&ada);
    change(&lab, "ada@example.test", "lab-users").await;
    lab.clock().advance(Duration::from_mins(15));
    // The first of her groups alone, which is another one.
    lab.idp().fault(labgate_mock_idp::Fault::GroupsString).once();
    assert_eq!(lab.revalidate().await, 1);
    let checked = lab.request(request("GET", "/api/auth/verify", &[("cookie", &cookie)])).await;
    assert_eq!(checked.status(), 401, "the local group of that name does not keep her in");
}
