//! Providers that are recognised by their URLs.

use super::*;
use crate::kinds::{entra, google::OLD_ENDPOINT};

const GUID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_GUID: &str = "99999999-2222-3333-4444-555555555555";

fn entra(tenant: &str, last: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{last}")
}

fn entra_document(issuer_tenant: &str, tenant: &str) -> Value {
    document(
        &format!("https://login.microsoftonline.com/{issuer_tenant}/v2.0"),
        &entra(tenant, "authorize"),
        &entra(tenant, "token"),
        &format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"),
    )
}

/// The outcome for a configured tenant with a document that has the issuer of one and the endpoints of
/// another.
async fn tenant(configured: &str, issuer: &str, endpoints: &str) -> Result<Discovered, DerivationError> {
    let shelf = Shelf::empty().with(
        &format!("https://login.microsoftonline.com/{configured}/v2.0"),
        entra_document(issuer, endpoints),
    );
    let derived = shelf.derive(&entra(configured, "authorize"), &entra(configured, "token")).await;
    assert_eq!(shelf.asked().len(), 1);
    derived
}

#[tokio::test]
async fn entras_issuer_must_belong_to_the_tenant() {
    assert!(tenant(GUID, GUID, GUID).await.is_ok());
    assert!(tenant("contoso.example", GUID, GUID).await.is_ok());
    assert!(tenant("contoso.example", GUID, "contoso.example").await.is_ok());
    for (configured, issuer, endpoints) in [
        (GUID, OTHER_GUID, GUID),
        (GUID, OTHER_GUID, OTHER_GUID),
        (GUID, "{tenantid}", GUID),
        (GUID, GUID, OTHER_GUID),
        (GUID, GUID, "common"),
        ("contoso.example", GUID, OTHER_GUID),
        ("contoso.example", "{tenantid}", "contoso.example"),
        ("contoso.example", "contoso.example", "contoso.example"),
        ("common", GUID, "common"),
        ("common", GUID, GUID),
        ("common", "{tenantid}", "organizations"),
        ("organizations", "common", "organizations"),
        ("consumers", GUID, "consumers"),
        ("consumers", "{tenantid}", "consumers"),
    ] {
        let outcome = tenant(configured, issuer, endpoints).await;
        assert!(
            matches!(outcome, Err(DerivationError::NotConfirmed { .. })),
            "{configured} {issuer} {endpoints}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn entras_endpoints_must_be_of_the_same_cloud_and_version() {
    let base = format!("https://login.microsoftonline.com/{GUID}");
    for (member, other) in [
        ("authorization_endpoint", format!("https://login.microsoftonline.us/{GUID}/oauth2/v2.0/authorize")),
        ("authorization_endpoint", format!("{base}/oauth2/authorize")),
        ("token_endpoint", format!("{base}/oauth2/token")),
        ("token_endpoint", format!("{base}/oauth2/v2.0/authorize")),
        ("token_endpoint", format!("https://evil.example/{GUID}/oauth2/v2.0/token")),
    ] {
        let mut metadata = entra_document(GUID, GUID);
        metadata[member] = json!(other);
        let shelf = Shelf::empty().with(&format!("{base}/v2.0"), metadata);
        let error = shelf.derive(&entra(GUID, "authorize"), &entra(GUID, "token")).await.unwrap_err();
        assert!(matches!(tried(&error)[0].why_not, WhyNot::OtherEndpoint(_)), "{error}");
    }
}

#[tokio::test]
async fn a_template_is_recognised_and_warned_of() {
    let any = tenant("common", "{tenantid}", "common").await.unwrap();
    assert!(any.metadata.has_tenant_template());
    assert_eq!(any.warnings, [entra::ANY_TENANT]);
    let one = tenant(GUID, GUID, GUID).await.unwrap();
    assert!(!one.metadata.has_tenant_template());
    assert!(one.warnings.is_empty());
}

#[tokio::test]
async fn the_operators_entra_endpoints_are_the_ones_in_use() {
    let found = tenant("contoso.example", GUID, GUID).await.unwrap();
    assert_eq!(found.metadata.authorization_endpoint.as_str(), entra("contoso.example", "authorize"));
    assert_eq!(found.metadata.token_endpoint.as_str(), entra("contoso.example", "token"));
}

#[tokio::test]
async fn entra_urls_that_do_not_belong_together_stop_before_any_request() {
    let v1 = format!("https://login.microsoftonline.com/{GUID}/oauth2/token");
    let cloud = format!("https://login.microsoftonline.us/{GUID}/oauth2/v2.0/token");
    let shelf = Shelf::empty();
    let versions = shelf.derive(&entra(GUID, "authorize"), &v1).await.unwrap_err();
    let DerivationError::Contradiction(text) = versions else { panic!("{versions}") };
    assert!(text.contains("marked (v2)"), "{text}");
    let clouds = shelf.derive(&entra(GUID, "authorize"), &cloud).await.unwrap_err();
    let DerivationError::Contradiction(text) = clouds else { panic!("{clouds}") };
    assert!(text.contains("login.microsoftonline.us"), "{text}");
    let tenants = shelf.derive(&entra(GUID, "authorize"), &entra(OTHER_GUID, "token")).await.unwrap_err();
    assert!(tenants.to_string().contains("AADSTS700005") && tenants.to_string().contains(OTHER_GUID));
    assert!(shelf.asked().is_empty());
}

#[tokio::test]
async fn an_entra_tenants_case_does_not_matter() {
    let upper = "AAAAAAAA-2222-3333-4444-555555555555";
    let lower = upper.to_ascii_lowercase();
    let shelf = Shelf::empty()
        .with(&format!("https://login.microsoftonline.com/{lower}/v2.0"), entra_document(&lower, &lower));
    assert!(shelf.derive(&entra(upper, "authorize"), &entra(&lower, "token")).await.is_ok());
}

#[tokio::test]
async fn entra_in_china_has_two_host_names_and_one_issuer() {
    let base = format!("https://login.chinacloudapi.cn/{GUID}");
    let (auth, token) = (format!("{base}/oauth2/v2.0/authorize"), format!("{base}/oauth2/v2.0/token"));
    let issuer = format!("https://login.partner.microsoftonline.cn/{GUID}/v2.0");
    let metadata = document(&issuer, &auth, &token, &format!("{base}/discovery/v2.0/keys"));
    let shelf = Shelf::empty().with(&format!("{base}/v2.0"), metadata);
    assert_eq!(shelf.derive(&auth, &token).await.unwrap().metadata.issuer.as_str(), issuer);
}

#[tokio::test]
async fn a_host_that_only_looks_like_entras_is_no_preset() {
    for host in [
        "login.microsoftonline.com.evil.example",
        "xlogin.microsoftonline.com",
        "login.microsoftonline.com:8443",
    ] {
        let base = format!("https://{host}/{GUID}");
        let issuer = format!("https://login.microsoftonline.com/{GUID}/v2.0");
        let (auth, token) = (format!("{base}/oauth2/v2.0/authorize"), format!("{base}/oauth2/v2.0/token"));
        let claims = document(&issuer, &auth, &token, &format!("{base}/keys"));
        let shelf =
            Shelf::empty().with(&format!("{base}/v2.0"), claims).with(&issuer, entra_document(GUID, GUID));
        let error = shelf.derive(&auth, &token).await.unwrap_err();
        assert!(matches!(error, DerivationError::NeedIssuer { kind: "generic", .. }), "{error}");
    }
}

#[tokio::test]
async fn a_configured_issuer_pins_a_preset_too() {
    let issuer = format!("https://login.microsoftonline.com/{GUID}/v2.0");
    let shelf = Shelf::empty().with(&issuer, entra_document(GUID, GUID));
    let (auth, token) = (entra(GUID, "authorize"), entra(GUID, "token"));
    assert!(shelf.confirm(&auth, &token, &issuer).await.is_ok());
    for other in [
        format!("https://login.microsoftonline.com/{OTHER_GUID}/v2.0"),
        format!("{issuer}/"),
        format!("https://sts.windows.net/{GUID}/"),
    ] {
        let error = shelf.confirm(&auth, &token, &other).await.unwrap_err();
        assert!(matches!(error, DerivationError::IssuerMismatch { .. }), "{error}");
    }
}

#[tokio::test]
async fn google_is_google_only_with_both_of_its_endpoints() {
    let auth = "https://accounts.google.com/o/oauth2/v2/auth";
    let token = "https://oauth2.googleapis.com/token";
    let google = |issuer, token| {
        let keys = "https://www.googleapis.com/oauth2/v3/certs";
        Shelf::empty().with("https://accounts.google.com", document(issuer, auth, token, keys))
    };
    let shelf = google("https://accounts.google.com", token);
    let old = shelf.derive("https://accounts.google.com/o/oauth2/auth", token).await.unwrap();
    assert_eq!(old.warnings, [OLD_ENDPOINT]);
    for other in ["https://evil.example/token", "https://oauth2.googleapis.com/token2"] {
        assert!(shelf.derive(auth, other).await.is_err(), "{other}");
    }
    for shelf in [
        google("https://accounts.google.com/", token),
        google("https://accounts.google.com", "https://evil.example/token"),
    ] {
        let error = shelf.derive(auth, token).await.unwrap_err();
        assert!(matches!(error, DerivationError::NotConfirmed { .. }), "{error}");
    }
}

#[tokio::test]
async fn cognito_and_authentik_say_where_their_issuer_is_and_take_it() {
    let domain = "https://acme.auth.eu-west-1.amazoncognito.com/oauth2";
    let (auth, token) = (format!("{domain}/authorize"), format!("{domain}/token"));
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123";
    let metadata = document(issuer, &auth, &token, &format!("{issuer}/.well-known/jwks.json"));
    let shelf = Shelf::empty().with(issuer, metadata);
    let text = shelf.derive(&auth, &token).await.unwrap_err().to_string();
    assert!(text.contains("https://cognito-idp.eu-west-1.amazonaws.com/POOLID"), "{text}");
    assert_eq!(shelf.confirm(&auth, &token, issuer).await.unwrap().kind.name, "cognito");

    let (auth, token) =
        ("https://ak.example/application/o/authorize/", "https://ak.example/application/o/token/");
    let issuer = "https://ak.example/application/o/lab/";
    let shelf = Shelf::empty().with(issuer, document(issuer, auth, token, "https://ak.example/jwks/"));
    let text = shelf.derive(auth, token).await.unwrap_err().to_string();
    assert!(
        text.contains("https://ak.example/application/o/SLUG/") && text.contains(ISSUER_SETTING),
        "{text}"
    );
    assert_eq!(shelf.confirm(auth, token, issuer).await.unwrap().kind.name, "authentik");
}

#[tokio::test]
async fn kanidm_says_where_its_issuer_is_and_takes_it() {
    let (auth, token) = ("https://idm.example/ui/oauth2", "https://idm.example/oauth2/token");
    let issuer = "https://idm.example/oauth2/openid/lab";
    let shelf =
        Shelf::empty().with(issuer, document(issuer, auth, token, &format!("{issuer}/public_key.jwk")));
    let text = shelf.derive(auth, token).await.unwrap_err().to_string();
    assert!(
        text.contains("https://idm.example/oauth2/openid/CLIENT") && text.contains(ISSUER_SETTING),
        "{text}"
    );
    assert_eq!(shelf.confirm(auth, token, issuer).await.unwrap().kind.name, "kanidm");
}

#[test]
fn f25_a_kind_is_recognised_by_paths_that_no_other_has() {
    for (auth, token, kind) in [
        ("https://auth.example/api/oidc/authorization", "https://auth.example/api/oidc/token", "authelia"),
        (
            "https://x.example/auth/api/oidc/authorization",
            "https://x.example/auth/api/oidc/token",
            "authelia",
        ),
        ("https://id.example/authorize", "https://id.example/api/oidc/token", "pocket-id"),
        ("https://hydra.example/oauth2/auth", "https://hydra.example/oauth2/token", "ory"),
        ("https://idm.example/ui/oauth2", "https://idm.example/oauth2/token", "kanidm"),
        (
            "https://ak.example/application/o/authorize/",
            "https://ak.example/application/o/token/",
            "authentik",
        ),
        // Paths of several products, of half a product, and at two origins.
        ("https://op.example/oauth2/authorize", "https://op.example/oauth2/token", ""),
        ("https://op.example/authorize", "https://op.example/oauth/token", ""),
        ("https://op.example/oauth/authorize", "https://op.example/oauth/token", ""),
        ("https://op.example/auth", "https://op.example/token", ""),
        ("https://op.example/x/oauth2/auth", "https://op.example/x/oauth2/token", ""),
        ("https://op.example/x/authorize", "https://op.example/x/api/oidc/token", ""),
        ("https://op.example/x/ui/oauth2", "https://op.example/x/oauth2/token", ""),
        ("https://op.example/oauth2/auth", "https://api.op.example/oauth2/token", ""),
        ("https://op.example/a/api/oidc/authorization", "https://op.example/b/api/oidc/token", ""),
        ("https://op.example/api/oidc/authorize", "https://op.example/api/oidc/token", ""),
    ] {
        let mut urls = urls(auth, token, None);
        let recognised = KINDS.of_urls(&urls).unwrap().map_or("", |(kind, _)| kind.name);
        assert_eq!(recognised, kind, "{auth}");
        // Whatever the paths say, the operator knows better.
        urls.kind = Some("generic");
        assert!(KINDS.of_urls(&urls).unwrap().is_none(), "{auth}");
    }
}

#[tokio::test]
async fn what_has_githubs_paths_is_taken_for_github_unless_an_issuer_is_configured() {
    let (auth, token) =
        ("https://git.example/login/oauth/authorize", "https://git.example/login/oauth/access_token");
    let issuer = "https://git.example/";
    let shelf = Shelf::empty().with(issuer, document(issuer, auth, token, "https://git.example/keys"));
    assert_eq!(shelf.derive(auth, token).await, Err(DerivationError::OAuth2Only));
    let (_, preset) = KINDS.of_urls(&urls(auth, token, None)).unwrap().unwrap();
    let api = preset.api().unwrap();
    let warning = "https://git.example is taken for a GitHub Enterprise Server. If it is a Gitea or Forgejo, set \
                   LAB_EXTERNAL_OIDC_ISSUER to its URL";
    assert_eq!(api.warnings, [warning]);
    assert_eq!(api.base.child("user").as_str(), "https://git.example/api/v3/user");
    assert!(shelf.asked().is_empty());
    assert_eq!(shelf.confirm(auth, token, issuer).await.unwrap().kind.name, "generic");

    let stated = shelf.confirm(auth, token, "https://git.example/login/oauth").await;
    assert_eq!(stated, Err(DerivationError::OAuth2Only));
    let half = shelf.derive(auth, "https://git.example/login/oauth/token").await;
    assert!(matches!(half, Err(DerivationError::OtherEndpoints { .. })), "{half:?}");
}
