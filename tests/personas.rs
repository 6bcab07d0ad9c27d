//! The personas of the mock through the real adapter: the user's identity, and the trust in the e-mail
//! address.

use std::sync::Arc;

use labgate::world::SystemClock;
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::ports::IdentityProvider;
use labgate_domain::protocol::HintParameters;
use labgate_mock_idp::{Algorithm, Client, Fault, MockIdp, MockIssuer, Persona, User};
use labgate_provider::{Field, UncheckedSettings, kinds, provider};
use url::Url;

use crate::adapter_alone::Begun;

const CALLBACK: &str = "http://127.0.0.1:9/api/auth/oidc/callback";
const HOME: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";

async fn playing(persona: Persona, users: impl IntoIterator<Item = User>) -> MockIdp {
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    let mock = MockIdp::builder().algorithm(Algorithm::Rs256).persona(persona).client(client);
    users.into_iter().fold(mock, labgate_mock_idp::MockIdpBuilder::user).start().await.unwrap()
}

/// The provider as an operator configures it: the two URLs, or the issuer where it cannot be derived.
fn configured(idp: &MockIssuer, kind: Option<&str>) -> Arc<dyn IdentityProvider> {
    with_domain_hint(idp, kind, None)
}

fn with_domain_hint(
    idp: &MockIssuer,
    kind: Option<&str>,
    domain_hint: Option<&str>,
) -> Arc<dyn IdentityProvider> {
    let mut settings = settings(idp, kind);
    if let Some(hint) = domain_hint {
        settings.set(Field::DomainHint, [hint]);
    }
    let settings = settings.parse().unwrap().with_claim_namespace("https://lab.example");
    provider(settings, Arc::new(SystemClock)).unwrap()
}

fn settings(idp: &MockIssuer, kind: Option<&str>) -> UncheckedSettings {
    // The mock's second origin is named, too: nothing inside this machine is asked that the operator did not
    // name.
    let port = Url::parse(&idp.authorization_endpoint()).unwrap().port().unwrap();
    let plain = format!("http://localhost:{port},http://127.0.0.1:{port}");
    let mut settings = UncheckedSettings::default()
        .with(Field::Id, ["p"])
        .with(Field::Name, ["P"])
        .with(Field::ClientId, ["lab"])
        .with(Field::ClientSecret, ["lab-secret"])
        .with(Field::PlainHttpOrigin, [plain]);
    if let Some("entra" | "cognito" | "kanidm" | "authentik") = kind {
        // Known by its hosts otherwise, or not to be had from the endpoints.
        settings.set(Field::Issuer, [idp.issuer().as_str()]);
    } else {
        settings.set(Field::AuthUrl, [idp.authorization_endpoint()]);
        settings.set(Field::TokenUrl, [idp.token_endpoint()]);
    }
    if let Some(kind) = kind {
        settings.set(Field::Kind, [kind]);
    }
    settings
}

/// A whole sign-in: to the provider, as this person, and back with a code.
async fn sign_in(
    provider: &dyn IdentityProvider,
    idp: &MockIssuer,
    subject: &str,
) -> Result<ExternalIdentity, labgate_domain::ports::ProviderError> {
    let begun = Begun::at(provider, CALLBACK).await?;
    let back_at = Url::parse(&idp.sign_in(&begun.url, subject).unwrap()).unwrap();
    provider.redeem(begun.redemption(&back_at)).await
}

#[tokio::test]
async fn hints_travel_by_the_names_that_the_provider_gives_them() {
    let named = |login, domain| HintParameters { login: Some(login), domain };
    for (persona, kind, parameters) in [
        (Persona::keycloak("lab"), Some(kinds::KEYCLOAK.name), named("login_hint", Some("kc_idp_hint"))),
        (Persona::Dex, Some(kinds::DEX.name), named("login_hint", Some("connector_id"))),
        (entra(), Some(kinds::ENTRA.name), named("login_hint", Some("domain_hint"))),
        (Persona::Generic, None, named("login_hint", None)),
        (Persona::GitHub, None, named("login", None)),
    ] {
        let idp = playing(persona.clone(), []).await;
        let fixed = parameters.domain.map(|_| "from-the-operator");
        let expected = parameters.domain.map(|name| (name.to_owned(), "from-the-operator".to_owned()));
        let provider = with_domain_hint(&idp, kind, fixed);
        let server = provider.authorization_server().await.unwrap();
        assert_eq!(server.hint_parameters, parameters, "{persona}");
        assert_eq!(server.extra_parameters, Vec::from_iter(expected), "{persona}");
    }
}

fn address(identity: &ExternalIdentity) -> (&str, bool) {
    match &identity.email {
        EmailClaim::Stated { address, verified } => (address.as_str(), *verified),
        other => panic!("{other:?}"),
    }
}

fn entra() -> Persona {
    Persona::entra(HOME)
}

