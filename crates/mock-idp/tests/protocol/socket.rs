//! The mock over TCP, as a relying party in another process meets it.

use std::error::Error as _;

use labgate_mock_idp::{Algorithm, Client, MockIdp, StartError};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::lab::{CALLBACK, MockLab, parameter};

fn browser() -> Http {
    Http::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

async fn started() -> MockIdp {
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    MockIdp::builder().algorithm(Algorithm::Es256).client(client).start().await.unwrap()
}

#[tokio::test]
async fn a_sign_in_over_sockets() {
    let idp = started().await;
    assert!(idp.address().unwrap().ip().is_loopback());
    let http = browser();
    let get = async |url: String| -> serde_json::Value {
        serde_json::from_slice(&http.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap()
    };
    let metadata = get(idp.discovery_url()).await;
    assert_eq!(metadata["issuer"], idp.issuer().as_str());
    assert!(get(metadata["jwks_uri"].as_str().unwrap().to_owned()).await["keys"][0]["kid"].is_string());

    let lab = MockLab::new();
    let url = lab.request.to_url(&metadata["authorization_endpoint"].as_str().unwrap().parse().unwrap());
    let page = http.get(url.clone()).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("Sign in as Ada Example"));

    let login = url.as_str().replace("/authorize", "/login");
    let form = "application/x-www-form-urlencoded";
    let answer = http.post(login).header("content-type", form).body("user=ada").send().await.unwrap();
    let callback = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    let code = parameter(&callback, "code").unwrap();

    let body =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(lab.redemption(&code)).finish();
    let tokens = http
        .post(idp.token_endpoint())
        .basic_auth("lab", Some("lab-secret"))
        .header("content-type", form)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(tokens.status(), StatusCode::OK);
    assert!(tokens.text().await.unwrap().contains("id_token"));
}

#[tokio::test]
async fn dropping_the_mock_stops_it() {
    let idp = started().await;
    let (http, url) = (browser(), idp.discovery_url());
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK);
    let address = idp.address().unwrap();
    drop(idp);
    // The port is free again as soon as the accept loop has ended. It is kept: a later owner might answer.
    let taken = loop {
        match tokio::net::TcpListener::bind(address).await {
            Ok(taken) => break taken,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let hang_up = async {
        loop {
            drop(taken.accept().await.unwrap());
        }
    };
    tokio::select! {
        answer = http.get(&url).send() => assert!(answer.is_err()),
        () = hang_up => unreachable!(),
    }
}

#[tokio::test]
async fn mocks_run_side_by_side() {
    let (one, other) = (started().await, started().await);
    assert_ne!(one.address(), other.address());
    assert_ne!(one.issuer(), other.issuer());
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let idp = started().await;
    let address = idp.address().unwrap();
    let error = MockIdp::builder().algorithm(Algorithm::Es256).listen(address).start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
    assert!(error.source().is_some());
}

/// Takes one request, answers with this status, and hands the request over: its head, and its body.
async fn answer_one(listener: tokio::net::TcpListener, status: &str) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.unwrap().parse() == Ok(body.len()) {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return (head.to_owned(), body.to_owned());
        }
    }
}

#[tokio::test]
async fn a_logout_token_is_sent_before_the_logout_is_answered() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    let client = client.backchannel_logout_uri(format!("http://{address}/logout?by=mock"));
    let idp = MockIdp::builder().algorithm(Algorithm::Es256).client(client).start().await.unwrap();
    let url = MockLab::new().request.to_url(&idp.authorization_endpoint().parse().unwrap());

    let form = "application/x-www-form-urlencoded";
    let login = url.as_str().replace("/authorize", "/login");
    let answer = browser().post(login).header("content-type", form).body("user=ada").send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let told = tokio::spawn(answer_one(listener, "204 No Content"));
    let logout = format!("{}logout", idp.base_url());
    let answer = browser().post(logout).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);

    let notices = idp.take_logout_notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].answer(), Some(StatusCode::NO_CONTENT));
    let (head, body) = told.await.unwrap();
    assert!(head.starts_with("POST /logout?by=mock HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}")) && head.contains(&format!("content-type: {form}")));
    assert_eq!(body, format!("logout_token={}", notices[0].token()));

    // Nobody listens there any more.
    idp.sign_in(&url, "ada").unwrap();
    assert_eq!(idp.end_sessions_of("ada").await.unwrap()[0].answer(), None);
    assert!(idp.take_logout_notices().is_empty(), "the caller has them");
}

#[tokio::test]
async fn logout_tokens_do_not_leave_this_machine() {
    for uri in ["https://127.0.0.1/logout", "http://lab.test/logout", "http://10.0.0.1/"] {
        let client = Client::new("lab", "s").backchannel_logout_uri(uri);
        let error = MockIdp::builder().algorithm(Algorithm::Es256).client(client).start().await.unwrap_err();
        assert!(matches!(error, StartError::LogoutNotLoopback { .. }));
        assert!(error.to_string().contains(uri), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let idp = started().await;
    let body = vec![b'x'; 2 * 1024 * 1024];
    let answer = browser().post(idp.token_endpoint()).body(body).send().await;
    // The mock may close the connection before everything was sent.
    assert!(answer.is_err() || answer.unwrap().status() == StatusCode::PAYLOAD_TOO_LARGE);
}
