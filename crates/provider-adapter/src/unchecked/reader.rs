use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use labgate_domain::admission::{AdmissionRules, Criterion, Rule};
use labgate_domain::time::parse_duration;

use super::field::Field;
use super::settings_error::SettingsError;
use crate::claim_path::ClaimPath;
use crate::derivation::{ConfiguredIssuer, OperatorUrls};
use crate::endpoint::{Endpoint, OperatorHosts, PlainHttpOrigins};
use crate::kind::{Kind, Kinds};
use crate::settings::{ClaimNames, Location, Userinfo};

/// The range of [`Field::Recheck`]: not so often that a provider minds, and within the life of what was
/// sealed.
const RECHECK: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);

/// Takes the values of fields, and keeps the errors.
pub(super) struct Reader<'a> {
    values: &'a HashMap<Field, Option<Vec<String>>>,
    errors: &'a mut Vec<SettingsError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        values: &'a HashMap<Field, Option<Vec<String>>>,
        errors: &'a mut Vec<SettingsError>,
    ) -> Self {
        Self { values, errors }
    }

    pub(super) fn refuse<T>(&mut self, error: SettingsError) -> Option<T> {
        self.errors.push(error);
        None
    }

    pub(super) fn is_set(&self, field: Field) -> bool {
        self.values.contains_key(&field)
    }

    pub(super) fn missing(&mut self, field: Field, or_issuer: bool) {
        self.errors.push(SettingsError::Missing { field, or_issuer });
    }

    /// The value of a field with a default, or of one that is needed.
    pub(super) fn value<T, E: Display>(
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
    pub(super) fn optional<T, E: Display>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.is_set(field) { self.value(field, None, parse).map(Some) } else { Some(None) }
    }

    /// A URL or a key is not repeated in messages: a mistaken URL can hold a password.
    pub(super) fn malformed(&mut self, field: Field, text: &str, error: &dyn Display) {
        let text = match field {
            Field::AuthUrl
            | Field::TokenUrl
            | Field::Issuer
            | Field::InternalUrl
            | Field::PlainHttpOrigin
            | Field::ClientKey
            | Field::ClientCertificate
            | Field::ExtraCa => error.to_string(),
            _ => format!("{text:?} {error}"),
        };
        self.errors.push(SettingsError::Malformed { field, text });
    }

    #[expect(clippy::option_option, reason = "an error and an absent field are told apart")]
    pub(super) fn kind(&mut self, kinds: Kinds) -> Option<Option<&'static Kind>> {
        self.optional(Field::Kind, |text| {
            kinds.named(text).ok_or_else(|| {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
                let names = names.join(", ");
                format!("is no kind of provider that is known: there are {names}, or leave it out")
            })
        })
    }

    pub(super) fn userinfo(&mut self) -> Option<Userinfo> {
        self.value(Field::Userinfo, Some("when_email_is_missing"), |text| match text {
            "when_email_is_missing" => Ok(Userinfo::WhenEmailIsMissing),
            "always" => Ok(Userinfo::Always),
            _ => Err("is neither when_email_is_missing nor always"),
        })
    }

    #[expect(clippy::option_option, reason = "an error and an absent field are told apart")]
    pub(super) fn revalidation(&mut self) -> Option<Option<Duration>> {
        self.value(Field::Recheck, Some("off"), |text| match text {
            "off" => Ok(None),
            text => match parse_duration(text)? {
                interval if RECHECK.contains(&interval) => Ok(Some(interval)),
                _ => Err("is not from 5m to 12h, nor off"),
            },
        })
    }

    /// The value of a switch, which is off by default.
    pub(super) fn switch(&mut self, field: Field) -> Option<bool> {
        self.value(field, Some("false"), |text| {
            text.to_ascii_lowercase().parse::<bool>().map_err(|_| "is neither true nor false")
        })
    }

    pub(super) fn location(
        &mut self,
        kinds: Kinds,
        kind: Option<&'static str>,
        internal: Option<&Endpoint>,
    ) -> Option<Location> {
        let plain_http = self.optional(Field::PlainHttpOrigin, PlainHttpOrigins::parse)?.unwrap_or_default();
        // To name the internal URL is to allow its scheme.
        let plain_http = internal.map_or(plain_http.clone(), |internal| plain_http.with(internal));
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
        let authorization = authorization?;
        let token = token?;
        // The internal name of the token endpoint is that of its public one.
        let token = match internal {
            Some(internal) if internal.origin() == token.origin() => token.at_origin_of(&authorization),
            _ => token,
        };
        let urls = OperatorUrls::new(authorization, token, issuer?, kind, &plain_http);
        Some(Location::Endpoints(urls))
    }

    pub(super) fn claim_names(&mut self) -> Option<ClaimNames> {
        let fields = [Field::GroupsClaim, Field::EmailClaim, Field::UsernameClaim, Field::NameClaim];
        // All are read before any is missed, so that every error is told.
        let [groups, email, username, name] = fields.map(|field| self.optional(field, ClaimPath::parse));
        Some(ClaimNames { groups: groups?, email: email?, username: username?, name: name? })
    }

    pub(super) fn admission(&mut self) -> Option<AdmissionRules> {
        // All are read before any is missed, so that every error is told.
        let rule = |criterion| self.list(Field::Allow(criterion), |values| Rule::new(criterion, values));
        let rules: Vec<_> = Criterion::ALL.iter().copied().map(rule).collect();
        let administrators = self.list(Field::AdminGroups, |groups| {
            Rule::new(Criterion::Group, groups).map(|rule| rule.values().to_vec())
        });
        let rules: Option<Vec<_>> = rules.into_iter().collect();
        Some(AdmissionRules::new(rules?.into_iter().flatten().collect(), administrators?))
    }

    /// The values of a list that may be absent; the outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error and an absent field are told apart")]
    pub(super) fn list<T, E: Display>(
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