#[tokio::test]
async fn each_provider_identifies_its_users_by_its_own_claims() {
    for (persona, kind) in [
        (Persona::Generic, None),
        (Persona::Dex, None),
        (Persona::keycloak("lab"), None),
        (Persona::Google, None),
        (Persona::GitLab, Some(kinds::GITLAB.name)),
        (Persona::Okta { server: Some("default".to_owned()) }, None),
        (Persona::Auth0, None),
        (Persona::Cognito { pool: "eu-west-1_AbCdEf123".to_owned() }, Some(kinds::COGNITO.name)),
        (Persona::GitHub, None),
        (Persona::Zitadel, Some(kinds::ZITADEL.name)),
        (Persona::Kanidm { client: "lab".to_owned() }, Some(kinds::KANIDM.name)),
        (Persona::Authelia, None),
        (Persona::PocketId, None),
        (Persona::Hydra, None),
        (Persona::Spring, Some(kinds::SPRING.name)),
    ] {
        let ada = User::new("ada").name("Ada Example").email("ada@example.test");
        let idp = playing(persona.clone(), [ada]).await;
        let provider = configured(&idp, kind);
        let identity = sign_in(&*provider, &idp, "ada").await;
        let identity = identity.unwrap_or_else(|error| panic!("{persona}: {error}"));
        assert_eq!(address(&identity), ("ada@example.test", true), "{persona}");
        // The same person next time, and nobody else.
        let again = sign_in(&*provider, &idp, "ada").await.unwrap();
        assert_eq!((again.issuer, again.subject), (identity.issuer, identity.subject), "{persona}");
    }
}

#[tokio::test]
async fn c102_an_entra_member_of_the_pinned_tenant_needs_no_further_settings() {
    let ada = User::new("ada").name("Ada").email("ada@contoso.example").groups(["lab-admins"]);
    let idp = playing(entra(), [ada]).await;
    let provider = configured(&idp, Some(kinds::ENTRA.name));
    let identity = sign_in(&*provider, &idp, "ada").await.unwrap();
    assert_eq!(address(&identity), ("ada@contoso.example", true));
    assert_eq!(identity.memberships.tenant.as_deref(), Some(HOME));
    assert!(identity.issuer.as_str().contains(HOME));
    assert!(identity.memberships.groups_are_complete && identity.groups.len() == 1);
    // By the object id: `sub` is another one for every application.
    assert_eq!(identity.subject.as_str().len(), 36, "{}", identity.subject);
}

#[tokio::test]
async fn c104_a_guests_address_is_untrusted_in_a_fresh_registration() {
    let guest = User::new("eve").email("ada@contoso.example").tenant(OTHER);
    let idp = playing(entra(), [guest]).await;
    let provider = configured(&idp, Some(kinds::ENTRA.name));
    let identity = sign_in(&*provider, &idp, "eve").await.unwrap();
    assert_eq!(address(&identity), ("ada@contoso.example", false));
}

#[tokio::test]
async fn a_guests_address_that_entra_has_verified_counts() {
    let guest = User::new("guest").email("guest@partner.example").tenant(OTHER);
    let idp = playing(Persona::Entra { tenant: HOME.to_owned(), optional_claims: true }, [guest]).await;
    let provider = configured(&idp, Some(kinds::ENTRA.name));
    let identity = sign_in(&*provider, &idp, "guest").await.unwrap();
    assert_eq!(address(&identity), ("guest@partner.example", true));
}

#[tokio::test]
async fn c105_a_token_of_another_tenant_is_refused() {
    let ada = User::new("ada").email("ada@contoso.example");
    let idp = playing(entra(), [ada]).await;
    let provider = configured(&idp, Some(kinds::ENTRA.name));
    idp.fault(Fault::TenantSwap).once();
    assert!(sign_in(&*provider, &idp, "ada").await.is_err());
    idp.fault(Fault::IssuerTemplate).once();
    assert!(sign_in(&*provider, &idp, "ada").await.is_err());
    assert!(sign_in(&*provider, &idp, "ada").await.is_ok());
}

#[tokio::test]
async fn groups_that_did_not_fit_are_known_to_be_missing() {
    let ada = User::new("ada").email("ada@contoso.example").groups(["lab-admins"]);
    let idp = playing(entra(), [ada]).await;
    let provider = configured(&idp, Some(kinds::ENTRA.name));
    idp.fault(Fault::GroupsOverage).once();
    let identity = sign_in(&*provider, &idp, "ada").await.unwrap();
    assert!(identity.groups.is_empty() && !identity.memberships.groups_are_complete);
}

#[tokio::test]
async fn at_github_an_address_that_is_not_verified_is_not() {
    let bob = User::new("bob").unverified_email("ada@example.test");
    let idp = playing(Persona::GitHub, [bob]).await;
    let provider = configured(&idp, None);
    let identity = sign_in(&*provider, &idp, "bob").await.unwrap();
    assert_ne!(identity.email, EmailClaim::Missing);
    assert!(!address(&identity).1);
}

