//! The settings of a provider as the operator writes them, and the one place where they are checked.

mod credentials;
mod field;
mod reader;
mod settings_error;

use std::collections::HashMap;
use std::sync::Arc;

use labgate_domain::admission::{AdmissionRules, Criterion};
use labgate_domain::protocol::{ClientId, Hint, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use secrecy::SecretString;

pub use self::field::Field;
use self::reader::Reader;
pub use self::settings_error::SettingsError;
use crate::authorization_parameters::AuthorizationParameters;
use crate::client_authentication::{ClientAuth, ClientSecret, SecretReader};
use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::internal_url::InternalUrl;
use crate::keys::Algorithm;
use crate::kind::{Kinds, OpenTo, UrlForm};
use crate::settings::{Limits, Location, ProviderSettings};

/// The settings of a provider as the operator writes them.
#[derive(Clone, Debug, Default)]
pub struct UncheckedSettings {
    /// `None` is a value that cannot be read.
    values: HashMap<Field, Option<Vec<String>>>,
    client_secret: Option<ClientSecret>,
    client_key: Option<SecretString>,
    admission: Option<Arc<AdmissionRules>>,
    /// The limits of the provider's answers.
    pub limits: Limits,
    /// The kinds that a provider can be.
    pub kinds: Kinds,
}

impl UncheckedSettings {
    /// Sets a field: to one value, or to several where it is a list.
    pub fn set(&mut self, field: Field, values: impl IntoIterator<Item = impl Into<String>>) {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        match field {
            Field::ClientSecret => self.set_client_secret(values.concat().into(), None),
            Field::ClientKey => self.set_client_key(values.concat().into()),
            _ => {
                self.values.insert(field, Some(values));
            }
        }
    }

    /// The same settings with a field set.
    #[must_use]
    pub fn with(mut self, field: Field, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.set(field, values);
        self
    }

    /// Sets the client secret. The reader, if there is one, reads it anew when the provider refuses it.
    pub fn set_client_secret(&mut self, secret: SecretString, reader: Option<SecretReader>) {
        self.values.insert(Field::ClientSecret, Some(Vec::new()));
        self.client_secret = Some(ClientSecret::new(secret, reader));
    }

    /// Sets the client's private key.
    pub fn set_client_key(&mut self, pem: SecretString) {
        self.values.insert(Field::ClientKey, Some(Vec::new()));
        self.client_key = Some(pem);
    }

    /// The same settings with ready admission rules in place of those of the fields.
    #[must_use]
    pub fn with_admission(self, admission: Arc<AdmissionRules>) -> Self {
        Self { admission: Some(admission), ..self }
    }

    /// Notes that a field is set to a value that cannot be read. It is an error that the caller tells.
    pub fn set_unreadable(&mut self, field: Field) {
        self.values.insert(field, None);
    }

    /// Checks the settings, each by itself and all together.
    ///
    /// # Errors
    /// All errors of single fields; without any, the first contradiction between fields. Nothing at all when
    /// a field [cannot be read](Self::set_unreadable) and there is no other error.
    pub fn parse(self) -> Result<ProviderSettings, Vec<SettingsError>> {
        let mut errors = Vec::new();
        match self.fields(&mut errors) {
            Some(settings) if errors.is_empty() => settings.consistent().map_err(|error| vec![error]),
            _ => Err(errors),
        }
    }

    fn fields(self, errors: &mut Vec<SettingsError>) -> Option<ProviderSettings> {
        let mut reader = Reader::new(&self.values, errors);
        let id = reader.value(Field::Id, None, |text| {
            ProviderId::parse(text).map_err(|_| "is not 1 to 32 of a-z, 0-9 and -")
        });
        let name = reader.value(Field::Name, None, |text| match text.chars().count() {
            ..=64 => Ok(text.to_owned()),
            _ => Err("has more than 64 characters"),
        });
        let kind = reader.kind(self.kinds);
        let email_trust = reader.value(Field::EmailTrust, Some("claim"), |text| {
            EmailTrust::parse(text).map_err(|_| "is neither claim nor provider")
        });
        let scopes = reader.value(Field::Scopes, Some("profile email"), |text| {
            Scopes::with_openid(text.split_ascii_whitespace())
                .map_err(|_| "is not scopes separated by blanks")
        });
        let userinfo = reader.userinfo();
        let trusted_audiences = reader.list(Field::TrustedAudiences, |values| {
            let is_fit = |text: &String| !text.trim().is_empty() && !text.chars().any(char::is_control);
            if values.iter().all(is_fit) { Ok(values.to_vec()) } else { Err("has a blank value") }
        });
        let id_token_algorithm = reader.optional(Field::IdTokenAlgorithm, |text| {
            let accepted = || format!("is none of {}", Algorithm::list(&Algorithm::among(&[])));
            Algorithm::parse(text).ok_or_else(accepted)
        });
        let domain_hint = reader.optional(Field::DomainHint, |text| {
            Hint::parse(text).map_err(|_| "is longer than 256 bytes, or has an invisible character")
        });
        let parameters = reader.list(Field::AuthorizationParameters, AuthorizationParameters::parse);
        let pushes_requests = reader.switch(Field::PushedRequests);
        let fetch_groups = reader.switch(Field::FetchGroups);
        let revalidation = reader.revalidation();
        let internal = reader.optional(Field::InternalUrl, Endpoint::parse_origin);
        let named = kind.flatten().map(|kind| kind.name);
        let location = reader.location(self.kinds, named, internal.as_ref().and_then(Option::as_ref));
        let client_id = reader.value(Field::ClientId, None, |text| {
            ClientId::parse(text).map_err(|_| "is longer than 512 bytes")
        });
        let credentials = reader.credentials(self.client_secret, self.client_key.as_ref());
        let admission = reader.admission();
        let claim_names = reader.claim_names();
        let extra_ca_pem = reader.optional(Field::ExtraCa, |pem| Ok::<_, &str>(pem.to_owned()));
        Some(ProviderSettings {
            description: ProviderDescription {
                id: id?,
                name: name?,
                email_trust: email_trust?,
                admission: self.admission.map_or_else(|| admission.map(Arc::new), Some)?,
                revalidation: revalidation?,
            },
            stated_kind: kind?,
            internal: match (internal?, &location) {
                (Some(internal), Some(location)) => Some(InternalUrl::new(location.public(), internal)),
                _ => None,
            },
            location: location?,
            located_kind: None,
            issuer: None,
            api: None,
            kinds: self.kinds,
            client_id: client_id?,
            credentials: credentials?,
            scopes: scopes?,
            userinfo: userinfo?,
            trusted_audiences: trusted_audiences?.unwrap_or_default(),
            id_token_algorithm: id_token_algorithm?,
            domain_hint: domain_hint?,
            authorization_parameters: parameters?.unwrap_or_default(),
            pushes_requests: pushes_requests?,
            fetch_groups: fetch_groups?,
            claim_namespace: None,
            claim_names: claim_names?,
            extra_ca_pem: extra_ca_pem?,
            limits: self.limits,
        })
    }
}

impl ProviderSettings {
    /// The same settings with the knowledge that follows from them, if they do not contradict each other: the
    /// stated kind fits the URLs, and where anyone could sign in, the operator says who may.
    fn consistent(mut self) -> Result<Self, SettingsError> {
        let preset = match &self.location {
            Location::Endpoints(urls) => self.kinds.of_urls(urls).ok().flatten(),
            Location::Issuer { .. } => None,
        };
        self.located_kind = match (&preset, &self.location) {
            (Some((kind, _)), _) => Some(kind),
            (None, Location::Issuer { issuer, .. }) => self.kinds.of_issuer(issuer),
            (None, Location::Endpoints(_)) => None,
        };
        self.issuer = self.configured_issuer().cloned();
        let mut open_to: Vec<OpenTo> = Vec::new();
        if let Some(issuer) = &self.issuer {
            open_to.extend(self.kinds.iter().map(|kind| (kind.open_to)(issuer)));
        }
        if let Some((_, preset)) = preset {
            self.issuer = self.issuer.or_else(|| preset.issuer());
            self.api = preset.api();
            open_to.push(preset.open_to());
        }
        self.check_kind()?;
        let post = ClientAuth::SecretPost;
        let posts = self.credentials.serve(post) && self.credentials.stated.is_none_or(|it| it == post);
        ensure(self.api.is_none() || posts, SettingsError::SecretNeeded)?;
        let kind = self.known_kind();
        let has_graph = kind.is_some_and(|kind| kind.quirks.has_graph);
        ensure(!self.fetch_groups || has_graph, SettingsError::FetchGroups)?;
        let takes_hint = self.kind().hints.domain.is_some();
        ensure(self.domain_hint.is_none() || takes_hint, SettingsError::DomainHint)?;
        let mut rules = self.description.admission.rules().iter();
        let names_tenants = rules.any(|rule| rule.criterion() == Criterion::Tenant);
        let trusts = self.description.email_trust == EmailTrust::Provider;
        for open_to in open_to {
            match open_to {
                OpenTo::AnyTenant if !names_tenants => return Err(SettingsError::TenantsNeeded),
                OpenTo::AnyTenant if trusts => return Err(SettingsError::EmailTrustOfTenants),
                OpenTo::Anyone(reason) if trusts => return Err(SettingsError::EmailTrust(reason)),
                OpenTo::Members | OpenTo::Anyone(_) | OpenTo::AnyTenant => {}
            }
        }
        Ok(self)
    }

    fn check_kind(&self) -> Result<(), SettingsError> {
        match (self.stated_kind, self.located_kind) {
            (Some(stated), Some(found)) if !stated.fits(found) => {
                Err(SettingsError::Kind { stated: stated.name, found: found.name })
            }
            (Some(stated), None) => match stated.url_form {
                UrlForm::OwnOrIssuer(_) if self.configured_issuer().is_some() => Ok(()),
                UrlForm::Own(text) | UrlForm::OwnOrIssuer(text) => Err(SettingsError::UrlForm(text)),
                UrlForm::Any => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
