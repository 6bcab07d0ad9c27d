//! The mock as the core's port: proper sign-ins are accepted, and every fault is noticed or rightly accepted.

use labgate_domain::identity::EmailClaim;
use labgate_domain::ports::{CodeRedemption, IdentityProvider, ProviderError};
use labgate_domain::protocol::{
    AuthorizationOutcome, AuthorizationResponse, ClientId, Issuer, PkceVerifier, RedirectUri,
};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderHealth, ProviderId};
use labgate_domain::world::Clock as _;
use labgate_mock_idp::{CapturedRequest, Client, Fault};
use url::Url;

use crate::lab::{CALLBACK, Lab};

fn provider(lab: &Lab) -> impl IdentityProvider + use<> {
    let description = ProviderDescription {
        id: ProviderId::parse("mock").unwrap(),
        name: "Mock".to_owned(),
        email_trust: EmailTrust::Claim,
        admission: std::sync::Arc::default(),
        recheck: None,
    };
    lab.idp.identity_provider(description, ClientId::parse("lab").unwrap())
}

/// What an attempt of the lab remembers, with the code of a fresh sign-in.
fn redemption(lab: &Lab, callback: &Url) -> CodeRedemption {
    let response = AuthorizationResponse::from_url(callback).unwrap();
    let AuthorizationOutcome::Code(code) = response.outcome else { panic!("not a code") };
    CodeRedemption {
        code,
        verifier: lab.verifier.clone(),
        nonce: lab.request.nonce.clone(),
        redirect_uri: lab.request.redirect_uri.clone(),
        issuer: lab.idp.issuer().clone(),
        started_at: lab.clock.now(),
    }
}

