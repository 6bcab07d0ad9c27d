//! The code for an access token (RFC 6749 section 4.1.3), in GitHub's dialect: errors come with status 200,
//! some answers are form-encoded, and granted scopes are separated by commas.

use labgate_domain::ports::{CodeRedemption, ProviderError};
use labgate_domain::time::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::client::{Client, FORM};
use crate::client_authentication::ClientAuth;
use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::json;
use crate::settings::ProviderSettings;
use crate::token::{TokenEndpoint, access_token, check_token_type, granted};
use crate::transport::{Answer, JSON, Transport};

/// The outcome of a redeemed code.
pub(super) struct Grant {
    pub(super) access_token: SecretString,
    /// `None` when the response does not say, which means: what was asked for (RFC 6749 section 5.1).
    scopes: Option<Vec<String>>,
}

impl Grant {
    /// Returns whether a scope was granted, by itself or with a larger one.
    pub(super) fn has(&self, scope: &str) -> bool {
        let larger: &[&str] = match scope {
            "user:email" => &["user"],
            "read:org" => &["write:org", "admin:org"],
            _ => &[],
        };
        self.scopes.as_ref().is_none_or(|scopes| {
            scopes.iter().any(|granted| granted == scope || larger.contains(&granted.as_str()))
        })
    }
}

/// Redeems the code: sends it once, whatever happens.
pub(super) async fn redeem(
    transport: &Transport,
    url: &Endpoint,
    settings: &ProviderSettings,
    redemption: &CodeRedemption,
    now: Timestamp,
) -> Result<Grant, ProviderError> {
    let endpoint = TokenEndpoint {
        transport,
        url,
        client: Client::new(
            &settings.client_id,
            ClientAuth::SecretPost,
            &settings.credentials,
            url.as_str(),
            &[],
            now,
        ),
        code_error: None,
    };
    let answer = endpoint.send_code(redemption).await?;
    grant(&answer, &endpoint.secrets_of(redemption))
}

/// Takes the answer apart; `secrets` is what must not come back in a message.
fn grant(answer: &Answer, secrets: &[&str]) -> Result<Grant, ProviderError> {
    let members = granted(answer.status, members(answer), secrets, standard)?;
    check_token_type(&members)?;
    let scopes = match members.get("scope") {
        None | Some(Value::Null) => None,
        Some(Value::String(scopes)) => {
            let separate = |c: char| c == ',' || c == ' ';
            Some(scopes.split(separate).filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
        }
        Some(_) => return Err(ProviderError::TokenResponse("its scope is not text")),
    };
    Ok(Grant { access_token: access_token(&members)?.into(), scopes })
}

fn members(answer: &Answer) -> Result<Map<String, Value>, &'static str> {
    match answer.media_type.as_deref() {
        Some(JSON) => json::object(&answer.body).ok_or(json::NOT_AN_OBJECT),
        Some(FORM) => {
            let mut members = Map::new();
            for (name, value) in form_urlencoded::parse(&answer.body) {
                let before = members.insert(name.into_owned(), value.into_owned().into());
                ensure(before.is_none(), "a parameter stands twice in it")?;
            }
            Ok(members)
        }
        _ => Err("it is neither application/json nor form-encoded"),
    }
}

/// GitHub's error code in the words of RFC 6749 section 5.2, where that has a word for it.
fn standard(error: &Value) -> Value {
    match error.as_str() {
        Some("bad_verification_code") => "invalid_grant".into(),
        Some("incorrect_client_credentials") => "invalid_client".into(),
        _ => error.clone(),
    }
}
