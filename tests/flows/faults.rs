//! Every fault of the mock's catalogue, through the provider adapter that ships.

use labgate_mock_idp::Fault;
use labgate_test_harness::TestLab;

use super::ADA;

/// Signs in as Ada: the code of the refusal, or `signed in`.
async fn outcome(lab: &TestLab) -> &'static str {
    let (sessions, refusals) = (lab.store().session_count(), lab.log().refusals().len());
    let mut browser = lab.browser();
    browser.open("/login").await;
    browser.click("Continue with Mock provider").await;
    if browser.page().url().host_str() == Some("idp.test") {
        browser.click(ADA).await;
    }
    let refused = lab.log().refusals().get(refusals).copied();
    let signed_in = lab.store().session_count() > sessions;
    assert_eq!(signed_in, refused.is_none(), "{refused:?}");
    refused.unwrap_or("signed in")
}

#[tokio::test]
async fn every_fault_of_a_sign_in_is_refused_or_rightly_accepted() {
    for fault in Fault::ALL.iter().filter(|fault| !fault.name().contains("logout-")) {
        let expected = match fault {
            Fault::NoKid
            | Fault::FractionalTimes
            | Fault::PkceNotChecked
            | Fault::GroupsOverage
            | Fault::GroupsString => "signed in",
            Fault::UnverifiedEmail | Fault::EmailVerifiedString | Fault::EmailVerifiedAbsent => {
                "email_unverified"
            }
            Fault::MissingEmail => "email_missing",
            Fault::CallbackWrongIss => "issuer_mismatch",
            Fault::CallbackNoIss => "issuer_missing",
            Fault::CallbackAlteredState => "attempt_unknown",
            Fault::CallbackMissingState => "callback_malformed",
            Fault::CallbackError(..) => "provider_busy",
            Fault::HtmlTokenError
            | Fault::TokenError500
            | Fault::RedirectToken
            | Fault::Discovery500
            | Fault::Jwks500 => "provider_unavailable",
            Fault::DiscoveryIssuerMismatch => "provider_misconfigured",
            Fault::NoIdToken | Fault::OddTokenType(_) | Fault::TruncatedJson => "token_response_invalid",
            Fault::Error200 => "request_refused",
            Fault::UserinfoSubMismatch => "userinfo_invalid",
            _ => "id_token_invalid",
        };
        let lab = TestLab::new();
        lab.idp().fault(fault.clone()).once();
        assert_eq!(outcome(&lab).await, expected, "{}", fault.name());
    }
}

#[tokio::test]
async fn f20_without_a_kid_and_with_two_keys_each_is_tried() {
    let lab = TestLab::new();
    lab.idp().rotate_keys().unwrap();
    assert_eq!(outcome(&lab).await, "signed in");
    lab.idp().fault(Fault::NoKid).once();
    assert_eq!(outcome(&lab).await, "signed in");
}
