//! Entra for several tenants, and the attacks that this invites.

use labgate_mock_idp::{Fault, Persona, User};

use super::entra::TENANT;
use super::{ada, at, claims, keys, metadata};
use crate::lab::MockLab;

const OTHER: &str = "cccccccc-1111-4222-8333-dddddddddddd";
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn common() -> MockLab {
    at(Persona::entra("common"), &["profile", "email"])
}

#[tokio::test]
async fn for_all_tenants_the_document_and_the_keys_have_a_template() {
    for tenant in ["common", "organizations"] {
        let lab = at(Persona::entra(tenant), &["profile"]);
        let template = "http://idp.test/{tenantid}/v2.0";
        assert_eq!(lab.idp.issuer().as_str(), template);
        let metadata = metadata(&lab).await;
        assert_eq!(metadata["issuer"], template);
        assert_eq!(
            metadata["authorization_endpoint"],
            format!("http://idp.test/{tenant}/oauth2/v2.0/authorize")
        );
        assert_eq!(keys(&lab).await[0]["issuer"], template);
        assert!(lab.idp.issuer_at(&format!("/{tenant}")).is_some());
    }
}

#[tokio::test]
async fn tokens_name_the_tenant_of_the_person() {
    let lab = common();
    for (user, tenant) in [(ada(), Persona::HOME_TENANT), (ada().tenant(OTHER), OTHER)] {
        let claims = claims(&lab, user).await;
        assert_eq!(claims["tid"], tenant);
        assert_eq!(claims["iss"], format!("http://idp.test/{tenant}/v2.0"));
        assert!(claims.get("idp").is_none(), "there are no guests there");
    }
    let (here, there) = (claims(&lab, ada()).await, claims(&lab, ada().tenant(OTHER)).await);
    assert_ne!(here["oid"], there["oid"]);
    assert_ne!(here["sub"], there["sub"]);
}

#[tokio::test]
async fn consumers_have_a_tenant_of_their_own() {
    let lab = at(Persona::entra("consumers"), &["profile"]);
    assert_eq!(lab.idp.issuer().as_str(), format!("http://idp.test/{CONSUMERS}/v2.0"));
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/consumers/oauth2/v2.0/authorize");
    assert_eq!(claims(&lab, ada()).await["tid"], CONSUMERS);
}

#[tokio::test]
async fn a_domain_name_leads_to_what_is_published_for_the_guid() {
    let lab = at(Persona::entra("contoso.example"), &["profile"]);
    let guid = Persona::HOME_TENANT;
    assert_eq!(lab.idp.issuer().as_str(), format!("http://idp.test/{guid}/v2.0"));
    let asked = lab.get("/contoso.example/v2.0/.well-known/openid-configuration", &[]).await;
    assert_eq!(
        asked.field("authorization_endpoint"),
        format!("http://idp.test/{guid}/oauth2/v2.0/authorize")
    );
    assert_eq!(asked.json, metadata(&lab).await);
    let url = lab.authorization_url().to_string().replace(guid, "contoso.example");
    assert!(lab.idp.sign_in(&url.parse().unwrap(), "ada").is_ok());
}

#[tokio::test]
async fn a_guest_signs_in_to_the_tenant_that_invited_them() {
    let lab = at(Persona::entra(TENANT), &["profile"]);
    let guest = User::new("grace").email("grace@partner.example").tenant(OTHER);
    let claims = claims(&lab, guest).await;
    assert_eq!(claims["tid"], TENANT);
    assert_eq!(claims["idp"], format!("https://sts.windows.net/{OTHER}/"));
    assert_eq!(claims["upn"], "grace_partner.example#EXT#@contoso.onmicrosoft.com");
    assert_eq!(claims["email"], "grace@partner.example", "guests have it without the scope");
}

#[tokio::test]
async fn an_attacker_can_set_any_address_in_a_tenant_of_their_own() {
    let lab =
        at(Persona::Entra { tenant: "common".to_owned(), optional_claims: true }, &["profile", "email"]);
    let attacker = User::new("eve").unverified_email("ada@example.test").tenant(OTHER);
    let (theirs, ours) = (claims(&lab, attacker).await, claims(&lab, ada()).await);
    assert_eq!(theirs["email"], ours["email"]);
    assert_eq!(theirs["preferred_username"], ours["preferred_username"]);
    assert_ne!(theirs["iss"], ours["iss"]);
    assert_eq!(theirs["xms_edov"], false);
}

#[tokio::test]
async fn a_token_can_claim_another_tenant_or_none() {
    let lab = at(Persona::entra(TENANT), &["profile"]);
    lab.idp.fault(Fault::TenantSwap).once();
    let swapped = claims(&lab, ada()).await;
    assert_ne!(swapped["tid"], TENANT);
    assert_eq!(swapped["iss"], format!("http://idp.test/{}/v2.0", swapped["tid"].as_str().unwrap()));
    lab.idp.fault(Fault::IssuerTemplate).once();
    let template = claims(&lab, ada()).await;
    assert_eq!(template["iss"], "http://idp.test/{tenantid}/v2.0");
    assert_eq!(template["tid"], TENANT);
}

#[tokio::test]
async fn a_logout_hint_from_any_tenant_is_its_own() {
    let lab = common();
    let token = super::tokens(&lab, ada().tenant(OTHER)).await.field("id_token").to_owned();
    let answer = lab.get(&format!("/common/oauth2/v2.0/logout?id_token_hint={token}"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn version_1_has_another_issuer_with_a_slash_and_other_names() {
    let lab = MockLab::with(|builder| {
        let builder = builder.persona(Persona::EntraV1 { tenant: TENANT.to_owned() });
        builder.second_origin("https://sts.windows.net").unwrap()
    });
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    assert_eq!(lab.idp.issuer().as_str(), issuer);
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["authorization_endpoint"], format!("http://idp.test/{TENANT}/oauth2/authorize"));
    assert_eq!(metadata["jwks_uri"], "http://idp.test/common/discovery/keys");
    let url = lab.altered("scope", Some("openid profile"));
    let callback = lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap();
    let claims = lab.redeem(&crate::lab::parameter(&callback, "code").unwrap()).await.id_token().1;
    assert_eq!((claims["iss"].as_str(), claims["ver"].as_str()), (Some(issuer.as_str()), Some("1.0")));
    assert_eq!(claims["upn"], "ada@example.test");
    assert!(claims.get("preferred_username").is_none());
}
