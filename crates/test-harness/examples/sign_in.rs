//! One sign-in by the mock provider, in one process and without sockets:
//! `cargo run -p labgate-test-harness --example sign_in`

use labgate_test_harness::TestLab;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows what happens")]
async fn main() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Sign in as Ada Example").await;
    for url in browser.history() {
        println!("asked {}{}", url.host_str().unwrap_or_default(), url.path());
    }

    // A script on the page asks for the person behind the session.
    let me = browser.fetch(http::Method::GET, "/api/auth/me").await;
    println!("signed in: {}", String::from_utf8_lossy(me.body()));
}
