//! The doctor finds the obstacles to signing in, without signing in: each provider step by step, then the
//! public URL, then each service, then the replicas that run.
//!
//! Nothing is changed anywhere: the authorization request is made as if by a browser and followed nowhere,
//! and the code that is sent to the token endpoint is a made-up one, so that its rejection is the good
//! answer.

mod administrators;
mod authorization;
mod deployment;
mod finding;
mod http;
mod logout;
mod person;
mod provider;
mod replicas;
mod services;
mod stand_in;
mod step;
#[cfg(test)]
mod tests;
mod with_session;

use std::sync::Arc;

use labgate_domain::world::Clock;

pub use self::finding::{Finding, Outcome};
use self::http::Http;
pub use self::http::Unusable;
pub use self::stand_in::{CannotStandIn, StandIns};
pub use self::step::Step;
use crate::configuration::{Configuration, Problems};

/// Looks at everything, and tells each finding as it comes; at services with a session where the doctor stands in for
/// them. Settings that cannot be used are findings, too; then there is nothing else to look at.
///
/// # Errors
/// If no HTTP client can be made.
pub async fn examine(
    configuration: Result<&Configuration, &Problems>,
    clock: &Arc<dyn Clock>,
    stand_ins: Option<&StandIns>,
    mut tell: impl FnMut(Finding),
) -> Result<(), Unusable> {
    let http = Http::new()?;
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(problems) => {
            for problem in problems.iter() {
                let outcome = Outcome::of("configuration", &[("problem", problem)]);
                tell(of_lab((Step::Configuration, outcome)));
            }
            return Ok(());
        }
    };
    tell(of_lab((Step::Configuration, providers_of(configuration))));
    for settings in &configuration.providers {
        let subject = settings.description().id.as_str();
        let found = |(step, outcome)| tell(Finding { subject: subject.to_owned(), step, outcome });
        provider::examine(settings, configuration, clock, &http, found).await;
    }
    deployment::examine(configuration, &http, |found| tell(of_lab(found))).await;
    services::examine(configuration, &http, stand_ins, clock.now(), &mut tell).await;
    tell(of_lab((Step::Administrators, administrators::examine(configuration).await)));
    tell(of_lab((Step::Replicas, replicas::examine(configuration, clock.now()).await)));
    Ok(())
}

fn of_lab((step, outcome): (Step, Outcome)) -> Finding {
    Finding { subject: Finding::LAB.to_owned(), step, outcome }
}

fn providers_of(configuration: &Configuration) -> Outcome {
    let providers = configuration.providers.iter();
    let ids: Vec<&str> = providers.map(|settings| settings.description().id.as_str()).collect();
    match ids[..] {
        [] => Outcome::of("no_providers", &[]),
        [id] => Outcome::of("one_provider", &[("ids", &id)]),
        _ => Outcome::of("providers", &[("ids", &ids.join(", "))]),
    }
}
