//! The sections `[[service]]`: the parts of the lab, who may use them, and what they are told.

use std::fmt::Display;

use labgate_domain::access::{
    Condition, HeaderEncoding, Identity, IdentityGroups, IdentityHeaders, PathPattern, Rule, RuleMethods,
    Rules, Service, ServiceId, ServiceUrl, Services, TokenUse,
};
use labgate_domain::people::{Role, Username};
use labgate_domain::public_url::PublicUrl;
use serde::Deserialize;
use toml::{Table, Value};

use super::problems::Problem;
use super::settings::{SERVICES, Settings};

/// A section `[[service]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    id: String,
    name: String,
    url: String,
    icon: Option<String>,
    description: Option<String>,
    #[serde(flatten)]
    allowed: Allowed,
    identity_headers: Option<String>,
    header_encoding: Option<String>,
    groups: Option<Vec<String>>,
    assertion: Option<bool>,
    runs_user_code: Option<bool>,
    clear_cookies: Option<bool>,
    tokens: Option<String>,
    #[serde(default)]
    rule: Vec<RuleSection>,
}

/// A section `[[service.rule]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSection {
    path: String,
    methods: Option<Vec<String>>,
    tokens: Option<String>,
    #[serde(flatten)]
    allowed: Allowed,
}

/// The keys that say who may pass.
#[derive(Deserialize)]
struct Allowed {
    allow: Option<String>,
    allow_groups: Option<Vec<String>>,
    allow_accounts: Option<Vec<String>>,
    allow_roles: Option<Vec<String>>,
}

