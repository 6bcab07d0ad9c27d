//! A provider that knows whoever the code names, and remembers what it was given.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::EmailAddress;
use labgate_domain::ports::{
    CodeRedemption, IdentityProvider, LogoutToken, LogoutTokenError, ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{
    AuthorizationRequest, ClientId, HintParameters, Issuer, ProviderSessionId, RefreshToken, RequestUri,
    Scopes, Subject,
};
use labgate_domain::provider::{
    AuthorizationServer, EmailTrust, ProviderDescription, ProviderHealth, ProviderId,
};
use labgate_domain::time::Timestamp;
use url::Url;

use super::executor::{Call, stop_at};

/// The time after which it is asked again about a session.
pub(super) const REVALIDATION: Duration = Duration::from_mins(10);

pub(super) const ISSUER: &str = "https://op.example";

/// The issuer before people got new subjects.
pub(super) const OLD_ISSUER: &str = "https://old.example";

/// A provider. Whoever has a code or a refresh token of it may present it once.
pub(super) struct Provider {
    /// Whether it stops before each call.
    pub(super) stops: bool,
    presented: Mutex<Vec<String>>,
}

impl Provider {
    pub(super) fn new(stops: bool) -> Arc<Self> {
        Arc::new(Self { stops, presented: Mutex::default() })
    }

    /// Returns the codes and refresh tokens that were presented more than once.
    pub(super) fn presented_twice(&self) -> Vec<String> {
        let presented = self.presented.lock().unwrap();
        let mut twice: Vec<String> = presented
            .iter()
            .filter(|one| presented.iter().filter(|it| it == one).count() > 1)
            .cloned()
            .collect();
        twice.dedup();
        twice
    }

    pub(super) fn count(&self) -> usize {
        self.presented.lock().unwrap().len()
    }

    async fn called(&self, name: &'static str, presented: String) {
        if self.stops {
            stop_at(Call { name, failures: &[] }).await;
        }
        let mut all = self.presented.lock().unwrap();
        all.push(presented);
    }
}

/// Returns what the provider says of a person.
pub(super) fn identity(subject: &str, refresh_token: Option<&str>) -> ExternalIdentity {
    ExternalIdentity {
        issuer: Issuer::parse(ISSUER).unwrap(),
        subject: Subject::parse(subject).unwrap(),
        email: EmailClaim::Stated {
            address: EmailAddress::parse(&format!("{subject}@example.com")).unwrap(),
            verified: true,
        },
        username: None,
        name: None,
        groups: vec!["lab".to_owned()],
        memberships: Memberships { groups_are_complete: true, ..Memberships::default() },
        authentication_methods: Vec::new(),
        authenticated_at: None,
        session: Some(ProviderSessionId::parse(&format!("sid-{subject}")).unwrap()),
        id_token_hint: None,
        refresh_token: refresh_token.map(|token| RefreshToken::parse(token).unwrap()),
    }
}

#[async_trait]
impl IdentityProvider for Provider {
    fn description(&self) -> ProviderDescription {
        ProviderDescription {
            id: ProviderId::parse("external").unwrap(),
            name: "External".to_owned(),
            email_trust: EmailTrust::Claim,
            admission: Arc::default(),
            revalidation: Some(REVALIDATION),
        }
    }

    fn explain(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn health(&self) -> ProviderHealth {
        ProviderHealth::Ready
    }

    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError> {
        Ok(AuthorizationServer {
            issuer: Issuer::parse(ISSUER).unwrap(),
            authorization_endpoint: Url::parse("https://op.example/authorize").unwrap(),
            end_session_endpoint: None,
            states_issuer_in_response: false,
            pushes_requests: false,
            client_id: ClientId::parse("lab").unwrap(),
            scopes: Scopes::with_openid(["email"]).unwrap(),
            extra_parameters: Vec::new(),
            reauthenticates: true,
            hint_parameters: HintParameters::OPENID,
        })
    }

    async fn push(&self, _: &AuthorizationRequest) -> Result<RequestUri, ProviderError> {
        unreachable!("requests are not pushed here")
    }

    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        let subject = redemption.code.as_str().to_owned();
        self.called("IdentityProvider::redeem", format!("code of {subject}")).await;
        Ok(identity(&subject, Some(&format!("{subject}-refresh-1"))))
    }

    async fn refresh(&self, request: RefreshRequest) -> Refreshed {
        let token = request.refresh_token.as_str().to_owned();
        self.called("IdentityProvider::refresh", token.clone()).await;
        let next = format!("{token}+");
        Refreshed {
            refresh_token: Some(RefreshToken::parse(&next).unwrap()),
            identity: Ok(identity(request.subject.as_str(), None)),
        }
    }

    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        Ok(LogoutToken {
            issuer: Issuer::parse(ISSUER).unwrap(),
            subject: Some(Subject::parse(token).unwrap()),
            session: None,
            id: format!("logout of {token}"),
            refused_from: Timestamp::from_unix_seconds(2_000_000_000),
        })
    }
}
