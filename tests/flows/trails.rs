//! The trail of a sign-in leads from the page, or from the account, to the rule that decided.

use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::sign_in::{Outcome, explain};
use labgate_test_harness::TestLab;

use super::{ADA, request, session_cookie};

#[tokio::test]
async fn the_reference_on_the_page_leads_to_the_rule_that_refused() {
    let rules = AdmissionRules::new(vec![Rule::new(Criterion::Group, ["others"]).unwrap()], None);
    let lab = TestLab::builder().admission(rules).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let trail = lab.log().trails().pop().unwrap();
    assert!(browser.page().text().contains(trail.reference.as_str()), "{}", browser.page());
    let explained = explain(&trail);
    assert!(explained.contains("refused with not_admitted"), "{explained}");
    assert!(explained.ends_with("because refused: groups does not hold"), "{explained}");
    assert_eq!(lab.log().trails_of(trail.reference.as_str()), [trail]);
}

#[tokio::test]
async fn an_account_leads_to_its_sign_in_and_its_renewals() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let trail = lab.log().trails().pop().unwrap();
    assert!(matches!(trail.outcome, Outcome::SignedIn { created: true, .. }), "{trail:?}");
    let verify = request("GET", "/api/auth/verify", &[("cookie", &session_cookie(&browser))]);
    lab.clock().advance(Duration::from_mins(16));
    assert_eq!(lab.request(verify).await.status(), 200);
    let [renewal, sign_in] = lab.log().trails_of_account(trail.account().unwrap()).try_into().unwrap();
    assert!(matches!(renewal.outcome, Outcome::Renewed { .. }), "{renewal:?}");
    assert_eq!(sign_in, trail);
}
