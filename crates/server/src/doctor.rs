//! What keeps people from signing in, found without signing in: each provider step by step, then the lab's public address.
//!
//! Nothing is changed anywhere: the authorization request is made as if by a browser and followed nowhere, and the code that
//! is sent to the token endpoint is a made-up one, whose refusal is the good answer.

mod deployment;
mod http;
mod providers;

use std::sync::Arc;

use labgate_domain::ports::Clock;

use self::http::Http;
pub use self::http::Unusable;
use crate::configuration::Configuration;

/// What was found at one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: a provider by its name here, or `lab`.
    pub subject: String,
    /// The step, a stable word such as `metadata` or `redirect_uri`.
    pub step: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good(String),
    /// Nothing can be said, or nothing needs to be done.
    Unknown(String),
    /// Not as it should be.
    Bad {
        /// What.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl Finding {
    fn new(subject: &str, step: &'static str, outcome: Outcome) -> Self {
        Self { subject: subject.to_owned(), step, outcome }
    }

    /// Whether there is something to mend.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.outcome, Outcome::Bad { .. })
    }
}

impl Outcome {
    fn good(text: impl Into<String>) -> Self {
        Self::Good(text.into())
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self::Unknown(text.into())
    }

    fn bad(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Bad { problem: problem.into(), remedy: remedy.into() }
    }
}

/// Looks at everything, and tells each finding as it comes.
///
/// # Errors
/// When no HTTP client can be made.
pub async fn examine(
    configuration: &Configuration,
    clock: &Arc<dyn Clock>,
    mut tell: impl FnMut(&Finding),
) -> Result<Vec<Finding>, Unusable> {
    let http = Http::new()?;
    let mut findings = Vec::new();
    let mut found = |finding: Finding| {
        tell(&finding);
        findings.push(finding);
    };
    for settings in &configuration.providers {
        for finding in providers::examine(settings, configuration, clock, &http).await {
            found(finding);
        }
    }
    for finding in deployment::examine(configuration, &http).await {
        found(finding);
    }
    Ok(findings)
}
