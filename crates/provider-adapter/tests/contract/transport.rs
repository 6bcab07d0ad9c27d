//! What a hostile or broken server can do to a call (C5, C6, C47).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use labgate_domain::ports::{CallFailure, IdentityProvider as _, ProviderCall, ProviderError};
use labgate_provider::Field;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::ResponseTemplate;

use crate::support::{DISCOVERY, JWKS, Op, TOKEN, USERINFO, join_all, json_answer, token_response};

/// A limit that is over soon.
const SOON: Duration = Duration::from_millis(150);

const ENDPOINTS: [(&str, ProviderCall, &str); 4] = [
    (DISCOVERY, ProviderCall::Discovery, ""),
    (JWKS, ProviderCall::Jwks, "jwks_uri"),
    (TOKEN, ProviderCall::Token, "token_endpoint"),
    (USERINFO, ProviderCall::UserInfo, "userinfo_endpoint"),
];

/// What a server does once it has read a request.
#[derive(Clone, Copy)]
enum Habit {
    /// Closes the connection.
    Close,
    /// Says nothing more.
    Hang,
    /// Starts an answer and says nothing more.
    HangInBody,
    /// Sends the body byte by byte, without end and faster than any time limit between two bytes.
    Drip,
    /// Sends chunk after chunk without end.
    Flood,
    /// Promises more than it sends.
    Truncate,
    /// Says what is not HTTP.
    Babble,
}

/// A server with a habit, and how many connections it had.
async fn server(habit: Habit) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, habit));
        }
    });
    (url, connections)
}

