//! What is known of each provider beforehand. The provider stands on loopback, so the settings say which it is.

use labgate_domain::ports::IdentityProvider as _;
use labgate_domain::protocol::EndSessionForm;
use labgate_provider::ProviderKind as Kind;
use serde_json::json;

use crate::support::Op;

async fn op(kind: Kind) -> Op {
    Op::start_with(|settings| settings.kind = Some(kind)).await
}

#[tokio::test]
async fn c155_each_endpoint_for_signing_out_is_asked_as_it_wants() {
    for (kind, form) in [
        (Kind::Cognito, EndSessionForm::LogoutUri),
        (Kind::Keycloak, EndSessionForm::Standard),
        (Kind::Okta, EndSessionForm::StandardWithHint),
        (Kind::Auth0, EndSessionForm::Standard),
        (Kind::Entra, EndSessionForm::Standard),
    ] {
        let op = op(kind).await;
        let logout = format!("{}/logout", op.issuer());
        op.publish(json!({"end_session_endpoint": logout}));
        let server = op.provider.authorization_server().await.unwrap();
        let endpoint = server.end_session_endpoint.unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.form), (logout.as_str(), form), "{kind:?}");
    }
}
