//! Asking again about a person who is signed in (C56; RFC 6749 section 6, OpenID Connect Core section 12).

use std::collections::HashMap;

use labgate_domain::ForeignText;
use labgate_domain::admission::Criterion;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{
    IdTokenFault, IdentityProvider as _, ProviderCall, ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{Issuer, RefreshToken, Subject, TokenErrorCode};
use labgate_provider::{Field, UncheckedSettings, kinds};
use serde_json::{Value, json};
use wiremock::Request;

use crate::support::{
    CLIENT_ID, CLIENT_SECRET, NONCE, NOW, Op, TOKEN, USERINFO, admission, fault, json_answer, token_response,
    with,
};

const REFRESH: &str = "refresh-token-1";

fn with_revalidation(settings: &mut UncheckedSettings) {
    settings.set(Field::Recheck, ["15m"]);
}

fn token(text: &str) -> Option<RefreshToken> {
    RefreshToken::parse(text).ok()
}

fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

impl Op {
    async fn refreshed(&self, issuer: &str) -> Refreshed {
        let request = RefreshRequest {
            refresh_token: token(REFRESH).unwrap(),
            issuer: Issuer::parse(issuer).unwrap(),
            subject: Subject::parse("subject-1").unwrap(),
        };
        self.provider.refresh(request).await
    }

    async fn refresh(&self) -> Result<ExternalIdentity, ProviderError> {
        self.refreshed(&self.issuer()).await.identity
    }

    /// Answers with an ID token with these claims changed, and another refresh token.
    fn will_say(&self, changes: Value) {
        let id_token = self.id_token(with(json!({"nonce": null}), changes));
        let answer = with(token_response(&id_token), json!({"refresh_token": "refresh-token-2"}));
        self.answer(TOKEN, json_answer(200, &answer));
    }

    async fn ask_again_for(&self, changes: Value) -> Result<ExternalIdentity, ProviderError> {
        self.will_say(changes);
        self.refresh().await
    }
}

#[tokio::test]
async fn the_refresh_token_is_kept_only_where_the_provider_is_asked_again() {
    for (revalidation, given, kept) in [
        (true, json!(REFRESH), token(REFRESH)),
        (true, Value::Null, None),
        (true, json!(7), None),
        (true, json!("two\nlines"), None),
        (true, json!("x".repeat(RefreshToken::MAX_LEN + 1)), None),
        (false, json!(REFRESH), None),
    ] {
        let op = Op::start_with(|settings| {
            if revalidation {
                with_revalidation(settings);
            }
        })
        .await;
        let answer = with(token_response(&op.id_token(json!({}))), json!({"refresh_token": given}));
        let identity = op.redeem_response(json_answer(200, &answer)).await.unwrap();
        assert_eq!(identity.refresh_token, kept, "{revalidation} {given}");
    }
}

#[tokio::test]
async fn each_kind_of_provider_is_asked_for_a_refresh_token_in_its_own_way() {
    for (kind, scope, parameter) in [
        (None, true, Some("prompt")),
        (Some(&kinds::DEX), true, None),
        (Some(&kinds::ENTRA), true, None),
        (Some(&kinds::OKTA), true, None),
        (Some(&kinds::AUTH0), true, None),
        (Some(&kinds::AUTHENTIK), true, None),
        (Some(&kinds::AUTHELIA), true, None),
        (Some(&kinds::ORY), true, None),
        (Some(&kinds::KANIDM), false, None),
        (Some(&kinds::POCKET_ID), false, None),
        (Some(&kinds::SPRING), false, None),
        (Some(&kinds::KEYCLOAK), false, None),
        (Some(&kinds::GITLAB), false, None),
        (Some(&kinds::COGNITO), false, None),
        (Some(&kinds::GOOGLE), false, Some("access_type")),
    ] {
        for asks in [true, false] {
            let op = Op::start_with(|settings| {
                if let Some(kind) = kind {
                    settings.set(Field::Kind, [kind.name]);
                }
                if asks {
                    with_revalidation(settings);
                }
            })
            .await;
            let server = op.provider.authorization_server().await.unwrap();
            let scopes = server.scopes.to_parameter();
            assert_eq!(
                scopes.split(' ').any(|it| it == "offline_access"),
                asks && scope,
                "{kind:?}: {scopes}"
            );
            let first = server.extra_parameters.first().map(|(name, _)| name.as_str());
            assert_eq!(first, parameter.filter(|_| asks), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_scope_that_the_provider_does_not_list_is_not_asked_for() {
    for (listed, asked) in [(json!(["openid", "offline_access"]), true), (json!(["openid"]), false)] {
        let op = Op::start_with(with_revalidation).await;
        op.publish(json!({"scopes_supported": listed}));
        let server = op.provider.authorization_server().await.unwrap();
        assert_eq!(server.scopes.to_parameter().contains("offline_access"), asked);
        assert_eq!(server.extra_parameters.is_empty(), !asked);
    }
}

#[tokio::test]
async fn the_request_carries_the_refresh_token_alone_and_the_answer_the_next_one() {
    let op = Op::start_with(with_revalidation).await;
    op.will_say(json!({"groups": ["lab"]}));
    let refreshed = op.refreshed(&op.issuer()).await;
    assert_eq!(refreshed.refresh_token, token("refresh-token-2"));
    let identity = refreshed.identity.unwrap();
    assert_eq!((identity.subject.as_str(), &*identity.groups), ("subject-1", &["lab".to_owned()][..]));

    let requests = op.requests(TOKEN).await;
    assert_eq!(requests.len(), 1, "once");
    let form = form(&requests[0]);
    let expected = [("grant_type", "refresh_token"), ("refresh_token", REFRESH)];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert!(requests[0].headers["authorization"].to_str().unwrap().starts_with("Basic "), "{CLIENT_ID}");
}

#[tokio::test]
async fn c056_the_newer_id_token_is_verified_like_the_first() {
    let op = Op::start_with(with_revalidation).await;
    for (changes, expected) in [
        (json!({"iss": "https://elsewhere.example"}), IdTokenFault::Issuer),
        (json!({"sub": "subject-2"}), IdTokenFault::Subject),
        (json!({"aud": "another"}), IdTokenFault::Audience),
        (json!({"aud": [CLIENT_ID, "another"]}), IdTokenFault::Audience),
        (json!({"azp": "another"}), IdTokenFault::AuthorizedParty),
        (json!({"exp": NOW - 61}), IdTokenFault::Expired),
        (json!({"iat": NOW - 61}), IdTokenFault::OlderThanAttempt),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), IdTokenFault::AccessTokenHash),
    ] {
        assert_eq!(fault(op.ask_again_for(changes.clone()).await), expected, "{changes}");
    }
    // What it has no business to say is not looked at.
    assert!(op.ask_again_for(json!({"nonce": NONCE})).await.is_ok());
}

#[tokio::test]
async fn f12_another_subject_is_settled_before_userinfo_is_asked() {
    let op = Op::start_with(|settings| {
        with_revalidation(settings);
        settings.set(Field::Userinfo, ["always"]);
    })
    .await;
    op.answer(USERINFO, wiremock::ResponseTemplate::new(503));
    let error = op.ask_again_for(json!({"sub": "subject-2"})).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert_eq!(fault(Err(error)), IdTokenFault::Subject);
    assert_eq!(op.count(USERINFO).await, 0);
}

/// A provider whose answer to the refresh token has no ID token.
async fn without_id_token(rules: &[(Criterion, &str)], userinfo: Value) -> Op {
    let op = Op::start_with(|settings| {
        with_revalidation(settings);
        admission(settings, rules, None);
    })
    .await;
    op.answer(TOKEN, json_answer(200, &json!({"access_token": "a", "token_type": "Bearer"})));
    op.answer(USERINFO, json_answer(200, &userinfo));
    op
}

#[tokio::test]
async fn f13_without_an_id_token_userinfo_decides() {
    let group = [(Criterion::Group, "lab")];
    let op = without_id_token(&group, json!({"sub": "subject-1", "groups": ["other"]})).await;
    let identity = op.refresh().await.unwrap();
    assert_eq!((identity.subject.as_str(), &*identity.groups), ("subject-1", &["other".to_owned()][..]));
    assert_eq!(op.count(USERINFO).await, 1);
    assert_eq!(
        without_id_token(&[], json!({"sub": "subject-1"})).await.refresh().await.unwrap().groups,
        [""; 0]
    );

    let op = without_id_token(&group, json!({"sub": "subject-2", "groups": ["lab"]})).await;
    assert!(!op.refresh().await.unwrap_err().is_transient(), "it is about somebody else");
}

#[tokio::test]
async fn f13_what_is_not_said_is_not_a_no() {
    for (rules, userinfo) in [
        (&[(Criterion::Group, "lab")], json!({"sub": "subject-1"})),
        (&[(Criterion::EmailDomain, "example.test")], json!({"sub": "subject-1"})),
        (&[(Criterion::Tenant, "t")], json!({"sub": "subject-1", "email": "ada@example.test"})),
    ] {
        let error = without_id_token(rules, userinfo).await.refresh().await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(error.to_string().contains("has no ID token"), "{error}");
    }
    let op = without_id_token(&[], json!({})).await;
    op.publish(json!({"userinfo_endpoint": null}));
    let error = op.refresh().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn f13_groups_that_only_userinfo_states_are_asked_for() {
    let op = Op::start_with(|settings| {
        with_revalidation(settings);
        admission(settings, &[(Criterion::Group, "lab")], None);
    })
    .await;
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1", "groups": ["lab"]})));
    assert_eq!(op.ask_again_for(json!({})).await.unwrap().groups, ["lab"]);
    assert_eq!(
        op.ask_again_for(json!({"groups": []})).await.unwrap().groups,
        [""; 0],
        "it says that there are none"
    );
    assert_eq!(op.count(USERINFO).await, 1);
}

#[tokio::test]
async fn f38_an_error_code_in_the_guise_of_an_outage_is_told_apart() {
    let op = Op::start_with(with_revalidation).await;
    op.answer(TOKEN, json_answer(500, &json!({"error": "invalid_request"})));
    let error = op.refresh().await.unwrap_err();
    assert!(matches!(error, ProviderError::RefreshFailed(_)) && error.is_transient(), "{error:?}");
    op.answer(TOKEN, json_answer(503, &json!({"error": "temporarily_unavailable"})));
    assert!(matches!(op.refresh().await, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn a_userinfo_endpoint_that_speaks_of_somebody_else_is_not_believed() {
    let op = Op::start_with(|settings| {
        with_revalidation(settings);
        settings.set(Field::Userinfo, ["always"]);
    })
    .await;
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-2"})));
    assert!(matches!(op.ask_again_for(json!({})).await, Err(ProviderError::UserInfo(_))));
}

#[tokio::test]
async fn the_next_token_is_handed_on_also_when_the_rest_of_the_answer_is_of_no_use() {
    let op = Op::start_with(|settings| {
        with_revalidation(settings);
        settings.set(Field::Userinfo, ["always"]);
    })
    .await;
    op.answer(USERINFO, wiremock::ResponseTemplate::new(503));
    op.will_say(json!({}));
    let Refreshed { refresh_token, identity } = op.refreshed(&op.issuer()).await;
    assert_eq!(refresh_token, token("refresh-token-2"));
    let error = identity.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { call: ProviderCall::UserInfo, .. }), "{error}");
}

#[tokio::test]
async fn what_another_provider_gave_is_not_sent() {
    let op = Op::start_with(with_revalidation).await;
    op.will_say(json!({}));
    let refreshed = op.refreshed("https://another.example").await;
    assert_eq!(refreshed, ProviderError::from(IdTokenFault::Issuer).into());
    assert!(op.requests(TOKEN).await.is_empty());
}

#[tokio::test]
async fn refusals_are_told_from_what_may_pass() {
    let op = Op::start_with(with_revalidation).await;
    let rejected = |text: &str| ProviderError::RefreshRejected(Some(ForeignText::new(text)));
    for (status, body, expected, passes) in [
        (400, json!({"error": "invalid_grant"}), ProviderError::RefreshRejected(None), false),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "AADSTS700082: idle"}),
            rejected("AADSTS700082: idle"),
            false,
        ),
        (401, json!({"error": "invalid_client"}), ProviderError::ClientRejected(None), true),
        (
            // Dex says so of a token that was used before.
            400,
            json!({"error": "invalid_request"}),
            ProviderError::TokenError { code: TokenErrorCode::InvalidRequest, description: None },
            false,
        ),
    ] {
        op.answer(TOKEN, json_answer(status, &body));
        let error = op.refresh().await.unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(error.is_transient(), passes, "{error}");
    }
    for down in [
        json_answer(400, &json!({"error": "temporarily_unavailable"})),
        json_answer(500, &json!({"error": "server_error"})),
        json_answer(429, &json!({"error": "too_many_requests"})),
        json_answer(408, &json!({"error": "slow_down"})),
        wiremock::ResponseTemplate::new(502),
    ] {
        op.answer(TOKEN, down);
        let error = op.refresh().await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
        assert!(error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn no_error_says_the_refresh_token_or_the_secret() {
    let op = Op::start_with(with_revalidation).await;
    let echo = format!("no use: {REFRESH} {CLIENT_SECRET}");
    op.answer(TOKEN, json_answer(400, &json!({"error": "invalid_grant", "error_description": echo})));
    let error = op.refresh().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(REFRESH) && !shown.contains(CLIENT_SECRET), "{shown}");
}
