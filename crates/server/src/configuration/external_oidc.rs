use std::sync::Arc;

use labgate_domain::protocol::{ClientId, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_provider::{Endpoint, Location, PlainHttpOrigins, ProviderSettings, Userinfo};

use super::keys::{self, KEYS, Key};
use super::settings::Settings;
use super::values::Readers;

/// The keys that set up a provider. An issuer can stand in for the two URLs.
pub(super) const REQUIRED: [&Key; 4] =
    [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::CLIENT_ID, &keys::CLIENT_SECRET];

const SECTION: &str = "external_oidc.";

/// The provider; `None` when nobody set up any, or there are problems. One that is half set up is a problem: people would
/// see a lab without the sign-in that its operator believes to be there.
pub(super) fn read(settings: &mut Settings) -> Option<ProviderSettings> {
    let id = settings.value(&keys::PROVIDER_ID, |text| {
        ProviderId::parse(text).map_err(|_| "is not 1 to 32 of a-z, 0-9 and -")
    });
    let name = settings.value(&keys::PROVIDER_NAME, |text| match text.chars().count() {
        ..=64 => Ok(text.to_owned()),
        _ => Err("has more than 64 characters"),
    });
    let email_trust = settings.value(&keys::EMAIL_TRUST, |text| {
        EmailTrust::parse(text).map_err(|_| "is neither claim nor provider")
    });
    let scopes = settings.value(&keys::SCOPES, |text| {
        Scopes::with_openid(text.split_ascii_whitespace()).map_err(|_| "is not scopes separated by blanks")
    });
    let userinfo = settings.value(&keys::USERINFO, |text| match text {
        "when_email_is_missing" => Ok(Userinfo::WhenEmailIsMissing),
        "always" => Ok(Userinfo::Always),
        _ => Err("is neither when_email_is_missing nor always"),
    });
    let client_id = settings
        .value(&keys::CLIENT_ID, |text| ClientId::parse(text).map_err(|_| "is longer than 512 bytes"));
    let client_secret = settings.secret(&keys::CLIENT_SECRET, &keys::CLIENT_SECRET_FILE, Readers::Anybody);
    let location = location(settings);

    if !is_set_up(settings) {
        return None;
    }
    refuse_missing(settings);
    let description =
        ProviderDescription { id: id?, name: name?, email_trust: email_trust?, admission: Arc::default() };
    let mut provider = ProviderSettings::new(description, location?, client_id?, client_secret?);
    provider.scopes = scopes?;
    provider.userinfo = userinfo?;
    Some(provider)
}

/// Whether somebody set up a provider, in full or in part.
pub(super) fn is_set_up(settings: &Settings) -> bool {
    KEYS.iter().any(|key| key.path.starts_with(SECTION) && settings.is_set(key))
}

fn location(settings: &mut Settings) -> Option<Location> {
    let plain_http = if settings.is_set(&keys::PLAIN_HTTP_ORIGIN) {
        settings.value(&keys::PLAIN_HTTP_ORIGIN, PlainHttpOrigins::parse)?
    } else {
        PlainHttpOrigins::default()
    };
    // Each by itself first, so that all that is wrong with them is told at once.
    let mut url =
        |key| settings.value(key, |text| Endpoint::parse(text, &plain_http).map(|_| text.to_owned()));
    let (auth_url, token_url, issuer) = (url(&keys::AUTH_URL), url(&keys::TOKEN_URL), url(&keys::ISSUER));
    let issuer_is_wrong = settings.is_set(&keys::ISSUER) && issuer.is_none();
    let located = match (auth_url, token_url, issuer.as_deref()) {
        _ if issuer_is_wrong => return None,
        (Some(auth), Some(token), issuer) => Location::endpoints(&auth, &token, issuer, &plain_http),
        (None, None, Some(issuer)) => Location::issuer(issuer, &plain_http),
        _ => return None,
    };
    match located {
        Ok(location) => Some(location),
        Err(rejected) => {
            let key = [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::ISSUER]
                .into_iter()
                .find(|key| key.variable() == rejected.setting)
                .unwrap_or(&keys::AUTH_URL);
            settings.refuse(key, rejected.error.to_string())
        }
    }
}

/// Says of each setting that is still needed that it is.
fn refuse_missing(settings: &mut Settings) {
    let [auth_url, token_url, issuer] =
        [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::ISSUER].map(|key| settings.is_set(key));
    let by_issuer = issuer && !auth_url && !token_url;
    for key in REQUIRED {
        let is_url = [keys::AUTH_URL.path, keys::TOKEN_URL.path].contains(&key.path);
        let in_file = key.path == keys::CLIENT_SECRET.path && settings.is_set(&keys::CLIENT_SECRET_FILE);
        if settings.is_set(key) || in_file || (is_url && by_issuer) {
            continue;
        }
        let instead = if is_url && !issuer {
            format!(" (or {} alone, in place of both URLs)", keys::ISSUER.variable())
        } else {
            String::new()
        };
        let text = format!(
            "is needed, because other settings of the provider are set: set {}{instead}",
            key.variable()
        );
        settings.refuse::<()>(key, text);
    }
}

#[cfg(test)]
mod tests;
