//! Entra: which tenant and which person a token is of, who stands for its address, and the groups that it
//! has no room for. The provider stands on loopback, so the settings say that it is Entra.

use std::sync::Arc;

use labgate_domain::admission::Criterion;
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::ports::{IdTokenFault, IdentityProvider as _, ProviderError, RefreshRequest};
use labgate_domain::protocol::{EndSessionForm, Issuer, RefreshToken};
use labgate_domain::world::Clock;
use labgate_provider::{Field, OpenIdProvider, SettingsError, UncheckedSettings, identity_from_claims};
use serde_json::{Map, Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    ACCESS_TOKEN, CLIENT_ID, NONCE, NOW, Op, admission, at_endpoints, at_issuer, fault, id_token,
    json_answer, made, parsed, token_response, with,
};

const HOME: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const GRAPH: &str = "/v1.0/me/transitiveMemberOf";

/// An Entra with this tenant in its URLs, and the adapter in front of it.
struct Entra {
    op: Op,
    tenant: &'static str,
    provider: OpenIdProvider,
}

fn entra_settings(base: &str, tenant: &str) -> UncheckedSettings {
    let url = |last: &str| format!("{base}/{tenant}/oauth2/v2.0/{last}");
    at_endpoints(&url("authorize"), &url("token"), None).with(Field::Kind, ["entra"])
}

fn with_tenants(settings: &mut UncheckedSettings, tenants: &[&str]) {
    settings.set(Field::Allow(Criterion::Tenant), tenants.iter().copied());
}

impl Entra {
    async fn one() -> Self {
        Self::at(HOME, |_| {}).await
    }

    async fn any() -> Self {
        Self::at("common", |settings| with_tenants(settings, &[HOME, OTHER])).await
    }

    async fn at(tenant: &'static str, change: impl FnOnce(&mut UncheckedSettings)) -> Self {
        let op = Op::start().await;
        let mut settings = entra_settings(&op.issuer(), tenant);
        change(&mut settings);
        let clock = Arc::clone(&op.clock) as Arc<dyn Clock>;
        let entra = Self { provider: OpenIdProvider::new(parsed(settings), clock).unwrap(), op, tenant };
        let at = |path: &str| format!("{}{path}", entra.op.issuer());
        let metadata = json!({
            "issuer": entra.published(),
            "authorization_endpoint": at(&format!("/{tenant}/oauth2/v2.0/authorize")),
            "token_endpoint": at(&format!("/{tenant}/oauth2/v2.0/token")),
            "jwks_uri": at(&format!("/{tenant}/discovery/v2.0/keys")),
            "userinfo_endpoint": at("/oidc/userinfo"),
            "end_session_endpoint": at(&format!("/{tenant}/oauth2/v2.0/logout")),
        });
        let document = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        entra.op.answer(&document, json_answer(200, &metadata));
        entra.publish_key(json!({"issuer": at("/{tenantid}/v2.0")}));
        entra
    }

    fn publish_key(&self, members: Value) {
        let keys = json!({"keys": [with(self.op.key.jwk(), members)]});
        self.op.answer(&format!("/{}/discovery/v2.0/keys", self.tenant), json_answer(200, &keys));
    }

