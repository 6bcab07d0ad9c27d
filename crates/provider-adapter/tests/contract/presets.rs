//! What is known of each provider beforehand: who stands for an address there, where groups and roles stand,
//! what an ID token says of itself, how to sign out. The answers are as the providers' documentation
//! has them; the provider stands on loopback, so the settings say which it is. Entra's tenants and GitHub
//! have files of their own.

use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::EmailAddress;
use labgate_domain::ports::{IdTokenFault, IdentityProvider as _};
use labgate_domain::protocol::EndSessionForm;
use labgate_provider::{Field, Kind, kinds};
use serde_json::{Value, json};

use crate::support::{CLIENT_ID, Op, USERINFO, fault, json_answer, with};

const ADA: &str = "ada@example.test";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

async fn op(kind: &'static Kind) -> Op {
    Op::start_with(|settings| settings.set(Field::Kind, [kind.name])).await
}

/// What every ID token of this kind says besides.
fn own_claims(kind: &'static Kind) -> Value {
    match kind.name {
        "entra" | "entra-v1" => json!({"tid": TENANT, "oid": "object-1"}),
        "cognito" => json!({"token_use": "id"}),
        _ => json!({}),
    }
}

async fn identity(op: &Op, kind: &'static Kind, changes: Value) -> ExternalIdentity {
    op.redeem_claims(merged([own_claims(kind), changes])).await.unwrap()
}

/// The members of all, the later ones before the earlier; null stays.
fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let members = parts.into_iter().flat_map(|part| match part {
        Value::Object(members) => members,
        other => panic!("no object: {other}"),
    });
    Value::Object(members.collect())
}

fn trusts(op: &Op, identity: &ExternalIdentity) -> bool {
    op.provider.description().trusted_address(&identity.email).is_some()
}

/// Whether the address is trusted where the provider says true, false, nothing, and the text `true`.
type Verdicts = [bool; 4];

const BY_THE_CLAIM: Verdicts = [true, false, false, false];
const NEVER: Verdicts = [false; 4];

#[tokio::test]
async fn c099_c102_c104_c106_c109_whose_word_an_address_is_at_each_provider() {
    let verified = "email_verified";
    let gmail = json!({"email": "ada@gmail.com"});
    for (kind, besides, claim, verdicts) in [
        (&kinds::GENERIC, json!({}), verified, BY_THE_CLAIM),
        (&kinds::DEX, json!({}), verified, BY_THE_CLAIM),
        (&kinds::KEYCLOAK, json!({}), verified, BY_THE_CLAIM),
        (&kinds::GITLAB, json!({}), verified, BY_THE_CLAIM),
        (&kinds::OKTA, json!({}), verified, BY_THE_CLAIM),
        (&kinds::AUTH0, json!({}), verified, BY_THE_CLAIM),
        (&kinds::AUTHENTIK, json!({}), verified, BY_THE_CLAIM),
        (&kinds::KANIDM, json!({}), verified, BY_THE_CLAIM),
        (&kinds::AUTHELIA, json!({}), verified, BY_THE_CLAIM),
        (&kinds::POCKET_ID, json!({}), verified, BY_THE_CLAIM),
        (&kinds::ORY, json!({}), verified, BY_THE_CLAIM),
        (&kinds::SPRING, json!({}), verified, BY_THE_CLAIM),
        (&kinds::COGNITO, json!({}), verified, BY_THE_CLAIM),
        // An address elsewhere, one of an organization's account, one at Gmail.
        (&kinds::GOOGLE, json!({}), verified, NEVER),
        (&kinds::GOOGLE, json!({"hd": "example.test"}), verified, BY_THE_CLAIM),
        (&kinds::GOOGLE, gmail, verified, BY_THE_CLAIM),
        (&kinds::GOOGLE, json!({"email": "ada@googlemail.com"}), verified, BY_THE_CLAIM),
        // It never says email_verified; the type of what it says instead has varied.
        (&kinds::ENTRA, json!({}), verified, NEVER),
        (&kinds::ENTRA, json!({}), "xms_edov", [true, false, false, true]),
        (&kinds::ENTRA_V1, json!({}), verified, NEVER),
    ] {
        let op = op(kind).await;
        let address = besides.get("email").and_then(Value::as_str).unwrap_or(ADA).to_owned();
        let subject = if kind.name.starts_with("entra") { "object-1" } else { "subject-1" };
        let told = async |changes: Value| {
            let nothing_of_it = json!({"email_verified": null});
            op.redeem_claims(merged([nothing_of_it, own_claims(kind), besides.clone(), changes]))
                .await
                .unwrap()
        };
        let stated = [json!({claim: true}), json!({claim: false}), json!({}), json!({claim: "true"})];
        for (says, expected) in stated.into_iter().zip(verdicts) {
            let ada = told(says.clone()).await;
            assert_eq!(trusts(&op, &ada), expected, "{kind:?} {besides} {says}");
            // The key is the same whatever is said of the address.
            assert_eq!((ada.subject.as_str(), ada.issuer.as_str()), (subject, op.issuer().as_str()));
        }
        let shouted = told(json!({claim: true, "email": address.to_uppercase()})).await;
        let canonical = EmailAddress::parse(&address).unwrap();
        assert_eq!(shouted.email, EmailClaim::Stated { address: canonical, verified: verdicts[0] });
        for hostile in [
            "ada@evil.example@example.test",
            "\"ada@example.test\"@evil.example",
            "ada@example.test\r\nbcc: eve@evil.example",
            "ada@example.test.",
            "ada\u{200b}@example.test",
            "\u{ff41}da@example.test",
            "ada(x)@example.test",
        ] {
            let eve = told(json!({claim: true, "email": hostile})).await;
            assert!(!trusts(&op, &eve), "{kind:?} {hostile:?}");
            assert_eq!(eve.email, EmailClaim::Malformed, "{kind:?} {hostile:?}");
        }
    }
}

