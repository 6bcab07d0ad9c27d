use std::collections::HashMap;
use std::iter;

use super::condition::Condition;
use super::service::TokenUse;
use super::services::NoService;
use super::target::{Target, is_plain_path};

/// A rule of a service: who may send requests of these methods to this path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The paths.
    pub path: PathPattern,
    /// The methods.
    pub methods: RuleMethods,
    /// The condition on the person.
    pub condition: Condition,
    /// Whether it takes access tokens.
    pub tokens: TokenUse,
}

impl Rule {
    /// Returns who may pass, as a sentence's object.
    #[must_use]
    pub fn allowed(&self) -> String {
        self.tokens.beside(&self.condition)
    }
}

/// The paths of a rule: one path, or a path and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// Without a slash at the end; the root is empty.
    path: String,
    and_below: bool,
}

/// The methods of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleMethods {
    /// Every method.
    All,
    /// These methods, in upper case. `GET` stands for `HEAD`, too (RFC 9110 section 9.3.2).
    These(Vec<String>),
}

/// The reason that a text is no part of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitRule {
    /// Not a path as a rule can name it.
    #[error(
        "is not a path such as \"/static/logo.png\", or \"/static/*\" for a path and all below it; \
         write it decoded, without query, \"//\", \"..\", \";\", \"#\", \"?\" and \"\\\""
    )]
    Path,
    /// Not a list of methods.
    #[error("is not a list of methods in upper case, such as [\"GET\", \"POST\"]")]
    Methods,
}

impl PathPattern {
    /// Parses a decoded path, `/a/b`, or `/a/*` for `/a` and all below it.
    ///
    /// # Errors
    /// When requests could never match it, or it could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, UnfitRule> {
        let (path, and_below) = match text.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (text, false),
        };
        let whole = if path.is_empty() { "/" } else { path };
        let fits =
            is_plain_path(whole) && !path.contains(['*', '%']) && (path.is_empty() || !path.ends_with('/'));
        // The one path that ends with a slash is the root.
        let path = if path == "/" && !and_below { Some("") } else { Some(path).filter(|_| fits) };
        let path = path.filter(|path| and_below || !path.is_empty() || text == "/").ok_or(UnfitRule::Path)?;
        Ok(Self { path: path.to_owned(), and_below })
    }

    /// Returns whether all its paths are at or below this one.
    pub(super) fn is_within(&self, base: &str) -> bool {
        self.path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.path.as_str(), self.and_below) {
            ("", false) => f.write_str("/"),
            (path, and_below) => write!(f, "{path}{}", if and_below { "/*" } else { "" }),
        }
    }
}

/// The methods, each with a blank behind it, to stand before a path.
impl std::fmt::Display for RuleMethods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::These(methods) => methods.iter().try_for_each(|method| write!(f, "{method} ")),
        }
    }
}

impl RuleMethods {
    /// Builds the rule's methods.
    ///
    /// # Errors
    /// When there is none, or one is no method in upper case.
    pub fn these(methods: Vec<String>) -> Result<Self, UnfitRule> {
        let is_method =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let fit = !methods.is_empty() && methods.iter().all(is_method);
        fit.then_some(Self::These(methods)).ok_or(UnfitRule::Methods)
    }

    /// Returns whether the method is among them; `None` when that cannot be told.
    fn include(&self, method: &str) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::These(_) if method == Target::UNSAID => None,
            Self::These(methods) => {
                Some(methods.iter().any(|it| it == method || (it == "GET" && method == "HEAD")))
            }
        }
    }
}

/// The rules of a service, in their order; the first that matches decides. The number of rules does not count
/// when one is looked for, only the depth of the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    list: Vec<Rule>,
    exact: HashMap<String, Vec<usize>>,
    below: HashMap<String, Vec<usize>>,
}

impl Rules {
    /// Puts rules in order.
    #[must_use]
    pub fn new(list: Vec<Rule>) -> Self {
        let mut rules = Self::default();
        for (number, rule) in list.iter().enumerate() {
            let index = if rule.path.and_below { &mut rules.below } else { &mut rules.exact };
            index.entry(rule.path.path.clone()).or_default().push(number);
        }
        Self { list, ..rules }
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the rules in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.list.iter()
    }

    /// Returns the first rule for the target, with its number from 0, if there is one. `path` is the one reading
    /// of the target's path.
    ///
    /// # Errors
    /// When the rule is about methods, and the target's is not known.
    pub(super) fn first(&self, target: &Target, path: &str) -> Result<Option<(usize, &Rule)>, NoService> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let ancestors = iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent));
        let below = ancestors.filter_map(|ancestor| self.below.get(ancestor));
        let candidates = below.chain(self.exact.get(path)).filter_map(|numbers| {
            let matching = |number: &&usize| {
                self.list
                    .get(**number)
                    .is_some_and(|rule| rule.methods.include(target.method()) != Some(false))
            };
            numbers.iter().find(matching)
        });
        let found = candidates.min().and_then(|number| Some((*number, self.list.get(*number)?)));
        match found {
            Some((_, rule)) if rule.methods.include(target.method()).is_none() => {
                Err(NoService::MethodUnsaid)
            }
            found => Ok(found),
        }
    }
}