/// A problem with one key of a section.
struct Unfit(&'static str, String);

type Fit<T> = Result<T, Unfit>;

/// Reads the services; none when there are problems.
pub(super) fn read(settings: &mut Settings, lab: &PublicUrl) -> Services {
    let mut services = Vec::new();
    for (section, number) in settings.services.clone().into_iter().zip(1..) {
        match service(section, lab) {
            Ok(service) => services.push(service),
            Err(Unfit(key, text)) => {
                let key = format!("{SERVICES} {number}{}{key}", if key.is_empty() { "" } else { "." });
                settings.problems.push(Problem::new(&key, settings.services_source.clone(), text));
            }
        }
    }
    Services::new(services, lab).unwrap_or_else(|error| {
        let source = settings.services_source.clone();
        settings.problems.push(Problem::new(SERVICES, source, error.to_string()));
        Services::default()
    })
}

/// Returns a section as one line of JSON.
pub(super) fn written(section: &Table) -> String {
    // A table of TOML has nothing that JSON cannot say.
    serde_json::to_string(section).unwrap_or_default()
}

fn service(section: Table, lab: &PublicUrl) -> Fit<Service> {
    let section: Section = Value::Table(section)
        .try_into()
        .map_err(|error: toml::de::Error| Unfit("", error.message().to_owned()))?;
    let url = ServiceUrl::parse(&section.url).map_err(|_| {
        let text = "is not the address of a service: an origin, or a path of one, such as https://mlflow.example.org or \
                    https://lab.example.org/mlflow";
        Unfit("url", format!("{:?} {text}", section.url))
    })?;
    let runs_user_code = section.runs_user_code.or((url.host() != lab.host()).then_some(false));
    let runs_user_code = runs_user_code.ok_or_else(|| {
        let text = "is needed for a service on Labgate's own origin: true if people can have code of theirs shown or run \
                    there, such as notebooks and dashboards of their own; it then needs a host of its own";
        Unfit("runs_user_code", text.to_owned())
    })?;
    let tokens = one_of("tokens", section.tokens, TokenUse::ALL, TokenUse::as_str)?;
    let rules: Fit<Vec<Rule>> = section.rule.into_iter().map(|section| rule(section, tokens)).collect();
    Ok(Service {
        id: ServiceId::parse(&section.id).map_err(|_| {
            let text = "is not 1 to 40 lower-case letters, digits and hyphens, beginning with a letter";
            Unfit("id", format!("{:?} {text}", section.id))
        })?,
        name: shown("name", section.name)?,
        url,
        icon: section.icon.map(|icon| shown("icon", icon)).transpose()?,
        description: section.description.map(|text| shown("description", text)).transpose()?,
        condition: section.allowed.condition()?.unwrap_or_default(),
        tokens,
        rules: Rules::new(rules?),
        identity: Identity {
            headers: one_of("identity_headers", section.identity_headers, IdentityHeaders::ALL, |it| {
                it.as_str()
            })?,
            encoding: one_of("header_encoding", section.header_encoding, HeaderEncoding::ALL, |it| {
                it.as_str()
            })?,
            groups: match section.groups {
                Some(groups) if groups == ["*"] => IdentityGroups::All,
                groups => IdentityGroups::These(groups.unwrap_or_default().into_iter().collect()),
            },
            assertion: section.assertion.unwrap_or(true),
        },
        runs_user_code,
        clears_cookies: section.clear_cookies.unwrap_or(false),
    })
}

/// Reads a rule of a service that takes tokens in this way.
fn rule(section: RuleSection, of_service: TokenUse) -> Fit<Rule> {
    let refused = |key, text: String, error: &dyn Display| Unfit(key, format!("{text:?} {error}"));
    let path = PathPattern::parse(&section.path)
        .map_err(|error| refused("rule.path", section.path.clone(), &error))?;
    let methods = match section.methods {
        Some(methods) => {
            let written = methods.join(", ");
            RuleMethods::these(methods).map_err(|error| refused("rule.methods", written, &error))?
        }
        None => RuleMethods::All,
    };
    let condition = section.allowed.condition()?.ok_or_else(|| {
        let text = format!(
            "of {path} says nobody: add allow = \"public\", \"signed_in\" or \"nobody\", or allow_groups, \
                            allow_accounts or allow_roles"
        );
        Unfit("rule", text)
    })?;
    let tokens = match section.tokens {
        Some(_) if condition == Condition::Public => {
            let text =
                format!("of {path} is for everybody, with a token or not: take it away, or allow less");
            return Err(Unfit("rule.tokens", text));
        }
        Some(text) => one_of("rule.tokens", Some(text), TokenUse::ALL, TokenUse::as_str)?,
        None => of_service,
    };
    Ok(Rule { path, methods, condition, tokens })
}

impl Allowed {
    /// Returns the condition; `None` when no key states one.
    fn condition(self) -> Fit<Option<Condition>> {
        let lists = [&self.allow_groups, &self.allow_accounts, &self.allow_roles];
        let has_lists = lists.iter().any(|list| list.is_some());
        if lists.into_iter().flatten().any(Vec::is_empty) {
            return Err(Unfit(
                "",
                "has an empty list of who is allowed: take it away, or name somebody".to_owned(),
            ));
        }
        match self.allow.as_deref() {
            Some(_) if has_lists => {
                Err(Unfit("allow", "says who is allowed, and so does a list: use one of them".to_owned()))
            }
            Some("public") => Ok(Some(Condition::Public)),
            Some("signed_in") => Ok(Some(Condition::SignedIn)),
            Some("nobody") => Ok(Some(Condition::Nobody)),
            Some(other) => {
                Err(Unfit("allow", format!("{other:?} is none of \"public\", \"signed_in\" and \"nobody\"")))
            }
            None if !has_lists => Ok(None),
            None => {
                let accounts = parsed("allow_accounts", self.allow_accounts, Username::typed)?;
                let roles = parsed("allow_roles", self.allow_roles, Role::parse)?;
                let condition = Condition::any_of(self.allow_groups.unwrap_or_default(), accounts, roles);
                condition.map(Some).map_err(|error| Unfit("allow_groups", error.to_string()))
            }
        }
    }
}

fn parsed<T, E>(
    key: &'static str,
    texts: Option<Vec<String>>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Fit<Vec<T>> {
    let one = |text: String| parse(&text).map_err(|_| Unfit(key, format!("has {text:?}, which is none")));
    texts.unwrap_or_default().into_iter().map(one).collect()
}

/// Parses one of several names; the first is the default.
fn one_of<T: Copy>(
    key: &'static str,
    text: Option<String>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Fit<T> {
    let found = match &text {
        Some(text) => all.iter().find(|it| name(**it) == text),
        None => all.first(),
    };
    let names = || all.iter().map(|it| format!("{:?}", name(*it))).collect::<Vec<_>>().join(", ");
    found.copied().ok_or_else(|| Unfit(key, format!("{:?} is none of {}", text.unwrap_or_default(), names())))
}

/// Takes a text that people read.
fn shown(key: &'static str, text: String) -> Fit<String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    fits.then_some(text).ok_or_else(|| Unfit(key, "is not one line of 1 to 200 characters".to_owned()))
}

#[cfg(test)]
mod tests;
