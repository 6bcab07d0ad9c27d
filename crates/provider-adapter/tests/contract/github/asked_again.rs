//! Asking GitHub again about a person who is signed in.

use labgate_domain::admission::Criterion;
use labgate_domain::ports::{IdTokenFault, ProviderError, RefreshRequest, Refreshed};
use labgate_domain::protocol::{Issuer, RefreshToken, Subject};
use labgate_provider::Field;
use serde_json::json;
use wiremock::ResponseTemplate;

use super::{Hub, ORGS, TOKEN, USER, tokens};
use crate::support::{ACCESS_TOKEN, admission, json_answer};

impl Hub {
    /// Asks again about a person with the access token of before.
    async fn refresh(&self, issuer: &str, subject: &str) -> Refreshed {
        let request = RefreshRequest {
            refresh_token: RefreshToken::parse(ACCESS_TOKEN).unwrap(),
            issuer: Issuer::parse(issuer).unwrap(),
            subject: Subject::parse(subject).unwrap(),
        };
        self.provider.refresh(request).await
    }
}

#[tokio::test]
async fn github_is_asked_again_with_the_access_token_which_stays_what_it_is() {
    let hub = Hub::start_with(|settings| {
        admission(settings, &[(Criterion::Organization, "lab")], None);
        settings.set(Field::Recheck, ["5m"]);
    })
    .await;
    hub.answer(TOKEN, json_answer(200, &tokens(json!({"scope": "read:org,user:email"}))));
    let ada = hub.redeem().await.unwrap();
    assert_eq!(ada.refresh_token, RefreshToken::parse(ACCESS_TOKEN).ok());
    let again = async || hub.refresh(ada.issuer.as_str(), ada.subject.as_str()).await;

    hub.answer(ORGS, json_answer(200, &json!([{"login": "Acme", "id": 1}])));
    let Refreshed { refresh_token, identity } = again().await;
    assert_eq!(
        (refresh_token, &*identity.unwrap().memberships.organizations),
        (None, &["Acme".to_owned()][..])
    );

    let other = hub.refresh(ada.issuer.as_str(), "7").await.identity.unwrap_err();
    assert!(matches!(other, ProviderError::UserInfo(_)), "{other}");

    // The person has used up what GitHub allows them: that is not for long, and no word about them.
    let limited = ResponseTemplate::new(403).insert_header("x-ratelimit-remaining", "0");
    hub.answer(USER, limited);
    assert!(again().await.identity.unwrap_err().is_transient());
    // They have taken the access back.
    hub.answer(USER, json_answer(401, &json!({"message": "Bad credentials"})));
    assert!(!again().await.identity.unwrap_err().is_transient());

    let before = hub.requests().await.len();
    let elsewhere = hub.refresh("https://github.com/login/oauth", ada.subject.as_str()).await;
    assert_eq!(elsewhere, ProviderError::from(IdTokenFault::Issuer).into());
    assert_eq!(hub.requests().await.len(), before, "another GitHub's token was sent");
}
