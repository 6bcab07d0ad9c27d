//! The settings of a provider as the operator writes them, and the one place where they are checked.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::protocol::{ClientId, Hint, Scopes};
use labgate_domain::provider::{EmailTrust, ProviderDescription, ProviderId};
use labgate_domain::time::parse_duration;
use secrecy::SecretString;

use crate::derivation::{ConfiguredIssuer, OperatorUrls};
use crate::endpoint::{Endpoint, OperatorHosts, PlainHttpOrigins};
use crate::ensure::ensure;
use crate::keys::Algorithm;
use crate::kind::{Kinds, OpenTo, UrlForm};
use crate::settings::{Limits, Location, ProviderSettings, Userinfo};

/// The range of [`Field::Recheck`]: not so often that a provider minds, and within the life of what was
/// sealed.
const RECHECK: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);

/// A setting of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The name in URLs and logs.
    Id,
    /// The name on the sign-in page.
    Name,
    /// The authorization endpoint.
    AuthUrl,
    /// The token endpoint.
    TokenUrl,
    /// The issuer, where it does not follow from both endpoints or stands in their place.
    Issuer,
    /// The origins where plain http is allowed.
    PlainHttpOrigin,
    /// The name of its [`Kind`](crate::Kind). Without it, the URLs and the issuer tell. It must not
    /// contradict those.
    Kind,
    /// The client id at the provider.
    ClientId,
    /// The client secret.
    ClientSecret,
    /// The scopes; `profile email` by default, and `openid` in any case.
    Scopes,
    /// `claim` or `provider`.
    EmailTrust,
    /// `when_email_is_missing` or `always`.
    Userinfo,
    /// The audiences that ID tokens and logout tokens may have beside the client.
    TrustedAudiences,
    /// The algorithm that the client is registered for (`id_token_signed_response_alg`). Without it, ID
    /// tokens have any that the provider states.
    IdTokenAlgorithm,
    /// The organisation of the people, or the provider behind the provider. The kind must have a parameter
    /// for it.
    DomainHint,
    /// `true` asks Microsoft Graph for groups without room in the ID token. It takes the scope `User.Read`.
    FetchGroups,
    /// A list of values for an admission rule.
    Allow(Criterion),
    /// The groups that make administrators.
    AdminGroups,
    /// The interval of session revalidation, or `off`.
    Recheck,
    /// Certification authorities to trust besides the system's, as a bundle of PEM certificates.
    ExtraCa,
}

/// The settings of a provider as the operator writes them.
#[derive(Clone, Debug, Default)]
pub struct UncheckedSettings {
    /// `None` is a value that cannot be read.
    values: HashMap<Field, Option<Vec<String>>>,
    client_secret: Option<SecretString>,
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
        if field == Field::ClientSecret {
            self.set_client_secret(values.concat().into());
        } else {
            self.values.insert(field, Some(values));
        }
    }

    /// The same settings with a field set.
    #[must_use]
    pub fn with(mut self, field: Field, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.set(field, values);
        self
    }

    /// Sets the client secret.
    pub fn set_client_secret(&mut self, secret: SecretString) {
        self.values.insert(Field::ClientSecret, Some(Vec::new()));
        self.client_secret = Some(secret);
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
        let mut reader = Reader { values: &self.values, errors };
        let id = reader.value(Field::Id, None, |text| {
            ProviderId::parse(text).map_err(|_| "is not 1 to 32 of a-z, 0-9 and -")
        });
        let name = reader.value(Field::Name, None, |text| match text.chars().count() {
            ..=64 => Ok(text.to_owned()),
            _ => Err("has more than 64 characters"),
        });
        let kind = reader.optional(Field::Kind, |text| {
            self.kinds.named(text).ok_or_else(|| {
                let names: Vec<_> = self.kinds.iter().map(|kind| kind.name).collect();
                let names = names.join(", ");
                format!("is no kind of provider that is known: there are {names}, or leave it out")
            })
        });
        let email_trust = reader.value(Field::EmailTrust, Some("claim"), |text| {
            EmailTrust::parse(text).map_err(|_| "is neither claim nor provider")
        });
        let scopes = reader.value(Field::Scopes, Some("profile email"), |text| {
            Scopes::with_openid(text.split_ascii_whitespace())
                .map_err(|_| "is not scopes separated by blanks")
        });
        let userinfo = reader.value(Field::Userinfo, Some("when_email_is_missing"), |text| match text {
            "when_email_is_missing" => Ok(Userinfo::WhenEmailIsMissing),
            "always" => Ok(Userinfo::Always),
            _ => Err("is neither when_email_is_missing nor always"),
        });
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
        let fetch_groups = reader.value(Field::FetchGroups, Some("false"), |text| {
            text.to_ascii_lowercase().parse::<bool>().map_err(|_| "is neither true nor false")
        });
        let revalidation = reader.value(Field::Recheck, Some("off"), |text| match text {
            "off" => Ok(None),
            text => match parse_duration(text)? {
                interval if RECHECK.contains(&interval) => Ok(Some(interval)),
                _ => Err("is not from 5m to 12h, nor off"),
            },
        });
        let location = reader.location(self.kinds, kind.flatten().map(|kind| kind.name));
        let client_id = reader.value(Field::ClientId, None, |text| {
            ClientId::parse(text).map_err(|_| "is longer than 512 bytes")
        });
        if !self.values.contains_key(&Field::ClientSecret) {
            reader.missing(Field::ClientSecret, false);
        }
        let admission = reader.admission();
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
            location: location?,
            located_kind: None,
            issuer: None,
            api: None,
            kinds: self.kinds,
            client_id: client_id?,
            client_secret: self.client_secret?,
            scopes: scopes?,
            userinfo: userinfo?,
            trusted_audiences: trusted_audiences?.unwrap_or_default(),
            id_token_algorithm: id_token_algorithm?,
            domain_hint: domain_hint?,
            fetch_groups: fetch_groups?,
            claim_namespace: None,
            extra_ca_pem: extra_ca_pem?,
            limits: self.limits,
        })
    }
}