#[tokio::test]
async fn a_proper_sign_in_gives_the_identity() {
    let lab = Lab::new();
    let provider = provider(&lab);
    let server = provider.authorization_server().await.unwrap();
    assert_eq!(server.issuer.as_str(), "http://idp.test");
    assert_eq!(server.authorization_endpoint.as_str(), "http://idp.test/authorize");
    assert_eq!(server.end_session_endpoint.unwrap().url.as_str(), "http://idp.test/end_session");
    assert!(server.states_issuer_in_response);
    assert_eq!(provider.health(), ProviderHealth::Ready);
    assert_eq!(provider.description().name, "Mock");

    let identity = provider.redeem(redemption(&lab, &lab.callback())).await.unwrap();
    assert_eq!(identity.issuer.as_str(), "http://idp.test");
    assert_eq!(identity.subject.as_str(), "ada");
    assert_eq!(identity.name.unwrap().as_str(), "Ada Example");
    assert_eq!(identity.groups, ["lab-admins", "lab-users"]);
    assert_eq!(identity.authenticated_at, Some(lab.clock.now()));
    assert!(identity.session.is_some() && identity.id_token_hint.is_some());
    let EmailClaim::Stated { address, verified } = identity.email else { panic!("no address") };
    assert!(verified && address.as_str() == "ada@example.test");

    let requests = lab.idp.requests();
    let paths: Vec<_> = requests.iter().map(CapturedRequest::path).collect();
    assert_eq!(paths, ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"]);
}

#[tokio::test]
async fn what_the_attempt_remembers_must_fit() {
    let lab = Lab::new();
    let provider = provider(&lab);
    let refused = async |change: &dyn Fn(&mut CodeRedemption)| {
        let mut redemption = redemption(&lab, &lab.callback());
        change(&mut redemption);
        provider.redeem(redemption).await.unwrap_err().to_string()
    };
    let verifier = PkceVerifier::parse(&"v".repeat(43)).unwrap();
    assert!(refused(&|it| it.verifier = verifier.clone()).await.contains("code_verifier"));
    let uri = RedirectUri::parse("http://127.0.0.1/").unwrap();
    assert!(refused(&|it| it.redirect_uri = uri.clone()).await.contains("redirect_uri"));
    let issuer = Issuer::parse("http://idp.test/other").unwrap();
    assert!(refused(&|it| it.issuer = issuer.clone()).await.contains("another issuer"));
    let nonce = labgate_domain::protocol::Nonce::parse("other").unwrap();
    assert!(refused(&|it| it.nonce = nonce.clone()).await.contains("nonce"));
    let later = lab.clock.now().plus(std::time::Duration::from_mins(2));
    assert!(refused(&|it| it.started_at = later).await.contains("older than the sign-in attempt"));

    let spent = redemption(&lab, &lab.callback());
    provider.redeem(spent.clone()).await.unwrap();
    assert!(matches!(provider.redeem(spent).await, Err(ProviderError::CodeRejected(_))));
}

#[tokio::test]
async fn a_client_that_is_not_registered_is_refused() {
    let lab = Lab::new();
    let unknown = lab.idp.identity_provider(provider(&lab).description(), ClientId::parse("x").unwrap());
    let error = unknown.redeem(redemption(&lab, &lab.callback())).await.unwrap_err();
    assert!(matches!(error, ProviderError::ClientRejected(_)));
}

/// One sign-in as the core does it: what is noticed, in words.
async fn sign_in(lab: &Lab) -> String {
    let provider = provider(lab);
    if let Err(error) = provider.authorization_server().await {
        return error.to_string();
    }
    let callback = lab.callback();
    let response = match AuthorizationResponse::from_url(&callback) {
        Ok(response) => response,
        Err(error) => return error.to_string(),
    };
    if response.state != lab.request.state {
        return "another state".to_owned();
    }
    match response.issuer.as_deref() {
        Some("http://idp.test") => {}
        Some(_) => return "another iss".to_owned(),
        None => return "no iss".to_owned(),
    }
    if let AuthorizationOutcome::Error { code, .. } = response.outcome {
        return code.as_str().to_owned();
    }
    match provider.redeem(redemption(lab, &callback)).await {
        Ok(identity) => match identity.email {
            EmailClaim::Stated { verified: true, .. } => "signed in".to_owned(),
            EmailClaim::Stated { verified: false, .. } => "signed in, address not verified".to_owned(),
            EmailClaim::Missing | EmailClaim::Malformed => "signed in, no address".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn every_fault_of_a_sign_in_is_noticed_or_rightly_accepted() {
    let in_id_token = |what: &str| format!("the provider's identity token is not valid: {what}");
    for fault in Fault::ALL.iter().filter(|fault| !fault.name().contains("logout-")) {
        let expected = match fault {
            Fault::WrongIssuer
            | Fault::IssuerTrailingSlash
            | Fault::MissingIssuer
            | Fault::IssuerTemplate
            | Fault::TenantSwap => in_id_token("its issuer is not the provider's"),
            Fault::WrongAudience | Fault::EmptyAudience | Fault::ExtraAudience | Fault::MissingAudience => {
                in_id_token("it is for another audience")
            }
            Fault::WrongAzp => in_id_token("its authorized party is another client"),
            Fault::WrongNonce | Fault::MissingNonce => in_id_token("its nonce is not the attempt's"),
            Fault::AlgNone | Fault::Hs256WithPublicKey | Fault::Hs256WithSecret => {
                in_id_token("its algorithm is not allowed")
            }
            Fault::WrongKey => in_id_token("its signature is wrong"),
            Fault::UnknownKid => in_id_token("its key is not among the provider's"),
            Fault::Expired => in_id_token("it has expired; compare both clocks"),
            Fault::FutureIat | Fault::NbfFuture => in_id_token("it is from the future; compare both clocks"),
            Fault::MissingIat | Fault::MissingExp | Fault::StringTimes | Fault::MissingSub => {
                in_id_token("it is malformed")
            }
            Fault::LongSub => in_id_token("its subject is not one"),
            Fault::BadAtHash => in_id_token("its at_hash does not fit the access token"),
            Fault::HugeToken => in_id_token("it is too large"),
            Fault::UserinfoSubMismatch => {
                "the provider's userinfo response is not valid: it is about somebody else".to_owned()
            }
            Fault::NoIdToken => "the provider's token response has no identity token".to_owned(),
            Fault::OddTokenType(_) => {
                "the provider's token response is not valid: the token type is not Bearer".to_owned()
            }
            Fault::TruncatedJson => {
                "the provider's token response is not valid: it is not a JSON object".to_owned()
            }
            Fault::HtmlTokenError => {
                "the provider's token endpoint cannot be used: it answers 502 Bad Gateway".to_owned()
            }
            Fault::RedirectToken => {
                "the provider's token endpoint cannot be used: it answers 307 Temporary Redirect".to_owned()
            }
            Fault::Error200 => "the provider's token endpoint answered bad_verification_code \
                                (The code passed is incorrect or expired.)"
                .to_owned(),
            Fault::Discovery500 => {
                "the provider's discovery endpoint cannot be used: it answers 500 Internal Server Error"
                    .to_owned()
            }
            Fault::DiscoveryIssuerMismatch => {
                "the provider's configuration does not fit: the metadata's issuer is another one".to_owned()
            }
            Fault::Jwks500 => {
                "the provider's JWKS endpoint cannot be used: it answers 500 Internal Server Error".to_owned()
            }
            Fault::CallbackWrongIss => "another iss".to_owned(),
            Fault::CallbackNoIss => "no iss".to_owned(),
            Fault::CallbackAlteredState => "another state".to_owned(),
            Fault::CallbackMissingState => "the parameter state is missing".to_owned(),
            Fault::CallbackError(..) => "temporarily_unavailable".to_owned(),
            Fault::MissingEmail => "signed in, no address".to_owned(),
            Fault::UnverifiedEmail | Fault::EmailVerifiedString | Fault::EmailVerifiedAbsent => {
                "signed in, address not verified".to_owned()
            }
            Fault::NoKid
            | Fault::FractionalTimes
            | Fault::PkceNotChecked
            | Fault::GroupsOverage
            | Fault::GroupsString => "signed in".to_owned(),
            other => panic!("{} has no place in this table", other.name()),
        };
        let lab = Lab::new();
        lab.idp.fault(fault.clone()).once();
        assert_eq!(sign_in(&lab).await, expected, "{}", fault.name());
        assert_eq!(sign_in(&lab).await, "signed in", "after {}", fault.name());
    }
}

#[tokio::test]
async fn without_a_kid_and_with_two_keys_the_token_is_refused() {
    let lab = Lab::new();
    lab.idp.rotate_keys().unwrap();
    assert_eq!(sign_in(&lab).await, "signed in");
    lab.idp.fault(Fault::NoKid).once();
    let noticed = sign_in(&lab).await;
    assert!(noticed.ends_with("its key is not among the provider's"), "{noticed}");
}

#[tokio::test]
async fn every_fault_of_a_logout_token_is_noticed_or_rightly_accepted() {
    let invalid = |what: &str| format!("the logout token is not valid: {what}");
    let lab = Lab::with(|builder| {
        let client = Client::new("other", "s").redirect_uri(CALLBACK);
        builder.client(client.backchannel_logout_uri("https://lab.test/logout"))
    });
    let other = lab.idp.identity_provider(provider(&lab).description(), ClientId::parse("other").unwrap());
    let token = async || {
        lab.idp.sign_in(&lab.altered("client_id", Some("other")), "ada").unwrap();
        let notices = lab.idp.end_sessions_of("ada").await.unwrap();
        notices[0].token().to_owned()
    };
    for fault in Fault::ALL.iter().filter(|fault| fault.name().starts_with("logout-")) {
        let expected = match fault {
            Fault::LogoutWrongKey => invalid("its signature is wrong"),
            Fault::LogoutAlgNone | Fault::LogoutWrongAlg => invalid("its algorithm is not allowed"),
            Fault::LogoutUnknownKid => invalid("its key is not among the provider's"),
            Fault::LogoutWrongIssuer => "its issuer is not the provider's".to_owned(),
            Fault::LogoutWrongAudience => invalid("it is for another audience"),
            Fault::LogoutMissingIat | Fault::LogoutMissingExp => invalid("it is malformed"),
            Fault::LogoutStaleIat => invalid("it is too old; compare both clocks"),
            Fault::LogoutExpired => invalid("it has expired; compare both clocks"),
            Fault::LogoutMissingEvents
            | Fault::LogoutOtherEvent
            | Fault::LogoutEventsNotAnObject
            | Fault::LogoutIdToken => invalid("it is not about a logout"),
            Fault::LogoutNonce => invalid("it has a nonce"),
            Fault::LogoutNobody => invalid("it says neither whose session ended nor which"),
            Fault::LogoutAccessTokenType => invalid("its type is that of another token"),
            Fault::LogoutSidOnly => "a session".to_owned(),
            Fault::LogoutSubOnly => "ada".to_owned(),
            Fault::LogoutNoType
            | Fault::LogoutTypeJwt
            | Fault::LogoutReplayedJti
            | Fault::LogoutExtraClaims
            | Fault::LogoutUnknownSid => "ada, a session".to_owned(),
            fault => panic!("{} has no place in this table", fault.name()),
        };
        lab.idp.fault(fault.clone()).once();
        let noticed = match other.verify_logout_token(&token().await).await {
            Ok(token) => {
                let subject = token.subject.map(|subject| subject.as_str().to_owned());
                let session = token.session.map(|_| "a session".to_owned());
                subject.into_iter().chain(session).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(noticed, expected, "{}", fault.name());
    }

    let proper = token().await;
    let verified = other.verify_logout_token(&proper).await.unwrap();
    assert_eq!(verified.issuer.as_str(), "http://idp.test");
    assert!(!verified.id.is_empty() && verified.refused_from > lab.clock.now());
    lab.clock.advance(60 * 60);
    assert!(other.verify_logout_token(&proper).await.is_err());
    assert!(other.verify_logout_token("not.a.token").await.is_err());
}
