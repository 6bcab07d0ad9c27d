//! Signing out at the provider.

use super::{Lab, button};

#[tokio::test]
async fn a_session_that_ends_at_the_provider_ends_here() {
    let lab = Lab::start().await;
    let (here, there) = (lab.browser().await, lab.browser().await);
    here.sign_in_as_ada().await;
    there.sign_in_as_ada().await;
    here.go_elsewhere(&lab.provider("/end_session")).await;
    here.click(&button("Sign out")).await;
    here.find("//h1[.='Signed out']").await;
    assert!(!here.is_signed_in().await);
    assert!(there.is_signed_in().await, "another session of the same person at the provider");
    here.close().await;
    there.close().await;
}
