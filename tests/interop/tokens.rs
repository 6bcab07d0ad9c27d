//! The verification of `docs/tokens.md`, in each of its languages, as the page has it: it accepts the assertions
//! of a lab for its service, and nothing else.

#[expect(unreachable_pub, reason = "the page is for another crate")]
mod verify;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use labgate_domain::people::{AccountId, EmailAddress, Role, Username};
use labgate_domain::ports::TokenIssuer as _;
use labgate_domain::session::{AssertionClaims, SessionClaims, SessionId};
use labgate_domain::time::Timestamp;
use labgate_token::{Algorithm, KeyRing, SessionTokens, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::setting;

const PAGE: &str = include_str!("../../docs/tokens.md");
/// The names in the page.
const LAB: &str = "https://lab.example.org";
const SERVICE: &str = "mlflow";
const TYP: &str = "labgate-assertion+jwt";

/// A lab that signs, and publishes its keys until the test ends.
struct Lab {
    origin: String,
    key: SigningKey,
    tokens: SessionTokens,
}

/// A token, and whether a service should accept it.
type Case = (&'static str, String, bool);

impl Lab {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let tokens = SessionTokens::new(KeyRing::new(key.clone()), &origin, &origin);
        let keys = tokens.jwks();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // The head of a GET is all that a client sends.
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\nconnection: close";
                write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{keys}", keys.len()).unwrap();
            }
        });
        Self { origin, key, tokens }
    }

    fn cases(&self) -> Vec<Case> {
        let now = now();
        let assert = |claims: &AssertionClaims| self.tokens.assert(claims).unwrap().expose().to_owned();
        let good = self.assertion(SERVICE, now);
        let claims = serde_json::to_value(&good).unwrap();
        let header = |alg: &str| json!({ "typ": TYP, "alg": alg, "kid": self.key.kid() });
        let token = assert(&good);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = with(&claims, "role", "admin");
        let changed = format!("{}.{}.{signature}", message.split('.').next().unwrap(), part(&changed));
        let session = self.session(&self.origin);
        let pass = self.session("https://mlflow.example.org");
        let other_lab = SigningKey::generate(Algorithm::Es256).unwrap();
        let without = |name: &str| {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(name).unwrap();
            self.key.sign(Some(TYP), &claims).unwrap()
        };
        vec![
            ("an assertion", token.clone(), true),
            ("one for another service", assert(&self.assertion("grafana", now)), false),
            ("an expired one", assert(&self.assertion(SERVICE, now.minus(Duration::from_mins(10)))), false),
            ("a session token", self.tokens.issue(&session).unwrap().expose().to_owned(), false),
            ("a pass", self.tokens.issue_pass(&pass).unwrap().expose().to_owned(), false),
            ("the claims under another typ", self.key.sign(Some("JWT"), &good).unwrap(), false),
            ("the claims without a typ", self.key.sign(None, &good).unwrap(), false),
            ("one of another issuer", self.key.sign(Some(TYP), &with(&claims, "iss", LAB)).unwrap(), false),
            ("one without an audience", without("aud"), false),
            ("one without an issuer", without("iss"), false),
            ("one without an expiry", without("exp"), false),
            ("one of another lab's key", other_lab.sign(Some(TYP), &good).unwrap(), false),
            ("alg none", format!("{}.{}.", part(&header("none")), part(&claims)), false),
            (
                "alg none with a signature",
                format!("{}.{}.{signature}", part(&header("none")), part(&claims)),
                false,
            ),
            ("HS256 with the public key", hs256(&header("HS256"), &claims, &self.public_key()), false),
            ("changed claims", changed, false),
            ("no token", "x".to_owned(), false),
        ]
    }

    fn assertion(&self, aud: &str, iat: Timestamp) -> AssertionClaims {
        AssertionClaims {
            iss: self.origin.clone(),
            aud: aud.to_owned(),
            sub: AccountId::parse("00000000-0000-7000-8000-000000000000").unwrap(),
            iat,
            exp: iat.plus(AssertionClaims::LIFETIME),
            preferred_username: Username::from(&EmailAddress::parse("ada@example.org").unwrap()),
            email: None,
            name: None,
            role: Role::User,
            groups: vec!["ml".to_owned()],
        }
    }

    fn session(&self, aud: &str) -> SessionClaims {
        let of = self.assertion(aud, now());
        SessionClaims {
            iss: of.iss,
            aud: of.aud,
            sub: of.sub,
            sid: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            exp: of.exp,
            iat: of.iat,
            jti: "x".to_owned(),
            username: of.preferred_username,
            email: None,
            name: None,
            role: of.role,
            groups: of.groups,
            groups_complete: true,
            amr: Vec::new(),
            auth_time: of.iat,
        }
    }

    /// Returns the public key in PEM: a library that trusts the header takes it for the secret of HS256.
    fn public_key(&self) -> String {
        let keys: Value = serde_json::from_str(&self.tokens.jwks()).unwrap();
        let key = &keys["keys"][0];
        // The SubjectPublicKeyInfo of an uncompressed point on P-256 (RFC 5480).
        let mut info = vec![
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        for name in ["x", "y"] {
            info.extend(BASE64_URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap());
        }
        let text = BASE64_STANDARD.encode(info);
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

#[expect(clippy::disallowed_methods, reason = "the libraries of other languages have the system's clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_unix_seconds(since.try_into().unwrap())
}

fn with(claims: &Value, name: &str, value: &str) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

fn hs256(header: &Value, claims: &Value, secret: &str) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let algorithm = jsonwebtoken::Algorithm::HS256;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Returns the code block of the page in this language, for a lab at this origin.
fn snippet(language: &str, origin: &str) -> String {
    let code = PAGE.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap();
    assert!(code.lines().count() <= 25 && code.contains(LAB), "{code}");
    code.replace(LAB, origin)
}

/// Runs a program that judges the tokens.
fn judge(lab: &Lab, program: &mut Command) {
    let cases = lab.cases();
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let tokens: Vec<_> = cases.iter().map(|(_, token, _)| token.as_str()).collect();
    writeln!(child.stdin.take().unwrap(), "{}", tokens.join("\n")).unwrap();
    let output = child.wait_with_output().unwrap();
    let verdicts = String::from_utf8(output.stdout).unwrap();
    assert_eq!(verdicts.lines().count(), cases.len(), "{verdicts}");
    for ((what, _, good), verdict) in cases.iter().zip(verdicts.lines()) {
        let expected = if *good { "accepted ada@example.org" } else { "refused" };
        assert!(verdict.starts_with(expected), "{what}: {verdict}");
    }
}

fn write(folder: &Path, name: &str, parts: &[&str]) {
    std::fs::write(folder.join(name), parts.concat()).unwrap();
}

mod python {
    use super::{Command, Lab, TempDir, judge, setting, snippet, write};

    #[test]
    fn the_page_verifies_assertions_and_nothing_else() {
        let (lab, folder) = (Lab::new(), TempDir::new().unwrap());
        write(folder.path(), "main.py", &[&snippet("python", &lab.origin), include_str!("tokens/main.py")]);
        judge(&lab, Command::new(setting("INTEROP_PYTHON")).arg("main.py").current_dir(&folder));
    }
}

mod node {
    use super::{Command, Lab, Path, TempDir, judge, setting, snippet, write};

    #[test]
    fn the_page_verifies_assertions_and_nothing_else() {
        let lab = Lab::new();
        // Beside its packages, where node looks for them.
        let packages = setting("INTEROP_OIDC_PROVIDER");
        let folder = TempDir::new_in(Path::new(&packages).parent().unwrap()).unwrap();
        write(folder.path(), "main.mjs", &[&snippet("js", &lab.origin), include_str!("tokens/main.mjs")]);
        judge(&lab, Command::new("node").arg("main.mjs").current_dir(&folder));
    }
}

mod go {
    use super::{Command, Lab, TempDir, judge, snippet, write};

    #[test]
    fn the_page_verifies_assertions_and_nothing_else() {
        let (lab, folder) = (Lab::new(), TempDir::new().unwrap());
        for (name, text) in
            [("go.mod", include_str!("tokens/go.mod")), ("go.sum", include_str!("tokens/go.sum"))]
        {
            write(folder.path(), name, &[text]);
        }
        write(folder.path(), "main.go", &[include_str!("tokens/main.go")]);
        write(folder.path(), "verify.go", &[&snippet("go", &lab.origin)]);
        judge(&lab, Command::new("go").args(["run", "."]).current_dir(&folder));
    }
}

mod rust {
    use labgate_domain::ports::TokenIssuer as _;

    use super::{Lab, PAGE, SERVICE, verify};

    #[test]
    fn the_page_verifies_assertions_and_nothing_else() {
        let lab = Lab::new();
        let page = PAGE.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
        assert!(include_str!("tokens/verify.rs").ends_with(page), "the page and verify.rs differ");
        assert!(page.lines().count() <= 25);
        let keys = serde_json::from_str(&lab.tokens.jwks()).unwrap();
        for (what, token, good) in lab.cases() {
            let claims = verify::person(&token, &keys, &lab.origin, SERVICE);
            assert_eq!(claims.is_ok(), good, "{what}: {claims:?}");
        }
    }
}
