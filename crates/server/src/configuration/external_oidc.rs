use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::protocol::{ClientId, Hint, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_provider::{Endpoint, Location, PlainHttpOrigins, ProviderKind, ProviderSettings, Userinfo};

use super::keys::{self, KEYS, Key};
use super::settings::Settings;
use super::values::{self, Readers};

/// The keys that set up a provider. An issuer can stand in for the two URLs.
pub(super) const REQUIRED: [&Key; 4] =
    [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::CLIENT_ID, &keys::CLIENT_SECRET];

const SECTION: &str = "external_oidc.";

/// How often a provider can be asked again: not so often that it minds, and within the time for which what was sealed opens.
const RECHECK: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);

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
    let kind = settings.value(&keys::PROVIDER_KIND, |text| {
        ProviderKind::parse(text)
            .map_err(|_| "is no kind of provider that is known; leave it out, or write generic")
    });
    let kind_is_wrong = settings.is_set(&keys::PROVIDER_KIND) && kind.is_none();
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
    let domain_hint = settings.value(&keys::DOMAIN_HINT, |text| {
        Hint::parse(text).map_err(|_| "is longer than 256 bytes, or has an invisible character")
    });
    let client_id = settings
        .value(&keys::CLIENT_ID, |text| ClientId::parse(text).map_err(|_| "is longer than 512 bytes"));
    let client_secret = settings.secret(&keys::CLIENT_SECRET, &keys::CLIENT_SECRET_FILE, Readers::Anybody);
    let location = location(settings);

    if !is_set_up(settings) {
        return None;
    }
    refuse_missing(settings);
    let fetch_groups = settings.switch(&keys::FETCH_GROUPS)?;
    let admission = admission(settings)?;
    let recheck = settings.value(&keys::RECHECK, |text| match text {
        "off" => Ok(None),
        text => match values::duration(text)? {
            interval if RECHECK.contains(&interval) => Ok(Some(interval)),
            _ => Err("is not from 5m to 12h, nor off"),
        },
    });
    let description = ProviderDescription {
        id: id?,
        name: name?,
        email_trust: email_trust?,
        admission: Arc::new(admission),
        recheck: recheck?,
    };
    let mut provider = ProviderSettings::new(description, location?, client_id?, client_secret?);
    if kind_is_wrong {
        return None;
    }
    provider.kind = kind;
    provider.domain_hint = domain_hint;
    provider.fetch_groups = fetch_groups;
    provider.scopes = scopes?;
    provider.userinfo = userinfo?;
    Some(provider)
}

/// The providers of the file's `[[provider]]` sections. Each names itself, for buttons and for the log.
pub(super) fn further(settings: &mut Settings) -> Vec<ProviderSettings> {
    let mut providers: Vec<ProviderSettings> = Vec::new();
    for (mut section, number) in settings.providers().into_iter().zip(1..) {
        for key in [&keys::PROVIDER_ID, &keys::PROVIDER_NAME] {
            if !section.is_set(key) {
                section.refuse::<()>(key, "is needed in a [[provider]] section");
            }
        }
        let provider = read(&mut section);
        settings.take_problems_of_provider(&format!("provider {number}"), section);
        providers.extend(provider);
    }
    providers
}

/// Refuses a second provider of one name: the name tells them apart in URLs, attempts and sessions.
pub(super) fn refuse_doubles(settings: &mut Settings, providers: &[ProviderSettings]) {
    for (position, provider) in providers.iter().enumerate() {
        let id = &provider.description.id;
        let before = providers.iter().take(position).any(|other| other.description.id == *id);
        if before {
            let text = format!("is {id:?} for two providers: give each one of its own", id = id.as_str());
            settings.refuse::<()>(&keys::PROVIDER_ID, text);
        }
    }
}

/// Who may come in, and whose members administer the lab. Without any rule whoever the provider signs in.
fn admission(settings: &mut Settings) -> Option<AdmissionRules> {
    const RULES: [(&Key, Criterion); 6] = [
        (&keys::ALLOW_EMAIL_DOMAINS, Criterion::EmailDomain),
        (&keys::ALLOW_TENANTS, Criterion::Tenant),
        (&keys::ALLOW_HOSTED_DOMAINS, Criterion::HostedDomain),
        (&keys::ALLOW_GROUPS, Criterion::Group),
        (&keys::ALLOW_ORGANIZATIONS, Criterion::Organization),
        (&keys::ALLOW_ACCOUNTS, Criterion::Account),
    ];
    let mut rules = Vec::new();
    for (key, criterion) in RULES {
        if !settings.is_set(key) {
            continue;
        }
        match Rule::new(criterion, settings.list(key)?) {
            Ok(rule) => rules.push(rule),
            Err(error) => return settings.refuse(key, error.to_string()),
        }
    }
    let administrators = if settings.is_set(&keys::ADMIN_GROUPS) {
        let groups = settings.list(&keys::ADMIN_GROUPS)?;
        if groups.iter().any(|group| group.trim().is_empty()) {
            return settings.refuse(&keys::ADMIN_GROUPS, "has a blank value");
        }
        Some(groups)
    } else {
        None
    };
    Some(AdmissionRules::new(rules, administrators))
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