    fn issuer_of(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.op.issuer())
    }

    /// What the document says.
    fn published(&self) -> String {
        match self.tenant {
            "common" | "organizations" => self.issuer_of("{tenantid}"),
            "consumers" => self.issuer_of(CONSUMERS),
            tenant => self.issuer_of(tenant),
        }
    }

    /// Claims of a member of the home tenant, with these changed.
    fn claims(&self, changes: Value) -> Value {
        with(
            json!({
                "ver": "2.0",
                "iss": self.issuer_of(HOME),
                "tid": HOME,
                "oid": "00000000-aaaa-bbbb-cccc-dddddddddddd",
                "sub": "pairwise",
                "aud": CLIENT_ID,
                "exp": NOW + 3600,
                // Five minutes before the truth.
                "iat": NOW - 300,
                "nbf": NOW - 300,
                "nonce": NONCE,
                "preferred_username": "ada@contoso.example",
                "email": "ada@contoso.example",
            }),
            changes,
        )
    }

    /// Signs a person in with these claims.
    async fn redeem(&self, changes: Value) -> Result<ExternalIdentity, ProviderError> {
        let token = id_token(&self.op.key, &json!({}), &self.claims(changes));
        let path = format!("/{}/oauth2/v2.0/token", self.tenant);
        self.op.answer(&path, json_answer(200, &token_response(&token)));
        let mut redemption = self.op.redemption();
        redemption.issuer = self.provider.authorization_server().await.unwrap().issuer;
        self.provider.redeem(redemption).await
    }

    async fn identity(&self, changes: Value) -> ExternalIdentity {
        self.redeem(changes).await.unwrap()
    }

    /// Returns whether the address in such a token counts as verified.
    async fn trusts(&self, changes: Value) -> bool {
        match self.identity(changes.clone()).await.email {
            EmailClaim::Stated { verified, .. } => verified,
            other => panic!("{changes}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn c099_a_person_is_the_object_id_within_the_tenant() {
    let entra = Entra::one().await;
    let ada = entra.identity(json!({"groups": ["g1"], "roles": ["Lab.Admin"]})).await;
    assert_eq!(ada.subject.as_str(), "00000000-aaaa-bbbb-cccc-dddddddddddd");
    assert_eq!(ada.issuer.as_str(), entra.issuer_of(HOME));
    assert_eq!(ada.memberships.tenant.as_deref(), Some(HOME));
    assert_eq!(ada.groups, ["g1", "Lab.Admin"]);
    assert!(ada.memberships.groups_are_complete);
    for no_person in [json!({"oid": null}), json!({"oid": ""}), json!({"oid": 7}), json!({"tid": null})] {
        assert_eq!(fault(entra.redeem(no_person.clone()).await), IdTokenFault::Subject, "{no_person}");
    }
}

#[tokio::test]
async fn c105_a_token_of_another_tenant_is_refused_where_one_is_set() {
    let entra = Entra::one().await;
    let swapped = json!({"tid": OTHER, "iss": entra.issuer_of(OTHER)});
    assert_eq!(fault(entra.redeem(swapped).await), IdTokenFault::Issuer);
    assert_eq!(fault(entra.redeem(json!({"tid": OTHER})).await), IdTokenFault::Issuer);
    let template = json!({"iss": entra.issuer_of("{tenantid}")});
    assert_eq!(fault(entra.redeem(template).await), IdTokenFault::Issuer);
}

#[tokio::test]
async fn c105_the_template_stands_for_the_tenant_of_the_token() {
    let entra = Entra::any().await;
    let server = entra.provider.authorization_server().await.unwrap();
    assert_eq!(server.issuer.as_str(), entra.issuer_of("{tenantid}"), "the attempt pins the text");
    for tenant in [HOME, OTHER] {
        let ada = entra.identity(json!({"tid": tenant, "iss": entra.issuer_of(tenant)})).await;
        assert_eq!(ada.issuer.as_str(), entra.issuer_of(tenant));
        assert_eq!(ada.memberships.tenant.as_deref(), Some(tenant));
    }
    for (changes, expected) in [
        (json!({"tid": OTHER}), IdTokenFault::Issuer),
        (json!({"iss": entra.issuer_of(OTHER)}), IdTokenFault::Issuer),
        (json!({"iss": entra.issuer_of("{tenantid}")}), IdTokenFault::Issuer),
        (json!({"iss": "https://evil.example/v2.0"}), IdTokenFault::Issuer),
        (json!({"tid": null}), IdTokenFault::Subject),
        (json!({"tid": "common", "iss": entra.issuer_of("common")}), IdTokenFault::Subject),
        (json!({"tid": "{tenantid}", "iss": entra.issuer_of("{tenantid}")}), IdTokenFault::Subject),
        (json!({"tid": [HOME]}), IdTokenFault::Subject),
    ] {
        assert_eq!(fault(entra.redeem(changes.clone()).await), expected, "{changes}");
    }
}

#[tokio::test]
async fn c155_people_of_every_tenant_sign_out_where_the_document_says() {
    for entra in [Entra::one().await, Entra::any().await] {
        let server = entra.provider.authorization_server().await.unwrap();
        let ada = entra.identity(json!({})).await;
        assert!(server.issuer.stands_for(&ada.issuer), "{} {}", server.issuer, ada.issuer);
        let endpoint = server.end_session_endpoint.unwrap();
        let published = format!("{}/{}/oauth2/v2.0/logout", entra.op.issuer(), entra.tenant);
        assert_eq!((endpoint.url.as_str(), endpoint.form), (published.as_str(), EndSessionForm::STANDARD));
    }
}

#[tokio::test]
async fn c105_a_key_of_another_tenant_signs_nobody_in() {
    for entra in [Entra::one().await, Entra::any().await] {
        let at = |tenant: &str| json!({"issuer": entra.issuer_of(tenant)});
        let foreign =
            [at(OTHER), at(CONSUMERS), json!({"issuer": 7}), json!({"issuer": "https://evil.example/v2.0"})];
        let fine = [json!({}), at("{tenantid}"), at(HOME)];
        let all = fine.map(|key| (key, true)).into_iter().chain(foreign.map(|key| (key, false)));
        for (key, signs) in all {
            entra.publish_key(key.clone());
            // Until the keys are asked for again.
            entra.op.clock.advance(3600);
            let redeemed = entra.redeem(json!({"exp": NOW + 72_000})).await;
            if signs {
                redeemed.unwrap();
            } else {
                assert_eq!(fault(redeemed), IdTokenFault::UnknownKey, "{key}");
            }
        }
    }
}

#[tokio::test]
async fn c102_a_members_address_is_the_tenants_word_and_a_guests_is_not() {
    let entra = Entra::one().await;
    assert!(entra.trusts(json!({})).await);
    assert!(entra.trusts(json!({"acct": 0})).await);
    let guest = json!({"idp": "https://sts.windows.net/99999999-2222-3333-4444-555555555555/"});
    for guest in [
        guest.clone(),
        json!({"idp": "live.com"}),
        json!({"acct": 1}),
        json!({"preferred_username": "ada_partner.example#EXT#@contoso.example"}),
        json!({"upn": "ada_partner.example#EXT#@contoso.example"}),
        // Entra never says so.
        with(guest.clone(), json!({"email_verified": true})),
    ] {
        assert!(!entra.trusts(guest.clone()).await, "{guest}");
        let listed =
            with(guest.clone(), json!({"verified_primary_email": ["x@y.example", "ADA@contoso.example"]}));
        assert!(entra.trusts(listed).await, "{guest}");
        assert!(entra.trusts(with(guest.clone(), json!({"xms_edov": true}))).await, "{guest}");
    }
    assert!(!entra.trusts(json!({"xms_edov": false})).await, "what Entra denies is not the tenant's word");
}

#[tokio::test]
async fn c102_a_members_address_may_be_told_at_userinfo_alone() {
    let entra = Entra::one().await;
    let person = json!({"sub": "pairwise", "email": "ada@contoso.example"});
    entra.op.answer("/oidc/userinfo", json_answer(200, &person));
    assert!(entra.trusts(json!({"email": null})).await);
    assert!(
        !entra.trusts(json!({"email": null, "acct": 1, "xms_edov": true})).await,
        "that speaks of no other address"
    );
    let person = json!({"sub": "00000000-aaaa-bbbb-cccc-dddddddddddd", "email": "ada@contoso.example"});
    entra.op.answer("/oidc/userinfo", json_answer(200, &person));
    let other = entra.redeem(json!({"email": null})).await;
    assert!(matches!(other, Err(ProviderError::UserInfo(_))), "it repeats sub, whatever names the person");
}

#[tokio::test]
async fn c104_where_every_tenant_signs_in_only_entra_itself_vouches_for_an_address() {
    let entra = Entra::any().await;
    for anybody in [
        json!({}),
        json!({"email_verified": true}),
        json!({"xms_edov": false}),
        json!({"xms_edov": 0}),
        json!({"xms_edov": "0"}),
        json!({"xms_edov": "yes"}),
        json!({"xms_edov": [true]}),
        json!({"xms_edov": 1.5}),
        json!({"verified_primary_email": []}),
        json!({"verified_primary_email": "ada@contoso.example"}),
        json!({"verified_primary_email": ["eve@contoso.example"]}),
        json!({"verified_secondary_email": ["ada@contoso.example"]}),
        json!({"verified_primary_email": ["ada@contoso.example"], "xms_edov": false}),
    ] {
        assert!(!entra.trusts(anybody.clone()).await, "{anybody}");
    }
    for vouched in [
        json!({"xms_edov": true}),
        json!({"xms_edov": "true"}),
        json!({"xms_edov": 1}),
        json!({"xms_edov": "1"}),
        json!({"verified_primary_email": ["ada@contoso.example"]}),
    ] {
        assert!(entra.trusts(vouched.clone()).await, "{vouched}");
    }
}

#[tokio::test]
async fn c104_nobody_has_an_address_for_being_in_the_tenant_of_all_personal_accounts() {
    let entra = Entra::at("consumers", |settings| with_tenants(settings, &[CONSUMERS])).await;
    let person = |more: Value| with(json!({"tid": CONSUMERS, "iss": entra.issuer_of(CONSUMERS)}), more);
    assert!(!entra.trusts(person(json!({}))).await);
    assert!(entra.trusts(person(json!({"xms_edov": true}))).await);
}

#[test]
fn c105_tenants_must_be_named_where_anybody_could_sign_in() {
    let base = "http://127.0.0.1:1";
    let made = |settings: UncheckedSettings| made(settings).map(drop);
    for tenant in ["common", "organizations", "consumers", CONSUMERS] {
        let mut settings = entra_settings(base, tenant);
        assert_eq!(made(settings.clone()), Err(SettingsError::TenantsNeeded), "{tenant}");
        let text = SettingsError::TenantsNeeded.to_string();
        assert!(text.contains("LAB_EXTERNAL_OIDC_ALLOW_TENANTS") && text.contains("allow_tenants"));
        with_tenants(&mut settings, &[HOME]);
        assert_eq!(made(settings.clone()), Ok(()), "{tenant}");
        settings.set(Field::EmailTrust, ["provider"]);
        assert_eq!(made(settings), Err(SettingsError::EmailTrustOfTenants), "{tenant}");
    }
    assert_eq!(made(entra_settings(base, HOME)), Ok(()));
}

#[test]
fn a_kind_must_fit_the_urls() {
    let made = |authorize: &str, token: &str, issuer: Option<&str>, kind, fetch_groups: bool| {
        let settings = at_endpoints(authorize, token, issuer).with(Field::Kind, [kind]);
        made(settings.with(Field::FetchGroups, [fetch_groups.to_string()])).map(drop)
    };
    let (authorize, token) = ("https://op.example/authorize", "https://op.example/token");
    let github = ("https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token");
    let (entra, of) = ("entra", "github");
    let wrong = Err(SettingsError::Kind { stated: entra, found: of });
    assert_eq!(made(github.0, github.1, None, entra, false), wrong);
    assert_eq!(
        made(authorize, token, None, of, false),
        Err(SettingsError::UrlForm("the URLs are not those of a GitHub"))
    );
    let not_entra = made(authorize, token, None, entra, false).unwrap_err();
    assert!(
        matches!(not_entra, SettingsError::UrlForm(text) if text.contains("not those of one tenant of Entra"))
    );
    assert_eq!(made(authorize, token, Some("https://op.example"), entra, false), Ok(()));
    assert_eq!(made(authorize, token, None, "dex", true), Err(SettingsError::FetchGroups));
    // Another product with GitHub's paths, which only the operator can tell.
    let forge =
        ("https://forge.example/login/oauth/authorize", "https://forge.example/login/oauth/access_token");
    assert_eq!(made(forge.0, forge.1, None, "generic", false), Ok(()));

    let google = at_issuer("https://accounts.google.com").with(Field::Kind, ["dex"]);
    assert!(matches!(crate::support::made(google).map(drop), Err(SettingsError::Kind { .. })));
}

/// Claims of a person with more groups than the token has room for.
fn overage() -> Value {
    json!({
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x/getMemberObjects"}},
    })
}

async fn fetching() -> Entra {
    Entra::at(HOME, |settings| settings.set(Field::FetchGroups, ["true"])).await
}

#[tokio::test]
async fn groups_that_do_not_fit_are_not_all_known() {
    let entra = Entra::one().await;
    for elsewhere in [overage(), json!({"hasgroups": true}), json!({"hasgroups": "true"})] {
        let ada = entra.identity(with(elsewhere.clone(), json!({"roles": ["Lab.User"]}))).await;
        assert!(!ada.memberships.groups_are_complete, "{elsewhere}");
        assert_eq!(ada.groups, ["Lab.User"]);
    }
    assert_eq!(entra.op.count(GRAPH).await, 0, "Graph is not asked unless the operator wants it");
    let scopes = entra.provider.authorization_server().await.unwrap().scopes;
    assert!(!scopes.to_parameter().contains("User.Read"));
}

#[tokio::test]
async fn groups_that_do_not_fit_are_asked_of_graph() {
    let entra = fetching().await;
    let scopes = entra.provider.authorization_server().await.unwrap().scopes;
    assert_eq!(scopes.to_parameter(), "openid profile email User.Read");

    let next = format!("{}/v1.0/me/more?$skiptoken=2", entra.op.issuer());
    let first = json!({
        "value": [
            {"@odata.type": "#microsoft.graph.group", "id": "g1"},
            {"@odata.type": "#microsoft.graph.directoryRole", "id": "role"},
        ],
        "@odata.nextLink": next,
    });
    entra.op.answer(GRAPH, json_answer(200, &first));
    entra.op.answer("/v1.0/me/more", json_answer(200, &json!({"value": [{"id": "g2"}, {"id": 7}]})));
    let ada = entra.identity(overage()).await;
    assert_eq!(ada.groups, ["g1", "g2"]);
    assert!(ada.memberships.groups_are_complete);

    let asked = entra.op.requests(GRAPH).await;
    assert_eq!(asked[0].url.query(), Some("$select=id&$top=100"));
    for request in asked.iter().chain(&entra.op.requests("/v1.0/me/more").await) {
        assert_eq!(request.headers["authorization"], format!("Bearer {ACCESS_TOKEN}"));
    }
    entra.identity(json!({"groups": ["g1"]})).await;
    assert_eq!(entra.op.count(GRAPH).await, 1, "what fits is not asked for");
}

#[tokio::test]
async fn without_graphs_answer_the_groups_are_not_all_known_and_the_person_signs_in() {
    let elsewhere = Op::start().await;
    elsewhere.answer(GRAPH, json_answer(200, &json!({"value": [{"id": "evil"}]})));
    let foreign = |link: String| json_answer(200, &json!({"value": [{"id": "g1"}], "@odata.nextLink": link}));
    let entra = fetching().await;
    let here = entra.op.issuer();
    for answer in [
        ResponseTemplate::new(503),
        json_answer(403, &json!({"error": {"code": "Authorization_RequestDenied"}})),
        json_answer(200, &json!({})),
        json_answer(200, &json!({"value": {}})),
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(302).insert_header("location", format!("{}{GRAPH}", elsewhere.issuer())),
        foreign(format!("{}{GRAPH}", elsewhere.issuer())),
        foreign(format!("{here}@{GRAPH}")),
        foreign(format!("{here}/keys")),
        foreign("/v1.0/me/more".to_owned()),
        // It never ends.
        foreign(format!("{here}{GRAPH}?again")),
    ] {
        entra.op.answer(GRAPH, answer);
        let ada = entra.identity(overage()).await;
        assert!(!ada.memberships.groups_are_complete && ada.groups.is_empty(), "{ada:?}");
    }
    assert_eq!(elsewhere.count(GRAPH).await, 0, "the access token goes to no other origin");
    assert_eq!(entra.op.count(GRAPH).await, 10 + 20, "so many pages are read at most");
}

#[tokio::test]
async fn a_tenant_that_anybody_is_of_has_no_place_to_sign_out_by_its_issuer_and_takes_no_logout_token() {
    let entra = Entra::any().await;
    let server = entra.provider.authorization_server().await.unwrap();
    let ada = entra.identity(json!({})).await;
    assert_ne!(server.issuer, ada.issuer, "which is what signing out compares");
    let template = id_token(&entra.op.key, &json!({}), &json!({"iss": server.issuer.as_str()}));
    for token in [template, id_token(&entra.op.key, &json!({}), &json!({"iss": ada.issuer.as_str()}))] {
        let refused = entra.provider.verify_logout_token(&token).await;
        assert_eq!(refused, Err(labgate_domain::ports::LogoutTokenError::OfAnotherIssuer));
    }
}

#[tokio::test]
async fn claims_alone_lead_to_the_same_person() {
    let entra = Entra::one().await;
    let claims =
        |changes: Value| -> Map<String, Value> { entra.claims(changes).as_object().unwrap().clone() };
    let settings = entra_settings(&entra.op.issuer(), HOME);
    let signed_in = entra.identity(json!({"groups": ["g1"]})).await;
    let tried = identity_from_claims(&parsed(settings.clone()), &claims(json!({"groups": ["g1"]}))).unwrap();
    assert_eq!(tried, ExternalIdentity { id_token_hint: None, session: None, ..signed_in });

    let foreign = claims(json!({"tid": OTHER, "iss": entra.issuer_of(OTHER)}));
    assert_eq!(identity_from_claims(&parsed(settings.clone()), &foreign), Err(IdTokenFault::Issuer));
    let mut any = entra_settings(&entra.op.issuer(), "common");
    with_tenants(&mut any, &[OTHER]);
    let eve = identity_from_claims(&parsed(any.clone()), &foreign).unwrap();
    assert_eq!(eve.issuer, Issuer::parse(&entra.issuer_of(OTHER)).unwrap());
    assert!(matches!(eve.email, EmailClaim::Stated { verified: false, .. }));
    assert_eq!(
        identity_from_claims(&parsed(any.clone()), &claims(json!({"tid": OTHER}))),
        Err(IdTokenFault::Issuer)
    );
}

#[tokio::test]
async fn a_graph_that_is_down_takes_nobodys_groups_away_while_they_are_signed_in() {
    for (rules, put_off) in [(&[][..], false), (&[(Criterion::Group, "g1")], true)] {
        let entra = Entra::at(HOME, |settings| {
            settings.set(Field::FetchGroups, ["true"]);
            settings.set(Field::Recheck, ["5m"]);
            admission(settings, rules, None);
        })
        .await;
        entra.op.answer(GRAPH, ResponseTemplate::new(503));
        let ada = entra.identity(overage()).await;
        assert!(!ada.memberships.groups_are_complete, "the person is told so, and may try again");
        let again = RefreshRequest {
            refresh_token: RefreshToken::parse("refresh").unwrap(),
            issuer: ada.issuer,
            subject: ada.subject,
        };
        match entra.provider.refresh(again).await.identity {
            Ok(ada) => assert!(!put_off && !ada.memberships.groups_are_complete),
            Err(error) => assert!(put_off && error.is_transient(), "{error}"),
        }
    }
}
