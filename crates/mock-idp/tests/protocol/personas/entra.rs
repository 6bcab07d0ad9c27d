use labgate_mock_idp::{Fault, Persona, User};
use serde_json::{Value, json};

use super::{ada, at, callback, claims, keys, metadata, mistakes, page, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, parameter};

pub(super) const TENANT: &str = "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb";
const NOW: i64 = 1_800_000_000;

fn entra() -> MockLab {
    at(Persona::entra(TENANT), &["profile", "email", "offline_access", "User.Read"])
}

#[tokio::test]
async fn its_document_is_below_the_tenant_and_silent_about_pkce() {
    let lab = entra();
    let base = format!("http://idp.test/{TENANT}");
    assert_eq!(lab.idp.issuer().as_str(), format!("{base}/v2.0"));
    assert_eq!(lab.idp.discovery_url(), format!("{base}/v2.0/.well-known/openid-configuration"));
    assert_eq!(lab.idp.authorization_endpoint(), format!("{base}/oauth2/v2.0/authorize"));
    assert_eq!(lab.idp.token_endpoint(), format!("{base}/oauth2/v2.0/token"));
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], format!("{base}/v2.0"));
    assert_eq!(metadata["jwks_uri"], format!("{base}/discovery/v2.0/keys"));
    assert_eq!(metadata["end_session_endpoint"], format!("{base}/oauth2/v2.0/logout"));
    assert_eq!(metadata["subject_types_supported"], json!(["pairwise"]));
    assert_eq!(metadata["token_endpoint_auth_methods_supported"][0], "client_secret_post");
    for absent in [
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
        "backchannel_logout_supported",
    ] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
    assert_eq!(keys(&lab).await[0]["issuer"], format!("{base}/v2.0"));
}

