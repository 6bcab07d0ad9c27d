//! `/admin`: what an administrator does.

use super::{
    ADMINISTRATORS_PASSWORD, Browser, Lab, NEXT, PROBLEM, USERNAME, YOUR_PASSWORD, button, link, says,
};

const CHOSEN: &str = "walnut ferry lantern";

impl Browser {
    /// Makes an account and returns its initial password.
    pub(super) async fn make_account(&self, username: &str, email: &str, name: &str) -> String {
        self.go("/admin").await;
        self.fill(&[
            (USERNAME, username),
            ("//input[@name='email']", email),
            ("//input[@name='name']", name),
            (YOUR_PASSWORD, ADMINISTRATORS_PASSWORD),
        ])
        .await;
        self.click(&button("Create account")).await;
        self.sees(&link("Go on"), "/admin").await;
        self.find("//strong/code").await.text().await.unwrap()
    }

    /// Follows the link to a question, and says yes with the administrator's password.
    pub(super) async fn agree(&self, text: &str) {
        self.click(&link(text)).await;
        self.fill(&[(YOUR_PASSWORD, ADMINISTRATORS_PASSWORD)]).await;
        self.click(&button(text)).await;
    }

    /// Changes an account, and waits for the page that has this then.
    async fn act(&self, text: &str, then: &str) {
        self.agree(text).await;
        self.find(then).await;
    }
}

#[tokio::test]
async fn an_administrator_looks_after_accounts() {
    let lab = Lab::start().await;
    let root = lab.administrator().await;
    let initial = root.make_account("bob", "bob@lab.test", "Bob Example").await;
    root.picture("initial-password").await;
    root.make_account("carol", "", "").await;
    let bob = lab.browser().await;
    bob.sign_in_first("bob", &initial, CHOSEN).await;

    root.go("/").await;
    root.click(&link("Manage accounts")).await;
    root.sees(&link("carol"), "/admin").await;
    root.picture("accounts").await;
    root.fill(&[("//input[@name='search']", "bob@")]).await;
    root.click(&button("Search")).await;
    root.gone(&link("carol"), "/admin").await;
    root.click(&link("bob")).await;
    root.find(&link("Disable")).await;
    root.find("//li[contains(., 'By password')]").await;
    root.picture("account-of-somebody").await;

    // Whoever is disabled is out at the next request, and does not come in again.
    root.agree("Disable").await;
    root.find(&link("Enable")).await;
    root.picture("account-disabled").await;
    assert!(!bob.is_signed_in().await);
    bob.sign_in_with_password("bob", CHOSEN).await;
    bob.sees(PROBLEM, "/login").await;
    bob.was_refused(401).await;
    root.act("Enable", &link("Disable")).await;
    bob.sign_in_with_password("bob", CHOSEN).await;
    bob.sees(&button("Sign out"), "/").await;

    // Whoever becomes an administrator is one from the next token on, and ceases to be one at once.
    root.act("Make an administrator", &link("Make a user")).await;
    bob.go("/").await;
    bob.click(&button("Sign out")).await;
    bob.sees(&link("Sign in again"), "/signed-out").await;
    bob.sign_in_with_password("bob", CHOSEN).await;
    bob.sees(&button("Sign out"), "/").await;
    bob.go("/admin").await;
    bob.find(&link("root")).await;
    root.act("Make a user", &link("Make an administrator")).await;
    assert!(!bob.is_signed_in().await);
    bob.sign_in_with_password("bob", CHOSEN).await;
    bob.sees(&button("Sign out"), "/").await;
    bob.go("/admin").await;
    bob.find(&says("Request failed")).await;
    bob.was_refused(403).await;

    root.reload().await;
    root.act("Sign out everywhere", &says("None.")).await;
    assert!(!bob.is_signed_in().await);

    root.agree("Give a new initial password").await;
    let initial = root.find("//strong/code").await.text().await.unwrap();
    bob.sign_in_with_password("bob", CHOSEN).await;
    bob.sees(PROBLEM, "/login").await;
    bob.was_refused(401).await;
    bob.sign_in_with_password("bob", &initial).await;
    bob.sees(NEXT, "/password").await;

    root.click(&link("Go on")).await;
    root.click(&link("Delete for good")).await;
    root.find(&button("Delete for good")).await;
    root.picture("account-delete").await;
    root.fill(&[(YOUR_PASSWORD, ADMINISTRATORS_PASSWORD)]).await;
    root.click(&button("Delete for good")).await;
    root.sees(&link("carol"), "/admin").await;
    assert_eq!(root.count(&link("bob")).await, 0);
    bob.close().await;
    root.close().await;
}
