//! Answers requests without a socket: `cargo run -p labgate-http --example handle`.

use bytes::Bytes;
use http::Request;
use http::header::ACCEPT;
use labgate_http::{App, paths};
use labgate_test_harness::TestLab;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    // A program of its own hands `App::new` a `SignIn` over its own ports; the test harness brings ports in
    // memory.
    let app: App = TestLab::new().app();
    for (path, accept) in
        [(paths::LOGIN_PAGE.as_str(), "text/html"), (paths::VERIFY.as_str(), "application/json")]
    {
        let request = Request::get(path).header(ACCEPT, accept).body(Bytes::new())?;
        let response = app.handle(request).await;
        println!("GET {path}: {}", response.status());
        for (name, value) in response.headers() {
            println!("  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    Ok(())
}
