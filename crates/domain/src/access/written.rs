use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::rule::{PathPattern, Rule, RuleMethods, Rules};
use super::service::{
    HeaderEncoding, Identity, IdentityGroups, IdentityHeaders, Service, ServiceId, ServiceUrl, TokenUse,
};
use crate::people::{Role, Username};
use crate::public_url::PublicUrl;

/// A service as it is written, in the configuration or by an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenService {
    /// See [`Service::id`].
    pub id: String,
    /// See [`Service::name`].
    pub name: String,
    /// See [`Service::url`].
    pub url: String,
    /// See [`Service::icon`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// See [`Service::description`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`Service::condition`].
    #[serde(flatten)]
    pub allowed: WrittenCondition,
    /// See [`Service::tokens`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
    /// See [`Identity::headers`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_headers: Option<String>,
    /// See [`Identity::encoding`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_encoding: Option<String>,
    /// See [`Identity::groups`]; `*` alone is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// See [`Identity::assertion`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion: Option<bool>,
    /// See [`Service::runs_user_code`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_user_code: Option<bool>,
    /// See [`Service::clears_cookies`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_cookies: Option<bool>,
    /// See [`Service::rules`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<WrittenRule>,
}

/// A rule of a service as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// See [`Rule::path`].
    pub path: String,
    /// See [`Rule::methods`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// See [`Rule::tokens`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
    /// See [`Rule::condition`].
    #[serde(flatten)]
    pub allowed: WrittenCondition,
}

/// A condition as it is written: one word, or lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenCondition {
    /// `public`, `signed_in` or `deny`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
    /// The names of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_groups: Option<Vec<String>>,
    /// Usernames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_accounts: Option<Vec<String>>,
    /// Roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_roles: Option<Vec<String>>,
}

/// The reason that what is written is no service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {text}", if key.is_empty() { "it" } else { key })]
pub struct UnfitService {
    /// The key that has the problem; empty where it is none in particular.
    pub key: &'static str,
    /// The problem, as the predicate of a sentence.
    pub text: String,
}

type Fit<T> = Result<T, UnfitService>;

fn unfit(key: &'static str, text: impl Into<String>) -> UnfitService {
    UnfitService { key, text: text.into() }
}

impl WrittenService {
    /// Returns the service of a lab at this address.
    ///
    /// # Errors
    /// When a key has a problem.
    pub fn service(self, lab: &PublicUrl) -> Result<Service, UnfitService> {
        let url = ServiceUrl::parse(&self.url).map_err(|_| {
            let text = "is not the address of a service: an origin, or a path of one, such as \
                        https://mlflow.example.org or https://lab.example.org/mlflow";
            unfit("url", format!("{:?} {text}", self.url))
        })?;
        let runs_user_code = self.runs_user_code.or((url.host() != lab.host()).then_some(false));
        let runs_user_code = runs_user_code.ok_or_else(|| {
            let text = "is needed for a service on Labgate's own origin: true if people can have code of theirs \
                        shown or run there, such as notebooks and dashboards of their own; it then needs a host of \
                        its own";
            unfit("runs_user_code", text)
        })?;
        let tokens = one_of("tokens", self.tokens, TokenUse::ALL, TokenUse::as_str)?;
        let condition = self.allowed.condition()?.unwrap_or_default();
        if condition == Condition::Public && tokens == TokenUse::Only {
            return Err(unfit("tokens", "lets tokens alone pass, and allow lets everybody: allow less"));
        }
        let rules: Fit<Vec<Rule>> = self.rule.into_iter().map(|rule| rule.rule(tokens)).collect();
        Ok(Service {
            id: ServiceId::parse(&self.id).map_err(|_| {
                let text = "is not 1 to 40 lower-case letters, digits and hyphens, beginning with a letter";
                unfit("id", format!("{:?} {text}", self.id))
            })?,
            name: shown("name", self.name)?,
            url,
            icon: self.icon.map(|icon| shown("icon", icon)).transpose()?,
            description: self.description.map(|text| shown("description", text)).transpose()?,
            condition,
            tokens,
            rules: Rules::new(rules?),
            identity: Identity {
                headers: one_of(
                    "identity_headers",
                    self.identity_headers,
                    IdentityHeaders::ALL,
                    IdentityHeaders::as_str,
                )?,
                encoding: one_of(
                    "header_encoding",
                    self.header_encoding,
                    HeaderEncoding::ALL,
                    HeaderEncoding::as_str,
                )?,
                groups: match self.groups {
                    Some(groups) if groups == ["*"] => IdentityGroups::All,
                    groups => IdentityGroups::These(groups.unwrap_or_default().into_iter().collect()),
                },
                assertion: self.assertion.unwrap_or(true),
            },
            runs_user_code,
            clears_cookies: self.clear_cookies.unwrap_or(false),
        })
    }
}

