//! GitHub: OAuth 2.0 without ID tokens. Its API names the person, with the access token that the code is
//! redeemed for.
//!
//! Without a signature, all trust is in TLS to the two origins that the operator's URLs name, in the code
//! that only this browser was sent back with (state and PKCE bind it), and in the client secret. An access
//! token that comes any other way is never used: it could be one that another application was given for the
//! same person.

mod api;
mod person;
mod token;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use labgate_domain::admission::Criterion;
use labgate_domain::identity::{ExternalIdentity, Memberships};
use labgate_domain::ports::{
    CallFailure, CodeRedemption, IdTokenFault, IdentityProvider, LogoutToken, LogoutTokenError, ProviderCall,
    ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{AuthorizationRequest, Issuer, RefreshToken, RequestUri, Scopes};
use labgate_domain::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use labgate_domain::world::Clock;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::Instrument as _;

use crate::derivation::OperatorUrls;
use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::exchange::{Exchange, Network};
use crate::settings::{Location, ProviderSettings};
use crate::token::check_issuer;
use crate::transport::Transport;
use crate::unchecked::SettingsError;
use api::{Api, List};

/// The scopes for the person and the verified address.
const SCOPES: [&str; 2] = ["read:user", "user:email"];
/// The scope for organisations and teams, where they decide something.
const MEMBERSHIP_SCOPE: &str = "read:org";
/// The scopes of OpenID Connect Core sections 5.4 and 11, which mean nothing to GitHub.
const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// GitHub as the core wants it: github.com, a GitHub Enterprise Server or a tenant of ghe.com.
///
/// - The issuer is `https://HOST/login/oauth`, and a person's subject is the number of their account. A login
///   is no subject: it can be changed, and another person can take it over then.
/// - The e-mail address is the primary one; it is verified if GitHub says so. The address that a profile
///   shows is not looked at, and an address that receives no mail (`…@users.noreply.HOST`) counts as none.
/// - Where the admission rules look at organisations or groups, or groups make administrators, GitHub is
///   asked for both. Groups are `organisation/team-slug`, in lower case. An organisation that does not admit
///   the OAuth app hides itself, and nothing tells that; where GitHub does tell that something is left out,
///   the groups count as incomplete.
///
/// Nothing is kept between sign-ins, and the access token is forgotten at once.
pub struct GitHubProvider {
    settings: ProviderSettings,
    urls: OperatorUrls,
    issuer: Issuer,
    api: Endpoint,
    scopes: Scopes,
    transport: Transport,
    clock: Arc<dyn Clock>,
    health: Mutex<ProviderHealth>,
}

impl GitHubProvider {
    /// Makes a provider from its settings, without a request.
    ///
    /// # Errors
    /// If the URLs are not GitHub's, when every address at github.com is to be trusted, when the extra
    /// certification authorities cannot be read, or the HTTP client cannot be made.
    pub fn new(settings: ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let network = Arc::new(Network::new(&settings)?);
        Self::over(settings, clock, network)
    }

    /// Makes a provider over this HTTP client.
    pub(crate) fn over(
        settings: ProviderSettings,
        clock: Arc<dyn Clock>,
        exchange: Arc<dyn Exchange>,
    ) -> Result<Self, SettingsError> {
        let (Some(api), Location::Endpoints(urls)) = (&settings.api, &settings.location) else {
            return Err(SettingsError::UrlForm("the URLs are not those of a GitHub"));
        };
        let (id, issuer, base, kind) = (&settings.description.id, &api.issuer, &api.base, settings.kind());
        tracing::info!(provider = %id, %issuer, kind = kind.name, api = %base, "the provider is known");
        for warning in &api.warnings {
            tracing::warn!(provider = %id, warning, "the provider works, but");
        }
        let (urls, issuer, api) = (urls.clone(), issuer.clone(), base.clone());
        let scopes = scopes(&settings);
        let transport = Transport::new(exchange, &settings);
        let health = Mutex::new(ProviderHealth::Unknown);
        Ok(Self { settings, urls, issuer, api, scopes, transport, clock, health })
    }

    /// Redeems a code and asks for the person.
    async fn identity(&self, redemption: &CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        let redeem = || {
            token::redeem(&self.transport, self.urls.token(), &self.settings, redemption, self.clock.now())
        };
        let grant = match redeem().await {
            Err(ProviderError::ClientRejected(_)) if self.settings.credentials.renew_secret() => {
                redeem().await
            }
            other => other,
        }?;
        if !grant.has("user:email") {
            return Err(ProviderError::TokenResponse(
                "it does not grant the scope user:email; Labgate must be registered at GitHub as an OAuth app, not as a \
                 GitHub App",
            ));
        }
        let sees_memberships = grant.has(MEMBERSHIP_SCOPE);
        let identity = self.ask_in_time(&grant.access_token, sees_memberships).await?;
        // Its access tokens do not expire by themselves: with the same one it is asked again.
        let knows_enough = sees_memberships || !memberships_matter(&self.settings);
        let again = RefreshToken::parse(grant.access_token.expose_secret()).ok();
        let asks_again = self.settings.description.revalidation.is_some() && knows_enough;
        Ok(ExternalIdentity { refresh_token: again.filter(|_| asks_again), ..identity })
    }

    async fn ask_in_time(
        &self,
        access_token: &SecretString,
        sees_memberships: bool,
    ) -> Result<ExternalIdentity, ProviderError> {
        let asking = self.ask(access_token, sees_memberships);
        tokio::time::timeout(self.settings.limits.discovery_time, asking).await.unwrap_or_else(|_| {
            let reason = "it does not answer in time".to_owned();
            Err(ProviderError::unavailable(ProviderCall::UserInfo, CallFailure::Timeout, reason))
        })
    }

    /// Asks the API who the access token is for.
    async fn ask(
        &self,
        access_token: &SecretString,
        sees_memberships: bool,
    ) -> Result<ExternalIdentity, ProviderError> {
        let api = Api::new(&self.transport, &self.api, access_token)?;
        let user = api.object("user").await?;
        let subject = person::subject(&user)?;
        let emails = api.list("user/emails", 100).await?;
        let email = person::email(&emails.items)?;
        let matter = memberships_matter(&self.settings);
        if matter && !sees_memberships {
            tracing::warn!("GitHub does not grant the scope {MEMBERSHIP_SCOPE}: nobody has a group");
        }
        let (mut groups, memberships) = if matter && sees_memberships {
            memberships(&api).await?
        } else {
            (Vec::new(), Memberships { groups_are_complete: false, ..Memberships::default() })
        };
        self.settings.description.admission.put_named_first(&mut groups);
        Ok(ExternalIdentity {
            issuer: self.issuer.clone(),
            subject,
            email,
            username: None,
            name: person::name(&user),
            groups,
            memberships,
            // `two_factor_authentication` says what the account has, not how this person came in (RFC 8176).
            authentication_methods: Vec::new(),
            authenticated_at: None,
            session: None,
            id_token_hint: None,
            refresh_token: None,
        })
    }

    /// Notes whether GitHub worked. An answer that refuses a person is one, too.
    fn note(&self, failed: bool) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = match *health {
            _ if !failed => ProviderHealth::Ready,
            ProviderHealth::Unavailable { since } => ProviderHealth::Unavailable { since },
            _ => ProviderHealth::Unavailable { since: self.clock.now() },
        };
    }
}