#[tokio::test]
async fn c102_google_vouches_for_gmail_and_for_hosted_domains_alone() {
    let op = op(&kinds::GOOGLE).await;
    for (claims, expected) in [
        (json!({"email": "ada@gmail.com.evil.example"}), false),
        (json!({"email": "ada@evilgmail.com"}), false),
        (json!({"email": "ada@mail.gmail.com"}), false),
        (json!({"hd": ""}), false),
        (json!({"hd": true}), false),
        (json!({"hd": ["example.test"]}), false),
        (json!({"hd": "example.test", "email_verified": false}), false),
        // The domain of an organization need not be that of each of its addresses.
        (json!({"hd": "example.org"}), true),
    ] {
        let ada = identity(&op, &kinds::GOOGLE, claims.clone()).await;
        assert_eq!(trusts(&op, &ada), expected, "{claims}");
    }
}

#[tokio::test]
async fn c102_cognito_says_true_in_words_at_userinfo_and_nowhere_else() {
    for (kind, id_token, userinfo, expected) in [
        (&kinds::COGNITO, json!(true), json!("true"), true),
        (&kinds::COGNITO, json!(true), json!(true), true),
        (&kinds::COGNITO, Value::Null, json!("true"), true),
        (&kinds::COGNITO, json!(true), json!("false"), false),
        (&kinds::COGNITO, json!(false), json!("true"), false),
        (&kinds::COGNITO, json!("true"), json!("true"), false),
        (&kinds::COGNITO, Value::Null, json!("True"), false),
        (&kinds::COGNITO, Value::Null, json!(1), false),
        (&kinds::COGNITO, Value::Null, json!(["true"]), false),
        (&kinds::GENERIC, Value::Null, json!("true"), false),
        (&kinds::GENERIC, json!(true), json!("true"), false),
        (&kinds::OKTA, Value::Null, json!("true"), false),
    ] {
        let op = Op::start_with(|settings| {
            settings.set(Field::Kind, [kind.name]);
            settings.set(Field::Userinfo, ["always"]);
        })
        .await;
        let told = json!({"sub": "subject-1", "email": ADA, "email_verified": userinfo});
        op.answer(USERINFO, json_answer(200, &told));
        let ada = identity(&op, kind, json!({"email_verified": id_token})).await;
        assert_eq!(trusts(&op, &ada), expected, "{kind:?} {id_token} {userinfo}");
    }
}

#[tokio::test]
async fn c067_cognitos_access_token_is_no_id_token() {
    let op = op(&kinds::COGNITO).await;
    for other in [json!("access"), Value::Null, json!("ID"), json!(["id"]), json!(true), json!("")] {
        let refused = op.redeem_claims(json!({"token_use": other})).await;
        assert_eq!(fault(refused), IdTokenFault::Type, "{other}");
    }
    // As it is documented: for no audience, and without a nonce.
    let access = json!({
        "aud": null, "nonce": null, "email": null, "email_verified": null, "name": null,
        "token_use": "access", "client_id": CLIENT_ID, "username": "ada", "scope": "openid email", "version": 2,
    });
    assert_eq!(fault(op.redeem_claims(access).await), IdTokenFault::Type);
    op.redeem_claims(json!({"token_use": "id"})).await.unwrap();

    let elsewhere = Op::start().await;
    elsewhere.redeem_claims(json!({"token_use": "access"})).await.unwrap();
}

