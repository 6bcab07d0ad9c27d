//! The providers that are played by their documentation: what of them matters to a relying party.

use labgate_mock_idp::{Persona, User};
use serde_json::json;

use super::{ada, at, claims, metadata, page, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, SIGNED_OUT, parameter, target};

fn authentik() -> Persona {
    Persona::Authentik { slug: "lab".to_owned() }
}

fn kanidm() -> Persona {
    Persona::Kanidm { client: "lab".to_owned() }
}

#[tokio::test]
async fn each_is_at_its_own_paths() {
    for (persona, issuer, authorization, token) in [
        (Persona::Zitadel, "", "/oauth/v2/authorize", "/oauth/v2/token"),
        (authentik(), "/application/o/lab/", "/application/o/authorize/", "/application/o/token/"),
        (kanidm(), "/oauth2/openid/lab", "/ui/oauth2", "/oauth2/token"),
        (Persona::Authelia, "", "/api/oidc/authorization", "/api/oidc/token"),
        (Persona::PocketId, "", "/authorize", "/api/oidc/token"),
        (Persona::Hydra, "", "/oauth2/auth", "/oauth2/token"),
        (Persona::Spring, "", "/oauth2/authorize", "/oauth2/token"),
    ] {
        let lab = at(persona.clone(), &[]);
        let stated =
            [lab.idp.issuer().as_str(), &lab.idp.authorization_endpoint(), &lab.idp.token_endpoint()];
        let expected = [issuer, authorization, token].map(|path| format!("http://idp.test{path}"));
        assert_eq!(stated, expected.each_ref().map(String::as_str), "{persona}");
        assert_eq!(metadata(&lab).await["issuer"], expected[0], "{persona}");
    }
}

#[tokio::test]
async fn claims_stand_where_the_provider_has_them() {
    for (persona, in_token) in [
        (Persona::Zitadel, false),
        (authentik(), true),
        (kanidm(), true),
        (Persona::Authelia, false),
        (Persona::PocketId, true),
        (Persona::Hydra, true),
        (Persona::Spring, true),
    ] {
        let lab = at(persona.clone(), &["profile", "email"]);
        let tokens = tokens(&lab, ada()).await;
        let userinfo = userinfo(&lab, tokens.field("access_token")).await;
        for name in ["name", "email", "email_verified"] {
            assert_eq!(tokens.id_token().1.get(name).is_some(), in_token, "{persona}: {name}");
            assert!(userinfo.get(name).is_some(), "{persona}: {name}");
        }
        let nobody = claims(&lab, User::new("noone")).await;
        assert!(nobody.get("email_verified").is_none() && nobody.get("name").is_none(), "{persona}");
    }
}

#[tokio::test]
async fn groups_follow_from_the_scope_that_the_provider_has_for_them() {
    for (persona, scope) in [
        (authentik(), "profile"),
        (kanidm(), "groups_name"),
        (Persona::Authelia, "groups"),
        (Persona::PocketId, "groups"),
        (Persona::Hydra, "groups"),
        (Persona::Spring, "groups"),
    ] {
        for asks in [true, false] {
            let lab = at(persona.clone(), &[if asks { scope } else { "email" }]);
            let tokens = tokens(&lab, ada()).await;
            let userinfo = userinfo(&lab, tokens.field("access_token")).await;
            let stated = tokens.id_token().1.get("groups").or(userinfo.get("groups")).cloned();
            assert_eq!(stated, asks.then(|| json!(["lab-admins", "lab-users"])), "{persona}");
        }
    }
}

#[tokio::test]
async fn f14_zitadels_tokens_are_for_the_project_too_and_roles_are_in_an_object() {
    let lab = at(Persona::Zitadel, &[]);
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    assert_eq!((&claims["aud"][0], &claims["azp"]), (&json!("lab"), &json!("lab")));
    assert_eq!(claims["aud"].as_array().unwrap().len(), 2);
    let roles = claims["urn:zitadel:iam:org:project:roles"].as_object().unwrap();
    assert_eq!(roles.keys().collect::<Vec<_>>(), ["lab-admins", "lab-users"]);
    let hint = tokens.field("id_token");
    let logout = format!(
        "/oidc/v1/end_session?client_id=lab&post_logout_redirect_uri={SIGNED_OUT}&id_token_hint={hint}"
    );
    assert_eq!(lab.get(&logout, &[]).await.location().as_str(), SIGNED_OUT);
}

