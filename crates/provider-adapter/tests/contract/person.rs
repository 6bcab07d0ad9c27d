//! The claims about a person, where and in which shape an operator's provider states them.

use labgate_domain::admission::{Criterion, Decision};
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::EmailAddress;
use labgate_domain::ports::IdentityProvider as _;
use labgate_provider::Field;
use serde_json::json;

use crate::support::{Op, USERINFO, admission, at_issuer, json_answer};

async fn op_with(field: Field, value: &str) -> Op {
    Op::start_with(|settings| settings.set(field, [value])).await
}

fn decision(op: &Op, identity: &ExternalIdentity) -> Decision {
    op.provider.description().admission.judge(identity, None).decision
}

#[tokio::test]
async fn f17_groups_are_read_where_the_operator_says() {
    let zitadel = "urn:zitadel:iam:org:project:roles";
    for (path, claims, expected) in [
        ("realm_access.roles", json!({"realm_access": {"roles": ["lab"]}}), &["lab"][..]),
        (
            "resource_access.lab.roles",
            json!({"resource_access": {"lab": {"roles": ["a", "b"]}}}),
            &["a", "b"],
        ),
        ("https://lab.example/roles", json!({"https://lab.example/roles": "one"}), &["one"]),
        (zitadel, json!({zitadel: {"lab": {"1": "example.org"}, "staff": {}}}), &["lab", "staff"]),
        ("teams.path", json!({"teams": [{"path": "/lab"}, {"path": "/staff"}]}), &["/lab", "/staff"]),
        ("roles", json!({"roles": [1, 2], "groups": ["others"]}), &["1", "2"]),
        ("roles", json!({"groups": ["others"]}), &[]),
    ] {
        let op = op_with(Field::GroupsClaim, path).await;
        let identity = op.redeem_claims(claims).await.unwrap();
        assert_eq!(identity.groups, expected, "{path}");
        assert!(identity.memberships.groups_are_complete, "{path}");
    }
}

#[tokio::test]
async fn f17_groups_of_an_unknown_shape_are_unknown_rather_than_none() {
    let op = Op::start_with(|settings| admission(settings, &[(Criterion::Group, "lab")], None)).await;
    let unclear = op.redeem_claims(json!({"groups": {"roles": ["lab"]}})).await.unwrap();
    assert_eq!(decision(&op, &unclear), Decision::GroupsUnknown);
    // What is plain still counts.
    let partly = op.redeem_claims(json!({"groups": ["lab", {"id": 1}]})).await.unwrap();
    assert!(decision(&op, &partly).admits() && !partly.memberships.groups_are_complete);
    let none = op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(decision(&op, &none), Decision::Refused { by: Criterion::Group });
}

#[tokio::test]
async fn f15_a_rule_judges_the_last_of_many_groups() {
    let op = Op::start_with(|settings| {
        admission(settings, &[(Criterion::Group, "group-of-the-lab-999")], Some("root"));
    })
    .await;
    let mut names: Vec<_> = (0..1000).map(|number| format!("group-of-the-lab-{number}")).collect();
    names.push("root".to_owned());
    let token = op.id_token(json!({"groups": names}));
    assert!(token.len() > 16 * 1024, "{}", token.len());
    let identity = op.redeem_token(&token).await.unwrap();
    assert!(decision(&op, &identity).admits());
    assert_eq!(identity.groups.len(), 1001);
    // Where there is no room for all of them, those that count stay.
    assert_eq!(identity.groups[..3], ["group-of-the-lab-999", "root", "group-of-the-lab-0"]);
}

#[tokio::test]
async fn f15_the_names_of_a_directory_are_long() {
    let dn = format!("cn=lab,{}dc=org", "ou=a-department-of-the-university,".repeat(20));
    let op = Op::start_with(|settings| admission(settings, &[(Criterion::Group, &dn)], None)).await;
    let identity = op.redeem_claims(json!({"groups": [dn]})).await.unwrap();
    assert!(decision(&op, &identity).admits());
}

#[tokio::test]
async fn f15_groups_without_room_are_not_said_to_be_all() {
    let op = Op::start_with(|settings| {
        admission(settings, &[(Criterion::Group, "last")], None);
        settings.set(Field::Userinfo, ["always"]);
    })
    .await;
    let names: Vec<_> =
        (0..1000).map(|number| format!("{number}-{}", "g".repeat(100))).chain(["last".to_owned()]).collect();
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1", "groups": names})));
    let identity = op.redeem_claims(json!({})).await.unwrap();
    assert!(decision(&op, &identity).admits());
    assert!(identity.groups.len() < 700 && !identity.memberships.groups_are_complete);
}

#[tokio::test]
async fn f17_an_address_in_another_claim_is_not_what_email_verified_speaks_of() {
    let op = op_with(Field::EmailClaim, "upn").await;
    let address = EmailAddress::parse("ada@lab.example").unwrap();
    let claims = json!({"upn": "ada@lab.example", "email": "eve@example.test", "email_verified": true});
    let identity = op.redeem_claims(claims).await.unwrap();
    assert_eq!(identity.email, EmailClaim::Stated { address: address.clone(), verified: false });
    let claims = json!({"upn": "ada@lab.example", "email": "Ada@lab.example", "email_verified": true});
    let identity = op.redeem_claims(claims).await.unwrap();
    assert_eq!(identity.email, EmailClaim::Stated { address, verified: true });
    assert_eq!(op.count(USERINFO).await, 0);
    // The claim may also stand at userinfo only.
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1", "upn": "ada@lab.example"})));
    let identity = op.redeem_claims(json!({})).await.unwrap();
    assert!(matches!(identity.email, EmailClaim::Stated { verified: false, .. }), "{:?}", identity.email);
}

#[tokio::test]
async fn f17_names_are_read_where_the_operator_says() {
    let op = Op::start_with(|settings| {
        settings.set(Field::UsernameClaim, ["ext.uid"]);
        settings.set(Field::NameClaim, ["ext.full"]);
    })
    .await;
    let identity = op.redeem_claims(json!({"ext": {"uid": "Ada", "full": "Ada L."}})).await.unwrap();
    assert_eq!(identity.username.unwrap().as_str(), "ada");
    assert_eq!(identity.name.unwrap().as_str(), "Ada L.");
    for odd in [json!(null), json!({"uid": "ada@lab.example"}), json!({"uid": ["ada"]}), json!({"uid": ""})] {
        let identity = op.redeem_claims(json!({"ext": odd})).await.unwrap();
        assert_eq!((identity.username, identity.name.unwrap().as_str()), (None, "Ada"), "{odd}");
    }
    let identity = Op::start().await.redeem_claims(json!({"preferred_username": "root"})).await.unwrap();
    assert_eq!(identity.username, None, "no claim is a username unless the operator says so");
}

#[test]
fn f17_a_claim_that_cannot_be_named_stops_the_start() {
    for field in [Field::GroupsClaim, Field::EmailClaim, Field::UsernameClaim, Field::NameClaim] {
        for bad in ["", "a..b", "a.", "a\nb"] {
            let errors = at_issuer("https://op.example").with(field, [bad]).parse().unwrap_err();
            assert_eq!(errors.len(), 1, "{bad:?}");
            assert_eq!(errors[0].field(), field);
        }
    }
}
