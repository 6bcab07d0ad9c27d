use labgate_mock_idp::{Fault, User};
use serde_json::{Value, json};

use super::ada;
use super::github::{github, token};
use crate::lab::{Answer, MockLab, target};

async fn signed_in(lab: &MockLab, user: User, scope: &str) -> String {
    token(lab, user, scope).await.field("access_token").to_owned()
}

async fn ask(lab: &MockLab, path: &str, access_token: &str) -> Answer {
    let bearer = format!("Bearer {access_token}");
    lab.get(path, &[("authorization", &bearer), ("user-agent", "lab")]).await
}

fn names(answer: &Answer, name: &str) -> Vec<String> {
    answer.json.as_array().unwrap().iter().map(|it| it[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_user_has_a_number_and_shows_no_address() {
    let lab = github();
    let token = signed_in(&lab, ada(), "read:user user:email").await;
    let answer = ask(&lab, "/api/v3/user", &token).await;
    let user = &answer.json;
    assert!(user["id"].is_u64());
    assert_eq!(
        (&user["login"], &user["name"], &user["email"]),
        (&json!("ada"), &json!("Ada Example"), &Value::Null)
    );
    assert_eq!(user["two_factor_authentication"], true);
    assert_eq!(answer.header("x-oauth-scopes"), "read:user, user:email");
    assert_eq!(*user, ask(&lab, "/user", &token).await.json, "as api.github.com answers");

    let other = User::new("ada").claim("id", 583_231).claim("email", "public@example.test");
    let token = signed_in(&lab, other, "").await;
    let user = ask(&lab, "/user", &token).await.json;
    assert_eq!((&user["id"], &user["email"]), (&json!(583_231), &json!("public@example.test")));
    assert!(user.get("two_factor_authentication").is_none());
}

#[tokio::test]
async fn addresses_have_a_primary_one_that_may_not_be_verified() {
    let lab = github();
    for (user, verified) in [(ada(), true), (User::new("bob").unverified_email("bob@example.test"), false)] {
        let token = signed_in(&lab, user, "user:email").await;
        let emails = ask(&lab, "/user/emails", &token).await.json;
        let primary = emails.as_array().unwrap().iter().find(|email| email["primary"] == true).unwrap();
        assert_eq!(primary["verified"], verified);
        let hidden = emails.as_array().unwrap().iter().find(|email| email["primary"] == false).unwrap();
        assert!(hidden["email"].as_str().unwrap().ends_with("@users.noreply.github.com"));
        assert_eq!(hidden["verified"], true);
    }
    lab.idp.fault(Fault::UnverifiedEmail).once();
    let token = signed_in(&lab, ada(), "user:email").await;
    assert_eq!(ask(&lab, "/user/emails", &token).await.json[1]["verified"], false);
    lab.idp.fault(Fault::MissingEmail).once();
    let token = signed_in(&lab, ada(), "user:email").await;
    assert_eq!(ask(&lab, "/user/emails", &token).await.json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn groups_are_organizations_and_teams() {
    let lab = github();
    let user = User::new("ada").groups(["acme/lab", "acme/web", "solo"]);
    let token = signed_in(&lab, user, "read:org").await;
    assert_eq!(names(&ask(&lab, "/api/v3/user/orgs", &token).await, "login"), ["acme", "solo"]);
    let teams = ask(&lab, "/api/v3/user/teams", &token).await;
    assert_eq!(names(&teams, "slug"), ["lab", "web"]);
    assert_eq!(teams.json[0]["organization"]["login"], "acme");
}

#[tokio::test]
async fn lists_have_pages_with_links() {
    let lab = github();
    let user = User::new("ada").groups((0..70).map(|number| format!("acme/team-{number:02}")));
    let token = signed_in(&lab, user, "read:org").await;
    let (mut path, mut found, mut pages) = ("/user/teams".to_owned(), Vec::new(), 0);
    loop {
        let page = ask(&lab, &path, &token).await;
        found.extend(names(&page, "slug"));
        pages += 1;
        let next = page.header("link").split(", ").find_map(|link| link.strip_suffix(">; rel=\"next\""));
        let Some(next) = next else { break };
        target(&next.trim_start_matches('<').parse().unwrap()).clone_into(&mut path);
    }
    assert_eq!((found.len(), pages), (70, 3));
    let all = ask(&lab, "/api/v3/user/teams?per_page=100", &token).await;
    assert_eq!(names(&all, "slug"), found);
    assert_eq!(all.header("link"), "");
    assert_eq!(names(&ask(&lab, "/user/teams?page=9", &token).await, "slug"), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_scopes_do_not_give_is_refused() {
    let lab = github();
    let token = signed_in(&lab, ada(), "read:user").await;
    assert_eq!(ask(&lab, "/user/emails", &token).await.status, 404);
    assert_eq!(ask(&lab, "/user/orgs", &token).await.status, 403);
    assert_eq!(ask(&lab, "/user/teams", &token).await.status, 403);
    let unknown = ask(&lab, "/user", "gho_unknown").await;
    assert_eq!((unknown.status.as_u16(), &unknown.json["message"]), (401, &json!("Bad credentials")));
}

#[tokio::test]
async fn a_user_agent_is_mandatory_and_the_version_must_exist() {
    let lab = github();
    let token = signed_in(&lab, ada(), "read:user").await;
    let bearer = format!("Bearer {token}");
    let nameless = lab.get("/user", &[("authorization", &bearer)]).await;
    assert_eq!(nameless.status, 403);
    assert!(nameless.text.contains("User-Agent"));
    for (version, status) in [("2022-11-28", 200), ("1999-01-01", 400)] {
        let headers =
            [("authorization", bearer.as_str()), ("user-agent", "lab"), ("x-github-api-version", version)];
        assert_eq!(lab.get("/user", &headers).await.status, status, "{version}");
    }
}

#[tokio::test]
async fn the_api_can_answer_about_another_person() {
    let lab = github();
    let token = signed_in(&lab, ada(), "read:user").await;
    let before = ask(&lab, "/user", &token).await.json["id"].clone();
    lab.idp.fault(Fault::UserinfoSubMismatch).once();
    assert_ne!(ask(&lab, "/user", &token).await.json["id"], before);
}
