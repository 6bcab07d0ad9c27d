use std::collections::HashSet;

use labgate_domain::protocol::Issuer;

use super::*;

const GUID: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn every_kind_has_a_name_of_its_own_by_which_it_is_found() {
    let names: HashSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.iter().count());
    for kind in KINDS.iter() {
        assert_eq!(KINDS.named(kind.name), Some(kind));
    }
    assert!(KINDS.named("Entra").is_none() && KINDS.named("").is_none());
}

#[test]
fn some_providers_are_known_by_their_issuers_too() {
    let none = &GENERIC;
    for (issuer, kind) in [
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123".to_owned(), &COGNITO),
        ("https://cognito-idp-fips.us-east-1.amazonaws.com/us-east-1_A".to_owned(), &COGNITO),
        ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A".to_owned(), &COGNITO),
        ("https://cognito-idp.eu-west-1.amazonaws.com.evil.example/x".to_owned(), none),
        ("https://op.example/cognito-idp.eu-west-1.amazonaws.com".to_owned(), none),
        (format!("https://login.microsoftonline.com/{GUID}/v2.0"), &ENTRA),
        (format!("https://sts.windows.net/{GUID}/"), &ENTRA),
        (format!("https://{GUID}.ciamlogin.com/{GUID}/v2.0"), &ENTRA),
        ("https://login.microsoftonline.com.evil.example/v2.0".to_owned(), none),
        ("https://evilciamlogin.com/".to_owned(), none),
        ("http://127.0.0.1:5556/dex".to_owned(), &DEX),
        ("https://accounts.google.com".to_owned(), &GOOGLE),
        ("https://gitlab.com".to_owned(), &GITLAB),
        ("http://login.microsoftonline.com/x".to_owned(), none),
        ("https://sso.example/realms/lab".to_owned(), &KEYCLOAK),
        ("http://127.0.0.1:8180/auth/realms/lab".to_owned(), &KEYCLOAK),
        ("https://sso.example/realms/".to_owned(), none),
        ("https://sso.example/realms/lab/v2.0".to_owned(), none),
        ("https://realms/lab".to_owned(), none),
        ("https://acme.eu.auth0.com/".to_owned(), &AUTH0),
        ("https://acme.okta.com".to_owned(), &OKTA),
        ("https://acme-x1y2z3.eu1.zitadel.cloud".to_owned(), &ZITADEL),
        ("https://zitadel.cloud.evil.example".to_owned(), none),
        ("https://evilzitadel.cloud".to_owned(), none),
        ("https://idm.example/oauth2/openid/lab".to_owned(), &KANIDM),
        ("https://idm.example/oauth2/openid/lab/".to_owned(), none),
        ("https://idm.example/oauth2/openid/".to_owned(), none),
        ("https://idm.example/x/oauth2/openid/lab".to_owned(), none),
        ("https://slug.projects.oryapis.com".to_owned(), &ORY),
        ("https://evilprojects.oryapis.com".to_owned(), none),
        ("https://acme.oktapreview.com/oauth2/default".to_owned(), &OKTA),
        ("https://evilokta.com".to_owned(), none),
        ("https://evilauth0.com/".to_owned(), none),
        ("https://acme.auth0.com.evil.example/".to_owned(), none),
    ] {
        let known = KINDS.of_issuer(&Issuer::parse(&issuer).unwrap()).unwrap_or(&GENERIC);
        assert_eq!(known, kind, "{issuer}");
    }
}
