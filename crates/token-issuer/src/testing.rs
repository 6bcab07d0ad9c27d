//! Helpers for the tests of several modules.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use labgate_domain::people::{AccountId, DisplayName, EmailAddress, Role, Username};
use labgate_domain::session::{SessionClaims, SessionId};
use labgate_domain::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::signing_key::generate_text;
use crate::{Algorithm, SigningKey};

pub(crate) const ISSUER: &str = "https://lab.example";
pub(crate) const AUDIENCE: &str = "https://services.lab.example";

pub(crate) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Hs256];

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

/// A key of which the test knows everything. Each algorithm has one that is made once: RSA keys take their
/// time.
pub(crate) struct TestKey {
    pub(crate) text: SecretString,
    pub(crate) signing: SigningKey,
}

impl TestKey {
    pub(crate) fn fresh(algorithm: Algorithm) -> Self {
        let text = generate_text(algorithm).unwrap();
        let signing = SigningKey::from_text(&text, algorithm).unwrap();
        Self { text, signing }
    }

    pub(crate) fn of(algorithm: Algorithm) -> &'static Self {
        static KEYS: OnceLock<Vec<TestKey>> = OnceLock::new();
        let keys = KEYS.get_or_init(|| ALGORITHMS.into_iter().map(Self::fresh).collect());
        keys.iter().find(|key| key.signing.algorithm() == algorithm).unwrap()
    }

    /// Signs any header and any claims, given as they are to be decoded.
    #[expect(clippy::needless_pass_by_value, reason = "forgeries are written where they are used")]
    pub(crate) fn forge(&self, header: impl ToString, claims: impl ToString) -> String {
        let message = format!("{}.{}", base64url(&header), base64url(&claims));
        let text = self.text.expose_secret().as_bytes();
        let key = match self.signing.algorithm() {
            Algorithm::Es256 => EncodingKey::from_ec_pem(text).unwrap(),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(text).unwrap(),
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(text).unwrap(),
            Algorithm::Hs256 => EncodingKey::from_secret(text),
        };
        let algorithm = self.signing.algorithm().into();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// The header of a good token.
    pub(crate) fn header(&self) -> Value {
        json!({
            "typ": "labgate-session+jwt",
            "alg": self.signing.algorithm().as_str(),
            "kid": self.signing.kid(),
        })
    }
}

pub(crate) fn base64url(text: &impl ToString) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text.to_string())
}

/// The claims of a typical person, issued at 1000 and expiring at 1900.
pub(crate) fn claims() -> SessionClaims {
    let email = EmailAddress::parse("ada.lovelace@engines.example").unwrap();
    SessionClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: AccountId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
        sid: SessionId::parse("AAECAwQFBgcICQoLDA0ODw").unwrap(),
        exp: at(1900),
        iat: at(1000),
        jti: "AAECAwQFBgcICQoL".to_owned(),
        username: Username::from(&email),
        email: Some(email),
        name: DisplayName::new("Augusta Ada King, Countess of Lovelace"),
        role: Role::User,
        groups: ["analytical-engine", "difference-engine", "notes-on-menabrea"].map(str::to_owned).to_vec(),
        groups_complete: true,
        amr: vec!["pwd".to_owned(), "mfa".to_owned()],
        auth_time: at(990),
    }
}

/// The same as JSON, to be changed.
pub(crate) fn claims_json() -> Value {
    serde_json::to_value(claims()).unwrap()
}

/// A token of the next version, of the person of [`claims`]: with one more claim, a role that this version
/// does not know, and one more member in the header.
pub(crate) fn next_versions_token(key: &TestKey) -> String {
    let (mut header, mut claims) = (key.header(), claims_json());
    header["ver"] = json!(2);
    claims["acr"] = json!({ "level": "phishing-resistant" });
    claims["role"] = json!("auditor");
    key.forge(header, claims)
}

/// Every text that gives away a part of a secret: its lines, and its bytes as a list.
pub(crate) fn traces(secret: &SecretString) -> Vec<String> {
    let text = secret.expose_secret();
    let lines = text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned);
    let list = format!("{:?}", text.as_bytes());
    lines.chain([list.trim_matches(['[', ']']).to_owned()]).collect()
}
