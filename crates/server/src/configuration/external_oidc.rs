use std::path::Path;
use std::sync::Arc;

use labgate_domain::admission::Criterion;
use labgate_provider::{Field, ProviderSettings, SecretReader, SettingsError, UncheckedSettings};
use secrecy::ExposeSecret as _;

use super::in_force;
use super::keys::{self, KEYS, Key, ValueKind};
use super::problems::{Problem, Source};
use super::settings::{SECTION_OF_PROVIDER, Settings};
use super::values::{self, Readers};

/// The settings that would set up a provider, by the names to recommend. An issuer can stand in for the two
/// URLs.
#[must_use]
pub fn settings() -> Vec<String> {
    let required = [&keys::AUTH_URL, &keys::TOKEN_URL, &keys::CLIENT_ID, &keys::CLIENT_SECRET];
    required.map(Key::variable).to_vec()
}

/// The fields of a provider with their keys.
const FIELDS: [(Field, &Key); 36] = [
    (Field::Id, &keys::PROVIDER_ID),
    (Field::Name, &keys::PROVIDER_NAME),
    (Field::AuthUrl, &keys::AUTH_URL),
    (Field::TokenUrl, &keys::TOKEN_URL),
    (Field::Issuer, &keys::ISSUER),
    (Field::AuthorizationParameters, &keys::AUTHORIZATION_PARAMETERS),
    (Field::PushedRequests, &keys::PUSHED_REQUESTS),
    (Field::InternalUrl, &keys::INTERNAL_URL),
    (Field::PlainHttpOrigin, &keys::PLAIN_HTTP_ORIGIN),
    (Field::Kind, &keys::PROVIDER_KIND),
    (Field::ClientId, &keys::CLIENT_ID),
    (Field::ClientSecret, &keys::CLIENT_SECRET),
    (Field::ClientAuth, &keys::CLIENT_AUTH),
    (Field::ClientKey, &keys::CLIENT_KEY_FILE),
    (Field::ClientKeyId, &keys::CLIENT_KEY_ID),
    (Field::ClientCertificate, &keys::CLIENT_CERTIFICATE_FILE),
    (Field::AssertionAudience, &keys::CLIENT_ASSERTION_AUDIENCE),
    (Field::Scopes, &keys::SCOPES),
    (Field::EmailTrust, &keys::EMAIL_TRUST),
    (Field::Userinfo, &keys::USERINFO),
    (Field::TrustedAudiences, &keys::TRUSTED_AUDIENCES),
    (Field::IdTokenAlgorithm, &keys::ID_TOKEN_ALGORITHM),
    (Field::DomainHint, &keys::DOMAIN_HINT),
    (Field::GroupsClaim, &keys::GROUPS_CLAIM),
    (Field::EmailClaim, &keys::EMAIL_CLAIM),
    (Field::UsernameClaim, &keys::USERNAME_CLAIM),
    (Field::NameClaim, &keys::NAME_CLAIM),
    (Field::FetchGroups, &keys::FETCH_GROUPS),
    (Field::AdminGroups, &keys::ADMIN_GROUPS),
    (Field::Recheck, &keys::RECHECK),
    (Field::Allow(Criterion::EmailDomain), &keys::ALLOW_EMAIL_DOMAINS),
    (Field::Allow(Criterion::Tenant), &keys::ALLOW_TENANTS),
    (Field::Allow(Criterion::HostedDomain), &keys::ALLOW_HOSTED_DOMAINS),
    (Field::Allow(Criterion::Group), &keys::ALLOW_GROUPS),
    (Field::Allow(Criterion::Organization), &keys::ALLOW_ORGANIZATIONS),
    (Field::Allow(Criterion::Account), &keys::ALLOW_ACCOUNTS),
];