#[tokio::test]
async fn authentik_calls_an_address_verified_only_by_a_mapping_of_ones_own() {
    let lab = at(authentik(), &["email"]);
    assert_eq!(claims(&lab, ada()).await["email_verified"], false);
    assert_eq!(claims(&lab, ada().claim("email_verified", true)).await["email_verified"], true);
}

#[tokio::test]
async fn kanidm_refuses_scopes_outside_the_map_and_answers_a_wrong_secret_without_a_body() {
    let lab = at(kanidm(), &["offline_access"]);
    let refused = lab.get(target(&lab.authorization_url()), &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("Access denied"), "{}", refused.text);

    let lab = at(kanidm(), &["email"]);
    let code = parameter(&lab.callback(), "code").unwrap();
    let wrong = lab.token_as("lab", "wrong", &lab.redemption(&code)).await;
    assert_eq!((wrong.status.as_u16(), wrong.text.as_str()), (401, ""));
    let unknown = lab.redeem("unknown").await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (400, "invalid_request"));
}

#[tokio::test]
async fn refresh_tokens_come_with_offline_access_or_in_any_case() {
    for (persona, always) in [
        (Persona::Zitadel, false),
        (authentik(), false),
        (kanidm(), true),
        (Persona::Authelia, false),
        (Persona::PocketId, true),
        (Persona::Hydra, false),
        (Persona::Spring, true),
    ] {
        let gives = async |lab: MockLab| tokens(&lab, ada()).await.json["refresh_token"].is_string();
        assert_eq!(gives(at(persona.clone(), &["email"])).await, always, "{persona}");
        if !always {
            assert!(gives(at(persona.clone(), &["offline_access"])).await, "{persona}");
        }
    }
}

#[tokio::test]
async fn hydra_and_spring_sign_out_with_the_id_token_alone() {
    for (persona, path) in [(Persona::Hydra, "/oauth2/sessions/logout"), (Persona::Spring, "/connect/logout")]
    {
        let lab = at(persona.clone(), &[]);
        let without = format!("{path}?client_id=lab&post_logout_redirect_uri={SIGNED_OUT}");
        assert_eq!(lab.get(&without, &[]).await.status, 400, "{persona}");
        let hint = tokens(&lab, ada()).await;
        let with = format!("{without}&id_token_hint={}", hint.field("id_token"));
        assert_eq!(lab.get(&with, &[]).await.location().as_str(), SIGNED_OUT, "{persona}");
    }
}

#[tokio::test]
async fn errors_are_in_the_providers_words() {
    for (persona, name, status, words) in [
        (Persona::Zitadel, "redirect_uri", 400, "redirect_uri is missing in the client configuration"),
        (authentik(), "redirect_uri", 400, "Redirect URI Error"),
        (authentik(), "client_id", 400, "Client ID Error"),
        (Persona::Authelia, "redirect_uri", 400, "pre-registered redirect urls"),
        (Persona::PocketId, "redirect_uri", 400, "pre-registered redirect urls"),
        (Persona::Hydra, "client_id", 401, "The requested OAuth 2.0 Client does not exist"),
        (Persona::Spring, "redirect_uri", 400, "type=Bad Request"),
    ] {
        let page = page(&at(persona.clone(), &[]), name).await;
        assert_eq!(page.status, status, "{persona}");
        assert!(page.text.contains(words), "{persona}: {}", page.text);
    }
    for (persona, words) in [
        (Persona::Authelia, "not allowed to request scope 'x'"),
        (Persona::Hydra, "not allowed to request scope 'x'"),
        (Persona::Spring, "OAuth 2.0 Parameter: scope"),
    ] {
        let (error, description) = refused_scope(&at(persona.clone(), &[]), "openid x");
        assert_eq!(error, "invalid_scope", "{persona}");
        assert!(description.contains(words), "{persona}: {description}");
    }
}
