//! A proxy that verifies passes itself asks only where it cannot.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::lab::{LAB, Lab, Person};
use super::table::{ask, parts, session, text, values};

const OPEN: &str = "https://notebooks.example.org/x";
const CLOSED: &str = "https://data.example.org/x";

/// What is no pass of this host, or not whole, is asked for, and refused.
pub(super) async fn passes_are_verified(lab: &Arc<Lab>) {
    let mut browser = lab.signed_in(Person::Ada, OPEN).await;
    browser.open(CLOSED).await;
    let pass = session(&browser, OPEN);
    let spoofed = "Remote-User: mallory\r\nRemote_User: mallory\r\nX-Labgate-Assertion: mallory\r\n";
    let answer = get(lab, &(pass.clone() + spoofed)).await;
    assert_eq!(values(&text(&answer), "remote-name"), ["Ada L\u{f6}we"]);
    assert_was_not_asked(&answer, "ada@example.org");
    assert!(!text(&answer).contains("mallory"), "{}", text(&answer));
    let (host, path) = parts(OPEN);
    assert_eq!(lab.client.web_socket(host, path, &pass).await.unwrap(), "hello");
    let upload = format!(
        "PUT {path}%20a?b=c HTTP/1.1\r\nHost: {host}\r\n{pass}Content-Length: 5\r\nConnection: close\r\n\r\nhello"
    );
    let answer = lab.client.exchange(host, upload.as_bytes()).await;
    assert!(text(&answer).starts_with(&format!("PUT {path}%20a?b=c ")), "{}", text(&answer));
    assert!(text(&answer).ends_with("\n\nhello"), "{}", text(&answer));

    // A request with credentials is Labgate's to judge, and the service gets none of them.
    let with = |credentials: &str| format!("{pass}Authorization: {credentials}\r\n");
    let shown = text(&get(lab, &with("Basic bm9uZTpub25l")).await);
    assert_eq!(values(&shown, "x-labgate-assertion").len(), 1, "{shown}");
    assert!(!shown.contains("bm9uZTpub25l"), "{shown}");
    let unknown = format!("Bearer lgt_{}", "A".repeat(43));
    assert!(get(lab, &with(&unknown)).await.status().is_client_error(), "no token is passed over");

    let token = token_of(&pass);
    let [header, mut claims] = decoded(token);
    claims["sid"] = json!(BASE64_URL_SAFE_NO_PAD.encode([0; 16]));
    claims["exp"] = json!(4_102_444_800_u64);
    let key = lab.signing_key();
    // The price: whether the session lives is not known.
    let ended = signed(&key, &header, &claims);
    assert_was_not_asked(&get(lab, &cookie(&ended)).await, "ada@example.org");

    let mut refused = vec![String::new(), session(&browser, CLOSED), session(&browser, &format!("{LAB}/"))];
    for (name, value) in [
        ("typ", json!("labgate-session+jwt")),
        ("typ", json!("labgate-assertion+jwt")),
        ("typ", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!(["ES256"])),
    ] {
        let mut header = header.clone();
        header[name] = value;
        refused.push(cookie(&signed(&key, &header, &claims)));
    }
    for (name, value) in [
        ("iss", json!("https://lab.example.com")),
        ("iss", json!("https://lab.example.org/")),
        ("iss", Value::Null),
        ("aud", json!("https://data.example.org")),
        ("aud", json!("https://lab.example.org")),
        ("aud", json!("http://notebooks.example.org")),
        ("aud", json!("notebooks")),
        ("aud", Value::Null),
        ("exp", json!(1)),
        ("exp", Value::Null),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        refused.push(cookie(&signed(&key, &header, &claims)));
    }
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    refused.push(cookie(&signed(other_key.as_bytes(), &header, &claims)));
    let (message, signature) = ended.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    refused.push(cookie(&format!("{message}.")));
    refused.push(cookie(&format!("{message}.{}", "A".repeat(86))));
    refused.push(cookie(&format!("{message}.{first}{}", &signature[1..])));
    refused.push(cookie(&format!("{ended}.{signature}")));
    refused.push(cookie(&format!("\"{ended}\"")));
    refused.push(cookie(&"x".repeat(5000)));
    // Two cookies of the name: a neighbour may have planted one.
    refused.push(cookie(&format!("{ended}; __Host-labgate=x")));
    refused.push(cookie(&format!("x; __Host-labgate={ended}")));
    refused.push(cookie(&ended) + &cookie(&ended));
    refused.push(format!("Cookie: __host-labgate={ended}\r\n"));
    refused.push(format!("Cookie: x__Host-labgate={ended}\r\n"));
    for refused in refused {
        let answer = get(lab, &refused).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{refused}");
    }
}

