//! The rules of every persona that speaks OpenID Connect.

use labgate_mock_idp::{Fault, Persona};

use super::entra::TENANT;
use super::{ada, at, callback, keys, metadata, tokens, userinfo};
use crate::lab::{MockLab, parameter};

fn every() -> Vec<MockLab> {
    let personas = [
        Persona::Generic,
        Persona::entra(TENANT),
        Persona::entra("common"),
        Persona::Dex,
        Persona::keycloak("lab"),
        Persona::Google,
        Persona::GitLab,
        Persona::Okta { server: None },
        Persona::Auth0,
        Persona::Cognito { pool: "eu-west-1_AbCdEf123".to_owned() },
        Persona::Zitadel,
        Persona::Authentik { slug: "lab".to_owned() },
        Persona::Kanidm { client: "lab".to_owned() },
        Persona::Authelia,
        Persona::PocketId,
        Persona::Hydra,
        Persona::Spring,
    ];
    personas.map(|persona| at(persona, &["profile", "email"])).into()
}

#[tokio::test]
async fn an_id_token_has_a_published_key_and_the_subject_of_userinfo() {
    for lab in every() {
        let persona = lab.idp.persona();
        let tokens = tokens(&lab, ada()).await;
        let (header, claims) = tokens.id_token();
        assert!(
            keys(&lab).await.iter().any(|key| key["kid"] == header["kid"] && key["use"] == "sig"),
            "{persona}"
        );
        let audience = &claims["aud"];
        assert!(
            *audience == "lab" || audience[0] == "lab" && claims["azp"] == "lab",
            "{persona}: {audience}"
        );
        assert_eq!(claims["nonce"], lab.request.nonce.as_str(), "{persona}");
        let userinfo = userinfo(&lab, tokens.field("access_token")).await;
        assert_eq!(userinfo["sub"], claims["sub"], "{persona}");
        assert_ne!(
            claims["sub"],
            super::claims(&lab, labgate_mock_idp::User::new("bob")).await["sub"],
            "{persona}"
        );
    }
}

#[tokio::test]
async fn iss_is_in_the_callback_exactly_where_the_document_promises_it() {
    for lab in every() {
        let promised = metadata(&lab).await["authorization_response_iss_parameter_supported"] == true;
        let expected = promised.then(|| lab.idp.issuer().as_str().to_owned());
        assert_eq!(parameter(&callback(&lab, ada()), "iss"), expected, "{}", lab.idp.persona());
    }
}

#[tokio::test]
async fn faults_show_there_too() {
    for lab in every() {
        let persona = lab.idp.persona();
        let proper = super::claims(&lab, ada()).await;
        for (fault, name) in [
            (Fault::WrongIssuer, "iss"),
            (Fault::IssuerTrailingSlash, "iss"),
            (Fault::WrongAudience, "aud"),
            (Fault::WrongNonce, "nonce"),
            (Fault::Expired, "exp"),
            (Fault::LongSub, "sub"),
            (Fault::TenantSwap, "iss"),
        ] {
            lab.idp.fault(fault.clone()).once();
            assert_ne!(super::claims(&lab, ada()).await[name], proper[name], "{persona}: {}", fault.name());
        }
        lab.idp.fault(Fault::AlgNone).once();
        assert_eq!(tokens(&lab, ada()).await.id_token().0["alg"], "none", "{persona}");
        lab.idp.fault(Fault::CallbackWrongIss).once();
        let iss = parameter(&callback(&lab, ada()), "iss");
        assert_eq!(iss.as_deref(), Some("https://another-issuer.example"), "{persona}");
        lab.idp.fault(Fault::Error200).once();
        assert_eq!(tokens(&lab, ada()).await.error(), "bad_verification_code", "{persona}");
    }
}