#[tokio::test]
async fn a_trip_gives_its_claims_backdated_and_without_email_verified() {
    let lab = entra();
    let callback = callback(&lab, ada());
    assert_eq!(parameter(&callback, "iss"), None);
    assert!(parameter(&callback, "session_state").is_some());
    let tokens = lab.redeem(&parameter(&callback, "code").unwrap()).await;
    let claims = tokens.id_token().1;
    assert_eq!(claims["iss"], lab.idp.issuer().as_str());
    assert_eq!(claims["tid"], TENANT);
    assert_eq!(claims["ver"], "2.0");
    assert_eq!(claims["preferred_username"], "ada@example.test");
    assert_eq!(
        (&claims["iat"], &claims["nbf"], &claims["exp"]),
        (&json!(NOW - 300), &json!(NOW - 300), &json!(NOW + 3600))
    );
    assert_eq!(claims["email"], "ada@example.test");
    assert_eq!(claims["oid"].as_str().unwrap().len(), 36);
    let groups: Vec<&str> = claims["groups"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(groups.len() == 2 && groups.iter().all(|id| id.len() == 36), "{groups:?}");
    for present in ["nonce", "sid", "uti", "rh", "aio"] {
        assert!(claims[present].is_string(), "{present}");
    }
    let never =
        ["email_verified", "xms_edov", "verified_primary_email", "at_hash", "auth_time", "upn", "idp"];
    for absent in never {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    assert_eq!(tokens.json["ext_expires_in"], 3600);
    assert_eq!(userinfo(&lab, tokens.field("access_token")).await["sub"], claims["sub"]);
}

#[tokio::test]
async fn sub_is_another_one_at_every_client_and_oid_is_not() {
    let lab = MockLab::with(|builder| {
        let other = labgate_mock_idp::Client::new("other", "s").redirect_uri(crate::lab::CALLBACK);
        builder.persona(Persona::entra(TENANT)).client(other)
    });
    let mut url = lab.altered("scope", Some("openid profile"));
    let here = lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap();
    url.set_query(Some(&url.query().unwrap().replace("client_id=lab", "client_id=other")));
    let there = lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap();
    let here = lab.redeem(&parameter(&here, "code").unwrap()).await.id_token().1;
    let form = lab.redemption(&parameter(&there, "code").unwrap());
    let there = lab.token_as("other", "s", &form).await.id_token().1;
    assert_eq!(here["oid"], there["oid"]);
    assert_ne!(here["sub"], there["sub"]);
}

#[tokio::test]
async fn profile_and_email_are_for_their_scopes() {
    let claims = claims(&at(Persona::entra(TENANT), &[]), ada()).await;
    for absent in ["oid", "name", "preferred_username", "email"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    assert_eq!(claims["tid"], TENANT);
}

#[tokio::test]
async fn optional_claims_say_whether_an_address_is_verified() {
    let persona = Persona::Entra { tenant: TENANT.to_owned(), optional_claims: true };
    let lab = at(persona, &["email"]);
    let verified = claims(&lab, ada()).await;
    assert_eq!(verified["xms_edov"], true);
    assert_eq!(verified["verified_primary_email"], json!(["ada@example.test"]));
    let unverified = claims(&lab, User::new("eve").unverified_email("ada@example.test")).await;
    assert_eq!(unverified["email"], "ada@example.test");
    assert_eq!(unverified["xms_edov"], false);
    assert_eq!(unverified["verified_primary_email"], json!([]));

    lab.idp.fault(Fault::EmailVerifiedString).once();
    assert_eq!(claims(&lab, ada()).await["xms_edov"], "true");
    lab.idp.fault(Fault::EmailVerifiedAbsent).once();
    let silent = claims(&lab, ada()).await;
    assert!(silent["email"].is_string() && silent.get("xms_edov").is_none());
}

#[tokio::test]
async fn its_errors_have_microsofts_numbers() {
    let lab = entra();
    let answers = mistakes(&lab).await;
    for (name, status, error, number) in [
        ("secret", 401, "invalid_client", 7_000_215),
        ("client", 400, "unauthorized_client", 700_016),
        ("code", 400, "invalid_grant", 70_000),
        ("reuse", 400, "invalid_grant", 54_005),
        ("expired", 400, "invalid_grant", 70_008),
        ("redirect_uri", 401, "invalid_client", 500_112),
        ("verifier", 400, "invalid_grant", 501_481),
        ("no verifier", 400, "invalid_grant", 501_481),
    ] {
        let (_, answer) = answers.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!((answer.status.as_u16(), answer.error()), (status, error), "{name}");
        assert_eq!(answer.json["error_codes"], json!([number]), "{name}");
        let description = answer.json["error_description"].as_str().unwrap();
        let [trace, correlation, timestamp] =
            ["trace_id", "correlation_id", "timestamp"].map(|it| answer.json[it].as_str().unwrap());
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        let end = format!("Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}");
        assert!(description.ends_with(&end), "{description}");
        assert!(timestamp.starts_with("2027-01-15 0") && timestamp.ends_with('Z'), "{timestamp}");
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[tokio::test]
async fn what_it_does_not_redirect_is_a_page_with_a_number() {
    let lab = entra();
    assert!(page(&lab, "client_id").await.text.contains("AADSTS700016"));
    assert!(page(&lab, "redirect_uri").await.text.contains("AADSTS50011"));
    let (error, description) = refused_scope(&lab, "openid groups");
    assert_eq!(error, "invalid_client");
    assert!(description.starts_with("AADSTS650053: "), "{description}");
    let denied = lab.idp.deny(&lab.authorization_url()).unwrap().parse().unwrap();
    assert_eq!(parameter(&denied, "error_subcode").as_deref(), Some("cancel"));
    assert!(parameter(&denied, "error_description").unwrap().starts_with("AADSTS65004"));
}

#[tokio::test]
async fn a_refresh_token_rotates_and_the_one_before_stays_good() {
    let lab = entra();
    let first = tokens(&lab, ada()).await.field("refresh_token").to_owned();
    let second = lab.refresh(&first).await.field("refresh_token").to_owned();
    assert_ne!(first, second);
    assert_eq!(lab.refresh(&first).await.status, 200);
    assert_eq!(lab.refresh(&second).await.status, 200);
}