/// Takes the values of fields, and keeps the errors.
struct Reader<'a> {
    values: &'a HashMap<Field, Option<Vec<String>>>,
    errors: &'a mut Vec<SettingsError>,
}

impl Reader<'_> {
    fn is_set(&self, field: Field) -> bool {
        self.values.contains_key(&field)
    }

    fn missing(&mut self, field: Field, or_issuer: bool) {
        self.errors.push(SettingsError::Missing { field, or_issuer });
    }

    /// The value of a field with a default, or of one that is needed.
    fn value<T, E: Display>(
        &mut self,
        field: Field,
        default: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = match (self.values.get(&field), default) {
            (Some(Some(values)), _) => values.concat(),
            (Some(None), _) => return None,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                self.missing(field, false);
                return None;
            }
        };
        parse(&text).map_err(|error| self.malformed(field, &text, &error)).ok()
    }

    /// The value of a field that may be absent; the outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error and an absent field are told apart")]
    fn optional<T, E: Display>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.is_set(field) { self.value(field, None, parse).map(Some) } else { Some(None) }
    }

    /// A URL is not repeated in messages: a mistaken one can hold a password.
    fn malformed(&mut self, field: Field, text: &str, error: &dyn Display) {
        let text = match field {
            Field::AuthUrl | Field::TokenUrl | Field::Issuer | Field::PlainHttpOrigin => error.to_string(),
            _ => format!("{text:?} {error}"),
        };
        self.errors.push(SettingsError::Malformed { field, text });
    }

    fn location(&mut self, kinds: Kinds, kind: Option<&'static str>) -> Option<Location> {
        let plain_http = self.optional(Field::PlainHttpOrigin, PlainHttpOrigins::parse)?.unwrap_or_default();
        let issuer = self.optional(Field::Issuer, |text| ConfiguredIssuer::parse(text, &plain_http));
        let has_issuer = self.is_set(Field::Issuer);
        let is_alone = has_issuer && !self.is_set(Field::AuthUrl) && !self.is_set(Field::TokenUrl);
        if is_alone {
            let ConfiguredIssuer { issuer, home } = issuer??;
            if let Some([authorization, token]) = kinds.iter().find_map(|kind| (kind.endpoints)(&home)) {
                let issuer = Some(ConfiguredIssuer { issuer, home });
                let urls = OperatorUrls::new(authorization, token, issuer, kind, &plain_http);
                return Some(Location::Endpoints(urls));
            }
            let hosts = OperatorHosts::of([&home], &plain_http);
            return Some(Location::Issuer { issuer, home, hosts });
        }
        let [authorization, token] = [Field::AuthUrl, Field::TokenUrl].map(|field| {
            if !self.is_set(field) {
                self.missing(field, !has_issuer);
                return None;
            }
            self.value(field, None, |text| Endpoint::parse(text, &plain_http))
        });
        let urls = OperatorUrls::new(authorization?, token?, issuer?, kind, &plain_http);
        Some(Location::Endpoints(urls))
    }

    fn admission(&mut self) -> Option<AdmissionRules> {
        // All are read before any is missed, so that every error is told.
        let rule = |criterion| self.list(Field::Allow(criterion), |values| Rule::new(criterion, values));
        let rules: Vec<_> = Criterion::ALL.iter().copied().map(rule).collect();
        let administrators = self.list(Field::AdminGroups, |groups| {
            let is_blank = groups.iter().any(|group| group.trim().is_empty());
            if is_blank { Err("has a blank value") } else { Ok(groups.to_vec()) }
        });
        let rules: Option<Vec<_>> = rules.into_iter().collect();
        Some(AdmissionRules::new(rules?.into_iter().flatten().collect(), administrators?))
    }

    /// The values of a list that may be absent; the outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error and an absent field are told apart")]
    fn list<T, E: Display>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&[String]) -> Result<T, E>,
    ) -> Option<Option<T>> {
        let Some(values) = self.values.get(&field) else { return Some(None) };
        let parsed = parse(values.as_ref()?);
        let malformed = |error: E| SettingsError::Malformed { field, text: error.to_string() };
        parsed.map_err(|error| self.errors.push(malformed(error))).ok().map(Some)
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

/// An error in the settings of a provider. The text reads after the name of its [field](Self::field).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A field is not set.
    #[error("is needed, because other settings of the provider are set")]
    Missing {
        /// The field.
        field: Field,
        /// The issuer alone would do in its place.
        or_issuer: bool,
    },
    /// A field has a value that it cannot have.
    #[error("{text}")]
    Malformed {
        /// The field.
        field: Field,
        /// The rule that the value breaks.
        text: String,
    },
    /// The URLs do not have the form that the stated kind demands.
    #[error("{0}")]
    UrlForm(&'static str),
    /// The stated kind contradicts the URLs.
    #[error("kind is {stated}, and the URLs are those of {found}")]
    Kind {
        /// The stated kind.
        stated: &'static str,
        /// The kind of the URLs.
        found: &'static str,
    },
    /// Groups are to be asked of Microsoft Graph, and the provider is not Entra.
    #[error("fetch_groups asks Microsoft Graph, and the provider is not Entra: leave it out")]
    FetchGroups,
    /// There is a hint, and no parameter for it.
    #[error(
        "domain_hint is set, and it is not known what this provider calls it: say which provider it is (kind), or leave it out"
    )]
    DomainHint,
    /// People of every tenant could sign in.
    #[error(
        "people of every Entra tenant, or everybody with a personal account, can sign in at these URLs: name the tenants that \
         may come in, by their ids (allow_tenants, LAB_EXTERNAL_OIDC_ALLOW_TENANTS), or put your tenant's id into the URLs in \
         place of \"common\", \"organizations\" or \"consumers\""
    )]
    TenantsNeeded,
    /// The operator vouches for addresses, and in another tenant anyone can have any address.
    #[error(
        "email_trust is provider, and people of several Entra tenants can sign in: an administrator of any of them can write \
         any address into an account; leave it at claim"
    )]
    EmailTrustOfTenants,
    /// The operator vouches for addresses, and anyone can have any address.
    #[error("{0}")]
    EmailTrust(&'static str),
    /// The extra certification authorities cannot be read.
    #[error("the extra certification authorities are not a bundle of PEM certificates")]
    ExtraCa,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    HttpClient(String),
}

impl SettingsError {
    /// The field with the value to change.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Missing { field, .. } | Self::Malformed { field, .. } => *field,
            Self::UrlForm(_) | Self::Kind { .. } => Field::Kind,
            Self::FetchGroups => Field::FetchGroups,
            Self::DomainHint => Field::DomainHint,
            Self::TenantsNeeded => Field::Allow(Criterion::Tenant),
            Self::EmailTrustOfTenants | Self::EmailTrust(_) => Field::EmailTrust,
            Self::ExtraCa | Self::HttpClient(_) => Field::ExtraCa,
        }
    }
}

#[cfg(test)]
mod tests;