async fn serve(mut stream: TcpStream, habit: Habit) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let mut request = [0; 8192];
    let _ = stream.read(&mut request).await?;
    match habit {
        Habit::Close => {}
        Habit::Hang => std::future::pending().await,
        Habit::HangInBody => {
            stream.write_all(&[HEAD, b"Content-Length: 100\r\n\r\n{"].concat()).await?;
            std::future::pending::<()>().await;
        }
        Habit::Drip => {
            stream.write_all(&[HEAD, b"Content-Length: 100000\r\n\r\n"].concat()).await?;
            let mut tick = tokio::time::interval(SOON / 10);
            loop {
                tick.tick().await;
                stream.write_all(b" ").await?;
            }
        }
        Habit::Flood => {
            stream.write_all(&[HEAD, b"Transfer-Encoding: chunked\r\n\r\n"].concat()).await?;
            let chunk = [b"4000\r\n", &[b' '; 0x4000][..], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Habit::Truncate => stream.write_all(&[HEAD, b"Content-Length: 100\r\n\r\n{}"].concat()).await?,
        Habit::Babble => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?,
    }
    Ok(())
}

/// A provider with every endpoint asked in one sign-in.
async fn op() -> Op {
    let op = Op::start_with(|settings| settings.set(Field::Userinfo, ["always"])).await;
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1"})));
    op
}

fn assert_unavailable(
    result: &Result<labgate_domain::identity::ExternalIdentity, ProviderError>,
    at: ProviderCall,
) {
    assert!(
        matches!(result, Err(ProviderError::Unavailable { call, .. }) if *call == at),
        "{result:?} instead of {at:?} being unavailable"
    );
}

#[tokio::test]
async fn c005_no_redirect_is_followed_from_any_endpoint() {
    for (path, call, _) in ENDPOINTS {
        for status in [301, 302, 303, 307, 308, 300, 304] {
            let op = op().await;
            let location = format!("{}/elsewhere", op.issuer());
            op.answer("/elsewhere", json_answer(200, &json!({})));
            op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
            let redirect = ResponseTemplate::new(status).insert_header("location", location);
            op.answer(path, redirect);
            let result = op.provider.redeem(op.redemption()).await;
            assert_unavailable(&result, call);
            assert!(result.unwrap_err().to_string().contains("a redirect"), "{path} {status}");
            assert_eq!(op.count("/elsewhere").await, 0, "{path} {status}");
        }
    }
}

#[tokio::test]
async fn c006_a_body_over_the_limit_is_given_up() {
    for (path, call, _) in ENDPOINTS {
        let op = op().await;
        op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
        let large = json!({"filling": "x".repeat(600 * 1024)});
        op.answer(path, json_answer(200, &large));
        assert_unavailable(&op.provider.redeem(op.redemption()).await, call);
    }
}

#[tokio::test]
async fn c006_chunks_without_end_are_given_up() {
    for (_, call, member) in &ENDPOINTS[1..] {
        let op = op().await;
        let (url, _) = server(Habit::Flood).await;
        op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
        op.publish(json!({*member: url}));
        let error = op.provider.redeem(op.redemption()).await.unwrap_err();
        let ProviderError::Unavailable { call: at, reason, cause: CallFailure::TooLarge } = error else {
            panic!("{error:?}")
        };
        assert_eq!(at, *call);
        assert!(reason.starts_with("it answers with more than"), "{reason}");
    }
}

#[tokio::test]
async fn c006_what_is_too_slow_is_given_up() {
    let habits = [Habit::Hang, Habit::HangInBody, Habit::Drip];
    let cases =
        habits.into_iter().flat_map(|habit| ENDPOINTS[1..].iter().map(move |endpoint| (habit, endpoint)));
    join_all(cases.map(async |(habit, (_, call, member))| {
        let (url, connections) = server(habit).await;
        let op = Op::start_with(|settings| {
            settings.set(Field::Userinfo, ["always"]);
            match call {
                ProviderCall::Jwks => settings.limits.jwks_time = SOON * 10,
                _ => settings.limits.token_time = SOON * 10,
            }
        })
        .await;
        op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
        op.publish(json!({*member: url}));
        let error = op.provider.redeem(op.redemption()).await.unwrap_err();
        let expected = ProviderError::unavailable(*call, CallFailure::Timeout, "it does not answer in time");
        assert_eq!(error, expected);
        assert_eq!(connections.load(Ordering::SeqCst), 1, "asked once");
    }))
    .await;
}

#[tokio::test]
async fn c006_finding_the_provider_takes_a_limited_time_over_all() {
    let op = Op::start_with(|settings| settings.limits.discovery_time = SOON).await;
    op.answer(DISCOVERY, ResponseTemplate::new(200).set_delay(Duration::from_mins(1)));
    let error = op.provider.authorization_server().await.unwrap_err();
    let (call, cause) = (ProviderCall::Discovery, CallFailure::Timeout);
    assert_eq!(error, ProviderError::unavailable(call, cause, "it does not answer in time"));
}

#[tokio::test]
async fn c047_a_connection_that_breaks_after_the_code_was_sent_is_not_tried_again() {
    for habit in [Habit::Close, Habit::Truncate, Habit::Babble] {
        let op = op().await;
        let (url, connections) = server(habit).await;
        op.publish(json!({"token_endpoint": url}));
        assert_unavailable(&op.provider.redeem(op.redemption()).await, ProviderCall::Token);
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_unreachable() {
    let op = op().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token?secret=1", listener.local_addr().unwrap());
    drop(listener);
    op.publish(json!({"token_endpoint": url}));
    let error = op.provider.redeem(op.redemption()).await.unwrap_err();
    let ProviderError::Unavailable { call: ProviderCall::Token, cause: CallFailure::Refused, reason } = error
    else {
        panic!("{error:?}")
    };
    assert!(reason.starts_with("it cannot be reached (") && !reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn c006_nothing_is_decompressed_and_no_cookie_kept() {
    let op = op().await;
    let setting =
        json_answer(200, &json!({"keys": [op.key.jwk()]})).insert_header("set-cookie", "a=b; Path=/");
    op.answer(JWKS, setting);
    op.redeem_claims(json!({})).await.unwrap();
    for path in [DISCOVERY, JWKS, TOKEN, USERINFO] {
        let headers = &op.requests(path).await[0].headers;
        for absent in ["accept-encoding", "cookie", "referer"] {
            assert!(!headers.contains_key(absent), "{path} {absent}");
        }
        assert_eq!(headers["accept"].to_str().unwrap(), "application/json", "{path}");
    }
    let good = token_response(&op.id_token(json!({})));
    let response = json_answer(200, &good).insert_header("content-encoding", "gzip");
    let error = op.redeem_response(response).await.unwrap_err();
    assert!(error.to_string().contains("compressed"), "{error}");
}