#[tokio::test]
async fn c110_googles_hosted_domain_comes_from_the_claim() {
    let ada = User::new("ada").email("ada@example.org").claim("hd", "example.org");
    let idp = playing(Persona::Google, [ada]).await;
    let provider = configured(&idp, Some(kinds::GOOGLE.name));
    let identity = sign_in(&*provider, &idp, "ada").await.unwrap();
    assert_eq!(identity.memberships.hosted_domain.as_deref(), Some("example.org"));
}

#[tokio::test]
async fn c102_a_personal_google_account_does_not_vouch_for_a_foreign_address() {
    let ada = User::new("ada").email("ada@example.org").claim("hd", serde_json::Value::Null);
    let eve = User::new("eve").email("eve@gmail.com");
    let idp = playing(Persona::Google, [ada, eve]).await;
    let provider = configured(&idp, Some(kinds::GOOGLE.name));
    let identity = sign_in(&*provider, &idp, "ada").await.unwrap();
    assert_eq!(address(&identity), ("ada@example.org", false));
    let identity = sign_in(&*provider, &idp, "eve").await.unwrap();
    assert_eq!(address(&identity), ("eve@gmail.com", true));
}

#[tokio::test]
async fn keycloaks_roles_count_as_groups_and_its_urls_tell_that_it_is_one() {
    let ada = User::new("ada").email("ada@example.test").groups(["lab-users"]);
    let ada = ada.claim("realm_access", serde_json::json!({"roles": ["lab-admin"]}));
    let others = serde_json::json!({"lab": {"roles": ["own"]}, "account": {"roles": ["manage-account"]}});
    let idp = playing(Persona::keycloak("lab"), [ada.claim("resource_access", others)]).await;
    let provider = configured(&idp, None);
    let identity = sign_in(&*provider, &idp, "ada").await.unwrap();
    assert_eq!(identity.groups, ["lab-users", "lab-admin", "own"]);
}

#[tokio::test]
async fn each_providers_groups_are_read_where_it_states_them() {
    for (persona, kind, scope) in [
        (Persona::Zitadel, Some(kinds::ZITADEL.name), ""),
        (Persona::Authentik { slug: "lab".to_owned() }, Some(kinds::AUTHENTIK.name), ""),
        (Persona::Kanidm { client: "lab".to_owned() }, Some(kinds::KANIDM.name), "groups_name"),
        (Persona::Authelia, None, "groups"),
        (Persona::PocketId, None, "groups"),
        (Persona::Hydra, None, "groups"),
        (Persona::Spring, Some(kinds::SPRING.name), "groups"),
    ] {
        let ada = User::new("ada").email("ada@example.test").groups(["lab-users", "lab-admins"]);
        let idp = playing(persona.clone(), [ada]).await;
        let mut settings = settings(&idp, kind);
        settings.set(Field::Scopes, [format!("email profile {scope}")]);
        let provider = provider(settings.parse().unwrap(), Arc::new(SystemClock)).unwrap();
        let mut groups = sign_in(&*provider, &idp, "ada").await.unwrap().groups;
        groups.sort_unstable();
        assert_eq!(groups, ["lab-admins", "lab-users"], "{persona}");
    }
}

#[tokio::test]
async fn authentiks_word_for_an_address_is_no() {
    let ada = User::new("ada").email("ada@example.test");
    let eve = User::new("eve").email("eve@example.test").claim("email_verified", true);
    let idp = playing(Persona::Authentik { slug: "lab".to_owned() }, [ada, eve]).await;
    let provider = configured(&idp, Some(kinds::AUTHENTIK.name));
    assert_eq!(address(&sign_in(&*provider, &idp, "ada").await.unwrap()), ("ada@example.test", false));
    assert_eq!(address(&sign_in(&*provider, &idp, "eve").await.unwrap()), ("eve@example.test", true));
}

#[tokio::test]
async fn auth0s_groups_stand_under_the_url_of_an_action() {
    let ada = User::new("ada").email("ada@example.test").groups(["lab-admins"]);
    let idp = playing(Persona::Auth0, [ada]).await;
    let provider = configured(&idp, Some(kinds::AUTH0.name));
    assert_eq!(sign_in(&*provider, &idp, "ada").await.unwrap().groups, ["lab-admins"]);
}

#[tokio::test]
async fn c067_a_cognito_token_for_another_use_is_refused() {
    let ada = User::new("ada").email("ada@example.test");
    let eve = ada.clone().claim("token_use", "access");
    for (user, signs_in) in [(ada, true), (eve, false)] {
        let idp = playing(Persona::Cognito { pool: "eu-west-1_AbCdEf123".to_owned() }, [user]).await;
        let provider = configured(&idp, Some(kinds::COGNITO.name));
        let identity = sign_in(&*provider, &idp, "ada").await;
        assert_eq!(identity.is_ok(), signs_in, "{identity:?}");
    }
}