#[async_trait]
impl IdentityProvider for GitHubProvider {
    fn description(&self) -> ProviderDescription {
        self.settings.description.clone()
    }

    fn explain(&self, words: &str) -> Option<&'static str> {
        self.settings.kind().explain(words).map(|explanation| explanation.sentence)
    }

    fn health(&self) -> ProviderHealth {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError> {
        Ok(AuthorizationServer {
            issuer: self.issuer.clone(),
            authorization_endpoint: self.urls.authorization().url().clone(),
            end_session_endpoint: None,
            // It is sent by some and not by others, and has come and gone: it must be right where it is
            // there.
            states_issuer_in_response: false,
            pushes_requests: false,
            client_id: self.settings.client_id.clone(),
            scopes: self.scopes.clone(),
            extra_parameters: self.settings.authorization_parameters.with([]),
            reauthenticates: false,
            hint_parameters: self.settings.kind().hints,
        })
    }

    async fn push(&self, _: &AuthorizationRequest) -> Result<RequestUri, ProviderError> {
        Err(ProviderError::Misconfigured("requests cannot be pushed to this provider".to_owned()))
    }

    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        check_issuer(&redemption, &self.issuer)?;
        let redeemed = self.identity(&redemption).instrument(self.settings.span()).await;
        self.note(matches!(redeemed, Err(ProviderError::Unavailable { .. })));
        redeemed
    }

    async fn refresh(&self, request: RefreshRequest) -> Refreshed {
        let asked = async {
            // A token of another GitHub is not for this one to see.
            ensure(request.issuer == self.issuer, IdTokenFault::Issuer)?;
            let access_token = SecretString::from(request.refresh_token.as_str());
            let identity = self.ask_in_time(&access_token, true).await?;
            let is_theirs = identity.subject == request.subject;
            ensure(is_theirs, ProviderError::UserInfo("it is about somebody else"))?;
            Ok(identity)
        };
        // The access token stays what it is.
        Refreshed { refresh_token: None, identity: asked.instrument(self.settings.span()).await }
    }

    async fn verify_logout_token(&self, _token: &str) -> Result<LogoutToken, LogoutTokenError> {
        Err(LogoutTokenError::OfAnotherIssuer)
    }
}

/// The requested scopes: those that are needed, and those that the operator adds.
#[expect(clippy::expect_used, reason = "fixed words and words of scopes are well-formed scopes")]
fn scopes(settings: &ProviderSettings) -> Scopes {
    let memberships = memberships_matter(settings).then_some(MEMBERSHIP_SCOPE);
    let configured = settings.scopes.to_parameter();
    let further = configured.split(' ').filter(|scope| !OPENID_SCOPES.contains(scope));
    Scopes::plain(SCOPES.into_iter().chain(memberships).chain(further)).expect("well-formed scopes")
}

/// Returns whether anything depends on a person's organisations and teams.
fn memberships_matter(settings: &ProviderSettings) -> bool {
    let admission = &settings.description.admission;
    let mut rules = admission.rules().iter();
    admission.depend_on_groups() || rules.any(|rule| rule.criterion() == Criterion::Organization)
}

/// The person's groups and organisations.
async fn memberships(api: &Api<'_>) -> Result<(Vec<String>, Memberships), ProviderError> {
    let List { items: organizations, is_complete: all_organizations } = api.list("user/orgs", 100).await?;
    // A team is told at length, with all of its organisation: a hundred of them would not fit into one
    // answer.
    let List { items: teams, is_complete: all_teams } = api.list("user/teams", 50).await?;
    let memberships = Memberships {
        organizations: person::organizations(&organizations)?,
        groups_are_complete: all_organizations && all_teams,
        ..Memberships::default()
    };
    Ok((person::groups(&teams)?, memberships))
}
