//! Who may go where in the lab: a pure judgement about a request, the services and a person.
//!
//! A proxy says what is asked for, a [`Target`]. [`Services::judge`] finds the [`Service`] and the rule that
//! decide about it, and the [`Verdict`] says who may pass. What no service covers is refused, and so is what
//! a proxy and a service could read in two ways.

mod allow_lists;
mod condition;
mod rule;
mod service;
mod services;
mod target;
#[cfg(test)]
pub(crate) mod testing;
mod written;

pub use allow_lists::AllowLists;
pub use condition::{Condition, UnfitCondition};
pub use rule::{PathPattern, Rule, RuleMethods, Rules, UnfitRule};
pub use service::{
    HeaderEncoding, Identity, IdentityGroups, IdentityHeaders, Service, ServiceId, ServiceUrl, TokenUse,
};
pub use services::{NoService, Services, UnfitServices, Verdict};
pub use target::{Target, UnfitTarget, host_name};
pub use written::{UnfitService, WrittenCondition, WrittenRule, WrittenService};
