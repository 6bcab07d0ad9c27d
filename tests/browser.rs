//! A real Chromium against the real programs, each scene with a lab of its own. `cargo xtask e2e` brings all
//! that they need and runs this; pictures of every page that is seen on the way are kept, and each is checked
//! by what a browser knows of it: that no field lacks a label, and that it fits on a phone.

mod administration;
mod chromium;
mod linking;
mod logout;
mod own_account;
mod passwords;
mod programs;
mod providers;
mod same_origin;
mod sign_in;

use self::chromium::Browser;
use self::programs::Lab;

/// The lab's session cookie on plain http.
const SESSION_COOKIE: &str = "labgate";
const DEVICE_COOKIE: &str = "labgate-device";

/// The cookie with the last used provider, if there are several.
const COOKIE_OF_CHOICE: &str = "labgate-provider";

/// The cookie behind the CSRF tokens of forms without a session.
const COOKIE_OF_FORMS: &str = "labgate-form";

const TO_PROVIDER: &str = "//a[starts-with(@href, '/api/auth/oidc/login')]";
const AS_ADA: &str = "//button[@name='user' and @value='ada']";
const ADAS_ADDRESS: &str = "//dd[.='ada@example.test']";
const USERNAME: &str = "//input[@name='username']";
const PASSWORD: &str = "//input[@name='password']";
/// The field with the proof of an act.
const YOUR_PASSWORD: &str = "//input[@name='your_password']";
const NEXT: &str = "//input[@name='next']";
const PROBLEM: &str = "//p[@role='alert']";

/// The administrator's password after the initial one.
const ADMINISTRATORS_PASSWORD: &str = "crater marble piano";

fn link(text: &str) -> String {
    format!("//a[normalize-space()=\"{text}\"]")
}

fn button(text: &str) -> String {
    format!("//button[normalize-space()=\"{text}\"]")
}

/// An element with exactly this text.
fn says(text: &str) -> String {
    format!("//*[normalize-space()=\"{text}\"]")
}

impl Browser {
    /// Signs in as a user of the provider, who is admitted at once.
    async fn sign_in_as_ada(&self) {
        self.go("/login").await;
        self.click(TO_PROVIDER).await;
        self.click(AS_ADA).await;
        self.sees(&button("Sign out"), "/").await;
    }

    /// Fills in the form of the sign-in page.
    async fn sign_in_with_password(&self, username: &str, password: &str) {
        self.go("/login").await;
        self.fill(&[(USERNAME, username), (PASSWORD, password)]).await;
        self.click(&button("Sign in with password")).await;
    }

    /// Signs in with an initial password and changes it.
    async fn sign_in_first(&self, username: &str, initial: &str, chosen: &str) {
        self.sign_in_with_password(username, initial).await;
        self.sees(NEXT, "/password").await;
        self.fill(&[(NEXT, chosen)]).await;
        self.click(&button("Change the password")).await;
        self.sees(&button("Sign out"), "/").await;
    }

    /// Returns whether the lab recognizes the session.
    async fn is_signed_in(&self) -> bool {
        self.go("/").await;
        self.find("//a[@href='/login'] | //a[@href='/account']").await.text().await.unwrap() != "Sign in"
    }

    /// Has the cookie of the session, that of a known device if a password was typed here, and no other.
    async fn assert_signed_in(&self) {
        let is_known = self.cookies().await.iter().any(|name| name == DEVICE_COOKIE);
        let names = [SESSION_COOKIE, DEVICE_COOKIE];
        self.assert_cookies(if is_known { &names } else { &names[..1] }).await;
    }

    /// Has exactly these cookies, which no script can read and no other site can send along.
    async fn assert_cookies(&self, names: &[&str]) {
        let mut there = self.cookies().await;
        there.sort_unstable();
        assert_eq!(there, names);
        for name in names {
            let cookie = self.client.get_named_cookie(name).await.unwrap();
            assert_eq!(cookie.http_only(), Some(true));
            assert_eq!(cookie.path(), Some("/"));
            assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
        }
        assert_eq!(self.script("return document.cookie").await, "");
    }
}

impl Lab {
    /// A browser in which the administrator has just changed the initial password.
    async fn administrator(&self) -> Browser {
        let root = self.browser().await;
        root.sign_in_first("root", programs::ADMIN_PASSWORD, ADMINISTRATORS_PASSWORD).await;
        root
    }
}