/// Reads the provider; `None` when none is set up, or there are problems. A provider that is half set up is a
/// problem: the lab would lack a sign-in that its operator believes to be there.
pub(super) fn read(settings: &mut Settings) -> Option<ProviderSettings> {
    if !is_set_up(settings) {
        return None;
    }
    let mut unchecked = UncheckedSettings::default();
    for (field, key) in FIELDS {
        let mut is_set = settings.is_set(key);
        let values = match key.kind {
            ValueKind::Secret => {
                let file = &keys::CLIENT_SECRET_FILE;
                is_set |= settings.is_set(file);
                let secret = settings.secret(key, file, Readers::Anybody);
                // It may be replaced in its file at any time (Kubernetes).
                let path = if settings.is_set(file) { settings.text(file) } else { None };
                let reader = path.map(|path| {
                    let read = move || values::secret_in_file(Path::new(&path), Readers::Anybody).ok();
                    Arc::new(read) as SecretReader
                });
                secret.map(|secret| unchecked.set_client_secret(secret, reader))
            }
            _ if field == Field::ClientKey => {
                let pem = settings.secret_file(key, Readers::OwnerAndGroup);
                pem.map(|pem| unchecked.set_client_key(pem))
            }
            _ if field == Field::ClientCertificate => {
                let chain = settings.secret_file(key, Readers::Anybody);
                chain.map(|chain| unchecked.set(field, [chain.expose_secret()]))
            }
            ValueKind::Table => settings.table(key).map(|entries| unchecked.set(field, entries)),
            ValueKind::List => settings.list(key).map(|values| unchecked.set(field, values)),
            _ => settings.text(key).map(|value| unchecked.set(field, [value])),
        };
        if values.is_none() && is_set {
            unchecked.set_unreadable(field);
        }
    }
    let errors = match unchecked.parse() {
        Ok(provider) => return Some(provider),
        Err(errors) => errors,
    };
    for error in errors {
        let known = FIELDS.into_iter().find(|(field, _)| *field == error.field());
        let key = known.map_or(&keys::PROVIDER_KIND, |(_, key)| key);
        let mut text = error.to_string();
        if let SettingsError::Missing { or_issuer, .. } = error {
            text.extend([": set ", &settings.name_to_set(key)]);
            if or_issuer {
                let issuer = settings.name_to_set(&keys::ISSUER);
                text.extend([" (or ", &issuer, " alone, in place of both URLs)"]);
            }
        }
        settings.refuse::<()>(key, text);
    }
    None
}

/// The providers of the file's `[[provider]]` sections, beside the one that is there already. Each names
/// itself, for buttons and for the log; the name tells them apart in URLs, attempts and sessions. The
/// effective values of each stand under its number.
pub(super) fn further(settings: &mut Settings, providers: &mut Vec<ProviderSettings>) -> String {
    let mut in_force = String::new();
    for (mut section, number) in std::mem::take(&mut settings.providers).into_iter().zip(1..) {
        for key in [&keys::PROVIDER_ID, &keys::PROVIDER_NAME] {
            if !section.is_set(key) {
                let text = "is needed in a [[provider]] section";
                section.problems.push(Problem::new(key.path, Source::Unset, text));
            }
        }
        let name = format!("provider {number}");
        if let Some(provider) = read(&mut section) {
            let id = &provider.description().id;
            if section.is_set(&keys::PROVIDER_ID)
                && providers.iter().any(|other| other.description().id == *id)
            {
                let text = format!("is {:?} for two providers: give each one of its own", id.as_str());
                section.refuse::<()>(&keys::PROVIDER_ID, text);
            }
            providers.push(provider);
        }
        in_force += &in_force::of_section(&section, &name);
        let problems = section.problems.into_iter();
        settings.problems.extend(problems.map(|problem| problem.within(SECTION_OF_PROVIDER, &name)));
    }
    in_force
}

/// Returns whether a provider is set up, in full or in part.
pub(super) fn is_set_up(settings: &Settings) -> bool {
    KEYS.iter().any(|key| key.path.starts_with(SECTION_OF_PROVIDER) && settings.is_set(key))
}

#[cfg(test)]
mod tests;
