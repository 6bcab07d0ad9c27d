//! Claims about a person as data.

use serde::Deserialize;
use serde_json::Value;

use super::statement::{Document, Occasion, Statement};

/// A claim of a profile: its name, where its value comes from, the scope that asks for it, and the documents
/// that state it.
#[derive(Debug, Deserialize)]
pub(crate) struct ClaimRule {
    claim: String,
    source: Source,
    scope: String,
    stated: Stated,
}

/// The source of a claim's value. A person who lacks it has no such claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Source {
    ClientId,
    UserName,
    Name,
    GivenName,
    FamilyName,
    Address,
    /// Whether the address is verified.
    Verified,
    /// The provider knows of no address whether it is verified.
    NeverVerified,
    Groups,
}

/// The documents that state a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Stated {
    InBoth,
    InIdToken,
    AtUserInfo,
}

impl ClaimRule {
    fn applies(&self, occasion: &Occasion<'_>) -> bool {
        let is_here = match self.stated {
            Stated::InBoth => true,
            Stated::InIdToken => occasion.document == Document::IdToken,
            Stated::AtUserInfo => occasion.document == Document::UserInfo,
        };
        is_here && occasion.asks(&self.scope)
    }

    fn value(&self, occasion: &Occasion<'_>) -> Option<Value> {
        let user = occasion.user();
        let (name, address) = (user.name.as_deref(), user.email_address());
        Some(match self.source {
            Source::ClientId => occasion.client().into(),
            Source::UserName => user.subject().into(),
            Source::Name => name?.into(),
            Source::GivenName => name?.split(' ').next()?.into(),
            Source::FamilyName => name?.split_once(' ')?.1.into(),
            Source::Address => address?.0.into(),
            Source::Verified => address?.1.into(),
            Source::NeverVerified => address.map(|_| false)?.into(),
            Source::Groups => user.groups.as_slice().into(),
        })
    }
}

impl Statement {
    /// States the claims of a profile.
    pub(crate) fn say_by(&mut self, rules: &[ClaimRule], occasion: &Occasion<'_>) {
        for rule in rules.iter().filter(|rule| rule.applies(occasion)) {
            self.say_if_known(&rule.claim, rule.value(occasion));
        }
    }
}
