//! The doctor finds the obstacles to signing in, without signing in: each provider step by step, then the
//! public URL.
//!
//! Nothing is changed anywhere: the authorization request is made as if by a browser and followed nowhere,
//! and the code that is sent to the token endpoint is a made-up one, so that its rejection is the good
//! answer.

mod authorization;
mod deployment;
mod http;
mod provider;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use labgate_domain::world::Clock;

use self::http::Http;
pub use self::http::Unusable;
pub use self::step::Step;
use crate::configuration::{Configuration, Problems};

/// The finding of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The subject: a provider by its id, or [`Finding::LAB`].
    pub subject: String,
    /// The step.
    pub step: Step,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good(String),
    /// It cannot be seen from here; the text says what to look at.
    Unknown(String),
    /// Not as it should be.
    Bad {
        /// The problem.
        problem: String,
        /// The remedy.
        remedy: String,
    },
}

impl Finding {
    /// The subject of what is about the lab itself.
    pub const LAB: &str = "lab";

    /// Returns whether something needs fixing.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.outcome, Outcome::Bad { .. })
    }

    fn of_lab(step: Step, outcome: Outcome) -> Self {
        Self { subject: Self::LAB.to_owned(), step, outcome }
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

/// Looks at everything, and tells each finding as it comes. Settings that cannot be used are findings, too;
/// then there is nothing else to look at.
///
/// # Errors
/// If no HTTP client can be made.
pub async fn examine(
    configuration: Result<&Configuration, &Problems>,
    clock: &Arc<dyn Clock>,
    mut tell: impl FnMut(Finding),
) -> Result<(), Unusable> {
    let http = Http::new()?;
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(problems) => {
            for problem in problems.iter() {
                let outcome =
                    Outcome::bad(problem.to_string(), "correct it: docs/configuration.md lists every key");
                tell(Finding::of_lab(Step::Configuration, outcome));
            }
            return Ok(());
        }
    };
    tell(Finding::of_lab(Step::Configuration, providers_of(configuration)));
    for settings in &configuration.providers {
        let subject = settings.description().id.as_str();
        let found = |step, outcome| tell(Finding { subject: subject.to_owned(), step, outcome });
        provider::examine(settings, configuration, clock, &http, found).await;
    }
    deployment::examine(configuration, &http, |step, outcome| tell(Finding::of_lab(step, outcome))).await;
    Ok(())
}

fn providers_of(configuration: &Configuration) -> Outcome {
    let ids: Vec<&str> =
        configuration.providers.iter().map(|settings| settings.description().id.as_str()).collect();
    Outcome::good(match ids[..] {
        [] => "can be used; no provider is set up, people sign in with passwords only".to_owned(),
        [id] => format!("can be used; the provider is {id}"),
        _ => format!("can be used; the providers are {}", ids.join(", ")),
    })
}
