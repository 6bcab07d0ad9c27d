//! Nothing secret in errors and logs (C190).

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, Once};

use labgate_domain::ports::{IdentityProvider as _, ProviderError};
use labgate_domain::protocol::{AuthorizationCode, Nonce, PkceVerifier};
use labgate_provider::Field;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{JWKS, Op, TOKEN, USERINFO, json_answer, token_response, with};

pub(crate) const PLANTED_CODE: &str = "planted-code-8b1f";
pub(crate) const PLANTED_VERIFIER: &str = "planted-verifier-8b1f-planted-verifier-8b1f-planted";
const PLANTED_NONCE: &str = "planted-nonce-8b1f";
pub(crate) const PLANTED_SECRET: &str = "planted-secret-8b1f";
pub(crate) const PLANTED_ACCESS_TOKEN: &str = "planted-access-token-8b1f";
const PLANTED: [&str; 5] =
    [PLANTED_CODE, PLANTED_VERIFIER, PLANTED_NONCE, PLANTED_SECRET, PLANTED_ACCESS_TOKEN];

/// The forms in which a secret could show: as text, and as a list of bytes, which is how raw bodies print.
fn forms(secret: &str) -> [String; 2] {
    let bytes: Vec<String> = secret.bytes().take(12).map(|byte| byte.to_string()).collect();
    [secret.to_owned(), bytes.join(", ")]
}

pub(crate) fn leaked(text: &str, id_token: &str) -> Option<String> {
    let segments = id_token.split('.').filter(|segment| segment.len() > 12);
    PLANTED.into_iter().chain(segments).flat_map(forms).find(|form| text.contains(form.as_str()))
}

/// Everything that `tracing` and `log` are told, by whatever library and in whatever test of this binary.
/// A test that takes lines away looks in all of them for what was planted.
pub(crate) static LINES: Mutex<String> = Mutex::new(String::new());

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap().push_str(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(LINES.lock().unwrap(), "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(listen_once);
}

fn listen_once() {
    // Global, since a callsite that another thread reaches first does not see a subscriber of this thread
    // alone.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(|| Lines)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
}

#[tokio::test]
async fn c190_no_error_and_no_log_line_carries_a_secret() {
    listen();
    let mut refusals = 0;
    for scenario in 0.. {
        let op = Op::start_with(|settings| {
            settings.set(Field::ClientSecret, [PLANTED_SECRET]);
            settings.set(Field::Userinfo, ["always"]);
            assert_eq!(leaked(&format!("{settings:?}"), ""), None);
        })
        .await;
        let id_token = op.id_token(json!({"nonce": PLANTED_NONCE}));
        let Some(path) = prepare(&op, scenario, &id_token) else { break };
        let mut redemption = op.redemption();
        redemption.code = AuthorizationCode::parse(PLANTED_CODE).unwrap();
        redemption.verifier = PkceVerifier::parse(PLANTED_VERIFIER).unwrap();
        redemption.nonce = Nonce::parse(PLANTED_NONCE).unwrap();
        assert_eq!(leaked(&format!("{redemption:?}"), &id_token), None);
        match op.provider.redeem(redemption).await {
            Ok(identity) => assert_eq!(leaked(&format!("{identity:?}"), &id_token), None),
            Err(error) => {
                refusals += 1;
                let shown = format!("{error} {error:?} {:?}", source(&error));
                assert_eq!(leaked(&shown, &id_token), None, "scenario {scenario} at {path}: {shown}");
            }
        }
        let logged = std::mem::take(&mut *LINES.lock().unwrap());
        assert!(logged.contains("the provider answers"), "the log is read: {logged}");
        assert_eq!(leaked(&logged, &id_token), None, "scenario {scenario} at {path}");
    }
    assert!(refusals > 20, "only {refusals} scenarios ended in an error");
}

fn source(error: &ProviderError) -> Option<String> {
    std::error::Error::source(error).map(|source| format!("{source} {source:?}"))
}

/// Makes the provider answer with everything that it was told, in every place; `None` after the last
/// scenario.
fn prepare(op: &Op, scenario: usize, id_token: &str) -> Option<&'static str> {
    let everything = format!("{} {id_token}", PLANTED.join(" "));
    let tokens = with(token_response(id_token), json!({"access_token": PLANTED_ACCESS_TOKEN}));
    op.answer(TOKEN, json_answer(200, &tokens));
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1"})));
    let error = |code: &str| json!({"error": code, "error_description": everything, "error_uri": everything});
    let html = |status| ResponseTemplate::new(status).set_body_raw(everything.clone(), "text/html");
    let text = |body: &str| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    let answers = [
        (TOKEN, json_answer(200, &tokens)),
        (TOKEN, json_answer(400, &error("invalid_grant"))),
        (TOKEN, json_answer(401, &error("invalid_client"))),
        (TOKEN, json_answer(400, &error("invalid_request"))),
        (TOKEN, json_answer(500, &error("server_error"))),
        (TOKEN, json_answer(400, &error(PLANTED_CODE))),
        (TOKEN, json_answer(200, &error(PLANTED_SECRET))),
        (TOKEN, html(200)),
        (TOKEN, html(500)),
        (TOKEN, text(&everything)),
        (TOKEN, text(&tokens.to_string()[1..])),
        (TOKEN, json_answer(201, &tokens)),
        (TOKEN, json_answer(200, &with(tokens.clone(), json!({"token_type": PLANTED_ACCESS_TOKEN})))),
        (TOKEN, json_answer(200, &with(tokens.clone(), json!({"access_token": format!("{everything}\n")})))),
        (TOKEN, json_answer(200, &with(tokens.clone(), json!({"id_token": [everything]})))),
        (TOKEN, json_answer(200, &with(tokens.clone(), json!({"id_token": everything})))),
        (TOKEN, json_answer(200, &with(tokens.clone(), json!({"id_token": format!("{id_token}x")})))),
        (TOKEN, ResponseTemplate::new(200).set_body_raw(tokens.to_string(), everything.as_str())),
        (TOKEN, ResponseTemplate::new(307).insert_header("location", format!("/x?{PLANTED_CODE}").as_str())),
        (USERINFO, html(200)),
        (USERINFO, html(401)),
        (USERINFO, json_answer(500, &error("x"))),
        (USERINFO, text(&everything)),
        (USERINFO, json_answer(200, &json!({"sub": everything}))),
        (JWKS, html(500)),
        (JWKS, json_answer(200, &json!({"keys": [{"kid": "x", "kty": "oct"}]}))),
    ];
    let (path, answer) = answers.into_iter().nth(scenario)?;
    op.answer(path, answer);
    Some(path)
}