impl WrittenRule {
    /// Returns the rule of a service that takes tokens in this way.
    fn rule(self, of_service: TokenUse) -> Fit<Rule> {
        let refused = |key, text: String, error: &dyn Display| unfit(key, format!("{text:?} {error}"));
        let path = PathPattern::parse(&self.path)
            .map_err(|error| refused("rule.path", self.path.clone(), &error))?;
        let methods = match self.methods {
            Some(methods) => {
                let written = methods.join(", ");
                RuleMethods::these(methods).map_err(|error| refused("rule.methods", written, &error))?
            }
            None => RuleMethods::All,
        };
        let condition = self.allowed.condition()?.ok_or_else(|| {
            let text = format!(
                "of {path} has no condition: add allow = \"public\", \"signed_in\" or \"deny\", or allow_groups, \
                 allow_accounts or allow_roles"
            );
            unfit("rule", text)
        })?;
        let tokens = match self.tokens {
            Some(_) if condition == Condition::Public => {
                let text =
                    format!("of {path} is for everybody, with a token or not: take it away, or allow less");
                return Err(unfit("rule.tokens", text));
            }
            Some(text) => one_of("rule.tokens", Some(text), TokenUse::ALL, TokenUse::as_str)?,
            None if condition == Condition::Public => TokenUse::No,
            None => of_service,
        };
        Ok(Rule { path, methods, condition, tokens })
    }
}

impl WrittenCondition {
    /// Returns the condition; `None` when no key states one.
    fn condition(self) -> Fit<Option<Condition>> {
        let lists = [&self.allow_groups, &self.allow_accounts, &self.allow_roles];
        let has_lists = lists.iter().any(|list| list.is_some());
        if lists.into_iter().flatten().any(Vec::is_empty) {
            return Err(unfit("", "has an empty list of who is allowed: remove it, or name users"));
        }
        match self.allow.as_deref() {
            Some(_) if has_lists => {
                Err(unfit("allow", "says who is allowed, and so does a list: use one of them"))
            }
            Some("public") => Ok(Some(Condition::Public)),
            Some("signed_in") => Ok(Some(Condition::SignedIn)),
            Some("deny") => Ok(Some(Condition::Deny)),
            Some(other) => {
                let text = format!("{other:?} is none of \"public\", \"signed_in\" and \"deny\"");
                Err(unfit("allow", text))
            }
            None if !has_lists => Ok(None),
            None => {
                let accounts = parsed("allow_accounts", self.allow_accounts, Username::typed)?;
                let roles = parsed("allow_roles", self.allow_roles, Role::parse)?;
                let condition = Condition::any_of(self.allow_groups.unwrap_or_default(), accounts, roles);
                condition.map(Some).map_err(|error| unfit("allow_groups", error.to_string()))
            }
        }
    }
}

fn parsed<T, E>(
    key: &'static str,
    texts: Option<Vec<String>>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Fit<Vec<T>> {
    let one = |text: String| parse(&text).map_err(|_| unfit(key, format!("has {text:?}, which is none")));
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
    found.copied().ok_or_else(|| unfit(key, format!("{:?} is none of {}", text.unwrap_or_default(), names())))
}

/// Takes a text that people read.
fn shown(key: &'static str, text: String) -> Fit<String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    fits.then_some(text).ok_or_else(|| unfit(key, "is not one line of 1 to 200 characters"))
}