/// With a seal of its own nginx does not verify a signature again.
pub(super) async fn a_seal_is_good_for_its_pass(lab: &Arc<Lab>) {
    let pass = session(&lab.signed_in(Person::Ada, OPEN).await, OPEN);
    let answer = get(lab, &pass).await;
    let sealed = answer.headers()["set-cookie"].to_str().unwrap();
    let (seal, attributes) = sealed.split_once(';').unwrap();
    assert!(seal.starts_with("__Host-labgate-seal="), "{seal}");
    assert_eq!(attributes, " Path=/; Secure; HttpOnly; SameSite=Lax");
    let with_seal = |token: &str| cookie(&format!("{token}; {seal}; own=1"));
    let token = token_of(&pass);

    let answer = get(lab, &with_seal(token)).await;
    assert_was_not_asked(&answer, "ada@example.org");
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(values(&text(&answer), "cookie"), ["own=1"]);

    let [header, mut claims] = decoded(token);
    claims["sid"] = json!(BASE64_URL_SAFE_NO_PAD.encode([0; 16]));
    claims["username"] = json!("root");
    let (_, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", message(&header, &claims));
    assert_eq!(get(lab, &with_seal(&forged)).await.status(), StatusCode::UNAUTHORIZED);

    // A seal of another pass says nothing of this one, and its place is taken by the right one.
    let bob = session(&lab.signed_in(Person::Bob, OPEN).await, OPEN);
    let answer = get(lab, &with_seal(token_of(&bob))).await;
    assert_was_not_asked(&answer, "bob@example.org");
    let own = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(own.starts_with("__Host-labgate-seal=") && !own.starts_with(seal), "{own}");

    // Sealed or not, an expired pass is asked for, and refused.
    claims["exp"] = json!(1);
    let expired = signed(&lab.signing_key(), &header, &claims);
    assert_eq!(get(lab, &with_seal(&expired)).await.status(), StatusCode::UNAUTHORIZED);
}

/// The service knows who asks, and not from Labgate: there is no assertion.
fn assert_was_not_asked(answer: &Response<Bytes>, user: &str) {
    let shown = text(answer);
    assert_eq!(values(&shown, "remote-user"), [user], "{shown}");
    assert!(values(&shown, "x-labgate-assertion").is_empty(), "{shown}");
    assert!(values(&shown, "cookie").iter().all(|cookies| !cookies.contains("labgate")), "{shown}");
}

async fn get(lab: &Lab, lines: &str) -> Response<Bytes> {
    let (host, path) = parts(OPEN);
    ask(lab, "GET", host, path, lines).await
}

fn cookie(token: &str) -> String {
    format!("Cookie: __Host-labgate={token}\r\n")
}

fn token_of(cookie: &str) -> &str {
    cookie.trim().rsplit_once('=').unwrap().1
}

/// Returns header and claims of a token.
fn decoded(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    [(); 2].map(|()| serde_json::from_slice(&parts.next().unwrap()).unwrap())
}

fn message(header: &Value, claims: &Value) -> String {
    [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

fn signed(key: &[u8], header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let key = EncodingKey::from_ec_pem(key).unwrap();
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
    format!("{message}.{signature}")
}
