use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::protocol::{ClientId, Hint, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_provider::{
    Endpoint, Location, PlainHttpOrigins, ProviderKind, ProviderSettings, SettingsError, Userinfo,
};

use super::InForce;
use super::keys::{self, KEYS, Key};
use super::settings::Settings;
use super::values::{self, Readers};

/// The keys that set up a provider. An issuer can stand in for the two URLs.
pub(super) const REQUIRED: [&Key; 4] =
    [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::CLIENT_ID, &keys::CLIENT_SECRET];

pub(super) const SECTION: &str = "external_oidc.";

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
        ProviderKind::parse(text).map_err(|_| {
            format!("is no kind of provider that is known: there are {}, or leave it out", kinds())
        })
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
    match provider.check() {
        Ok(()) => Some(provider),
        Err(error) => settings.refuse(key_of(&error), error.to_string()),
    }
}

/// Whose value to change when the settings do not fit together.
fn key_of(error: &SettingsError) -> &'static Key {
    match error {
        SettingsError::DomainHint => &keys::DOMAIN_HINT,
        SettingsError::FetchGroups => &keys::FETCH_GROUPS,
        SettingsError::TenantsNeeded => &keys::ALLOW_TENANTS,
        SettingsError::EmailTrust | SettingsError::EmailTrustOfTenants => &keys::EMAIL_TRUST,
        _ => &keys::PROVIDER_KIND,
    }
}

/// The providers of the file's `[[provider]]` sections, beside the one that is there already. Each names itself, for buttons and
/// for the log; the name tells them apart in URLs, attempts and sessions. What is in force of each is told by its number.
pub(super) fn further(settings: &mut Settings, providers: &mut Vec<ProviderSettings>) -> Vec<InForce> {
    let mut in_force = Vec::new();
    for (mut section, number) in settings.providers().into_iter().zip(1..) {
        for key in [&keys::PROVIDER_ID, &keys::PROVIDER_NAME] {
            if !section.is_set(key) {
                section.refuse_unset(key, "is needed in a [[provider]] section");
            }
        }
        let name = format!("provider {number}");
        if let Some(provider) = read(&mut section) {
            let id = &provider.description.id;
            if section.is_set(&keys::PROVIDER_ID) && providers.iter().any(|other| other.description.id == *id)
            {
                let text = format!("is {:?} for two providers: give each one of its own", id.as_str());
                section.refuse::<()>(&keys::PROVIDER_ID, text);
            }
            providers.push(provider);
        }
        in_force.extend(InForce::of_section(&section, &name));
        settings.take_problems_of_provider(&name, section);
    }
    in_force
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

fn kinds() -> String {
    ProviderKind::ALL.map(ProviderKind::as_str).join(", ")
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
            format!(" (or {} alone, in place of both URLs)", settings.name_to_set(&keys::ISSUER))
        } else {
            String::new()
        };
        let text = format!(
            "is needed, because other settings of the provider are set: set {}{instead}",
            settings.name_to_set(key)
        );
        settings.refuse::<()>(key, text);
    }
}

#[cfg(test)]
mod tests;
