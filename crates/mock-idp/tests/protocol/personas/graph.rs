use labgate_mock_idp::{Persona, User};
use serde_json::{Value, json};
use url::Url;

use super::entra::TENANT;
use super::{at, claims, tokens};
use crate::lab::{Answer, MockLab, target};

const MEMBERSHIPS: &str = "/v1.0/me/transitiveMemberOf?$select=id&$top=100";

fn lab(scopes: &[&str]) -> MockLab {
    at(Persona::entra(TENANT), scopes)
}

fn member_of(count: usize) -> User {
    User::new("ada").groups((0..count).map(|number| format!("group-{number}")))
}

async fn ask(lab: &MockLab, path: &str, access_token: &str) -> Answer {
    lab.get(path, &[("authorization", &format!("Bearer {access_token}"))]).await
}

fn ids(page: &Value) -> Vec<String> {
    page["value"].as_array().unwrap().iter().map(|group| group["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn two_hundred_groups_stand_in_the_token_and_more_do_not() {
    let lab = lab(&[]);
    assert_eq!(claims(&lab, member_of(200)).await["groups"].as_array().unwrap().len(), 200);
    let claims = claims(&lab, member_of(201)).await;
    assert!(claims.get("groups").is_none());
    assert_eq!(claims["_claim_names"], json!({ "groups": "src1" }));
    let endpoint = claims["_claim_sources"]["src1"]["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with("https://graph.windows.net/"), "{endpoint}");
}

#[tokio::test]
async fn graph_names_them_page_by_page() {
    let lab = lab(&["User.Read"]);
    let token = tokens(&lab, member_of(250)).await.field("access_token").to_owned();
    let (mut found, mut path, mut pages) = (Vec::new(), MEMBERSHIPS.to_owned(), 0);
    loop {
        let page = ask(&lab, &path, &token).await;
        assert_eq!(page.status, 200, "{}", page.text);
        found.extend(ids(&page.json));
        pages += 1;
        match page.json["@odata.nextLink"].as_str() {
            Some(next) => target(&next.parse::<Url>().unwrap()).clone_into(&mut path),
            None => break,
        }
    }
    assert_eq!((found.len(), pages), (250, 3));
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 250);
}

#[tokio::test]
async fn the_ids_are_those_of_the_id_token() {
    let lab = lab(&["User.Read"]);
    let tokens = tokens(&lab, member_of(2)).await;
    let page = ask(&lab, MEMBERSHIPS, tokens.field("access_token")).await;
    assert_eq!(json!(ids(&page.json)), tokens.id_token().1["groups"]);
    assert!(page.json.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn graph_refuses_what_it_did_not_grant() {
    let lab = lab(&["profile"]);
    let token = tokens(&lab, member_of(1)).await.field("access_token").to_owned();
    for (token, status, code) in
        [(token.as_str(), 403, "Authorization_RequestDenied"), ("unknown", 401, "InvalidAuthenticationToken")]
    {
        let answer = ask(&lab, MEMBERSHIPS, token).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json["error"]["code"], code);
    }
}