#[tokio::test]
async fn keycloaks_roles_are_those_of_the_realm_and_of_our_own_client() {
    let op = op(&kinds::KEYCLOAK).await;
    let roles = json!({
        "groups": ["/lab-admins", "both"],
        "realm_access": {"roles": ["both", "realm-role"]},
        "resource_access": {
            CLIENT_ID: {"roles": ["client-role"]},
            "account": {"roles": ["manage-account"]},
            "other": {"roles": ["lab-admins"]},
        },
    });
    let ada = identity(&op, &kinds::KEYCLOAK, roles.clone()).await;
    assert_eq!(ada.groups, ["/lab-admins", "both", "realm-role", "client-role"]);
    assert!(ada.memberships.groups_are_complete);
    for odd in [
        json!({"realm_access": null}),
        json!({"realm_access": []}),
        json!({"realm_access": "roles"}),
        json!({"realm_access": {"roles": null}}),
        json!({"realm_access": {"roles": {"a": 1}}}),
        json!({"realm_access.roles": ["x"]}),
        json!({"resource_access": {CLIENT_ID: ["roles"]}}),
        json!({"resource_access": {"roles": ["x"]}}),
        json!({"roles": ["x"]}),
        json!({"https://lab.example/roles": ["x"]}),
    ] {
        assert!(identity(&op, &kinds::KEYCLOAK, odd.clone()).await.groups.is_empty(), "{odd}");
    }
    let generic = Op::start().await;
    let ada = generic.redeem_claims(roles).await.unwrap();
    assert_eq!(ada.groups, ["/lab-admins", "both"], "these names mean nothing elsewhere");
}

#[tokio::test]
async fn groups_and_roles_may_be_told_at_userinfo_alone() {
    for (kind, told, groups) in [
        (&kinds::KEYCLOAK, json!({"realm_access": {"roles": ["realm-role"]}}), vec!["realm-role"]),
        (&kinds::GITLAB, json!({"groups": ["acme", "acme/lab"]}), vec!["acme", "acme/lab"]),
        (&kinds::OKTA, json!({"groups": ["Everyone"]}), vec!["Everyone"]),
        (&kinds::AUTH0, json!({"https://lab.example/groups": ["lab-admins"]}), vec!["lab-admins"]),
    ] {
        let op = Op::start_with(|settings| {
            settings.set(Field::Kind, [kind.name]);
            settings.set(Field::Userinfo, ["always"]);
        })
        .await;
        op.answer(USERINFO, json_answer(200, &with(json!({"sub": "subject-1"}), told)));
        let direct = if *kind == kinds::GITLAB { json!({"groups_direct": ["acme/lab"]}) } else { json!({}) };
        assert_eq!(identity(&op, kind, direct).await.groups, groups, "{kind:?}");
    }
}

#[tokio::test]
async fn auth0s_groups_and_roles_stand_under_urls() {
    let op = op(&kinds::AUTH0).await;
    let claims = json!({
        "https://lab.example/groups": ["lab-admins"],
        "https://lab.example/roles": "editor",
        "https://shop.example/roles": ["x"],
        "https://lab.example.evil.example/roles": ["x"],
        "http://lab.example/groups": ["x"],
        "https://lab.example/v2/roles": ["x"],
        "https://lab.example/mygroups": ["x"],
        "https://lab.example/groups/": ["x"],
        "https://lab.example/groups/x": ["x"],
        "https://groups": ["x"],
        "urn:lab/groups": ["x"],
        "/groups": ["x"],
    });
    assert_eq!(identity(&op, &kinds::AUTH0, claims.clone()).await.groups, ["lab-admins", "editor"]);
    let generic = Op::start().await;
    assert!(generic.redeem_claims(claims).await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn cognitos_groups_have_a_name_of_their_own() {
    let op = op(&kinds::COGNITO).await;
    let claims = json!({"cognito:groups": ["lab-admins"], "groups": ["x"], "cognito:roles": ["arn:aws:iam::1:role/x"]});
    assert_eq!(identity(&op, &kinds::COGNITO, claims).await.groups, ["lab-admins"]);
}

#[tokio::test]
async fn c155_each_endpoint_for_signing_out_is_asked_as_it_wants() {
    const WITH_ID_TOKEN: EndSessionForm = EndSessionForm { needs_id_token: true, ..EndSessionForm::STANDARD };
    for (kind, form) in [
        (
            &kinds::COGNITO,
            EndSessionForm { id_token: None, needs_id_token: false, return_to: "logout_uri", state: None },
        ),
        (&kinds::KEYCLOAK, EndSessionForm::STANDARD),
        (&kinds::OKTA, WITH_ID_TOKEN),
        (&kinds::ORY, WITH_ID_TOKEN),
        (&kinds::SPRING, WITH_ID_TOKEN),
        (&kinds::POCKET_ID, EndSessionForm::STANDARD),
        (&kinds::AUTH0, EndSessionForm::STANDARD),
        (&kinds::ENTRA, EndSessionForm::STANDARD),
    ] {
        let op = op(kind).await;
        let logout = format!("{}/logout", op.issuer());
        op.publish(json!({"end_session_endpoint": logout}));
        let server = op.provider.authorization_server().await.unwrap();
        let endpoint = server.end_session_endpoint.unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.form), (logout.as_str(), form), "{kind:?}");
    }
}
